"""Text-to-semantic stages, and the layers they are built from."""
