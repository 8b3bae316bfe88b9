"""Losses: agreement with plain cross-entropy, guided attention on diagonals and alignments, weight averaging."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from AR.data.clips import Clip
from AR.data.collate import IGNORE, collate
from AR.errors import T2SError
from AR.models.t2s_model import Text2SemanticDecoder, training_bias
from AR.models.transformer import dropout
from AR.training.config import GuidedSection, OptimizerSection
from AR.training.ema import WeightAverage
from AR.training.loss import GuidedAttention, T2STrainingModule, off_diagonal
from AR.training.schedule import guided_weight, learning_rate
from AR.training.state import read_state, write_state

CONFIG = {"model": {"hidden_dim": 16, "head": 2, "linear_units": 32, "n_layer": 2, "phoneme_vocab_size": 30}}


def clip(phones: int, tokens: int, aligned: bool = False) -> Clip:
    alignment = np.arange(tokens) * phones // tokens if aligned else None
    return Clip("x", np.arange(1, phones + 1), np.arange(tokens), "s", None, alignment)


ROWS = [(clip(6, 12), clip(4, 8)), (clip(5, 9, aligned=True),)]


def test_token_loss_is_cross_entropy_over_real_positions() -> None:
    torch.manual_seed(0)
    module = T2STrainingModule(Text2SemanticDecoder(CONFIG), 0.1, GuidedSection()).eval()
    batch = collate(ROWS)
    out = module(batch)
    bias = training_bias(batch.text_valid, batch.token_lens, batch.tokens.shape[1])
    logits = module.model.ar_predict_layer(module.model(batch.phones, batch.text_positions, batch.tokens, bias))
    want = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORE)
    torch.testing.assert_close(out["token_loss"], want.detach())
    torch.testing.assert_close(out["loss"], want)
    assert int(out["count"]) == 21 + 10
    module.train()
    module.model.config = module.model.config.__class__(16, 2, 32, 2, phoneme_vocab_size=30, position_dropout=0.0)
    smoothed = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORE, label_smoothing=0.1)
    torch.testing.assert_close(module(batch)["loss"], smoothed)


def test_off_diagonal_is_per_clip() -> None:
    penalty = off_diagonal(collate(ROWS), width=0.2)
    assert penalty.shape == (2, 21, 10)
    assert float(penalty[0, 0, 0]) < 0.05 and float(penalty[0, 12, 6]) < 0.05, "both clips begin on their diagonal"
    assert float(penalty[0, 0, 6]) == 1.0 and float(penalty[0, 12, 0]) == 1.0, "the other clip is off limits"
    assert float(penalty[0, 11, 0]) > 0.9 and float(penalty[0, 20, 9]) < 0.2
    assert bool((penalty[1, :10, :5] == 1.0).all()), "padding is off limits"


@pytest.mark.parametrize("span", ["all", "text"])
def test_guidance_is_learned(span: str) -> None:
    """The guided head ends up on the diagonal or the alignment, whatever the tokens are."""
    torch.manual_seed(0)
    settings = GuidedSection(weight=1.0, layers=(1,), heads=1, span=span)
    module = T2STrainingModule(Text2SemanticDecoder(CONFIG), 0.0, settings)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-2)
    batch = collate(ROWS)
    losses = []
    for _ in range(100):
        out = module(batch, 5.0)
        out["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(out["guided"]))
    assert losses[-1] < 0.65 * losses[0]


def test_guidance_reads_the_aligned_phone() -> None:
    """A head that looks exactly at the aligned phones has almost no loss; one that looks elsewhere has much."""
    batch = collate([(clip(5, 9, aligned=True),)])
    bias = training_bias(batch.text_valid, batch.token_lens, 9)
    keys = torch.zeros(1, 1, 14, 5)
    keys[0, 0, :5] = 20.0 * torch.eye(5)
    columns = batch.target_column[0].clamp_min(0)

    def loss(wanted: torch.Tensor) -> float:
        queries = torch.zeros(1, 1, 14, 5)
        queries[0, 0, 4:] = torch.eye(5)[wanted]
        guide = GuidedAttention(batch, GuidedSection(weight=1.0, layers=(0,)), bias)
        guide.tap(0, queries, keys)
        guide.tap(1, queries, keys)
        assert len(guide.losses) == 1
        return float(guide.loss())

    assert loss(columns) < 0.2
    assert loss((columns + 2) % 5) > 5.0


def test_dropout_share_and_scale() -> None:
    torch.manual_seed(0)
    x = torch.ones(200, 501)
    dropped = dropout(x, 0.25)
    assert abs(float((dropped == 0).float().mean()) - 0.25) < 0.01
    assert abs(float(dropped.mean()) - 1.0) < 0.01


def test_schedules() -> None:
    settings = OptimizerSection(lr=1.0, lr_init=0.0, lr_end=0.1, warmup_steps=10)
    assert learning_rate(settings, 5, 0.0) == 0.5
    assert learning_rate(settings, 10, 0.0) == pytest.approx(1.0)
    assert learning_rate(settings, 99, 0.5) == pytest.approx(0.55)
    assert learning_rate(settings, 99, 7.0) == pytest.approx(0.1)
    guided = GuidedSection(weight=2.0, final_weight=0.0, decay_steps=100)
    assert [guided_weight(guided, step) for step in (0, 50, 100, 200)] == [2.0, 1.0, 0.0, 0.0]
    assert guided_weight(GuidedSection(weight=2.0), 10**6) == 2.0


def test_weight_average() -> None:
    layer = torch.nn.Linear(2, 2, bias=False)
    average = WeightAverage(layer, 0.9)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    for _ in range(100):
        average.update()
    with torch.no_grad():
        layer.weight.fill_(5.0)
    with average.applied():
        torch.testing.assert_close(layer.weight, torch.ones(2, 2), atol=1e-3, rtol=0)
    assert float(layer.weight[0, 0]) == 5.0


def test_state_file_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run" / "state.pt"
    assert read_state(path) is None
    write_state(path, {"value": 1})

    def broken(*args: object, **kwargs: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(OSError):
        write_state(path, {"value": 2})
    state = read_state(path)
    assert state is not None and state["value"] == 1
    assert [p.name for p in path.parent.iterdir()] == ["state.pt"]
    path.write_bytes(b"rubbish")
    with pytest.raises(T2SError, match="cannot be read as a training state"):
        read_state(path)
