"""Prepared clips of named voices: made once, read by the next process, made anew where clip or networks changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from TTS_infer_pack import prepared
from TTS_infer_pack.prepared import prepared_path
from TTS_infer_pack.TTS import TTS, SynthesisRequest, TTS_Config


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Clips that were prepared anew."""
    seen: list[Path] = []
    real = prepared.prepare_reference

    def prepare(path: Path, *more: object) -> object:
        seen.append(path)
        return real(path, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(prepared, "prepare_reference", prepare)
    return seen


def speak(pack: Path, clip: Path, root: Path | None) -> bytes:
    tts = TTS(TTS_Config(pack=str(pack)))
    if root is not None:
        tts.keep_prepared(root)
    ask = SynthesisRequest("Hello there.", "en", str(clip), prompt_text="A voice.", prompt_lang="en", seed=1)
    return tts.synthesize(ask).samples.tobytes()


def test_a_clip_is_prepared_once(tiny_pack: Path, clip: Path, tmp_path: Path, made: list[Path]) -> None:
    plain = speak(tiny_pack, clip, None)
    assert made and not prepared_path(clip).exists(), "clips elsewhere leave no traces"
    made.clear()
    first = speak(tiny_pack, clip, tmp_path)
    assert len(made) == 1
    np.testing.assert_allclose(np.frombuffer(first, "<f4"), np.frombuffer(plain, "<f4"), atol=1e-4)
    assert speak(tiny_pack, clip, tmp_path) == first and len(made) == 1
    prepared_path(clip).write_bytes(b"rubbish")
    assert speak(tiny_pack, clip, tmp_path) == first and len(made) == 2


def test_another_clip_or_voice_is_prepared_anew(
    tiny_pack: Path, clip: Path, tmp_path: Path, made: list[Path], other_pack: Path
) -> None:
    speak(tiny_pack, clip, tmp_path)
    speak(other_pack, clip, tmp_path)
    assert len(made) == 2
    shutil.copy(tiny_pack / "reference" / "voice.wav", clip)
    speak(other_pack, clip, tmp_path)
    assert len(made) == 3


@pytest.fixture
def other_pack(tiny_pack: Path, tmp_path: Path) -> Path:
    """The same pack with another codebook."""
    import torch

    from process_ckpt import load_sovits_new, save_s2

    folder = tmp_path / "other"
    shutil.copytree(tiny_pack, folder)
    checkpoint = load_sovits_new(folder / "s2G.pth")
    weight = dict(checkpoint["weight"])
    name = next(one for one in weight if one.endswith("_codebook.embed"))
    weight[name] = torch.randn_like(weight[name].float()).to(weight[name].dtype)
    save_s2(folder / "s2G.pth", weight, checkpoint["config"], "1epoch_1iteration", "v2")
    return folder


def test_a_folder_that_takes_no_files_is_no_error(
    tiny_pack: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("read-only")

    monkeypatch.setattr(prepared, "save_file", refuse)
    assert speak(tiny_pack, clip, tmp_path) and not prepared_path(clip).exists()
