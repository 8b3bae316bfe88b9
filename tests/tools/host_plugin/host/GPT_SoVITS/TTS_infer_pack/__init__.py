from . import TTS, text_segmentation_method
