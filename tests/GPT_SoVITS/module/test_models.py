"""Behaviour of the synthesiser at sizes that the public weights do not cover."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from errors import CheckpointError, ConfigError, RequestError
from module.losses import kl_loss
from module.models import Draws, SynthesizerTrn
from module.versions import VERSIONS, version_spec

Build = Callable[..., SynthesizerTrn]
Batch = tuple[torch.Tensor, ...]
HOP = 320


def _speak(model: SynthesizerTrn, batch: Batch, **kwargs: Any) -> torch.Tensor:
    codes = torch.arange(10).view(1, 1, 10)
    return model.eval().decode(codes, batch[3][:1], batch[1][:1], **kwargs)


@pytest.mark.parametrize("resblock", ["1", "2"])
def test_waveform_length_follows_hop_and_speed(tiny: Build, batch: Batch, resblock: str) -> None:
    model = tiny(resblock=resblock)
    assert _speak(model, batch).shape == (1, 1, 20 * HOP)
    assert _speak(model, batch, speed=1.3).shape == (1, 1, (int(20 / 1.3) + 1) * HOP)


def test_noise_comes_from_the_generator_alone(tiny: Build, batch: Batch) -> None:
    model = tiny()
    state = torch.get_rng_state()
    first, again, other = (_speak(model, batch, generator=torch.Generator().manual_seed(s)) for s in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(_speak(model, batch, noise_scale=0.0), _speak(model, batch, noise_scale=0.0))


def test_folding_keeps_the_voice(tiny: Build, batch: Batch) -> None:
    model = tiny()
    before = _speak(model, batch, noise_scale=0.0)
    model.prepare_inference().prepare_inference()
    torch.testing.assert_close(_speak(model, batch, noise_scale=0.0), before)
    assert not any(p.requires_grad for p in model.parameters())


def test_gradient_reaches_every_trainable_part(tiny: Build, batch: Batch) -> None:
    model = tiny().train()
    # The flow starts as the identity (zero last layer), so what lies before it needs a moved one.
    for step in list(model.flow.flows)[::2]:
        torch.nn.init.normal_(step.post.weight, std=0.1)
    out = model(*batch)
    assert out.wav.shape == (2, 1, model.segment_size * HOP)
    kl = kl_loss(out.latents.z_p, out.latents.logs_q, out.latents.m_p, out.latents.logs_p, out.z_mask)
    (out.wav.square().mean() + kl).backward()
    # Keys ignore a shift that is the same for all of them, so their bias has a zero gradient up to rounding.
    silent = [
        n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.abs().sum() > 0)
    ]
    assert [n for n in silent if not n.endswith(("conv_k.bias", "w_ks.bias"))] == []
    assert all(p.grad is None for p in (*model.ssl_proj.parameters(), *model.quantizer.parameters()))


def test_padding_does_not_change_an_item(tiny: Build, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny().eval()
    # The public style encoder does see the first padded frames through its convolutions: kept out of this test.
    monkeypatch.setattr(model, "style_of", lambda refer, mask, sv_emb: torch.ones(refer.size(0), 24, 1))
    ssl, spec, lengths, text, text_lengths = batch
    frames, phones = int(lengths[1]), int(text_lengths[1])
    noise = torch.randn(2, 16, 24, generator=torch.Generator().manual_seed(0))
    starts = torch.zeros(2, dtype=torch.long)
    both = model(*batch, draws=Draws(noise, starts))
    alone = model(
        ssl[1:, :, :frames],
        spec[1:, :, :frames],
        lengths[1:],
        text[1:, :phones],
        text_lengths[1:],
        draws=Draws(noise[1:, :, :frames], starts[1:]),
    )
    torch.testing.assert_close(both.wav[1:], alone.wav, atol=1e-5, rtol=1e-4)
    for padded, plain in zip(both.latents, alone.latents, strict=True):
        torch.testing.assert_close(padded[1:, :, :frames], plain, atol=1e-5, rtol=1e-4)
        assert not padded[1:, :, frames:].any()


def test_codes_round_trip_and_batch(tiny: Build, batch: Batch) -> None:
    model = tiny().eval()
    codes = model.extract_latent(batch[0])
    assert codes.shape == (2, 1, 12)
    distances = torch.cdist(model.ssl_proj(batch[0]).transpose(1, 2), model.quantizer.codebook.embed)
    assert torch.equal(codes[:, 0], distances.argmin(-1))
    assert torch.equal(model.quantizer.encode(model.quantizer.decode(codes)), codes)
    wav = model.decode(codes, batch[3], batch[1], noise_scale=0.0)
    one = model.decode(codes[1:], batch[3][1:], batch[1][1:], noise_scale=0.0)
    torch.testing.assert_close(wav[1:], one, atol=1e-5, rtol=1e-4)


def test_one_token_speaks(tiny: Build, batch: Batch) -> None:
    model = tiny().eval()
    assert model.decode(torch.zeros(1, 1, 1, dtype=torch.long), batch[3][:1, :1], batch[1][:1]).shape == (1, 1, 2 * HOP)


def test_frozen_quantiser_stays_still_and_a_free_one_moves(tiny: Build, batch: Batch) -> None:
    for freeze in (True, False):
        model = tiny(freeze_quantizer=freeze).train()
        before = model.quantizer.codebook.embed.clone()
        out = model(*batch)
        assert torch.equal(before, model.quantizer.codebook.embed) is freeze
        assert (float(out.commit.detach()) == 0.0) is freeze
        assert model.quantizer.training is not freeze


def test_weights_without_posterior_encoder_load_and_others_are_named(tiny: Build) -> None:
    model = tiny()
    weights = {n: t for n, t in tiny().state_dict().items() if not n.startswith("enc_q.")}
    model.load_public(weights)
    assert not hasattr(model, "enc_q")
    broken = dict(weights, **{"dec.conv_post.weight": torch.zeros(1, 1, 1), "extra": torch.zeros(1)})
    del broken["enc_p.proj.bias"]
    with pytest.raises(
        CheckpointError,
        match=r"missing \(enc_p.proj.bias\); 1 unexpected \(extra\); 1 of another shape \(dec.conv_post",
    ):
        tiny().load_public(broken)


def test_versions_are_rows(tiny: Build, batch: Batch) -> None:
    for name in (n for n, spec in VERSIONS.items() if spec.mel is None):
        rows = version_spec(name)
        model = tiny(version=name, gin_channels=512, attention_heads=4).eval()
        assert model.enc_p.text_embedding.num_embeddings == rows.symbol_count
        if rows.needs_speaker_embedding:
            with pytest.raises(RequestError, match="speaker embedding"):
                _speak(model, batch)
            speaker = torch.zeros(1, rows.speaker_channels)
            assert _speak(model, batch, sv_emb=speaker).any()


def test_config_errors_say_what_is_wrong(tiny: Build, tiny_config: dict, caplog: pytest.LogCaptureFixture) -> None:
    for change, words in (
        ({"version": "v9"}, "unknown SoVITS version"),
        ({"resblock": "3"}, "resblock"),
        ({"upsample_rates": [8, 8]}, "one kernel size per rate"),
        ({"n_heads": 3}, "not divisible"),
        ({"semantic_frame_rate": "12hz"}, "25hz or 50hz"),
    ):
        with pytest.raises(ConfigError, match=words):
            tiny(**change)
    del tiny_config["hidden_channels"]
    with pytest.raises(ConfigError, match="lacks hidden_channels"):
        SynthesizerTrn(513, 8, **tiny_config)
    tiny(flow_layer=3)
    assert "flow_layer" in caplog.text


def test_50hz_tokens(tiny: Build, batch: Batch) -> None:
    model = tiny(semantic_frame_rate="50hz").eval()
    codes = model.extract_latent(batch[0][:1])
    assert codes.shape == (1, 1, 24)
    assert model.decode(codes, batch[3][:1], batch[1][:1]).shape == (1, 1, 24 * HOP)
