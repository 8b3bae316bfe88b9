"""The pipeline end to end, with a tiny random voice: contracts of the output, seeds, batches, interleaving, retries."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, count, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from AR import checked
from AR.backend import SamplingParams, T2SRequest
from AR.engine import SpokenTokens
from errors import AudioError, CheckpointError, ConfigError, GSVError, RequestError, TextError
from TTS_infer_pack import prepared, synthesis
from TTS_infer_pack.language_model import LanguageModels
from TTS_infer_pack.TTS import TTS, SynthesisRequest, TTS_Config

TEXT = "Hello there, my good friend. Is it not? It really is."
PARTS = 4


def ask(**values: Any) -> dict[str, Any]:
    return {"text": TEXT, "text_lang": "en", "seed": 3, **values}


def whole(tts: TTS, **values: Any) -> np.ndarray:
    [(rate, samples)] = list(tts.run(ask(**values)))
    assert rate == 16000 and samples.dtype == np.int16 and samples.ndim == 1
    return samples


def test_run_yields_int16_at_the_models_rate(shared_tts: TTS) -> None:
    samples = whole(shared_tts)
    assert len(samples) > 16000 and np.abs(samples.astype(int)).max() > 500
    assert shared_tts.sample_rate == shared_tts.configs.sampling_rate == 16000


def test_same_seed_same_speech(shared_tts: TTS) -> None:
    first = whole(shared_tts)
    np.testing.assert_array_equal(first, whole(shared_tts))
    assert not np.array_equal(first, whole(shared_tts, seed=4))
    assert not np.array_equal(whole(shared_tts, seed=-1), whole(shared_tts, seed=-1))


def test_the_whole_is_the_join_of_the_stream(shared_tts: TTS) -> None:
    parts = [samples for _, samples in shared_tts.run(ask(return_fragment=True))]
    assert len(parts) == PARTS  # cut5 cuts at every mark
    np.testing.assert_array_equal(np.concatenate(parts), whole(shared_tts))


def test_batches_change_nothing(shared_tts: TTS) -> None:
    expected = whole(shared_tts)
    for values in (
        {"batch_size": 4, "split_bucket": False},
        {"batch_size": 4, "batch_threshold": 0.0},
        {"batch_size": 3, "parallel_infer": False},
    ):
        got = whole(shared_tts, **values)
        assert len(got) == len(expected)
        np.testing.assert_allclose(got.astype(float), expected, atol=40)


def test_chunks_come_in_the_order_of_the_text(shared_tts: TTS) -> None:
    chunks = list(shared_tts.stream(SynthesisRequest(TEXT, "en", seed=1, batch_size=3)))
    assert [chunk.index for chunk in chunks] == list(range(PARTS))
    assert "friend" in chunks[1].text and chunks[0].tokens > 0
    assert all(np.abs(chunk.samples).max() <= 1 for chunk in chunks)


def test_pause_speed_and_cut(shared_tts: TTS) -> None:
    plain = whole(shared_tts, fragment_interval=0)
    assert len(whole(shared_tts, fragment_interval=0.5)) - len(plain) == PARTS * 8000
    assert len(whole(shared_tts, fragment_interval=0, speed_factor=2.0)) < 0.6 * len(plain)
    assert len(list(shared_tts.run(ask(return_fragment=True, text_split_method="cut0")))) == 1


def interleaved(*streams: Iterator[tuple[int, np.ndarray]]) -> list[np.ndarray]:
    """Take one item of each stream in turn; returns each stream's joined audio."""
    parts: list[list[np.ndarray]] = [[] for _ in streams]
    for items in zip_longest(*streams):
        for mine, item in zip(parts, items, strict=True):
            if item is not None:
                mine.append(item[1])
    return [np.concatenate(mine) for mine in parts]


def test_a_pause_in_the_text_is_silence(shared_tts: TTS) -> None:
    text = "It is here{} Is it not?"
    plain, paused = (whole(shared_tts, text=text.format(mark)) for mark in (".", ". [pause 1.5s]"))
    assert len(paused) - len(plain) == pytest.approx(1.5 * 16000, abs=2)


def test_interleaved_requests_never_mix(shared_tts: TTS, clip: Path) -> None:
    one = ask(return_fragment=True)
    two = ask(
        return_fragment=True,
        text="Another voice, with other words. And another text.",
        seed=9,
        ref_audio_path=str(clip),
        prompt_text="Nothing of the kind.",
        prompt_lang="en",
        top_k=5,
    )
    alone = [np.concatenate([samples for _, samples in shared_tts.run(inputs)]) for inputs in (one, two)]
    for expected, got in zip(alone, interleaved(shared_tts.run(one), shared_tts.run(two)), strict=True):
        np.testing.assert_array_equal(expected, got)


