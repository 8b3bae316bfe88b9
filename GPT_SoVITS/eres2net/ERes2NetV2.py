"""ERes2NetV2 (Chen et al. 2024): a residual network over filter banks that tells speakers apart.

Layer names follow the published weights. The synthesisers consume the fused map's mean over time
(:meth:`ERes2NetV2.forward3`), not the ordinary embedding of the last linear layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eres2net.fusion import AFF

CLIP = 20.0
"""Upper end of the clipped ReLU inside the residual blocks."""
STD_FLOOR = 1e-8


def _clipped(x: Tensor) -> Tensor:
    return F.hardtanh_(x, 0.0, CLIP)


class Block(nn.Module):
    """Bottleneck whose middle is cut into ``scale`` groups of channels, each seeing the result of the one before."""

    def __init__(self, in_channels: int, planes: int, stride: int, sizes: tuple[int, int, int], fuse: bool) -> None:
        """``sizes``: base width, scale, expansion; ``fuse``: groups are joined by attention instead of addition."""
        super().__init__()
        base, scale, expansion = sizes
        self.width, self.scale = planes * base // 64, scale
        inner, out = self.width * scale, planes * expansion
        self.conv1 = nn.Conv2d(in_channels, inner, 1, stride=stride, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.convs = nn.ModuleList(nn.Conv2d(self.width, self.width, 3, padding=1, bias=False) for _ in range(scale))
        self.bns = nn.ModuleList(nn.BatchNorm2d(self.width) for _ in range(scale))
        self.fuse_models = nn.ModuleList(AFF(self.width) for _ in range(scale - 1)) if fuse else None
        self.conv3 = nn.Conv2d(inner, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C_in, F, T] -> [B, planes * expansion, F / stride, T / stride]."""
        groups = _clipped(self.bn1(self.conv1(x))).split(self.width, dim=1)
        done: list[Tensor] = []
        for i, (conv, bn) in enumerate(zip(self.convs, self.bns, strict=True)):
            group = groups[i]
            if done:
                group = done[-1] + group if self.fuse_models is None else self.fuse_models[i - 1](done[-1], group)
            done.append(_clipped(bn(conv(group))))
        return _clipped(self.bn3(self.conv3(torch.cat(done, dim=1))) + self.shortcut(x))


class ERes2NetV2(nn.Module):
    """Filter bank [B, T, 80] -> speaker vectors.

    Args:
        baseWidth, scale, expansion: sizes of the residual blocks; the defaults are the published w24s4ep4.
        blocks: residual blocks per stage.
        m_channels: channels of the first stage.
        feat_dim: bands of the filter bank.
        embedding_size: length of the ordinary embedding.
    """

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(
        self,
        baseWidth: int = 24,  # noqa: N803 - the public name
        scale: int = 4,
        expansion: int = 4,
        blocks: Sequence[int] = (3, 4, 6, 3),
        m_channels: int = 64,
        feat_dim: int = 80,
        embedding_size: int = 192,
    ) -> None:
        super().__init__()
        sizes = (baseWidth, scale, expansion)
        self.conv1 = nn.Conv2d(1, m_channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(m_channels)
        channels = m_channels
        for stage, count in enumerate(blocks):
            planes, layers = m_channels * 2**stage, []
            for i in range(count):
                stride = 2 if stage and i == 0 else 1
                layers.append(Block(channels, planes, stride, sizes, fuse=stage >= 2))
                channels = planes * expansion
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layers))
        self.layer3_ds = nn.Conv2d(channels // 2, channels, 3, stride=2, padding=1, bias=False)
        self.fuse34 = AFF(channels)
        self.seg_1 = nn.Linear(channels * (feat_dim // 8) * 2, embedding_size)

    def features(self, x: Tensor) -> Tensor:
        """Filter bank [B, T, 80] -> the map where stages 3 and 4 are fused, [B, 2048, 10, T / 8]."""
        x = F.relu_(self.bn1(self.conv1(x.transpose(1, 2).unsqueeze(1))))
        third = self.layer3(self.layer2(self.layer1(x)))
        return self.fuse34(self.layer4(third), self.layer3_ds(third))

    def forward3(self, x: Tensor) -> Tensor:
        """What the synthesisers consume: filter bank [B, T, 80] -> [B, 20480], the map's mean over time."""
        return self.features(x).flatten(1, 2).mean(-1)

    def forward(self, x: Tensor) -> Tensor:
        """The ordinary speaker embedding: filter bank [B, T, 80] -> [B, 192]."""
        x = self.features(x)
        std = torch.sqrt(x.var(dim=-1) + STD_FLOOR)
        return self.seg_1(torch.cat((x.mean(dim=-1).flatten(1), std.flatten(1)), dim=1))
