"""Japanese: normalisation, used by ``text.japanese``."""
