"""Fetching of files: what a hub offers, and one resumable, checked transfer for all of them."""
