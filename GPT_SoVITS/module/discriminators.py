"""Training discriminators: one on the waveform itself, one per period on the waveform folded into rows."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from errors import ConfigError
from module.versions import VERSIONS
from module.weight_norm import WNConv1d, WNConv2d

SLOPE = 0.1


def _run(convs: nn.ModuleList, post: nn.Module, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Scores [B, N] and the feature maps of every layer, the unflattened score map last."""
    maps = []
    for conv in convs:
        # In place: neither the convolution nor the slope needs the value before it.
        x = F.leaky_relu_(conv(x), SLOPE)
        maps.append(x)
    x = post(x)
    maps.append(x)
    return x.flatten(1), maps


class ScaleDiscriminator(nn.Module):
    """Grouped 1-D convolutions over the raw waveform (public index 0)."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        base = max(4, round(16 * width / 4) * 4)
        sizes = [base, base * 4, base * 16, base * 64, base * 64]
        convs: list[nn.Module] = [WNConv1d(1, base, 15, 1, padding=7)]
        for c_in, c_out in zip(sizes[:-1], sizes[1:], strict=True):
            convs.append(WNConv1d(c_in, c_out, 41, 4, padding=20, groups=c_in // 4))
        convs.append(WNConv1d(sizes[-1], sizes[-1], 5, 1, padding=2))
        self.convs = nn.ModuleList(convs)
        self.conv_post = WNConv1d(sizes[-1], 1, 3, 1, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """x [B, 1, T_wav] -> (scores [B, N], feature maps)."""
        return _run(self.convs, self.conv_post, x)


class PeriodDiscriminator(nn.Module):
    """2-D convolutions along the columns of the waveform folded into rows of ``period`` samples."""

    def __init__(self, period: int, width: float = 1.0) -> None:
        super().__init__()
        self.period = period
        sizes = [max(4, round(c * width)) for c in (32, 128, 512, 1024, 1024)]
        strides = (3, 3, 3, 3, 1)
        self.convs = nn.ModuleList(
            WNConv2d(c_in, c_out, (5, 1), (stride, 1), padding=(2, 0))
            for c_in, c_out, stride in zip([1, *sizes[:-1]], sizes, strides, strict=True)
        )
        self.conv_post = WNConv2d(sizes[-1], 1, (3, 1), 1, padding=(1, 0))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """x [B, 1, T_wav] -> (scores [B, N], feature maps)."""
        rest = x.size(2) % self.period
        if rest:
            x = F.pad(x, (0, self.period - rest), "reflect")
        return _run(self.convs, self.conv_post, x.unflatten(2, (-1, self.period)))


class MultiPeriodDiscriminator(nn.Module):
    """The scale discriminator followed by the period discriminators.

    Args:
        use_spectral_norm: a public configuration key; only False exists in practice.
        periods: default those of v1 and v2; see ``VersionSpec.periods``.
        width: multiplies the channels (1.0 = public); below it for small packs.
    """

    def __init__(
        self,
        use_spectral_norm: bool = False,
        periods: Sequence[int] = VERSIONS["v2"].periods,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        if use_spectral_norm:
            raise ConfigError("use_spectral_norm is set", "false: discriminators are weight-normalised")
        self.discriminators = nn.ModuleList(
            [ScaleDiscriminator(width), *(PeriodDiscriminator(p, width) for p in periods)]
        )

    def score(self, x: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        """One signal [B, 1, T_wav] -> (scores by discriminator, feature maps by discriminator).

        The generator step wants this under ``no_grad`` for the real signal and with gradients for the generated one.
        """
        results = [d(x) for d in self.discriminators]
        return [r[0] for r in results], [r[1] for r in results]

    def forward(
        self, y: Tensor, y_hat: Tensor
    ) -> tuple[list[Tensor], list[Tensor], list[list[Tensor]], list[list[Tensor]]]:
        """Real and generated [B, 1, T_wav] -> (scores real, scores generated, maps real, maps generated)."""
        scores_real, maps_real = self.score(y)
        scores_generated, maps_generated = self.score(y_hat)
        return scores_real, scores_generated, maps_real, maps_generated