def test_threads_never_mix(shared_tts: TTS, clip: Path) -> None:
    inputs = [ask(seed=seed, **({"ref_audio_path": str(clip)} if seed % 2 else {})) for seed in range(3)]
    alone = [list(shared_tts.run(each))[0][1] for each in inputs]
    with ThreadPoolExecutor(4) as pool:
        for expected, got in zip(alone, pool.map(lambda each: list(shared_tts.run(each))[0][1], inputs), strict=True):
            np.testing.assert_array_equal(expected, got)


def test_weights_and_global_random_state_are_untouched(shared_tts: TTS) -> None:
    models = shared_tts._models
    weights = {k: v.clone() for k, v in chain(models.vits.state_dict().items(), models.hubert.state_dict().items())}
    torch.manual_seed(5)
    state = torch.get_rng_state()
    whole(shared_tts)
    assert torch.equal(state, torch.get_rng_state())
    now = dict(chain(models.vits.state_dict().items(), models.hubert.state_dict().items()))
    assert all(torch.equal(now[k], v) for k, v in weights.items())
    assert not any(name.endswith("weight_g") or name.startswith("enc_q.") for name in now)


# -- references --------------------------------------------------------------------------------------------------------


def test_reference_prompt_and_auxiliary_clips_matter(shared_tts: TTS, clip: Path) -> None:
    plain = whole(shared_tts)
    with_clip = whole(shared_tts, ref_audio_path=str(clip), prompt_text="Some words", prompt_lang="en")
    free = whole(shared_tts, ref_audio_path=str(clip))
    mixed = whole(shared_tts, aux_ref_audio_paths=[str(clip)])
    for other in (with_clip, free, mixed):
        assert len(other) != len(plain) or not np.array_equal(other, plain)
    assert len(mixed) == len(plain)  # an auxiliary clip lends its timbre alone
    assert len(with_clip) != len(free) or not np.array_equal(with_clip, free)


def test_a_reference_free_pack_takes_only_the_timbre(tiny_pack: Path, clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    shutil.copytree(tiny_pack, folder)
    description = json.loads((folder / "pack.json").read_text())
    (folder / "pack.json").write_text(json.dumps({**description, "reference_free": True}))
    tts = TTS(TTS_Config(pack=str(folder)))
    with_words = whole(tts, ref_audio_path=str(clip), prompt_text="Some words", prompt_lang="en")
    np.testing.assert_array_equal(with_words, whole(tts, ref_audio_path=str(clip)))


def test_the_cache_goes_by_content(
    tiny_pack: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tts = TTS(TTS_Config(pack=str(tiny_pack)))
    made: list[str] = []
    original = prepared.prepare_reference
    monkeypatch.setattr(prepared, "prepare_reference", lambda *a: made.append(str(a[0])) or original(*a))
    copy = tmp_path / "copy.wav"
    copy.write_bytes(clip.read_bytes())
    for path in (clip, copy, clip):
        whole(tts, ref_audio_path=str(path), text="Hi.")
    assert made == [str(clip)]
    clip.write_bytes((tiny_pack / "reference" / "voice.wav").read_bytes())
    whole(tts, ref_audio_path=str(clip), text="Hi.")
    assert made == [str(clip), str(clip)]


def test_a_long_reference_speaks_without_its_text(
    shared_tts: TTS, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import soundfile

    path = tmp_path / "long.wav"
    soundfile.write(path, 0.2 * np.random.default_rng(0).normal(size=14 * 16000), 16000)
    with caplog.at_level(logging.WARNING):
        long = whole(shared_tts, ref_audio_path=str(path), prompt_text="Many words.", prompt_lang="en")
    assert "without its text" in caplog.text
    np.testing.assert_array_equal(long, whole(shared_tts, ref_audio_path=str(path)))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"text": ""}, TextError),
        ({"text": "?!..."}, TextError),
        ({"text_lang": "xx"}, RequestError),
        ({"text_split_method": "cut9"}, RequestError),
        ({"ref_audio_path": "absent.wav"}, AudioError),
        ({"aux_ref_audio_paths": ["absent.wav"]}, AudioError),
        ({"topk": 3}, RequestError),
    ],
)
def test_errors_come_at_the_first_item(shared_tts: TTS, values: dict[str, Any], kind: type[GSVError]) -> None:
    with pytest.raises(kind):
        next(shared_tts.run(ask(**values)))
    whole(shared_tts, text="Still speaking.")


# -- retries, stopping -------------------------------------------------------------------------------------------------


