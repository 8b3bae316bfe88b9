"""Self-supervised speech encoders: 16 kHz audio in, content features at 50 frames a second out."""
