"""Tokens per second of the language model's decode loop beside Hugging Face ``generate`` on the same weights.

    python tools/bench/lm_decode.py --shapes tiny --tokens 100
    python tools/bench/lm_decode.py --shapes 0.6b --tokens 24 --rounds 2
    python tools/bench/lm_decode.py --shapes tiny 0.6b --baseline ../older_checkout --threads 1 --cpu

Both draw with top-k 15 and repetition penalty 1.35 after a prompt of the same length, in turn, in one process; the
best round counts (with ``--cpu`` by CPU time, so that other processes do not count). Ours is measured twice: with
float32 weights, and as it speaks by itself on this CPU (``qwen3_precision`` auto: float16 weights computed with in
float32, where the model is large enough). ``generate`` is measured twice, too: with the backbone's own output head over
words, and with the adapter's head of 1025 rows in its place. The weights are such as published models have, numbers of
bfloat16, which float16 holds too, so that all ways compute with the same ones.

With ``--baseline`` our loop alone is measured beside that of another checkout, each in processes of its own, in turn:
the plain decoder of now beside what that one decodes with. Prints a table, and a line of JSON.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from AR.backend import SamplingParams, T2SRequest
from AR.decode import decode
from AR.models import lm_half
from AR.models.lm_backbone import decoder_of
from AR.models.lm_folder import LMConfig
from AR.models.qwen3_t2s_model import Qwen3T2SModel

SHAPES: dict[str, dict[str, int]] = {
    "tiny": {
        "vocab_size": 1024,
        "hidden_size": 192,
        "intermediate_size": 576,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "head_dim": 48,
    },
    "0.6b": {
        "vocab_size": 151936,
        "hidden_size": 1024,
        "intermediate_size": 3072,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
    },
}
"""The pack's language model, and Qwen3-0.6B's shape with random weights."""
PROMPT = 150
TOP_K, PENALTY = 15, 1.35


def build(shape: dict[str, int], dtype: torch.dtype) -> tuple[Any, Qwen3T2SModel, Qwen3T2SModel | None]:
    """A random causal LM of a Qwen3 shape, the same weights in the text-to-semantic slot, and packed where that is to
    be had."""
    from transformers import AutoModelForCausalLM, Qwen3Config

    torch.manual_seed(0)
    config = Qwen3Config(**shape, tie_word_embeddings=True, max_position_embeddings=4096)
    causal = AutoModelForCausalLM.from_config(config, dtype=dtype).eval().requires_grad_(False)
    for parameter in causal.parameters():
        parameter.data = parameter.data.bfloat16().to(dtype)
    settings = LMConfig("random", text_mode="phones")
    stage = Qwen3T2SModel(decoder_of(causal), None, settings, trained=True).eval().requires_grad_(False)
    if not lm_half.available() or not lm_half.worthwhile(sum(p.numel() for p in stage.decoder.parameters())):
        return causal, stage, None
    decoder = copy.deepcopy(stage.decoder)
    lm_half.pack(decoder)
    packed = Qwen3T2SModel(decoder, None, settings, trained=True).eval().requires_grad_(False)
    for weight, tensor in stage.adapter_weights().items():
        packed.get_parameter(weight).copy_(tensor)
    return causal, stage, packed


def speak(stage: Qwen3T2SModel, tokens: int) -> int:
    """Our loop; returns the tokens made."""
    request = T2SRequest(torch.arange(PROMPT // 2) % 700, prompt=torch.arange(PROMPT - PROMPT // 2 - 2))
    params = SamplingParams(top_k=TOP_K, repetition_penalty=PENALTY, min_tokens=tokens, max_tokens=tokens, seed=1)
    return int(decode(stage, [request], params)[0].tokens.numel())


def generate(causal: Any, tokens: int) -> int:
    """Hugging Face's; returns the tokens made."""
    ids = torch.arange(PROMPT, device=causal.device)[None]
    out = causal.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=True,
        top_k=TOP_K,
        pad_token_id=0,
        repetition_penalty=PENALTY,
        min_new_tokens=tokens,
        max_new_tokens=tokens,
    )
    return int(out.shape[1]) - PROMPT


def best_rate(rounds: int, runs: Sequence[Callable[[], int]], clock: Callable[[], float]) -> list[float]:
    """Tokens per second of each, the best of ``rounds``, measured in turn after one warm-up."""
    rates = [0.0] * len(runs)
    for turn in range(rounds + 1):
        for index, run in enumerate(runs):
            begin = clock()
            made = run()
            if turn:
                rates[index] = max(rates[index], made / (clock() - begin))
    return rates


