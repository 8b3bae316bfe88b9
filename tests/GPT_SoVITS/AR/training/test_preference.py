"""The optional preference loss: faulty copies, the loss itself, what it teaches, and that off means off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from AR.backend import EOS
from AR.data.clips import Clip
from AR.data.collate import IGNORE, Batch, collate
from AR.models.t2s_model import Text2SemanticDecoder, training_bias
from AR.training.config import GuidedSection
from AR.training.loss import T2STrainingModule
from AR.training.preference import MAX_STRETCH, corrupt, log_likelihood, preference

CONFIG = {"model": {"hidden_dim": 16, "head": 2, "linear_units": 32, "n_layer": 2, "phoneme_vocab_size": 30}}


def clip(phones: int, tokens: int, first: int = 0) -> Clip:
    """Tokens that all differ, so that a stretch can be told from any other."""
    return Clip("x", np.arange(1, phones + 1), np.arange(first, first + tokens), "s")


def rows_of(tokens: torch.Tensor, lens: torch.Tensor) -> list[list[int]]:
    return [row[:length].tolist() for row, length in zip(tokens, lens.tolist(), strict=True)]


def fault(true: list[int], false: list[int], cut: int) -> str:
    """What was done to a row of different tokens; the test fails where it is anything else."""
    assert false != true and false[:cut] == true[:cut]
    length = abs(len(false) - len(true))
    if len(false) > len(true):
        assert false[cut : cut + length] == true[cut - length : cut] and false[cut + length :] == true[cut:]
        return "repeated"
    assert false[cut:] == true[cut + length :] and false
    return "lost"


def test_a_copy_has_one_stretch_twice_or_not_at_all() -> None:
    """Whatever is padded: rows of one token up to long ones, alone and behind a prompt."""
    torch.manual_seed(0)
    prompt, target = clip(4, 30), clip(3, 20, first=500)
    batch = collate([(clip(9, 200),), (clip(1, 1),), (clip(2, 2),), (prompt, target), (clip(5, 12),)])
    kinds = set()
    for _ in range(60):
        worse = corrupt(batch, EOS)
        assert worse.tokens.shape[1] == int(worse.token_lens.max()) == worse.targets.shape[1] - 1
        false = rows_of(worse.tokens, worse.token_lens)
        for i, true in enumerate(rows_of(batch.tokens, batch.token_lens)):
            kinds.add((i, fault(true, false[i], int(worse.cut[i]))))
            assert set(false[i]) <= set(true), "no padding, no EOS, no token that the clip does not have"
            assert 1 <= abs(len(false[i]) - len(true)) <= MAX_STRETCH
            assert worse.tokens[i, len(false[i]) :].eq(EOS).all()
            assert worse.targets[i, : len(false[i]) + 1].tolist() == [*false[i], EOS]
            assert worse.targets[i, len(false[i]) + 1 :].eq(IGNORE).all()
        assert false[3][:30] == list(range(30)), "the prompt is not touched"
        assert len(false[3]) - 30 in range(10, 31)
    both = {(i, kind) for i in (0, 2, 3, 4) for kind in ("repeated", "lost")}
    assert kinds == both | {(1, "repeated")}, "a clip of one token is never lost"


def test_copies_follow_the_seed() -> None:
    batch = collate([(clip(9, 60),), (clip(5, 40),)])

    def copies(seed: int) -> list[list[list[int]]]:
        torch.manual_seed(seed)
        return [rows_of(worse.tokens, worse.token_lens) for worse in (corrupt(batch, EOS) for _ in range(5))]

    assert copies(3) == copies(3) != copies(4)
    assert len({str(copy) for copy in copies(3)}) > 1


@pytest.mark.golden
def test_the_loss_is_the_public_one(golden: Callable[[str], Any]) -> None:
    fixture = golden("t2s_v2")
    cases = [name.removesuffix("_term") for name in fixture.io if name.startswith("dpo_") and name.endswith("_term")]
    if not cases:
        pytest.skip("the fixture has no preference pass")
    for case in cases:
        chosen, rejected = (fixture.tensor(f"{case}_{member}_logp") for member in ("chosen", "reject"))
        torch.testing.assert_close(preference(chosen, rejected).mean(), fixture.tensor(f"{case}_term"))


def test_log_likelihood_counts_real_positions_after_the_cut() -> None:
    rows = torch.tensor([[True, True, True], [True, True, False]])
    picked = torch.tensor([-1.0, -2.0, -4.0, -8.0, -16.0], requires_grad=True)
    sums = log_likelihood(picked, rows, torch.tensor([1, 0]))
    assert sums.tolist() == [-6.0, -24.0]
    sums.sum().backward()
    assert picked.grad is not None and picked.grad.tolist() == [0.0, 1.0, 1.0, 1.0, 1.0]


def test_the_loss_does_not_depend_on_padding() -> None:
    """A row's margin alone is its margin beside a longer one, phones and tokens padded."""
    torch.manual_seed(0)
    module = T2STrainingModule(quiet_model(), 0.0, GuidedSection(), prefer=True)
    short, long = (clip(4, 10),), (clip(12, 40, first=100),)

    def margins(batch: Batch, generator: torch.Tensor) -> torch.Tensor:
        torch.set_rng_state(generator)
        rows = batch.targets != IGNORE
        bias = training_bias(batch.text_valid, batch.token_lens, batch.tokens.shape[1])
        log_probs = module._log_probs(batch, batch.tokens, bias, rows)
        return module._preference(batch, log_probs.gather(1, batch.targets[rows][:, None]).squeeze(1), rows)[1]

    state = torch.get_rng_state()
    together = margins(collate([short, long]), state)
    torch.set_rng_state(state)
    draws = torch.rand(3, 2).unbind(1)
    for row, drawn, margin in zip((short, long), draws, together, strict=True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, "rand", lambda *_, drawn=drawn: drawn[:, None])
            torch.testing.assert_close(margins(collate([row]), state)[0], margin, atol=1e-3, rtol=1e-4)


