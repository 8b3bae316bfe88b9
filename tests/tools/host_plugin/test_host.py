"""The plugin in the stand-in host, each in a process of its own: it speaks, falls, and is not there when it is off."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from AR.backend import SamplingParams, T2SRequest
from AR.checked import decode_checked
from AR.models.qwen3_t2s_model import Qwen3T2SModel
from config import PACK_DIR
from tests.tools.host_plugin.standin import HOST_PYTHON, PROMPT_TEXT, TEXTS, StandIn, phone_table

PROMPT = [(7 * n) % 1024 for n in range(60)]
WAYS: dict[str, dict[str, Any]] = {
    "batched": {"texts": list(TEXTS), "prompt": PROMPT, "seed": 3},
    "naive": {"texts": list(TEXTS), "prompt": PROMPT, "seed": 4, "parallel_infer": False},
    "reference_free": {"texts": list(TEXTS), "prompt": None, "seed": 5},
    "graph": {"texts": [TEXTS[0]], "prompt": PROMPT, "seed": 6, "graph": True},
    "streaming": {"texts": [TEXTS[0]], "prompt": PROMPT, "seed": 7, "streaming_mode": True},
}
OTHER_TORCH = bool(HOST_PYTHON)
OLDER = [name for name in WAYS if name != "streaming"]


def steps(names: list[str], **settings: Any) -> list[dict[str, Any]]:
    return [{"prompt_text": PROMPT_TEXT, **WAYS[name], **settings} for name in names]


ON = {"use_qwen3": True, "qwen3_model_name": "lm", "qwen3_strict": False}
MISSING = {"use_qwen3": True, "qwen3_model_name": "/no/such/folder"}


@pytest.fixture(scope="module")
def plain(make_host: Callable[..., StandIn]) -> list[dict[str, Any]]:
    """Every way in a host without the plugin; the older decoder draws the same numbers."""
    return make_host().drive(*steps(list(WAYS)))[0]


@pytest.fixture(scope="module")
def ran(host: StandIn) -> tuple[dict[str, list[dict[str, Any]]], str]:
    """One process that goes through everything, by what was done; and what it told."""
    parts = {
        "off": steps(list(WAYS)),
        "missing": steps(list(WAYS), **MISSING),
        "on": steps(list(WAYS), **ON),
        "likeliest": steps(["batched"], **ON, top_k=1),
        "off again": steps(["batched"], use_qwen3=False),
        "broken": [*steps(["naive"], **ON, break_after=5), *steps(["streaming"], **ON, break_after=30)],
        "strict": steps(["batched"], use_qwen3=True, qwen3_model_name="none/such", qwen3_strict=True),
    }
    found, told = host.drive(*(step for part in parts.values() for step in part))
    by_part, left = {}, iter(found)
    for name, part in parts.items():
        by_part[name] = [next(left) for _ in part]
    return by_part, told


def tokens(found: list[dict[str, Any]]) -> list[Any]:
    """What was spoken, and where torch's generator stood then."""
    return [(one["spoken"], one["rng"]) for one in found]


Ran = tuple[dict[str, list[dict[str, Any]]], str]


def test_it_changes_nothing_while_it_is_off(ran: Ran, plain: list[dict[str, Any]]) -> None:
    assert tokens(ran[0]["off"]) == tokens(plain)


def test_a_missing_model_gives_what_the_plain_host_gives_and_says_why(ran: Ran, plain: list[dict[str, Any]]) -> None:
    found, told = ran[0]["missing"], ran[1]
    assert tokens(found) == tokens(plain)
    assert {one["reason"] for one in found} == {"weights_missing"}
    assert told.count("/no/such/folder") == 1  # each cause once


def test_an_older_host_is_unchanged_too(older_host: StandIn, plain: list[dict[str, Any]]) -> None:
    found, _ = older_host.drive(*steps(OLDER), *steps(OLDER, **MISSING))
    assert tokens(found) == tokens(plain[:4]) * 2
    assert [one["reason"] for one in found] == [None] * 4 + ["weights_missing"] * 4


