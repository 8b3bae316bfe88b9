"""Texts that the table knows to phone names."""

from text import TABLE


def clean_text(text, language, version=None):
    phones, norm_text = TABLE["texts"][text]
    return phones, None, norm_text
