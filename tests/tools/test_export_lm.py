"""Exported language model folders: what an engine computes with them is what this project computes without them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from AR.backend import EOS, SamplingParams, T2SRequest
from AR.decode import decode
from AR.errors import LMUnavailable
from AR.models.lm_manifest import LONGEST, START, LMManifest, symbols_fingerprint
from AR.models.qwen3_t2s_model import sine_codes
from plugins.vllm_gsv.vllm_gsv.places import Ids, place_codes, row_positions
from tools import export_lm

tiny_lm: Callable[..., Any] = pytest.importorskip("tests.GPT_SoVITS.AR.conftest").tiny_lm


def request(prompt: int = 7) -> T2SRequest:
    g = torch.Generator().manual_seed(1)
    tokens = torch.randint(0, 1024, (prompt,), generator=g) if prompt else None
    return T2SRequest(torch.randint(0, 40, (9,), generator=g), None, tokens, "the lazy dog", "hello")


def served_logits(folder: Path, ids: list[int], generated: list[int]) -> torch.Tensor:
    """Logits [V] after a row and tokens that followed it, computed as the classes of plugins/vllm_gsv do."""
    from transformers import AutoConfig, AutoModelForCausalLM

    content = json.loads((folder / "config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    config = AutoConfig.from_pretrained(folder)
    decoder = AutoModelForCausalLM.from_config(config).model.eval()
    decoder.load_state_dict({n.removeprefix("model."): t for n, t in weights.items() if n.startswith("model.")})
    kinds = Ids.of(content["gsv"])
    positions, delta = row_positions(ids, kinds)
    more = torch.arange(len(ids), len(ids) + len(generated)) + delta  # as vLLM counts on
    positions = torch.cat((positions, more.expand(3, -1)), dim=1)
    row = torch.tensor(ids + generated)
    x = weights["model.embed_tokens.weight"][row]
    x = x + place_codes(row, positions[1], kinds, weights["position_gain"], x.shape[1])
    hidden = decoder(inputs_embeds=x[None], position_ids=positions[:1]).last_hidden_state[0, -1]
    return weights["lm_head.weight"] @ hidden


@pytest.mark.parametrize("kind", ["qwen3", "qwen2", "llama"])
@pytest.mark.parametrize("prompt", [0, 7])
@torch.no_grad()
def test_a_served_row_has_our_logits(kind: str, prompt: int, tmp_path: Path) -> None:
    model, asked = tiny_lm(kind), request(prompt)
    manifest = export_lm.export(model, tmp_path)
    assert manifest.places and LMManifest.read(tmp_path) == manifest
    said = [5, 900, 31, 31]
    state, ours = model.prefill([asked])
    ids = manifest.prompt_ids(model.row_ids(asked))
    torch.testing.assert_close(served_logits(tmp_path, ids, []), ours[0], atol=2e-3, rtol=1e-3)
    for count, token in enumerate(said, start=1):
        ours = model.step(state, torch.tensor([token]))
        served = [manifest.semantic + one for one in said[:count]]
        torch.testing.assert_close(served_logits(tmp_path, ids, served), ours[0], atol=2e-3, rtol=1e-3)


@torch.no_grad()
def test_without_place_codes_it_is_a_plain_causal_lm(tmp_path: Path) -> None:
    """transformers alone, which knows nothing of this project, decodes the same tokens greedily."""
    from transformers import AutoModelForCausalLM

    model, asked = tiny_lm("qwen3"), request()
    model.position_gain.zero_()
    manifest = export_lm.export(model, tmp_path)
    assert not manifest.places
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == ["Qwen3ForCausalLM"] and "gsv" not in config
    plain = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    ours = decode(model, [asked], SamplingParams(top_k=1, repetition_penalty=1.0, min_tokens=0, max_tokens=20))[0]
    ids = manifest.prompt_ids(model.row_ids(asked))
    for token in ours.tokens.tolist():
        speech = plain(torch.tensor([ids])).logits[0, -1, manifest.semantic : manifest.eos + 1]
        assert int(speech.argmax()) == token
        ids.append(manifest.semantic + token)
    assert ours.tokens.numel() > 5


def test_ids_of_the_one_vocabulary(tmp_path: Path) -> None:
    manifest = LMManifest(words=300, phone_count=40, codebook="abc")
    assert (manifest.phones, manifest.semantic, manifest.eos) == (302, 342, 342 + EOS)
    assert manifest.size % 64 == 0 and manifest.size > manifest.eos
    assert manifest.token_of(342) == 0 and manifest.token_of(manifest.eos) == EOS
    assert manifest.token_of(341) is None and manifest.token_of(manifest.eos + 1) is None
    manifest.write(tmp_path)
    assert LMManifest.read(tmp_path) == manifest
    other = LMManifest(words=300, phone_count=40, codebook="abd")
    assert other.fingerprint != manifest.fingerprint
    content = json.loads((tmp_path / "gsv_manifest.json").read_text()) | {"codebook": "abd"}
    (tmp_path / "gsv_manifest.json").write_text(json.dumps(content))
    with pytest.raises(LMUnavailable, match="fingerprint"):
        LMManifest.read(tmp_path)


def test_place_codes_are_those_of_the_model() -> None:
    kinds = Ids(phones=302, semantic=342, start=START)
    ids = [5, 6, 300, 302, 303, 304, 301, 342, 343]
    positions, delta = row_positions(ids, kinds)
    assert positions[0].tolist() == list(range(START - 7, START + 2)) and delta == START - 7
    assert positions[1].tolist() == [0, 0, 0, 0, 1, 2, 0, START, START + 1]
    codes = place_codes(torch.tensor(ids), positions[1], kinds, torch.tensor([2.0, 3.0]), 7)
    assert not codes[[0, 1, 2, 6]].any()
    torch.testing.assert_close(codes[3:6], 2 * sine_codes(torch.arange(3), 7))
    torch.testing.assert_close(codes[7:], 3 * sine_codes(torch.arange(2), 7))


def test_a_row_that_is_too_long_ends_no_engine() -> None:
    """The client refuses it; an engine that gets it all the same has positions within its tables."""
    kinds = Ids(phones=302, semantic=342, start=START)
    positions, _ = row_positions([5] * (START + 50), kinds)
    assert int(positions.min()) == 0 and int(positions.max()) < START + LONGEST
    long = T2SRequest(torch.zeros(START, dtype=torch.int64), text="hello")
    model = tiny_lm()
    with pytest.raises(LMUnavailable, match="too long"):
        LMManifest.of_config(model.config).prompt_ids(model.row_ids(long))


def test_the_phone_symbols_are_in_the_manifest() -> None:
    from text.symbol_tables import symbols_for

    assert export_lm.manifest_of(tiny_lm()).symbols_fingerprint == symbols_fingerprint(symbols_for("v2"))
    assert symbols_fingerprint(["a", "b"]) != symbols_fingerprint(["b", "a"])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny_lm("llama").save_pretrained(tmp_path / "stage")
    assert export_lm.main([str(tmp_path / "stage"), str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "vllm serve" in said and LMManifest.read(tmp_path / "out").fingerprint in said
    tiny_lm("gemma3").save_pretrained(tmp_path / "gemma")
    assert export_lm.main([str(tmp_path / "gemma"), str(tmp_path / "out2")]) == 2
    assert "gemma3_text backbone cannot be exported" in capsys.readouterr().err
    assert export_lm.main([str(tmp_path / "nothing"), str(tmp_path / "out3")]) == 2
    assert "vllm" not in sys.modules
