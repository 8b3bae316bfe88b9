"""Latents that a decoder alone learns from: those of whole clips, and those of the recordings' own mels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from errors import ConfigError
from module.models import SynthesizerTrn
from module.training.latents import DecoderClips, fit_mel_head, towards
from module.training.on_device import DeviceClips
from module.training.paths import Route, TrainingForward
from module.training.settings import S2Settings, parse_settings
from module.training.steps import real_mel
from tests.GPT_SoVITS import s2_folder

FREEZE: dict[str, Any] = {"freeze_prior": True, "data_on_device": True, "prior_path_steps": 10**6, "low_bins": 4}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    s2_folder.write_clips(tmp_path / "exp")
    rows = (
        f"clip{n}.wav\t{' '.join(str((7 * n + i) % 50) for i in range((13000 + 1600 * n) // 640))}\n" for n in range(5)
    )
    (tmp_path / "exp" / "6-name2semantic.tsv").write_text("item_name\tsemantic_audio\n" + "".join(rows))
    return tmp_path


def settings(folder: Path, **train: Any) -> S2Settings:
    return parse_settings(
        s2_folder.configuration(folder, {"ssl_dim": s2_folder.SSL_DIM}, **{**FREEZE, **train}), folder
    )


def made(chosen: S2Settings) -> tuple[DeviceClips, TrainingForward, DecoderClips]:
    torch.manual_seed(3)
    network = SynthesizerTrn(513, chosen.segment_frames, **chosen.model)
    clips = DeviceClips(chosen, torch.device("cpu"))
    forward = TrainingForward(network, chosen.data.n_mel_channels, chosen.train)
    return clips, forward, DecoderClips(clips, forward, chosen)


def test_the_latent_is_drawn_to_what_the_head_reads_as_the_mel() -> None:
    torch.manual_seed(1)
    head, latent, mel = nn.Conv1d(12, 20, 1), torch.randn(2, 12, 9), torch.randn(2, 20, 9)
    before, after = (mel - head(latent)).square().mean(), (mel - head(towards(latent, mel, head))).square().mean()
    gap = (mel - head(latent)).detach().transpose(0, 1).flatten(1)
    weight = head.weight[..., 0].detach()
    best = (gap - weight @ torch.linalg.lstsq(weight, gap).solution).square().mean()
    assert float(best) < float(after) < 1.1 * float(best) < 0.75 * float(before)
    reachable = head(torch.randn(2, 12, 9))
    torch.testing.assert_close(head(towards(latent, reachable, head)), reachable, atol=0.4, rtol=0.0)


def test_slices_are_of_what_the_whole_clip_makes(folder: Path) -> None:
    clips, forward, decoder = made(settings(folder, max_frames=10))
    whole = clips.batch([(4, 0.0)], whole=True)
    torch.manual_seed(7)
    frames, size, hop = clips.frames[4], 10, 320
    style = forward.eval().expected(whole).style
    found = decoder.batch([(4, 0.5), (4, 1.0)])
    assert found.latents is not None and found.latents.exact.tolist() == [0.0, 0.0]
    start = round(0.5 * (frames - size))
    assert torch.equal(found.wav[0, 0], whole.wav[0, 0, start * hop : (start + size) * hop])
    assert torch.equal(found.wav[1, 0], whole.wav[0, 0, (frames - size) * hop : frames * hop])
    torch.testing.assert_close(found.latents.style, style.expand(2, -1, -1))
    quiet = made(settings(folder, max_frames=0))[2].batch([(4, 0.5), (4, 1.0)])
    assert quiet.latents is not None and torch.equal(found.latents.latent, quiet.latents.latent)
    outcome = forward(found, Route.PRIOR)
    assert outcome.speech is not None and outcome.speech.wav.shape == (2, 1, size * hop)
    assert outcome.from_prior is not None and outcome.from_prior.tolist() == [1.0, 1.0]


def test_a_share_of_the_slices_is_exact_the_same_after_a_restart(folder: Path) -> None:
    chosen = settings(folder, exact_rows=0.5)
    clips, forward, decoder = made(chosen)
    pairs = [(n % 5, (n * 0.37) % 1.0) for n in range(400)]
    exact = decoder.batch(pairs).latents.exact  # type: ignore[union-attr]
    assert 0.15 < float((exact == 1.0).float().mean()) < 0.35 and 0.4 < float((exact == 0.0).float().mean()) < 0.6
    again = DecoderClips(clips, forward, chosen).batch(pairs).latents
    assert again is not None and torch.equal(again.exact, exact)
    none = decoder.prior[: clips.frames[0]].float().T[None]
    own = decoder.exact[: clips.frames[0]].float().T[None]
    spec = clips.batch([(0, 0.0)], whole=True).spec[..., : clips.frames[0]]
    mel = real_mel(spec, chosen)
    gaps = [float((forward.mel_head(latent) - mel).abs().mean()) for latent in (none, own)]
    assert gaps[1] < 0.8 * gaps[0]


def test_a_lost_mel_head_is_found_again(folder: Path) -> None:
    chosen = settings(folder)
    clips, forward, _ = made(chosen)
    batch = clips.batch([(number, 0.0) for number in range(5)], whole=True)
    mel, mask = real_mel(batch.spec, chosen), forward.eval().expected(batch).mask

    def gap() -> float:
        torch.manual_seed(0)
        read = forward.mel_head(forward.expected(batch).latent)
        return float(((read - mel).square() * mask).mean())

    before, random_state = gap(), torch.get_rng_state()
    told = fit_mel_head(clips, forward.train(), chosen)
    assert forward.training and torch.equal(torch.get_rng_state(), random_state)
    forward.eval()
    after = gap()
    assert after < 0.5 * before and 0 < told < 2
    kept = forward.mel_head.weight.clone()
    fit_mel_head(clips, forward, chosen)
    torch.testing.assert_close(forward.mel_head.weight, kept)


def test_exact_slices_need_kept_latents(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no latents are kept"):
        settings(folder, exact_rows=0.5, freeze_prior=False)