class Talker:
    """An engine whose tries end as it is told, in turn."""

    name = "talker"

    def __init__(self, *reasons: str) -> None:
        self.reasons, self.seeds = list(reasons), []

    def stream(self, request: T2SRequest, sampling: SamplingParams) -> Iterator[SpokenTokens]:
        self.seeds.append((request.segment, sampling.seed))
        reason = self.reasons[min(len(self.seeds), len(self.reasons)) - 1]
        return (part for part in [SpokenTokens(torch.arange(60), reason)])  # type: ignore[arg-type]

    def release(self) -> None:
        pass


def spoken_by(tts: TTS, talker: Talker, monkeypatch: pytest.MonkeyPatch, **values: Any) -> list[Any]:
    monkeypatch.setattr(LanguageModels, "engine", lambda *a, **k: checked.CheckedT2S(talker))
    return list(tts.stream(SynthesisRequest(text_lang="en", seed=1, **values)))


def test_collapsed_tokens_are_tried_again(
    shared_tts: TTS, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    talker, text = Talker("length", "length", "length", "eos"), "One two three. Four five six."
    with caplog.at_level(logging.WARNING):
        chunks = spoken_by(shared_tts, talker, monkeypatch, text=text, batch_size=2, split_bucket=False)
    assert [segment for segment, _ in talker.seeds] == [0, 1, 0, 0] + [1] * (len(talker.seeds) - 4)
    assert len({seed for segment, seed in talker.seeds if segment == 0}) == 3
    assert [chunk.finish_reason for chunk in chunks] == ["eos", "eos"] and not caplog.records
    monkeypatch.setattr(checked, "RETRIES", 0)
    with caplog.at_level(logging.WARNING):
        spoken_by(shared_tts, Talker("length"), monkeypatch, text="One two three.")
    assert "incomplete or garbled" in caplog.text


def test_greedy_requests_are_not_retried(shared_tts: TTS, monkeypatch: pytest.MonkeyPatch) -> None:
    talker = Talker("length")
    spoken_by(shared_tts, talker, monkeypatch, text="One two three.", top_k=1)
    assert len(talker.seeds) == 1


def test_stop_ends_what_runs_and_nothing_else(shared_tts: TTS) -> None:
    stream = shared_tts.run(ask(return_fragment=True))
    next(stream)
    shared_tts.stop()
    assert list(stream) == []
    assert len(list(shared_tts.run(ask(return_fragment=True)))) == PARTS


def test_a_request_of_its_own_stops_within_a_sentence(shared_tts: TTS) -> None:
    asked = count()
    assert list(shared_tts.stream(SynthesisRequest("One two three.", "en", seed=1), lambda: next(asked) >= 5)) == []
    assert 5 <= next(asked) <= 8  # asked between steps, and hardly again
    assert list(shared_tts.stream(SynthesisRequest("One two three.", "en", seed=1)))


def test_a_batch_is_heard_and_stopped_segment_by_segment(shared_tts: TTS) -> None:
    """What is decoded together is rendered one by one, each only while somebody listens."""
    stop = threading.Event()
    rendered = []
    with pytest.MonkeyPatch.context() as patch:
        render = synthesis._render
        patch.setattr(synthesis, "_render", lambda *values: rendered.append(values[2]) or render(*values))
        request = SynthesisRequest(TEXT, "en", seed=1, batch_size=PARTS, batch_threshold=0, split_bucket=False)
        stream = shared_tts.stream(request, stop.is_set)
        assert next(stream).index == 0 and rendered == [0]
        stop.set()
        assert list(stream) == [] and rendered == [0]


# -- settings, weights -------------------------------------------------------------------------------------------------


def test_request_beats_pack_beats_public_defaults(shared_tts: TTS) -> None:
    assert shared_tts._job(SynthesisRequest("Hi there.", "en")).sampling.top_k == 20
    job = shared_tts._job(SynthesisRequest("Hi there.", "en", top_k=7, top_p=0))
    assert job.sampling.top_k == 7 and 0 < job.sampling.top_p < 0.01
    assert (job.sampling.temperature, job.sampling.repetition_penalty) == (1.0, 1.35)


def test_a_language_model_without_an_adapter_never_speaks(
    tiny_pack: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = TTS_Config(pack=str(tiny_pack))
    tts = TTS(config)
    assert whole(tts, text="Hi there.").size and tts.last_fallback is None
    config.use_qwen3 = True  # after TTS(config), as users do
    config.qwen3_model_name = str(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert whole(tts, text="Hi there.").size
        falls: list[Any] = []
        list(tts.stream(SynthesisRequest("Hi there.", "en"), on_fall=falls.append))
    assert tts.last_fallback is not None and tts.last_fallback.reason == "no_adapter" and falls == [tts.last_fallback]
    assert "AR model speaks" in tts.last_fallback.message
    assert sum("no_adapter" in record.getMessage() for record in caplog.records) == 1
    config.qwen3_enable_inference = False
    whole(tts, text="Hi there.")
    assert tts.last_fallback is None


def test_a_bad_checkpoint_leaves_the_voice_as_it_was(tiny_pack: Path, tmp_path: Path) -> None:
    tts = TTS(TTS_Config(pack=str(tiny_pack)))
    before = whole(tts)
    (tmp_path / "text.pth").write_text("hello")
    for load in (tts.init_t2s_weights, tts.init_vits_weights):
        for path in (tmp_path / "text.pth", tmp_path / "absent", tiny_pack / "hubert"):
            with pytest.raises(CheckpointError):
                load(path)
    with pytest.raises(CheckpointError, match="is a SoVITS"):
        tts.init_t2s_weights(tiny_pack / "s2G.pth")
    with pytest.raises(CheckpointError, match="is a GPT"):
        tts.init_vits_weights(tiny_pack / "s1.ckpt")
    np.testing.assert_array_equal(before, whole(tts))
    tts.init_vits_weights(tiny_pack / "s2G.pth")
    tts.init_t2s_weights(tiny_pack / "s1.ckpt")
    np.testing.assert_array_equal(before, whole(tts))


def test_set_ref_audio(tiny_pack: Path, clip: Path) -> None:
    tts = TTS({"pack": str(tiny_pack)})
    with pytest.raises(AudioError):
        tts.set_ref_audio("absent.wav")
    tts.set_ref_audio(clip)
    np.testing.assert_array_equal(whole(tts), whole(tts, ref_audio_path=str(clip)))


def test_weights_without_a_clip_of_their_own_need_one(tiny_pack: Path, clip: Path, tmp_path: Path) -> None:
    own = shutil.copy(tiny_pack / "s2G.pth", tmp_path / "own.pth")
    tts = TTS({"pack": str(tiny_pack), "vits_weights_path": str(own)})
    with pytest.raises(RequestError, match="ref_audio_path is missing"):
        whole(tts)
    assert whole(tts, ref_audio_path=str(clip)).size


def test_other_versions_and_mismatched_parts_are_refused(tiny_pack: Path, tmp_path: Path) -> None:
    from process_ckpt import load_s1, load_sovits_new, save_s1, save_s2

    tts = TTS({"pack": str(tiny_pack)})
    s1, s2 = load_s1(tiny_pack / "s1.ckpt"), load_sovits_new(tiny_pack / "s2G.pth")
    path = tmp_path / "x.pth"
    for name, weight, version, word in [
        ("adapter", {"ref_enc.x": torch.ones(1)}, "v3", "v3 LoRA adapter"),
        ("pro", s2["weight"] | {"sv_emb.weight": torch.ones(2)}, "v2Pro", "of another shape"),
        ("renamed", {k.replace("ref_enc", "style"): v for k, v in s2["weight"].items()}, "v2", "missing"),
        ("nan", s2["weight"] | {"dec.conv_post.weight": s2["weight"]["dec.conv_post.weight"] * torch.nan}, "v2", "NaN"),
    ]:
        save_s2(path, weight, s2["config"], "", version, 4 if name == "adapter" else None)
        with pytest.raises(CheckpointError, match=word):
            tts.init_vits_weights(path)
    weight = dict(s1["weight"])
    name = "model.ar_text_embedding.word_embeddings.weight"
    weight[name] = weight[name][:512]
    save_s1(path, weight, {"model": s1["config"]["model"] | {"phoneme_vocab_size": 512}}, "")
    with pytest.raises(CheckpointError, match="512 phones.*v2"):
        tts.init_t2s_weights(path)
    assert whole(tts, text="Still here.").size


def test_settings_errors_are_config_errors() -> None:
    with pytest.raises(ConfigError):
        TTS({"unknown_key": 1})


def test_import_loads_no_model_and_no_language_model_classes() -> None:
    code = (
        "import sys, json, TTS_infer_pack.TTS; "
        "print(json.dumps([m for m in sys.modules if m.split('.')[0] in ('transformers', 'accelerate')]))"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        env={"PYTHONPATH": f"{root}:{root / 'GPT_SoVITS'}", "PATH": "/usr/bin:/bin"},
    )
    assert json.loads(done.stdout) == []


def test_equal_sentences_of_a_request_are_not_spoken_alike(shared_tts: TTS) -> None:
    request = SynthesisRequest("It is so. It is so. It is so.", "en", seed=3, text_split_method="cut5", batch_size=2)
    chunks = list(shared_tts.stream(request))
    assert len(chunks) == 3 and len({chunk.samples.tobytes() for chunk in chunks}) == 3
    assert len({chunk.tokens for chunk in chunks}) > 1, "other tokens, not only another noise"
    again = list(shared_tts.stream(request))
    assert [chunk.samples.tobytes() for chunk in again] == [chunk.samples.tobytes() for chunk in chunks]
