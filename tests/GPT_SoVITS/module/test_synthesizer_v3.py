"""Behaviour of the mel-making synthesiser at tiny sizes: lengths, prompts, padding, training, adapters."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from errors import CheckpointError, ConfigError
from module.cfm import CFM, FlowDraws
from module.lora import DOWN, UP, WRAPPER, merge_lora
from module.model_config import DiTConfig
from module.models import SynthesizerTrn, SynthesizerTrnV3, build_synthesizer
from module.synthesizer_v3 import denorm_mel, norm_mel
from module.versions import VERSIONS

DIT = {"dim": 32, "depth": 2, "heads": 2, "head_dim": 16, "text_dim": 16, "conv_layers": 1, "mel": 100}
MEL_VERSIONS = [name for name, spec in VERSIONS.items() if spec.mel is not None]


def build(config: dict[str, Any], **changes: Any) -> SynthesizerTrnV3:
    torch.manual_seed(0)
    values = {**config, "version": "v3", "dit": DIT, "feature_width": 16, "wn_layers": 2, **changes}
    net = build_synthesizer(513, 8, **values)
    assert isinstance(net, SynthesizerTrnV3)
    return net


@pytest.mark.parametrize("version", MEL_VERSIONS)
def test_feature_columns_follow_tokens_and_speed(tiny_config: dict, batch: tuple, version: str) -> None:
    net = build(tiny_config, version=version).eval()
    codes, text = torch.arange(10).view(1, 1, 10), batch[3][:1]
    fea, style = net.decode_encp(codes, text, batch[1][:1])
    assert fea.shape == (1, 16, int(20 * net.mel.feature_scale)) and style.shape == (1, 24, 1)
    assert fea[..., -1].any(), "at speed 1 the mask covers everything"
    faster, _ = net.decode_encp(codes, text, None, style, speed=1.3)
    assert faster.shape[2] == int((int(20 / 1.3) + 1) * net.mel.feature_scale)
    with pytest.raises(ConfigError, match="neither a reference"):
        net.decode_encp(codes, text, None)


def test_rows_choose_the_network(tiny_config: dict) -> None:
    assert isinstance(build_synthesizer(513, 8, **tiny_config), SynthesizerTrn)
    with pytest.raises(ConfigError, match="no VITS version"):
        SynthesizerTrn(513, 8, **{**tiny_config, "version": "v3"})
    with pytest.raises(ConfigError, match="makes no mel"):
        SynthesizerTrnV3(513, 8, **tiny_config)
    with pytest.raises(ConfigError, match="dit section .*width"):
        build(tiny_config, dit={"width": 3})


def _cfm() -> CFM:
    torch.manual_seed(0)
    return CFM(DiTConfig(**DIT)).eval()


def test_the_prompt_stays_zero_and_the_seed_decides() -> None:
    net, mu, prompt = _cfm(), torch.randn(2, 16, 12), torch.randn(2, 100, 4)
    first, again, other = (
        net.inference(mu, prompt, 3, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert first.shape == (2, 100, 12) and not first[..., :4].any()
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(net.inference(mu, prompt, 3, 0.0), net.inference(mu, prompt, 3, 0.0))
    assert not torch.equal(net.inference(mu, prompt, 3, 0.0), net.inference(mu, prompt, 3, 0.0, 0.5))


def test_padding_does_not_change_a_loss() -> None:
    net, draw = _cfm(), torch.Generator().manual_seed(0)
    mel, mu = torch.randn(2, 100, 40, generator=draw), torch.randn(2, 16, 40, generator=draw)
    t, x0 = torch.rand(2, generator=draw), torch.randn(2, 100, 40, generator=draw)
    prompt = torch.tensor([3, 3])

    def loss(first: slice, length: int, bootstrap: bool) -> torch.Tensor:
        draws = FlowDraws(t[first], x0[first, :, :length], bootstrap, torch.tensor([3, 5])[first])
        lengths = torch.tensor([40, 40])[first]
        return net(mel[first, :, :length], lengths, prompt[first], mu[first, :, :length], draws)

    for bootstrap in (False, True):
        both = loss(slice(0, 2), 40, bootstrap)
        single = (loss(slice(0, 1), 40, bootstrap) + loss(slice(1, 2), 40, bootstrap)) / 2
        torch.testing.assert_close(both, single)


def test_training_pass_reaches_what_an_adapter_holds(tiny_config: dict, batch: tuple) -> None:
    net = build(tiny_config).train()
    ssl, spec, lengths, text, text_lengths = batch
    mel, mel_lengths = torch.randn(2, 100, 44), torch.tensor([44, 33])
    draws = FlowDraws(generator=torch.Generator().manual_seed(0))
    loss = net(ssl, spec, mel, (lengths, mel_lengths, text_lengths), text, draws)
    loss.backward()
    for part in (net.bridge, net.wns1, net.cfm, net.ref_enc):
        assert any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in part.parameters())
    assert all(p.grad is None for part in (net.enc_p, net.ssl_proj) for p in part.parameters())


def test_mel_scale_is_the_published_one() -> None:
    spec = VERSIONS["v3"].mel
    assert spec is not None
    edges = torch.tensor([-12.0, -5.0, 2.0])
    torch.testing.assert_close(norm_mel(edges, spec), torch.tensor([-1.0, 0.0, 1.0]))
    torch.testing.assert_close(denorm_mel(norm_mel(edges, spec), spec), edges)


def test_adapter_merges_into_its_base_and_no_other() -> None:
    base = {"cfm.estimator.to_q.weight": torch.randn(6, 4).half(), "bridge.0.bias": torch.zeros(3)}
    stem = WRAPPER + "estimator.to_q"
    pair = {stem + DOWN: torch.randn(2, 4).half(), stem + UP: torch.randn(6, 2).half()}
    adapter = {**pair, "bridge.0.bias": torch.ones(3)}
    merged = merge_lora(base, adapter)
    expected = base["cfm.estimator.to_q.weight"].float() + adapter[stem + UP].float() @ adapter[stem + DOWN].float()
    assert torch.equal(merged["cfm.estimator.to_q.weight"], expected.half()) and merged["bridge.0.bias"].all()
    assert not base["bridge.0.bias"].any()
    for wrong, word in (
        ({**adapter, "other": torch.ones(1)}, "other is not in the base"),
        ({stem + DOWN: torch.ones(2, 5), stem + UP: torch.ones(6, 2)}, r"low-rank pair gives \(6, 5\)"),
        ({stem + DOWN: torch.ones(2, 4)}, "gives None"),
        ({"bridge.0.bias": torch.ones(4)}, r"in the adapter \(4,\)"),
    ):
        with pytest.raises(CheckpointError, match=word):
            merge_lora(base, wrong)