@functools.lru_cache(maxsize=1)
def pack_model() -> Qwen3T2SModel:
    return Qwen3T2SModel.from_pretrained(PACK_DIR / "lm")


def expected(names: tuple[str, ...], prompt: list[int] | None, seed: int, top_k: int = 5) -> list[list[int]]:
    """What our own tree speaks for the host's requests."""
    table = phone_table()
    read = {text: [table["ids"][name] for name in phones] for text, (phones, _) in table["texts"].items()}
    norm = {text: words for text, (_, words) in table["texts"].items()}
    before = read[PROMPT_TEXT] if prompt else []
    requests = [
        T2SRequest(
            torch.tensor(before + read[text]),
            None,
            None if prompt is None else torch.tensor(prompt),
            norm[text],
            norm[PROMPT_TEXT] if prompt else "",
            len(before),
        )
        for text in names
    ]
    torch.manual_seed(seed)
    drawn = int(torch.randint(0, 2**31, (1,)))
    results = decode_checked(pack_model(), requests, SamplingParams(top_k=top_k, seed=drawn))
    return [result.tokens.tolist() for result in results]


def check_drawn(spoken: list[list[int]], names: tuple[str, ...], prompt: list[int] | None, seed: int) -> None:
    """What our own tree speaks; with another torch, whose drawn numbers are others, speech tokens at least."""
    if OTHER_TORCH:
        assert len(spoken) == len(names) and all(len(row) > 12 and 0 <= min(row) <= max(row) < 1024 for row in spoken)
    else:
        assert spoken == expected(names, prompt, seed)


def test_it_speaks_the_tokens_of_our_own_tree(ran: Ran) -> None:
    found = ran[0]["on"]
    check_drawn(found[0]["spoken"], TEXTS, PROMPT, 3)
    for number in range(2):
        check_drawn(found[1]["spoken"][number : number + 1], TEXTS[number : number + 1], PROMPT, 4)
    check_drawn(found[2]["spoken"], TEXTS, None, 5)
    check_drawn(found[3]["spoken"], TEXTS[:1], PROMPT, 6)
    assert all(one["reason"] is None for one in found)


def test_its_likeliest_tokens_are_those_of_our_own_tree(ran: Ran) -> None:
    """Nothing is drawn: the same under every torch, whose drawn numbers change from version to version."""
    [found] = ran[0]["likeliest"]
    assert found["reason"] is None and found["spoken"] == expected(TEXTS, PROMPT, 3, top_k=1)


def test_a_stream_gives_the_same_tokens_in_chunks(ran: Ran) -> None:
    chunks = ran[0]["on"][4]["spoken"]
    assert len(chunks) > 1
    check_drawn([sum(chunks, [])], TEXTS[:1], PROMPT, 7)


def test_it_can_be_switched_off_while_running(ran: Ran, plain: list[dict[str, Any]]) -> None:
    assert tokens(ran[0]["off again"]) == tokens(plain[:1])


def test_a_fall_while_speaking(ran: Ran, plain: list[dict[str, Any]]) -> None:
    """A whole result is spoken again by the AR model; a stream goes on from what was given out."""
    whole, stream = ran[0]["broken"]
    assert whole["reason"] == stream["reason"] == "numerical_error"
    assert whole["spoken"] == plain[1]["spoken"]
    assert stream["spoken"][0] == ran[0]["on"][4]["spoken"][0]
    assert len(sum(stream["spoken"], [])) >= 24 + 12


def test_strict_gives_the_error(ran: Ran) -> None:
    assert "none/such" in ran[0]["strict"][0]["error"]


def test_a_stage_of_another_voice_is_refused(make_host: Callable[..., StandIn], pack_codebook: torch.Tensor) -> None:
    other = make_host(installed=True)
    torch.save(pack_codebook + 1, other.root / "GPT_SoVITS" / "module" / "codebook.pt")
    (found,), _ = other.drive(*steps(["batched"], use_qwen3=True, qwen3_model_name="lm"))
    assert found["reason"] == "codebook_mismatch"


