"""Putting the language model stage into an existing GPT-SoVITS checkout, and taking it out again."""
