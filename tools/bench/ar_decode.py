"""Tokens per second of the AR model at its published size (24 layers of width 512), beside another checkout's.

    python tools/bench/ar_decode.py --rows 1 8 --baseline ../older_checkout
    python tools/bench/ar_decode.py --stage lm-0.6b --rows 1 8     # eight rows beside eight single ones
    python tools/bench/ar_decode.py --tiny

Each checkout speaks in processes of its own, in turn, and its best round counts. Weights are random ones as published
files hold them (float16), loaded as the pipeline loads them; each row has 60 phones and 75 prompt tokens and draws
with top-k 15 and repetition penalty 1.35. Prints a table, and a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PUBLISHED = {
    "hidden_dim": 512,
    "embedding_dim": 512,
    "head": 16,
    "linear_units": 2048,
    "n_layer": 24,
    "phoneme_vocab_size": 732,
}
TINY = PUBLISHED | {"n_layer": 2}


def ar_model(tiny: bool) -> Any:
    """The AR model with weights as published files hold them, as the pipeline loads it."""
    import torch

    from AR.models.t2s_model import Text2SemanticDecoder

    torch.manual_seed(0)
    model: Any = Text2SemanticDecoder({"model": TINY if tiny else PUBLISHED}).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.data = parameter.data.half().float()
    if hasattr(model, "pack"):  # as load_t2s does; older checkouts have no such thing
        model.pack()
    return model


def language_model(tiny: bool) -> Any:
    """A language model of Qwen3-0.6B's shape (fewer words: they are not read in a step), packed as on this CPU."""
    import torch
    from transformers import AutoModelForCausalLM, Qwen3Config

    from AR.models import lm_half
    from AR.models.lm_backbone import decoder_of
    from AR.models.lm_folder import LMConfig
    from AR.models.qwen3_t2s_model import Qwen3T2SModel
    from tools.bench.lm_decode import SHAPES

    shape = SHAPES["0.6b"] | {"vocab_size": 1024} | ({"num_hidden_layers": 1} if tiny else {})
    torch.manual_seed(0)
    config = Qwen3Config(**shape, tie_word_embeddings=True, max_position_embeddings=4096)
    decoder = decoder_of(AutoModelForCausalLM.from_config(config).eval().requires_grad_(False))
    if lm_half.available():
        lm_half.pack(decoder)
    return Qwen3T2SModel(decoder, None, LMConfig("random", text_mode="phones"), trained=True).eval()


STAGES = {"ar": ar_model, "lm-0.6b": language_model}


def measure(stage: str, rows: int, tokens: int, tiny: bool) -> float:
    """Tokens per second of all rows together, in this process."""
    import torch

    from AR.backend import SamplingParams, T2SRequest
    from AR.decode import decode

    model = STAGES[stage](tiny)
    request = T2SRequest(torch.arange(60) % 700, prompt=torch.arange(75) * 7)
    params = SamplingParams(min_tokens=tokens, max_tokens=tokens, seed=1)
    decode(model, [request], SamplingParams(min_tokens=3, max_tokens=3, seed=1))
    begin = time.perf_counter()
    made = sum(result.tokens.numel() for result in decode(model, [request] * rows, params))
    return made / (time.perf_counter() - begin)


def child(checkout: Path, stage: str, rows: int, tokens: int, tiny: bool) -> float:
    """:func:`measure` with the code of another checkout."""
    roots = os.pathsep.join([str(checkout), str(checkout / "GPT_SoVITS")])
    command = [sys.executable, __file__, "--child", "--stage", stage, "--rows", str(rows), "--tokens", str(tokens)]
    command += ["--tiny"] * tiny
    environment = os.environ | {"PYTHONPATH": roots}
    return float(subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--stage", choices=sorted(STAGES), default="ar")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--tokens", type=int, default=100, help="new tokens per row")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--baseline", type=Path, help="root of the checkout to compare with")
    parser.add_argument("--tiny", action="store_true", help="two layers: does it run?")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.child:
        print(measure(args.stage, args.rows[0], args.tokens, args.tiny))
        return 0
    here = Path(__file__).resolve().parents[2]
    checkouts = {"now": here} | ({"baseline": args.baseline.resolve()} if args.baseline else {})
    found: dict[str, dict[str, float]] = {}
    for rows in args.rows:
        best = dict.fromkeys(checkouts, 0.0)
        for _ in range(args.rounds):
            for name, checkout in checkouts.items():
                best[name] = max(best[name], child(checkout, args.stage, rows, args.tokens, args.tiny))
        found[str(rows)] = {name: round(rate, 2) for name, rate in best.items()}
        ratio = f", {best['now'] / best['baseline']:.2f} times" if args.baseline else ""
        print(f"{rows:3d} rows: " + ", ".join(f"{name} {rate:.1f}/s" for name, rate in best.items()) + ratio)
    print(
        json.dumps({"bench": "ar_decode", "stage": args.stage, "tiny": args.tiny, "tokens": args.tokens, "rows": found})
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
