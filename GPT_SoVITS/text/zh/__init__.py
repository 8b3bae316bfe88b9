"""Chinese: numbers, normalisation, words, pinyin and tone sandhi, used by ``text.chinese`` and ``text.cantonese``."""
