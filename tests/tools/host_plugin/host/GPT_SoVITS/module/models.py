"""The stand-in host's synthesiser: a quantizer with a codebook that the test writes."""

import os
from types import SimpleNamespace

import torch


class SynthesizerTrn:
    def __init__(self):
        path = os.path.join(os.path.dirname(__file__), "codebook.pt")
        codebook = SimpleNamespace(embed=torch.load(path, weights_only=True))
        self.quantizer = SimpleNamespace(vq=SimpleNamespace(layers=[SimpleNamespace(_codebook=codebook)]))
