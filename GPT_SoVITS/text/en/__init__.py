"""English: numbers, normalisation, dictionary, homographs and letter-to-sound, used by ``text.english``."""
