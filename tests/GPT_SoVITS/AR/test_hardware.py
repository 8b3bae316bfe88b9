"""A device that only emulates bfloat16 is not one that has it; training takes what the device is fast in."""

from __future__ import annotations

import pytest
import torch

from AR import hardware


def pretend(monkeypatch: pytest.MonkeyPatch, cuda: bool, own: bool, amx: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or own)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": amx})


@pytest.mark.parametrize(("cuda", "own", "expected"), [(True, True, True), (True, False, False), (False, True, False)])
def test_emulated_bfloat16_does_not_count(
    cuda: bool, own: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, cuda, own, amx=False)
    assert hardware.has_fast_bfloat16("cuda") == expected


@pytest.mark.parametrize("amx", [True, False])
def test_a_cpu_has_it_with_amx_alone(amx: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, False, False, amx)
    assert hardware.has_fast_bfloat16("cpu") == amx


@pytest.mark.parametrize(
    ("cuda", "own", "amx", "expected"),
    [
        (True, True, False, "bf16"),
        (True, False, True, "fp16"),
        (False, False, True, "bf16"),
        (False, False, False, "no"),
    ],
)
def test_mixed_precision_is_what_the_training_device_is_fast_in(
    cuda: bool, own: bool, amx: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, cuda, own, amx)
    assert hardware.mixed_precision(wanted=True) == expected
    assert hardware.mixed_precision(wanted=False) == "no"
