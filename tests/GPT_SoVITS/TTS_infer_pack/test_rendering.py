"""One generator for many threads: each gets its own sound, pieces of one length share a call, errors are told."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from TTS_infer_pack.rendering import Renderer

CPU = torch.device("cpu")


class Generator:
    """Twice the latent plus the style; its first call waits until it is let go."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, latents: Tensor, styles: Tensor) -> Tensor:
        self.sizes.append(len(latents))
        self.begun.set()
        assert self.go.wait(20)
        if float(styles.min()) < 0:
            raise RuntimeError("planted")
        return 2 * latents + styles


def ask(renderer: Renderer, number: int, length: int) -> Tensor:
    return renderer.sound(torch.full((1, 1, length), float(number)), torch.full((1, 1, 1), number / 10))


@pytest.mark.parametrize(("together", "calls"), [(1, 7), (4, 3)])
def test_pieces_of_one_length_share_a_call(together: int, calls: int) -> None:
    generator = Generator()
    renderer = Renderer(generator, CPU, together)
    with ThreadPoolExecutor(7) as pool:
        first = pool.submit(ask, renderer, 0, 5)
        assert generator.begun.wait(20)
        rest = [pool.submit(ask, renderer, number, 5 if number % 2 else 6) for number in range(1, 7)]
        while len(renderer._waiting) < 6:
            threading.Event().wait(0.01)
        generator.go.set()
        for number, found in enumerate([first, *rest]):
            wave = found.result(20)
            assert wave.shape == (5 if number % 2 or not number else 6,)
            torch.testing.assert_close(wave, torch.full_like(wave, 2.1 * number))
    assert len(generator.sizes) == calls and sum(generator.sizes) == 7


def test_an_error_reaches_who_asked_and_nobody_later() -> None:
    generator = Generator()
    generator.go.set()
    renderer = Renderer(generator, CPU)
    with pytest.raises(RuntimeError, match="planted"):
        ask(renderer, -1, 5)
    assert ask(renderer, 1, 5).shape == (5,)
