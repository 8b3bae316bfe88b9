"""Multi-resolution STFT loss: how far two waveforms are apart in their magnitude spectra.

It is what the generator learns from before the discriminators are switched on: spectral convergence plus the mean
difference of log magnitudes, over several window lengths (after Yamamoto et al., Parallel WaveGAN, 2020).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# (window and transform length, hop) in samples, meant for 16 to 24 kHz.
RESOLUTIONS = ((256, 64), (512, 128), (1024, 256))
POWER_FLOOR = 1e-7  # keeps the root and the logarithm smooth near silence


class MultiResolutionSTFTLoss(nn.Module):
    """Call with two waveforms [B, 1, L] or [B, L]; gives a scalar, 0 for equal ones."""

    def __init__(self, resolutions: Sequence[tuple[int, int]] = RESOLUTIONS) -> None:
        super().__init__()
        self.resolutions = tuple(resolutions)
        for size, _ in self.resolutions:
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)

    def magnitude(self, wav: Tensor, size: int, hop: int) -> Tensor:
        """Magnitudes [B, size / 2 + 1, frames] of [B, L]."""
        window = self.get_buffer(f"window_{size}")
        spectrum = torch.view_as_real(torch.stft(wav, size, hop, size, window, return_complex=True))
        return spectrum.square().sum(-1).add(POWER_FLOOR).sqrt()

    def forward(self, generated: Tensor, real: Tensor) -> Tensor:
        """Mean over the resolutions of spectral convergence + L1 of log magnitudes."""
        fake, true = generated.float().flatten(1), real.float().flatten(1)
        total = fake.new_zeros(())
        for size, hop in self.resolutions:
            with torch.no_grad():
                target = self.magnitude(true, size, hop)
            guess = self.magnitude(fake, size, hop)
            convergence = torch.linalg.vector_norm(target - guess) / torch.linalg.vector_norm(target)
            total = total + convergence + F.l1_loss(guess.log(), target.log())
        return total / len(self.resolutions)
