"""What raises the rate of speech is found among the installed packages, or the message says what to install."""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint, EntryPoints
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import super_resolution
from errors import MissingDependencyError
from super_resolution import GROUP, find_super_resolution, load_super_resolution


def offer(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """As if a package with this entry point were installed."""
    points = EntryPoints([EntryPoint("24000", value, GROUP)])
    monkeypatch.setattr(super_resolution, "entry_points", lambda **wanted: points.select(**wanted))


def double(rate: int = 48000) -> Any:
    return SimpleNamespace(sampling_rate=rate, enhance=lambda wav, _: wav.repeat_interleave(2))


def broken() -> Any:
    raise OSError("weights are not there")


def test_none_is_installed() -> None:
    assert find_super_resolution(24000) is None
    with pytest.raises(MissingDependencyError, match="24000 in the group gpt_sovits.super_resolution.*pip install"):
        load_super_resolution(24000)


def test_an_installed_one_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, f"{__name__}:double")
    monkeypatch.setattr(EntryPoint, "load", lambda self: double)
    made = load_super_resolution(24000)
    assert made.sampling_rate == 48000 and made.enhance(torch.ones(3), 24000).shape == (6,)
    assert find_super_resolution(24000) is not None and find_super_resolution(32000) is None


@pytest.mark.parametrize(
    ("factory", "message"),
    [(broken, "weights are not there"), (lambda: 5, "does not raise"), (lambda: double(24000), "does not raise")],
)
def test_one_that_cannot_be_used_is_named(
    factory: Any, message: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    offer(monkeypatch, "some_package:load")
    monkeypatch.setattr(EntryPoint, "load", lambda self: factory)
    with pytest.raises(MissingDependencyError, match=f"some_package:load.*{message}"):
        load_super_resolution(24000)
    with caplog.at_level(logging.WARNING):
        assert find_super_resolution(24000) is None
    assert "some_package:load" in caplog.text