def quiet_model(dropout: float = 0.0) -> Text2SemanticDecoder:
    config = {"model": CONFIG["model"] | {"dropout": dropout, "position_dropout": dropout}}
    return Text2SemanticDecoder(config)


def speech(rng: np.random.Generator) -> Clip:
    """Four tokens a phone, each one of twelve: where tokens are uncertain, a clip with a hole is the likelier one."""
    phones = rng.integers(1, 9, int(rng.integers(5, 9)))
    return Clip("x", phones, (phones[:, None] * 12 + rng.integers(0, 12, (len(phones), 4))).ravel(), "s")


def margin(module: T2STrainingModule, batch: Batch, tries: int = 4) -> float:
    """By how many nats the true rows are likelier than faulty copies, mean; without dropout."""
    module.eval()
    torch.manual_seed(5)
    rows = batch.targets != IGNORE
    bias = training_bias(batch.text_valid, batch.token_lens, batch.tokens.shape[1])
    with torch.no_grad():
        log_probs = module._log_probs(batch, batch.tokens, bias, rows)
        picked = log_probs.gather(1, batch.targets[rows][:, None]).squeeze(1)
        found = [module._preference(batch, picked, rows)[1].mean() for _ in range(tries)]
    module.train()
    return float(torch.stack(found).mean())


def trained(prefer: bool, steps: int = 25) -> tuple[float, float, list[dict[str, float]]]:
    """(margin before and after, with copies of another seed; losses)."""
    torch.manual_seed(1)
    rng = np.random.default_rng(0)
    batch = collate([(speech(rng),) for _ in range(8)])
    module = T2STrainingModule(quiet_model(), 0.0, GuidedSection(), prefer=prefer)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-2)
    before, losses = margin(module, batch), []
    for _ in range(steps):
        out = module(batch)
        out["loss"].backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append({name: float(value.detach()) for name, value in out.items()})
    return before, margin(module, batch), losses


def test_training_with_it_prefers_true_sequences() -> None:
    before, after, losses = trained(prefer=True)
    without = trained(prefer=False)[1]
    assert after > before + 8 and after > without + 1.5
    first, last = (
        {name: float(np.mean([step[name] for step in part])) for name in losses[0]}
        for part in (losses[:5], losses[-5:])
    )
    assert last["preference"] < 0.5 * first["preference"] and last["preferred"] > first["preferred"]
    assert last["token_loss"] < 0.8 * first["token_loss"], "it still learns to speak"


def test_off_is_what_it_was() -> None:
    """Without the switch loss, gradients and the random numbers used are those of cross-entropy alone, bit for bit."""
    torch.manual_seed(0)
    module = T2STrainingModule(quiet_model(dropout=0.1), 0.1, GuidedSection(), token_noise=0.2)
    batch = collate([(clip(6, 12), clip(4, 8)), (clip(5, 9),)])
    torch.manual_seed(7)
    out = module(batch)
    state = torch.get_rng_state()
    assert out.keys() == {"loss", "token_loss", "count", "top3"}
    torch.manual_seed(7)
    noisy = module._heard(batch.tokens)
    bias = training_bias(batch.text_valid, batch.token_lens, batch.tokens.shape[1])
    rows = batch.targets != IGNORE
    hidden = module.model(batch.phones, batch.text_positions, noisy, bias, None)
    log_probs = F.log_softmax(module.model.ar_predict_layer(hidden[rows]), dim=-1)
    token_loss = -log_probs.gather(1, batch.targets[rows][:, None]).mean()
    assert torch.equal(out["loss"], 0.9 * token_loss - 0.1 * log_probs.mean())
    assert torch.equal(torch.get_rng_state(), state)


def test_evaluation_leaves_it_out() -> None:
    module = T2STrainingModule(quiet_model(), 0.0, GuidedSection(), prefer=True).eval()
    out = module(collate([(clip(5, 9),)]))
    assert "preference" not in out and torch.equal(out["loss"].detach(), out["token_loss"])
