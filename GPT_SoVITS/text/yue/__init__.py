"""Cantonese: what the registry has to know, used by ``text.cantonese``."""
