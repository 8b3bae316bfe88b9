"""The folder that remembers: found by facts, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from errors import OutputError
from tools.evaluation.store import Store, content_key, key_of


def test_values_are_found_by_their_facts(tmp_path: Path) -> None:
    Store(tmp_path).keep("heard", {"audio": "x", "judge": "a"}, {"text": "Grüße"})
    store = Store(tmp_path)
    assert store.recall("heard", {"judge": "a", "audio": "x"}) == {"text": "Grüße"}
    assert store.recall("heard", {"audio": "x", "judge": "b"}) is None
    assert store.recall("marks", {"audio": "x", "judge": "a"}) is None
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1}) != key_of({"a": 1, "b": 3})


def test_a_damaged_file_counts_as_absent(tmp_path: Path) -> None:
    store = Store(tmp_path)
    key = store.keep_audio(np.arange(1600, dtype=np.int16), 16000)
    store.keep("heard", {"audio": key}, {"text": "a"})
    next((tmp_path / "heard").iterdir()).write_text('{"facts": {"au')
    store.audio_path(key).write_bytes(b"fLaC")
    assert store.recall("heard", {"audio": key}) is None and store.recall_audio(key) is None


def test_audio_comes_back_bit_by_bit(tmp_path: Path) -> None:
    store, samples = Store(tmp_path), np.random.default_rng(0).integers(-32768, 32767, 999).astype(np.int16)
    key = store.keep_audio(samples, 32000)
    found = store.recall_audio(key)
    assert found is not None and np.array_equal(found[0], samples) and found[1] == 32000
    assert store.keep_audio(samples, 16000) != key


def test_weights_are_known_by_content(tmp_path: Path) -> None:
    (tmp_path / "lm").mkdir()
    (tmp_path / "lm" / "a").write_text("1")
    (tmp_path / "s1").write_text("2")
    before = content_key([tmp_path / "lm", tmp_path / "s1"])
    assert content_key([tmp_path / "lm", tmp_path / "s1"]) == before
    (tmp_path / "lm" / "a").write_text("3")
    assert content_key([tmp_path / "lm", tmp_path / "s1"]) != before
    assert content_key([tmp_path / "none"]) == content_key([])


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be made"):
        Store(tmp_path / "file" / "store")
