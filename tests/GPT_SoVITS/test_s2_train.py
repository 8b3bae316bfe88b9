"""The s2 recipe end to end on a handful of synthetic clips and a tiny network."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import s2_train
from errors import CheckpointError, ConfigError, DatasetError, TrainingError
from module.models import SynthesizerTrn
from module.training import loading
from module.training.loop import Clock, StopFlag
from module.training.settings import parse_settings
from process_ckpt import get_sovits_version_from_path_fast, load_sovits_new, save_s2
from tests.GPT_SoVITS import conftest
from tests.GPT_SoVITS.s2_folder import MODEL, REPO, SSL_DIM, configuration, write_clips
from tests.GPT_SoVITS.TTS_infer_pack.test_versions import companions, speak
from TTS_infer_pack import voice_holder
from TTS_infer_pack.TTS import TTS, TTS_Config

Losses = list[dict[str, float]]


def run(folder: Path, stop: StopFlag | None = None, model: dict[str, Any] | None = None, **train: Any) -> Path | None:
    if not (folder / "exp").exists():
        write_clips(folder / "exp")
    return s2_train.train(parse_settings(configuration(folder, model, **train), REPO), REPO, stop)


def write_clips_with_tokens(folder: Path) -> None:
    write_clips(folder)
    rows = "".join(f"clip{number}.wav\t{' '.join(['3'] * ((13000 + 1600 * number) // 640))}\n" for number in range(5))
    (folder / "6-name2semantic.tsv").write_text("item_name\tsemantic_audio\n" + rows, encoding="utf-8")


def test_training_lowers_the_mel_loss(tmp_path: Path, losses: Losses) -> None:
    run(tmp_path, max_steps=20, warmup_stft_steps=16, c_stft=1.0, channels_last=True, learning_rate=4e-3)
    mel = [entry["g/mel"] for entry in losses]
    assert len(mel) == 20
    assert np.mean(mel[-3:]) < 0.7 * np.mean(mel[:3])


def test_discriminators_wait_for_the_end_of_the_warm_up(tmp_path: Path, losses: Losses) -> None:
    run(tmp_path, max_steps=6, warmup_stft_steps=2, c_stft=1.0, c_stft_adversarial=0.5, disc_every=2)
    with_disc = ["d/total" in entry for entry in losses]
    assert with_disc == [False, False, True, False, True, False]
    assert ["g/adversarial" in entry for entry in losses] == [False, False, True, True, True, True]
    assert all("g/stft" in entry for entry in losses)


def test_the_prior_path_trains_what_speaks_then_the_posterior_takes_over(tmp_path: Path, losses: Losses) -> None:
    run(tmp_path, max_steps=4, warmup_stft_steps=9, prior_path_steps=3)
    assert ["g/kl" in entry for entry in losses] == [False, False, False, True]
    state = torch.load(tmp_path / "exp" / "logs_s2_v2" / "G_233333333333.pth", weights_only=True)["model"]
    logs_bias = state["enc_p.proj.bias"][MODEL["inter_channels"] :]
    assert bool((logs_bias < -2.0).all())


def test_acoustic_steps_come_before_the_waveform(tmp_path: Path, losses: Losses) -> None:
    write_clips(tmp_path / "exp")
    rows = [f"clip{number}.wav\t{' '.join(str(i * 5 // 20) for i in range(20))}" for number in range(5)]
    (tmp_path / "exp" / "alignment.tsv").write_text("\n".join(rows), encoding="utf-8")
    options: dict[str, Any] = {
        "acoustic_steps": 14,
        "prior_path_steps": 99,
        "warmup_stft_steps": 99,
        "c_acoustic": 45.0,
        "c_attention": 5.0,
        "code_noise": 0.1,
        "learning_rate": 4e-3,
    }
    run(tmp_path, max_steps=10, **options)
    run(tmp_path, max_steps=16, **options)  # the mel head goes on where it was
    assert ["g/mel" in entry for entry in losses] == [False] * 14 + [True] * 2
    acoustic, attention = ([entry[f"g/{name}"] for entry in losses] for name in ("acoustic", "attention"))
    assert np.mean(acoustic[10:14]) < 0.8 * np.mean(acoustic[:4])
    assert acoustic[10] < acoustic[0] and attention[13] < attention[0]


def test_a_frozen_prior_leaves_the_decoder_to_learn_alone(tmp_path: Path, losses: Losses) -> None:
    options: dict[str, Any] = {"prior_path_steps": 99, "warmup_stft_steps": 99, "c_acoustic": 45.0, "ema_decay": 0.9}
    path = tmp_path / "exp" / "logs_s2_v2" / "G_233333333333.pth"
    run(tmp_path, max_steps=2, **options)
    saved = torch.load(path, weights_only=True)
    exported = saved["model"] | saved["ema"]["weights"]
    run(tmp_path, max_steps=4, freeze_prior=True, **options)
    after = torch.load(path, weights_only=True)["model"]
    changed = {name.split(".")[0] for name in exported if not torch.equal(exported[name], after[name])}
    assert changed == {"dec"}  # and the rest stands at its average, which is what speaks in the end
    assert "g/acoustic" in losses[1] and "g/acoustic" not in losses[3]


def test_a_decoder_alone_learns_from_latents_that_are_made_once(tmp_path: Path, losses: Losses) -> None:
    write_clips_with_tokens(tmp_path / "exp")
    model = {"ssl_dim": SSL_DIM}
    common: dict[str, Any] = {
        "model": model,
        "c_acoustic": 45.0,
        "ema_decay": 0.9,
        "warmup_stft_steps": 99,
        "data_on_device": True,
    }
    decoder = {**common, "freeze_prior": True, "exact_rows": 0.5, "c_mel_prior": 0.5, "prior_path_steps": 999}
    with pytest.raises(ConfigError, match="no prior that has learned"):
        run(tmp_path, max_steps=4, **decoder)
    run(tmp_path, max_steps=4, acoustic_steps=4, **common)
    state = tmp_path / "exp" / "logs_s2_v2" / "G_233333333333.pth"
    saved = torch.load(state, weights_only=True)
    run(tmp_path, max_steps=30, **decoder)
    after = torch.load(state, weights_only=True)["model"]
    before = saved["model"] | saved["ema"]["weights"]
    assert {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])} == {"dec"}
    mel = [entry["g/mel"] for entry in losses[4:]]
    assert len(mel) == 26 and np.mean(mel[-5:]) < 0.8 * np.mean(mel[:5])


def test_a_decoder_goes_on_from_a_file_that_speaks(tmp_path: Path, losses: Losses) -> None:
    write_clips_with_tokens(tmp_path / "exp")
    common: dict[str, Any] = {"model": {"ssl_dim": SSL_DIM}, "c_acoustic": 45.0, "data_on_device": True}
    first = run(tmp_path, max_steps=12, acoustic_steps=12, **common)
    assert first is not None
    losses.clear()
    second = tmp_path / "second"  # states of its own: no mel head, no discriminators
    write_clips_with_tokens(second / "exp")
    decoder: dict[str, Any] = {"freeze_prior": True, "exact_rows": 0.5, "prior_path_steps": 99, "disc_first_steps": 3}
    more = {"pretrained_s2G": str(first), **decoder, **common}
    run(second, max_steps=8, **more)
    assert ["g/mel" in entry for entry in losses] == [False] * 3 + [True] * 5
    assert all("d/total" in entry for entry in losses) and losses[2]["d/total"] < losses[0]["d/total"]
    last = run(second, max_steps=9, **more)
    assert last is not None and "g/mel" in losses[-1], "the discriminators that were saved have learned already"
    before, after = (load_sovits_new(path)["weight"] for path in (first, last))
    assert {name.split(".")[0] for name in after if not torch.equal(before[name], after[name])} == {"dec"}


def test_acoustic_steps_come_first_where_one_run_has_both(tmp_path: Path, losses: Losses) -> None:
    write_clips_with_tokens(tmp_path / "exp")
    both: dict[str, Any] = {"acoustic_steps": 2, "prior_path_steps": 99, "c_acoustic": 45.0, "freeze_prior": True}
    run(tmp_path, max_steps=4, model={"ssl_dim": SSL_DIM}, data_on_device=True, warmup_stft_steps=99, **both)
    assert ["g/acoustic" in entry for entry in losses] == [True, True, False, False]
    assert ["g/mel" in entry for entry in losses] == [False, False, True, True]


def test_a_resumed_run_repeats_the_curve(tmp_path: Path, losses: Losses) -> None:
    options: dict[str, Any] = {"warmup_stft_steps": 2, "ema_decay": 0.9}
    run(tmp_path, max_steps=6, **options)
    whole = list(losses)
    other = tmp_path / "other"
    run(other, max_steps=3, **options)
    losses.clear()
    run(other, max_steps=6, **options)
    assert [entry["step"] for entry in losses] == [4, 5, 6]
    for before, after in zip(whole[3:], losses, strict=True):
        assert after == pytest.approx(before, rel=1e-4)


def test_a_crash_between_checkpoints_goes_back_to_the_last_one(
    tmp_path: Path, losses: Losses, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(self: Clock) -> bool:
        if losses[-1]["step"] == 4:
            raise KeyboardInterrupt
        return losses[-1]["step"] == 2

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Clock, "save_is_due", property(crash))
        run(tmp_path, max_steps=5)
    losses.clear()
    run(tmp_path, max_steps=5)
    assert [entry["step"] for entry in losses] == [3, 4, 5]


def test_a_signal_saves_and_stops(tmp_path: Path, losses: Losses) -> None:
    assert run(tmp_path, StopFlag(wanted=True), max_steps=5) is None
    assert len(losses) == 1
    run(tmp_path, max_steps=3)
    assert [entry["step"] for entry in losses] == [1, 2, 3]


def test_the_minutes_end_a_run_with_weights(tmp_path: Path, losses: Losses) -> None:
    path = run(tmp_path, max_minutes=1e-6)
    assert path is not None and path.name == "voice_e1_s1.pth" and len(losses) == 1


def test_saved_weights_have_the_public_layout_and_speak(tmp_path: Path, losses: Losses) -> None:
    path = run(tmp_path, max_steps=2, ema_decay=0.5)
    assert path is not None
    assert get_sovits_version_from_path_fast(path) == ("v2", "v2", False)
    saved = load_sovits_new(path)
    assert {"train", "data", "model"} <= saved["config"].keys() and saved["info"] == "1epoch_2iteration"
    assert not any(name.startswith("enc_q.") for name in saved["weight"])
    assert saved["weight"]["dec.conv_pre.weight"].dtype == torch.float16
    assert saved["config"]["model"]["ssl_dim"] == SSL_DIM
    network = SynthesizerTrn(513, 10, **saved["config"]["model"])
    network.load_public({name: tensor.float() for name, tensor in saved["weight"].items()})
    network.prepare_inference()
    wav = network.decode(torch.zeros(1, 1, 10, dtype=torch.long), torch.ones(1, 4).long(), torch.rand(1, 513, 30))
    assert wav.shape == (1, 1, 20 * 320) and bool(torch.isfinite(wav).all())


def test_training_states_have_the_public_layout(tmp_path: Path, losses: Losses) -> None:
    run(tmp_path, max_steps=1)
    folder = tmp_path / "exp" / "logs_s2_v2"
    assert sorted(path.name for path in folder.iterdir()) == ["D_233333333333.pth", "G_233333333333.pth"]
    for path in folder.iterdir():
        state = torch.load(path, weights_only=True)
        assert {"model", "iteration", "optimizer", "learning_rate"} <= state.keys()
        assert state["iteration"] == 1 and state["step"] == 1


def test_epoch_checkpoints_and_weights(tmp_path: Path, losses: Losses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "repetitions", lambda count: 1)
    run(tmp_path, epochs=2, save_every_epoch=1, if_save_latest=False)
    assert (tmp_path / "exp" / "logs_s2_v2" / "G_2.pth").is_file()
    assert sorted(path.name for path in (tmp_path / "weights").iterdir()) == ["voice_e1_s2.pth", "voice_e2_s4.pth"]


def test_starting_from_a_file_that_holds_only_the_quantizer(
    tmp_path: Path, losses: Losses, caplog: pytest.LogCaptureFixture
) -> None:
    network = SynthesizerTrn(513, 10, **MODEL, ssl_dim=SSL_DIM)
    parts = {n: t for n, t in network.state_dict().items() if n.startswith(("quantizer.", "ssl_proj."))}
    save_s2(tmp_path / "init.pth", parts, configuration(tmp_path), "init", "v2")
    with caplog.at_level(logging.INFO):
        path = run(tmp_path, max_steps=1, pretrained_s2G=str(tmp_path / "init.pth"))
    assert "random: dec, enc_p, enc_q, flow, ref_enc" in caplog.text
    assert path is not None
    embed = "quantizer.vq.layers.0._codebook.embed"
    assert torch.equal(load_sovits_new(path)["weight"][embed], parts[embed].half())


def test_pretrained_weights_of_other_sizes_are_refused(tmp_path: Path) -> None:
    network = SynthesizerTrn(513, 10, **{**MODEL, "ssl_dim": 8})
    save_s2(tmp_path / "init.pth", network.state_dict(), configuration(tmp_path), "init", "v2")
    with pytest.raises(CheckpointError, match="of another shape"):
        run(tmp_path, pretrained_s2G=str(tmp_path / "init.pth"))


def test_features_of_another_encoder_are_refused(tmp_path: Path) -> None:
    write_clips(tmp_path / "exp", 2)
    raw = configuration(tmp_path)
    raw["model"]["ssl_dim"] = 768
    with pytest.raises(CheckpointError, match="have 16 channels, model.ssl_dim is 768"):
        s2_train.train(parse_settings(raw, REPO), REPO)


def test_no_usable_clip_is_an_error_that_counts_reasons(tmp_path: Path) -> None:
    write_clips(tmp_path / "exp", 2)
    for path in (tmp_path / "exp" / "4-cnhubert").iterdir():
        path.write_bytes(b"no tensor")
    with pytest.raises(DatasetError, match="2 damaged features or audio"):
        run(tmp_path)


def test_losses_that_are_no_numbers_end_the_run(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="lower learning_rate"):
        run(tmp_path, max_steps=10, learning_rate=1e30)
    assert not (tmp_path / "exp" / "logs_s2_v2").exists()


def test_command_line_gives_one_line_and_code_2(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(configuration(tmp_path)))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert s2_train.main(["--config", str(config)]) == 2
        assert s2_train.main(["--config", str(tmp_path / "none.json")]) == 2
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert "2-name2text.txt" in caplog.text


def run_pro(folder: Path, ssl_dim: int = SSL_DIM, version: str = "v2Pro", **train: Any) -> Path | None:
    if not (folder / "exp").exists():
        write_clips(folder / "exp", 3, ssl_dim, speakers=True)
    raw = configuration(folder, {"version": version, "ssl_dim": ssl_dim}, **train)
    return s2_train.train(parse_settings(raw, REPO), REPO)


def test_the_pro_version_learns_and_speaks(
    tmp_path: Path, losses: Losses, tiny_pack: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run_pro(tmp_path, conftest.SSL_DIM, max_steps=14, warmup_stft_steps=99, c_stft=1.0, learning_rate=4e-3)
    mel = [entry["g/mel"] for entry in losses]
    assert np.isfinite(mel).all() and np.mean(mel[-3:]) < 0.8 * np.mean(mel[:3])
    monkeypatch.setattr(voice_holder, "load_companions", companions)
    tts = TTS(TTS_Config(pack=str(tiny_pack)))
    assert path is not None
    tts.init_vits_weights(path)
    rate, samples = speak(tts, clip)
    assert tts.configs.version == "v2Pro" and rate == 16000 and np.abs(samples).max() > 0


@pytest.mark.parametrize(("version", "header"), [("v2Pro", b"05"), ("v2ProPlus", b"06")])
def test_pro_weights_have_the_public_header(tmp_path: Path, losses: Losses, version: str, header: bytes) -> None:
    path = run_pro(tmp_path, version=version, max_steps=1)
    assert path is not None and path.read_bytes()[:2] == header
    assert get_sovits_version_from_path_fast(path) == ("v2", version, False)
    assert load_sovits_new(path)["weight"]["sv_emb.weight"].shape == (MODEL["gin_channels"], 20480)


def test_a_resumed_pro_run_ends_in_the_same_state(tmp_path: Path, losses: Losses) -> None:
    run_pro(tmp_path / "whole", max_steps=4)
    for steps in (2, 4):
        run_pro(tmp_path / "parts", max_steps=steps)
    states = [
        torch.load(tmp_path / part / "exp" / "logs_s2_v2Pro" / "G_233333333333.pth", weights_only=True)["model"]
        for part in ("whole", "parts")
    ]
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, msg=name)


def test_missing_speaker_vectors_name_their_stage(
    tmp_path: Path, losses: Losses, caplog: pytest.LogCaptureFixture
) -> None:
    write_clips(tmp_path / "exp", 3)
    with pytest.raises(DatasetError, match="3 missing speaker vector in 7-sv_cn.*prepare_datasets/2-get-sv.py"):
        run_pro(tmp_path, max_steps=1)
    write_clips(tmp_path / "exp", 3, speakers=True)
    vectors = tmp_path / "exp" / "7-sv_cn"
    (vectors / "clip0.wav.pt").unlink()
    torch.save(torch.zeros(1, 192), vectors / "clip1.wav.pt")
    run_pro(tmp_path, max_steps=1)
    assert "1 missing speaker vector in 7-sv_cn" in caplog.text and "1 damaged features, audio or sp" in caplog.text


def test_versions_that_make_a_mel_are_sent_to_their_recipe(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="s2_train_v3_lora.py"):
        s2_train.train(parse_settings(configuration(tmp_path, {"version": "v3"}), REPO), REPO)
    with pytest.raises(ConfigError, match="unknown SoVITS version 'v7'"):
        parse_settings(configuration(tmp_path, {"version": "v7"}), REPO)


@pytest.mark.slow
def test_killed_and_started_again(tmp_path: Path) -> None:
    write_clips(tmp_path / "exp")
    config = tmp_path / "config.json"
    config.write_text(json.dumps(configuration(tmp_path, max_steps=400, save_every_minutes=1e-3)))
    command = [sys.executable, str(REPO / "GPT_SoVITS" / "s2_train.py"), "--config", str(config)]
    environment = {**os.environ, "PYTHONPATH": f"{REPO}{os.pathsep}{REPO / 'GPT_SoVITS'}"}
    state = tmp_path / "exp" / "logs_s2_v2" / "G_233333333333.pth"
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    process.kill()
    process.wait()
    reached = torch.load(state, weights_only=True)["step"]
    assert 0 < reached < 400
    again = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=True, timeout=600)
    assert f"step {reached}" in again.stderr
    assert torch.load(state, weights_only=True)["step"] == 400
    assert len(list((tmp_path / "weights").glob("voice_e*_s400.pth"))) == 1
