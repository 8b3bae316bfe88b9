"""Naturalness: the DNSMOS networks where they are installed, a clear word where they are not."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from errors import MissingDependencyError
from tools.evaluation.naturalness import MARKS, DNSMOSJudge


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "speechmos", None)
    with pytest.raises(MissingDependencyError, match=r"\[eval\]"):
        DNSMOSJudge()


@pytest.mark.slow
def test_noise_is_marked_badly_and_silence_not_at_all() -> None:
    for package in ("speechmos", "onnxruntime", "librosa"):
        pytest.importorskip(package)
    judge = DNSMOSJudge(threads=1)
    noise = (0.1 * np.random.default_rng(0).standard_normal(32000)).astype(np.float32)
    marks = judge.marks(noise)
    assert set(marks) == set(MARKS) and 0.5 < marks["mos"] < 2.0
    assert judge.marks(3 * noise).keys() == marks.keys()
    assert judge.marks(np.zeros(32000, dtype=np.float32)) == {} and judge.marks(noise[:100]) == {}
