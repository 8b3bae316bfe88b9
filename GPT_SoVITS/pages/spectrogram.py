"""A picture of speech: time to the right, pitch upwards, a line where each sentence begins. numpy and Pillow only.

Shapes: T samples, C columns, F frequencies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 960, 200
MARGIN = 14
"""Pixels under the picture for the seconds."""
WINDOW_SECONDS = 0.032
FLOOR_DB = -80.0
COLOURS = ((0, (8, 8, 28)), (0.35, (74, 22, 110)), (0.65, (210, 64, 80)), (0.85, (250, 160, 50)), (1, (252, 253, 200)))
"""Level, 0 to 1, and its colour; what lies between is mixed."""
LINE = (120, 230, 255)


def levels(samples: NDArray[np.int16], rate: int, columns: int = WIDTH) -> NDArray[np.float32]:
    """Levels 0..1 [F, C] of ``samples`` [T]: one window per column, evenly spread, so that any length is quick."""
    size = max(64, int(rate * WINDOW_SECONDS))
    padded = np.pad(samples.astype(np.float32) / 32768, size // 2)
    starts = np.linspace(0, max(0, len(samples) - 1), columns).astype(np.int64)
    frames = padded[starts[:, None] + np.arange(size)] * np.hanning(size)  # [C, window]
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2  # [C, F]
    decibels = 10 * np.log10(np.maximum(power, 1e-12) / max(float(power.max()), 1e-9))
    return np.clip(1 - decibels.T / FLOOR_DB, 0, 1).astype(np.float32)


def colour(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Levels [F, C] as colours [F, C, 3]."""
    at = [level for level, _ in COLOURS]
    bands = [np.interp(values, at, [shade[band] for _, shade in COLOURS]) for band in range(3)]
    return np.stack(bands, axis=-1).astype(np.uint8)


def picture(samples: NDArray[np.int16], rate: int, boundaries: Sequence[int]) -> Image.Image:
    """The spectrogram of ``samples`` [T] at ``rate`` Hz with a line at each of ``boundaries``, in samples."""
    image = Image.new("RGB", (WIDTH, HEIGHT + MARGIN), COLOURS[0][1])
    shades = Image.fromarray(colour(levels(samples, rate))[::-1])  # low frequencies below
    image.paste(shades.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR), (0, 0))
    draw = ImageDraw.Draw(image)
    for boundary in boundaries:
        x = min(WIDTH - 2, int(boundary / max(1, len(samples)) * WIDTH))
        draw.line([(x, 0), (x, HEIGHT)], fill=LINE, width=2)
        draw.text((x + 2, HEIGHT + 1), f"{boundary / rate:.1f} s", fill=LINE)
    return image
