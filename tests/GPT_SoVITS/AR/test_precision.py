"""A GPU that only emulates bfloat16 is not one that has it."""

from __future__ import annotations

import pytest
import torch

from AR.precision import has_bfloat16


@pytest.mark.parametrize(("cuda", "own", "expected"), [(True, True, True), (True, False, False), (False, True, False)])
def test_emulated_bfloat16_does_not_count(
    cuda: bool, own: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or own, raising=True
    )
    assert has_bfloat16() == expected
