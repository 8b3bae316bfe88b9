"""The language model stage: rows, batches, fast path, folders. Tiny random backbones of every supported class."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from AR.backend import EOS, SamplingParams, T2SRequest
from AR.decode import decode, stream_decode
from AR.errors import LMUnavailable, T2SError
from AR.models import lm_backbone, lm_rows
from AR.models.lm_folder import codebook_fingerprint, parameters_of, shape_fingerprint
from AR.models.qwen3_t2s_model import Qwen3T2SModel

KINDS = ("qwen3", "qwen2", "llama", "gemma3", "mistral")
"""Of Gemma 3 one layer in two has a window, of Mistral every layer; both are shorter than the rows here."""
GREEDY = SamplingParams(top_k=1, seed=0, max_tokens=40, repetition_penalty=1.2)


def make_requests() -> list[T2SRequest]:
    g = torch.Generator().manual_seed(1)

    def ids(n: int, high: int) -> Tensor:
        return torch.randint(0, high, (n,), generator=g)

    return [
        T2SRequest(ids(9, 40), None, ids(7, 1024), "the lazy dog", "hello"),
        T2SRequest(ids(23, 40), None, None, "jumps over the quick brown fox again"),
        T2SRequest(ids(4, 40), None, ids(15, 1024), "a", "world again"),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_batched_logits_equal_single(kind: str, make_lm: Callable[..., Any]) -> None:
    model, requests = make_lm(kind), make_requests()
    forced = torch.randint(0, 1024, (30, 3), generator=torch.Generator().manual_seed(2))
    state, logits = model.prefill(requests)
    together = [logits] + [model.step(state, tokens) for tokens in forced]
    for row, request in enumerate(requests):
        state, logits = model.prefill([request])
        alone = [logits] + [model.step(state, tokens[row : row + 1]) for tokens in forced]
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[row], b[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_single_batched_streamed_and_plain_give_the_same_tokens(kind: str, make_lm: Callable[..., Any]) -> None:
    model, requests = make_lm(kind), make_requests()
    assert model.backbone.plain is not None
    whole = [r.tokens.tolist() for r in decode(model, requests, GREEDY)]
    assert [decode(model, [r], GREEDY)[0].tokens.tolist() for r in requests] == whole
    streamed: list[list[int]] = [[] for _ in requests]
    for chunk in stream_decode(model, requests, GREEDY, chunk_tokens=5):
        streamed[chunk.row] += chunk.tokens.tolist()
    assert streamed == whole
    model.backbone.through_transformers = True
    assert [r.tokens.tolist() for r in decode(model, requests, GREEDY)] == whole


@pytest.mark.parametrize("kind", KINDS)
def test_steps_equal_the_whole_row_at_once(kind: str, make_lm: Callable[..., Any]) -> None:
    """Decoding with the cache gives what training's forward gives for the same row."""
    model, request = make_lm(kind), make_requests()[0]
    tokens = torch.randint(0, 1024, (40,), generator=torch.Generator().manual_seed(3))
    state, logits = model.prefill([request])
    stepped = torch.cat([logits] + [model.step(state, t[None]) for t in tokens])
    row = lm_rows.with_tokens(model.row_ids(request), tokens.tolist())
    ids, kinds = lm_rows.left_pad([row])
    with torch.no_grad():
        whole = model.head(model.hidden_states(ids, kinds)[0, -len(tokens) - 1 :])
    torch.testing.assert_close(stepped, whole, atol=1e-4, rtol=1e-4)


def test_row_layout_and_text_modes(make_lm: Callable[..., Any]) -> None:
    request = make_requests()[0]
    both = make_lm(text_mode="bpe+phones").row_ids(request)
    counts = {kind: int((both.kinds == kind).sum()) for kind in range(5)}
    assert counts[lm_rows.PHONE] == 9 and counts[lm_rows.SEMANTIC] == 7 and counts[lm_rows.MARKER] == 2
    order = [kind for i, kind in enumerate(both.kinds.tolist()) if i == 0 or kind != both.kinds[i - 1]]
    assert order == [lm_rows.BPE, lm_rows.MARKER, lm_rows.PHONE, lm_rows.MARKER, lm_rows.SEMANTIC]
    assert not (make_lm(text_mode="phones").row_ids(request).kinds == lm_rows.BPE).any()
    assert not (make_lm(text_mode="bpe").row_ids(request).kinds == lm_rows.PHONE).any()
    assert lm_rows.join_texts("Hi.", "You") == "Hi. You" and lm_rows.join_texts("好。", "你") == "好。你"


def test_new_tables_have_the_backbones_scale(make_lm: Callable[..., Any]) -> None:
    for kind in KINDS:
        model = make_lm(kind)
        ratio = float(model.semantic_embedding.weight.std()) / model.embedding_scale()
        assert 0.9 < ratio < 1.1


def test_untrained_adapter_never_speaks(make_lm: Callable[..., Any]) -> None:
    with pytest.raises(LMUnavailable, match="untrained") as caught:
        decode(make_lm(trained=False), make_requests()[:1], GREEDY)
    assert caught.value.reason == "no_adapter"


def test_bad_requests(make_lm: Callable[..., Any]) -> None:
    model = make_lm()
    with pytest.raises(T2SError, match="phone ids"):
        decode(model, [T2SRequest(torch.tensor([99]))], GREEDY)
    with pytest.raises(T2SError, match="prompt tokens"):
        decode(model, [T2SRequest(torch.tensor([1]), prompt=torch.tensor([EOS]))], GREEDY)
    with pytest.raises(T2SError, match="words only"):
        decode(make_lm(text_mode="bpe"), [T2SRequest(torch.tensor([1]))], GREEDY)