def test_yaml_keys_win_over_the_environment_and_survive_a_rewrite(host: StandIn, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    wish = {"use_qwen3": True, "qwen3_model_name": "lm", "t2s_weights_path": "s1.ckpt"}
    path.write_text(yaml.safe_dump({"custom": wish}), encoding="utf-8")
    (found,), told = host.drive(
        *steps(["naive"], config=str(path)),
        qwen3_model_name="/no/such",
        qwen3_precision="float32",
        qwen3_strict="perhaps",
    )
    assert found["reason"] is None
    check_drawn(found["spoken"][:1], TEXTS[:1], PROMPT, 4)
    kept = yaml.safe_load(path.read_text(encoding="utf-8"))["custom"]
    assert kept["use_qwen3"] is True and kept["qwen3_model_name"] == "lm"
    assert "qwen3_precision" not in kept  # from the environment: not made permanent
    assert "qwen3_strict is 'perhaps'" in told and "yes" in told  # a wrong one is told, and the host starts


CHECKBOX = "使用Qwen3增强文本理解 (Use Qwen3 for enhanced text understanding)"


def test_the_page_with_functions_of_its_own(host: StandIn) -> None:
    """Its checkbox, and its words: they are seen from the second text on at the latest."""
    pytest.importorskip("gradio")
    asked = {"prompt": PROMPT, "prompt_text": PROMPT_TEXT, "text": TEXTS[0], "seed": 6}
    found, _ = host.run("GPT_SoVITS/inference_webui.py", json.dumps(asked), use_qwen3="1", qwen3_model_name="lm")
    assert CHECKBOX in found["labels"] and "语言模型 (Language model)" in found["labels"]
    check_drawn(found["spoken"][1:2], TEXTS[:1], PROMPT, 6)


@pytest.mark.slow
def test_the_page_over_the_pipeline(host: StandIn) -> None:
    pytest.importorskip("gradio")
    asked = {**steps(["batched"])[0]}
    found, _ = host.run("GPT_SoVITS/inference_webui_fast.py", json.dumps(asked), use_qwen3="1", qwen3_model_name="lm")
    assert CHECKBOX in found["labels"]
    check_drawn(found["spoken"], TEXTS, PROMPT, 3)


TRAINER = """import json, sys
print("RESULT", json.dumps(sys.argv[1:]), flush=True)
"""


def test_training_is_handed_to_the_trainer_of_the_tree(make_host: Callable[..., StandIn], tmp_path: Path) -> None:
    other = make_host(installed=True)
    manifest = other.root / "GPT_SoVITS" / "gsv_lm" / "manifest.json"
    trainer = tmp_path / "GPT_SoVITS" / "s1_train.py"
    trainer.parent.mkdir()
    trainer.write_text(TRAINER, encoding="utf-8")
    content = json.loads(manifest.read_text(encoding="utf-8")) | {"home": str(tmp_path), "python": sys.executable}
    manifest.write_text(json.dumps(content), encoding="utf-8")
    config = {
        "train_phoneme_path": "logs/me/2-name2text.txt",
        "train_semantic_path": "logs/me/6-name2semantic.tsv",
        "train": {"exp_name": "me"},
        "model": {"phoneme_vocab_size": 732},
    }
    (other.root / "tmp_s1.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    script = ("GPT_SoVITS/s1_train.py", "--config_file", "tmp_s1.yaml")
    command, _ = other.run(*script, qwen3_enable_training="true", qwen3_model_name="Qwen/Qwen3-0.6B")
    assert str(other.root / "logs" / "me") in command
    assert f"train.output_root={other.root / 'GPT_weights_qwen3'}" in command
    assert "qwen3.model_name=Qwen/Qwen3-0.6B" in command
    trainer.unlink()
    found, told = other.run(*script, qwen3_enable_training="true")
    assert found == "the AR model was trained" and "is gone" in told
