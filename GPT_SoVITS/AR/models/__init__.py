"""Occupants of the text-to-semantic seat and the layers they are built from."""
