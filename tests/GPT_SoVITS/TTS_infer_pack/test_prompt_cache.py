"""The cache forgets what was not asked for longest, keeps nothing of a failure, and serves threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from TTS_infer_pack.prompt_cache import LRUCache


def test_least_recently_used_goes_first() -> None:
    cache: LRUCache[str] = LRUCache(2)
    made: list[str] = []

    def get(key: str) -> str:
        return cache.get(key, lambda: made.append(key) or key.upper())  # type: ignore[func-returns-value]

    assert [get("a"), get("b"), get("a"), get("c"), get("a"), get("b")] == ["A", "B", "A", "C", "A", "B"]
    assert made == ["a", "b", "c", "b"] and len(cache) == 2
    cache.clear()
    assert len(cache) == 0


def test_errors_are_not_kept() -> None:
    cache: LRUCache[int] = LRUCache(2)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert cache.get("a", lambda: 5) == 5


def test_threads() -> None:
    cache: LRUCache[int] = LRUCache(3)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda n: cache.get(n % 7, lambda: n % 7) == n % 7, range(700)))
    assert len(cache) == 3
