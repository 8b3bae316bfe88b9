"""One generator for many threads: each gets its own sound, who is due first comes first, errors are told."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from TTS_infer_pack.rendering import Renderer, Turns

CPU = torch.device("cpu")


class Generator:
    """Twice the latent plus the style; its first call waits until it is let go."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.lengths: list[int] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, latents: Tensor, styles: Tensor) -> Tensor:
        self.sizes.append(len(latents))
        self.lengths.append(latents.shape[2])
        self.begun.set()
        assert self.go.wait(20)
        if float(styles.min()) < 0:
            raise RuntimeError("planted")
        return 2 * latents + styles


def ask(renderer: Renderer, number: int, length: int, due: float = 0.0) -> Tensor:
    return renderer.sound(torch.full((1, 1, length), float(number)), torch.full((1, 1, 1), number / 10), due)


def test_pieces_of_one_length_share_a_call() -> None:
    generator = Generator()
    renderer = Renderer(generator, CPU, together=4)
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
    assert len(generator.sizes) == 3 and sum(generator.sizes) == 7


def test_what_is_due_first_comes_first_when_calls_are_shared() -> None:
    generator = Generator()
    renderer = Renderer(generator, CPU, together=2)
    with ThreadPoolExecutor(6) as pool:
        pool.submit(ask, renderer, 0, 9)
        assert generator.begun.wait(20)
        rest = [pool.submit(ask, renderer, number, number, float(-number)) for number in (1, 2, 3)]
        while len(renderer._waiting) < 3:
            threading.Event().wait(0.01)
        generator.go.set()
        for found in rest:
            found.result(20)
    assert generator.lengths == [9, 3, 2, 1]


@pytest.mark.parametrize("places", [1, 2])
def test_on_a_cpu_so_many_work_at_a_time_and_the_first_due_comes_next(places: int) -> None:
    turns, go = Turns(places), threading.Event()
    lock, order, at_once, most = threading.Lock(), [], 0, 0

    def work(due: float) -> None:
        nonlocal at_once, most
        with turns.take(due):
            with lock:
                order.append(due)
                at_once += 1
                most = max(most, at_once)
            assert go.wait(20)
            with lock:
                at_once -= 1

    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(work, 0.0) for _ in range(places)]
        while at_once < places:
            threading.Event().wait(0.01)
        done += [pool.submit(work, due) for due in (5.0, 3.0, 4.0, 1.0)]
        while len(turns._waiting) < 4:
            threading.Event().wait(0.01)
        go.set()
        for one in done:
            one.result(20)
    assert most == places and sorted(order) == [*[0.0] * places, 1.0, 3.0, 4.0, 5.0]
    assert order[places] == 1.0 and (places > 1 or order == sorted(order))


def test_who_gives_up_waiting_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(1)

    def interrupted(condition: object) -> bool:
        raise KeyboardInterrupt

    with turns.take(5.0):
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(turns._changed, "wait_for", interrupted)
            with turns.take(1.0):
                pass
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: turns.take(9.0).__enter__()).exception(5) is None


def test_a_place_is_free_again_after_an_error() -> None:
    renderer = Renderer(Generator(), CPU)
    for _ in range(5):
        with pytest.raises(RuntimeError, match="planted"), renderer.turn(0.0):
            raise RuntimeError("planted")
    with renderer.turn(0.0):
        pass


@pytest.mark.parametrize("together", [1, 2])
def test_an_error_reaches_who_asked_and_nobody_later(together: int) -> None:
    generator = Generator()
    generator.go.set()
    renderer = Renderer(generator, CPU, together)
    with pytest.raises(RuntimeError, match="planted"):
        ask(renderer, -1, 5)
    assert ask(renderer, 1, 5).shape == (5,)
