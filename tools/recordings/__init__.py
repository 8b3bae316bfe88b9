"""From recordings of any length to a list for training: slicing, denoising, transcription, and the list itself."""
