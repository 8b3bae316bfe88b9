"""Memory of a process that speaks for long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from config import PACK_DIR, REPO_ROOT
from TTS_infer_pack.memory import CACHE_VARIABLE, PRIMITIVES, RequestMemory, bound_primitive_cache
from TTS_infer_pack.request import SynthesisRequest
from TTS_infer_pack.TTS import TTS


def test_memory_is_given_back_after_so_many_requests_however_they_ended() -> None:
    tidied: list[int] = []
    memory = RequestMemory(3, lambda: tidied.append(1))
    closed: list[int] = []

    def chunks(number: int) -> Iterator[int]:
        try:
            yield number
            yield number
            raise ValueError(number)
        finally:
            closed.append(number)

    for number in range(7):
        watched = memory.watch(chunks(number))
        assert next(watched) == number
        if number % 2:
            watched.close()  # type: ignore[attr-defined]
        else:
            with pytest.raises(ValueError):
                list(watched)
    assert len(tidied) == 2 and closed == list(range(7))


def test_speaking_gives_memory_back(shared_tts: TTS, monkeypatch: pytest.MonkeyPatch) -> None:
    tidied: list[int] = []
    monkeypatch.setattr(shared_tts, "_memory", RequestMemory(2, lambda: tidied.append(1)))
    for seed in range(4):
        shared_tts.synthesize(SynthesisRequest(text="Hello.", text_lang="en", seed=seed))
    assert len(tidied) == 2


def test_the_cache_of_prepared_convolutions_is_bounded_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, shared_tts: TTS
) -> None:
    assert int(os.environ[CACHE_VARIABLE]) > 0, "set before the first voice was loaded"
    monkeypatch.delenv(CACHE_VARIABLE)
    bound_primitive_cache()
    assert os.environ[CACHE_VARIABLE] == str(PRIMITIVES)
    monkeypatch.setenv(CACHE_VARIABLE, "7")
    bound_primitive_cache()
    assert os.environ[CACHE_VARIABLE] == "7"


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.skipif(not (PACK_DIR / "pack.json").is_file(), reason="the voice pack is not in this checkout")
def test_memory_is_flat_over_700_different_speeches() -> None:
    command = [sys.executable, str(REPO_ROOT / "tools" / "bench" / "soak.py"), "--speeches", "700"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(REPO_ROOT), str(REPO_ROOT / "GPT_SoVITS")])}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["growth_after_200_percent"] < 5, done.stdout