def measure(name: str, tokens: int, rounds: int, dtype: torch.dtype, clock: Callable[[], float]) -> dict[str, Any]:
    """All ways on one shape."""
    causal, stage, packed = build(SHAPES[name], dtype)
    words = causal.lm_head

    def with_head(head: Any) -> int:
        causal.lm_head = head
        return generate(causal, tokens)

    class SmallHead(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return stage.head(x.float())  # type: ignore[no-any-return]

    small = SmallHead()
    runs = {
        "generate": lambda: with_head(words),
        "generate_small_head": lambda: with_head(small),
        "float32": lambda: speak(stage, tokens),
    }
    if packed is not None:
        runs["auto"] = lambda: speak(packed, tokens)
    rates = dict(zip(runs, best_rate(rounds, list(runs.values()), clock), strict=True))
    parameters = sum(p.numel() for p in stage.parameters()) / 1e6
    return {"shape": name, "parameters_m": round(parameters, 1)} | {way: round(rate, 2) for way, rate in rates.items()}


def measure_own(name: str, tokens: int, rounds: int, dtype: torch.dtype, clock: Callable[[], float]) -> dict[str, Any]:
    """Our loop alone, as the checkout has it that is imported."""
    _, stage, packed = build(SHAPES[name], dtype)
    runs = {"float32": lambda: speak(stage, tokens)}
    if packed is not None:
        runs["auto"] = lambda: speak(packed, tokens)
    return dict(zip(runs, best_rate(rounds, list(runs.values()), clock), strict=True))


def beside(baseline: Path, arguments: Sequence[str], names: Sequence[str], rounds: int) -> list[dict[str, Any]]:
    """Both checkouts on every shape, in turn; the best of ``rounds`` processes each."""
    checkouts = {"now": Path(__file__).resolve().parents[2], "baseline": baseline.resolve()}
    rows = []
    for name in names:
        row: dict[str, Any] = {"shape": name}
        for _ in range(rounds):
            for which, checkout in checkouts.items():
                for way, rate in _child(checkout, [*arguments, "--shapes", name]).items():
                    row[f"{which} {way}"] = max(round(rate, 2), row.get(f"{which} {way}", 0.0))
        rows.append(row)
    return rows


def _child(checkout: Path, arguments: Sequence[str]) -> dict[str, float]:
    """:func:`measure_own` with the code of a checkout."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(checkout), str(checkout / "GPT_SoVITS")])}
    command = [sys.executable, __file__, "--own", "--rounds", "1", *arguments]
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(run.stdout.splitlines()[-1]))


def _passed_on(args: argparse.Namespace) -> list[str]:
    """The options that a child shares."""
    passed = ["--tokens", str(args.tokens), *(["--threads", str(args.threads)] if args.threads else [])]
    return passed + ["--cpu"] * args.cpu + ["--bf16"] * args.bf16


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--shapes", nargs="+", choices=sorted(SHAPES), default=["tiny"])
    parser.add_argument("--tokens", type=int, default=100, help="new tokens per run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--cpu", action="store_true", help="count CPU time")
    parser.add_argument("--bf16", action="store_true", help="weights in bfloat16")
    parser.add_argument("--baseline", type=Path, help="root of a checkout to compare our loop with")
    parser.add_argument("--own", action="store_true", help=argparse.SUPPRESS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    args = _parser().parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    dtype = torch.bfloat16 if args.bf16 else torch.float32
    clock = time.process_time if args.cpu else time.perf_counter
    if args.own:
        print(json.dumps(measure_own(args.shapes[0], args.tokens, args.rounds, dtype, clock)))
        return 0
    if args.baseline:
        rows = beside(args.baseline, _passed_on(args), args.shapes, args.rounds)
        for row in rows:
            for way in ("float32", "auto"):
                if f"baseline {way}" in row:
                    now, then = row[f"now {way}"], row[f"baseline {way}"]
                    print(f"{row['shape']:<6} {way:<8} now {now:7.1f}/s baseline {then:7.1f}/s {now / then:.2f} times")
        print(_summary(args, rows))
        return 0
    rows = [measure(name, args.tokens, args.rounds, dtype, clock) for name in args.shapes]
    ways = ("generate", "generate_small_head", "float32", "auto")
    print(f"{'shape':<6} {'params':>8}" + "".join(f"{way:>28}" for way in ways))
    for row in rows:
        cells = [f"{row[way]:.1f}/s ({row[way] / row['generate']:.2f})" if way in row else "-" for way in ways]
        print(f"{row['shape']:<6} {row['parameters_m']:7.1f}M" + "".join(f"{cell:>28}" for cell in cells))
    print(_summary(args, rows))
    return 0


def _summary(args: argparse.Namespace, rows: Sequence[dict[str, Any]]) -> str:
    """The line of JSON."""
    facts = {"torch": torch.__version__, "threads": torch.get_num_threads(), "tokens": args.tokens, "cpu": args.cpu}
    return json.dumps({"bench": "lm_decode", **facts, "rows": list(rows)})


if __name__ == "__main__":
    sys.exit(main())
