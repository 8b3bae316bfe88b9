"""Text-to-semantic stage: phones in, semantic tokens (25 Hz, 0..1023, EOS 1024) out.

This package knows nothing of audio, text frontends or the pipeline around it: it imports torch, numpy and the standard
library only, so that it can be dropped into another checkout.
"""
