"""A language model for a voice that exists: the voice speaks texts, a language model learns from what it said."""
