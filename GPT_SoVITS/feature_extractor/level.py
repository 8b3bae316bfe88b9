"""The level at which the published models heard their training recordings: half as recorded, half at a peak of 0.95."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PEAK_SHARE, AS_IS_SHARE = 0.475, 0.5
SSL_SCALE = 1145.14
"""What the SSL encoder got of a full-scale sample."""


def training_level(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """``samples`` [T], which are not all zero, at that level; full scale is about 1."""
    peak = float(np.abs(samples).max())
    return samples / peak * PEAK_SHARE + samples * AS_IS_SHARE
