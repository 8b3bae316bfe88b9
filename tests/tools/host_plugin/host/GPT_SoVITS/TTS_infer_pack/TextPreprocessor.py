"""Text to phones in the stand-in host's pipeline."""

import torch

from text import cleaned_text_to_sequence
from text.cleaner import clean_text


class TextPreprocessor:
    def segment_and_extract_feature_for_text(self, text, language, version="v1"):
        phones, _, norm_text = clean_text(text, language, version)
        ids = cleaned_text_to_sequence(phones, version)
        return ids, torch.zeros(1024, len(ids)), norm_text