def test_folder_round_trip(make_lm: Callable[..., Any], tmp_path: Path) -> None:
    model, requests = make_lm("qwen3"), make_requests()
    model.save_pretrained(tmp_path, {"steps": 3})
    assert not list(tmp_path.rglob("*.bin")) and not list(tmp_path.rglob("*.pt"))
    again = Qwen3T2SModel.from_pretrained(tmp_path)
    assert again.trained and again.config.training["steps"] == 3
    want = [r.tokens.tolist() for r in decode(model, requests, GREEDY)]
    assert [r.tokens.tolist() for r in decode(again, requests, GREEDY)] == want


def test_adapter_problems_are_named(make_lm: Callable[..., Any], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    make_lm("qwen3").save_pretrained(tmp_path, {"steps": 1})
    weights = load_file(tmp_path / "adapter.safetensors")
    del weights["head.weight"]
    save_file(weights | {"extra": torch.zeros(1)}, tmp_path / "adapter.safetensors")
    with pytest.raises(LMUnavailable, match=r"missing \(head.weight\); 1 unexpected \(extra\)") as caught:
        Qwen3T2SModel.from_pretrained(tmp_path)
    assert caught.value.reason == "adapter_mismatch"
    (tmp_path / "adapter.safetensors").unlink()
    with pytest.raises(LMUnavailable) as caught:
        Qwen3T2SModel.from_pretrained(tmp_path)
    assert caught.value.reason == "no_adapter"


def test_other_shape_codebook_or_symbols_are_refused(make_lm: Callable[..., Any], tmp_path: Path) -> None:
    make_lm("qwen3").save_pretrained(tmp_path, {"steps": 1})
    path = tmp_path / "t2s_config.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"codebook": "aaaa"}))
    with pytest.raises(LMUnavailable) as caught:
        Qwen3T2SModel.from_pretrained(tmp_path, codebook="bbbb")
    assert caught.value.reason == "codebook_mismatch"
    with pytest.raises(LMUnavailable) as caught:
        Qwen3T2SModel.from_pretrained(tmp_path, symbols="v1")
    assert caught.value.reason == "adapter_mismatch"
    content["fingerprint"]["hidden_size"] = 64
    path.write_text(json.dumps(content))
    with pytest.raises(LMUnavailable, match="hidden_size 32 .adapter: 64.") as caught:
        Qwen3T2SModel.from_pretrained(tmp_path)
    assert caught.value.reason == "adapter_mismatch"


def test_codebook_fingerprint_survives_half_precision() -> None:
    entries = torch.randn(1024, 8)
    assert codebook_fingerprint(entries) == codebook_fingerprint(entries.half().float())
    assert codebook_fingerprint(entries) != codebook_fingerprint(entries + 0.1)


def test_memory_is_judged_before_loading(
    make_lm: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_lm("qwen3").save_pretrained(tmp_path, {"steps": 1})
    monkeypatch.setattr(lm_backbone, "free_memory", lambda device: 1000)
    monkeypatch.setattr(lm_backbone, "_load_decoder", lambda *a: pytest.fail("it was loaded"))
    with pytest.raises(LMUnavailable, match="needs .* are free") as caught:
        Qwen3T2SModel.from_pretrained(tmp_path)
    assert caught.value.reason == "out_of_memory"
    monkeypatch.undo()
    assert (lm_backbone.free_memory(torch.device("cpu")) or 1) > 0


def test_seven_billion_parameters_are_counted_without_loading(tmp_path: Path) -> None:
    from transformers import Qwen2Config

    Qwen2Config(
        vocab_size=152064,
        hidden_size=3584,
        intermediate_size=18944,
        num_hidden_layers=28,
        num_attention_heads=28,
        num_key_value_heads=4,
    ).save_pretrained(tmp_path)
    config = lm_backbone.read_config(tmp_path)
    count = lm_backbone.parameter_count(config)
    assert 7.0e9 < count < 7.2e9  # without the output head over words
    assert parameters_of(shape_fingerprint(config)) == pytest.approx(count, rel=1e-3)
    assert parameters_of({"hidden_size": 64}) is None
    with pytest.raises(LMUnavailable, match=r"needs \d+\.\d GiB in float32 on cpu, \d+\.\d GiB are free") as caught:
        lm_backbone.check_memory(count * 100, torch.device("cpu"), torch.float32, "Qwen/Qwen2-7B")
    assert caught.value.reason == "out_of_memory"


def test_missing_folder_and_strange_names() -> None:
    for name in ("/nowhere/model", "no-such-model", "./x/y"):
        with pytest.raises(LMUnavailable) as caught:
            lm_backbone.locate(name)
        assert caught.value.reason == "weights_missing"


def test_language_model_classes_are_not_imported_unless_used() -> None:
    code = (
        "import sys; import AR.models.qwen3_t2s_model, AR.decode, AR.models.t2s_model; "
        "sys.exit(any(m.startswith(('transformers.models.', 'peft')) for m in sys.modules))"
    )
    root = Path(__file__).parents[4]
    done = subprocess.run([sys.executable, "-c", code], cwd=root / "GPT_SoVITS", check=False, timeout=120)
    assert done.returncode == 0
