"""What a run is said to take: presets by free memory, hours of speech, time."""

from __future__ import annotations

import pytest
import torch
from transformers import Qwen3Config

from AR.models.lm_backbone import GIB
from AR.training.lm_config import LMTrainConfig, parse_lm_config
from tools.teaching import plan

QWEN3_06B = {
    "vocab_size": 151936,
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
}


@pytest.fixture(scope="module")
def shape() -> Qwen3Config:
    return Qwen3Config(**QWEN3_06B, tie_word_embeddings=True)


@pytest.fixture(scope="module")
def config() -> LMTrainConfig:
    return parse_lm_config({"qwen3": {"tuning": "lora"}, "train": {}})


def test_less_memory_takes_a_smaller_preset(config: LMTrainConfig, shape: Qwen3Config) -> None:
    chosen = [plan.choose_preset(config, shape, int(gib * GIB), True) for gib in (2.0, 8.0, 24.0)]
    order = [plan.PRESETS.index(fit.preset) for fit in chosen]
    assert order == sorted(order, reverse=True) and order[0] > order[-1]
    assert all(fit.fits and fit.gib <= gib for fit, gib in zip(chosen, (2.0, 8.0, 24.0), strict=True))


def test_too_little_memory_is_said(config: LMTrainConfig, shape: Qwen3Config) -> None:
    fit = plan.choose_preset(config, shape, GIB // 2, True)
    assert not fit.fits and fit.preset is plan.PRESETS[-1]
    assert plan.choose_preset(config, shape, None, True).preset is plan.PRESETS[0]


def test_a_preset_keeps_a_whole_fine_tune(config: LMTrainConfig) -> None:
    full = parse_lm_config({"qwen3": {"tuning": "full"}})
    assert plan.PRESETS[-1].on(full).qwen3.tuning == "full"
    assert plan.PRESETS[-1].on(config).qwen3.tuning == "frozen"


def test_every_preset_has_batches_of_about_the_same_size() -> None:
    assert {round(p.batch_tokens * p.gradient_accumulation, -3) for p in plan.PRESETS} == {8000}


def test_a_list_is_spoken_until_the_hours_are_there() -> None:
    texts = ["Twenty characters ok"] * 100  # 130 seconds
    assert plan.seeds_for(texts, "en", 0.01) == [1]
    assert len(plan.seeds_for(texts, "en", 1.0)) == 28
    assert plan.list_seconds(["一二三四五"], "all_zh") > plan.list_seconds(["abcde"], "en")


def test_time_grows_with_work() -> None:
    base = plan.training_operations(1.0, 2, 1000, "lora", False)
    assert plan.training_operations(2.0, 2, 1000, "lora", False) == 2 * base
    assert plan.training_operations(1.0, 2, 1000, "lora", True) > base
    assert plan.training_operations(1.0, 2, 1000, "full", False) > base
    assert plan.measured_operations(torch.device("cpu"), torch.float32, 64) > 1e6


@pytest.mark.parametrize(("seconds", "told"), [(5, "5 s"), (120, "2 min"), (7200, "2.0 h")])
def test_durations(seconds: float, told: str) -> None:
    assert plan.told_time(seconds) == told
