"""The ways through the synthesiser, and what the training-only parts ask of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from errors import RequestError
from module.models import SynthesizerTrn
from module.training.dataset import Example, collate, frame_alignment
from module.training.paths import PLAIN_LOGS, Route, TrainingForward, replace_codes, set_prior_noise
from module.training.settings import TrainSettings

MODEL: dict[str, Any] = {
    "inter_channels": 16,
    "hidden_channels": 16,
    "filter_channels": 32,
    "n_heads": 2,
    "n_layers": 2,
    "kernel_size": 3,
    "p_dropout": 0.0,
    "resblock": "2",
    "resblock_kernel_sizes": [3],
    "resblock_dilation_sizes": [[1, 3]],
    "upsample_rates": [4, 4],
    "upsample_initial_channel": 32,
    "upsample_kernel_sizes": [8, 8],
    "gin_channels": 16,
    "semantic_frame_rate": "25hz",
    "freeze_quantizer": True,
    "posterior_layers": 1,
    "flow_layers": 1,
    "ssl_dim": 16,
    "version": "v2",
}
SPEC_BINS, MELS = 33, 8


def example(frames: int, phones: int, seed: int) -> Example:
    source = torch.Generator().manual_seed(seed)
    return Example(
        ssl=torch.randn(16, frames, generator=source),
        spec=torch.rand(SPEC_BINS, frames, generator=source),
        wav=torch.randn(frames * 16, generator=source) * 0.1,
        phones=torch.randint(1, 300, (phones,), generator=source),
        alignment=(torch.arange(frames) * phones) // frames,
    )


@pytest.fixture
def forward() -> TrainingForward:
    torch.manual_seed(3)
    return TrainingForward(SynthesizerTrn(SPEC_BINS, 8, **MODEL), MELS, TrainSettings())


def test_acoustic_steps_come_first_then_the_prior_then_the_public_way() -> None:
    train = TrainSettings(acoustic_steps=2, c_acoustic=1.0, prior_path_steps=3)
    assert [Route.at(step, train) for step in range(5)] == [
        Route.ACOUSTIC,
        Route.ACOUSTIC,
        Route.PRIOR,
        Route.POSTERIOR,
        Route.POSTERIOR,
    ]
    assert Route.at(0, TrainSettings()) is Route.POSTERIOR


def test_the_acoustic_way_makes_a_mel_of_every_frame_and_no_waveform(forward: TrainingForward) -> None:
    batch = collate([example(40, 9, 1), example(30, 5, 2)])
    outcome = forward(batch, Route.ACOUSTIC)
    assert outcome.speech is None
    assert [mel.shape for mel in outcome.mels] == [(2, MELS, batch.spec.size(2))]
    assert outcome.attention is not None and outcome.attention.shape == (2, batch.spec.size(2), 9)
    torch.testing.assert_close(outcome.attention.exp().sum(2), torch.ones(2, batch.spec.size(2)))
    assert float(outcome.attention[1, :, 5:].detach().exp().max()) < 1e-6  # padding is not looked at


def test_the_prior_way_also_speaks_a_slice(forward: TrainingForward) -> None:
    outcome = forward(collate([example(40, 9, 1)]), Route.PRIOR)
    assert outcome.speech is not None and outcome.speech.wav.shape == (1, 1, 8 * 16)
    assert len(outcome.mels) == 1


@pytest.mark.parametrize("route", [Route.POSTERIOR, Route.PRIOR])
def test_speaker_vectors_are_part_of_the_style_on_every_way(route: Route) -> None:
    torch.manual_seed(3)
    forward = TrainingForward(SynthesizerTrn(SPEC_BINS, 8, **{**MODEL, "version": "v2Pro"}), MELS, TrainSettings())
    examples = [replace(example(40, 9, seed), speaker=torch.randn(20480)) for seed in (1, 2)]
    outcome = forward(collate(examples), route)
    assert outcome.speech is not None
    outcome.speech.wav.square().sum().backward()
    grad = forward.network.sv_emb.weight.grad
    assert grad is not None and bool(grad.any())
    with pytest.raises(RequestError, match="needs a speaker embedding"):
        forward(collate([example(40, 9, 1)]), route)


def test_on_the_joint_way_both_latents_are_read_and_a_share_of_the_rows_is_spoken_from_the_prior() -> None:
    torch.manual_seed(3)
    settings = TrainSettings(prior_rows=0.5, low_bins=5)
    forward = TrainingForward(SynthesizerTrn(SPEC_BINS, 8, **MODEL), MELS, settings)
    batch = collate([example(40, 9, seed) for seed in range(4)])
    outcome = forward(batch, Route.POSTERIOR)
    assert outcome.from_prior is not None and outcome.from_prior.tolist() == [0.0, 1.0, 0.0, 1.0]
    assert [mel.shape for mel in outcome.mels] == [(4, MELS + 5, batch.spec.size(2))] * 2
    assert outcome.latents is not None and outcome.speech is not None
    outcome.speech.wav[1].square().sum().backward()
    network = forward.network
    assert network.enc_p.proj.weight.grad is not None and bool(network.enc_p.proj.weight.grad.any())
    assert network.enc_q.proj.weight.grad is None or not bool(network.enc_q.proj.weight.grad.any())
    quiet = forward(batch, Route.ACOUSTIC)
    assert quiet.speech is None and quiet.latents is not None and len(quiet.mels) == 2


def test_tokens_stand_for_the_features_that_they_are_of(forward: TrainingForward) -> None:
    batch = collate([example(40, 9, 1)])
    tokens = forward.network.eval().extract_latent(batch.ssl)[:, 0]
    torch.manual_seed(1)
    by_features = forward(batch, Route.ACOUSTIC)
    torch.manual_seed(1)
    by_tokens = forward(replace(batch, ssl=torch.zeros(0), tokens=tokens), Route.ACOUSTIC)
    torch.testing.assert_close(by_tokens.mels[0], by_features.mels[0])


def test_a_prior_begins_with_the_noise_that_its_way_needs(forward: TrainingForward) -> None:
    set_prior_noise(forward.network, PLAIN_LOGS)
    assert not bool(forward.expected(collate([example(40, 9, 1)])).prior.logs.any())


def test_a_frozen_prior_is_told_the_true_tokens(forward: TrainingForward, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = replace(collate([example(40, 9, 1)]), ssl=torch.zeros(0), tokens=torch.arange(21)[None])
    made: list[torch.Tensor] = []
    decode = forward.network.dec.forward
    monkeypatch.setattr(forward.network.dec, "forward", lambda z, g: made.append(z) or decode(z, g))

    def latent(**train: Any) -> torch.Tensor:
        forward.train_settings = TrainSettings(**train)
        torch.manual_seed(1)
        return forward.eval().expected(batch, forward.train_settings.code_noise).latent

    def spoken(**train: Any) -> torch.Tensor:
        forward.train_settings = TrainSettings(**train)
        with torch.random.fork_rng():
            torch.manual_seed(1)
            forward.eval()(batch, Route.PRIOR)
        return made[-1]

    assert not torch.allclose(latent(code_noise=0.9), latent())
    assert not torch.allclose(spoken(code_noise=0.9), spoken())
    torch.testing.assert_close(spoken(code_noise=0.9, freeze_prior=True), spoken())
    # where acoustic steps come first in the same run, the prior still learns in them
    forward.train_settings = TrainSettings(code_noise=0.9, freeze_prior=True)
    torch.manual_seed(1)
    noised = forward(batch, Route.ACOUSTIC).mels[0]
    forward.train_settings = TrainSettings()
    torch.manual_seed(1)
    assert not torch.allclose(noised, forward(batch, Route.ACOUSTIC).mels[0])


def test_guided_attention_finds_the_phones(forward: TrainingForward) -> None:
    batch = collate([example(40, 9, 1), example(36, 7, 2)])
    known = batch.alignment >= 0
    optimizer = torch.optim.Adam(forward.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        attention = forward(batch, Route.ACOUSTIC).attention
        assert attention is not None
        loss = -attention.gather(2, batch.alignment.clamp(min=0)[:, :, None]).squeeze(2)[known].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_an_alignment_is_spread_over_frames_and_ends_unknown() -> None:
    assert frame_alignment((0, 0, 1), 7).tolist() == [0, 0, 0, 0, 1, 1, -1]
    assert frame_alignment((), 3).tolist() == [-1, -1, -1]
    short = replace(example(30, 5, 2), alignment=frame_alignment((), 30))
    batch = collate([example(40, 9, 1), short])
    assert batch.alignment.shape == (2, batch.ssl.size(2)) and bool((batch.alignment[1] == -1).all())


def test_random_codes_take_the_place_of_whole_tokens() -> None:
    torch.manual_seed(0)
    codebook = torch.arange(1.0, 9.0)[:, None].expand(8, 3)
    quantized = torch.zeros(2, 3, 401)
    noisy = replace_codes(quantized, codebook, 0.25, 2)
    changed = noisy[:, 0] != 0
    assert 0.15 < changed.float().mean() < 0.35
    assert bool((noisy[:, :, 0:400:2] == noisy[:, :, 1:400:2]).all())  # both frames of a token
    assert set(noisy.unique().tolist()) <= set(range(9))
    assert replace_codes(quantized, codebook, 0.0, 2) is quantized
