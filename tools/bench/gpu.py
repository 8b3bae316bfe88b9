"""What a GPU gives, in one command: is it right, then how fast is it, beside what its memory allows.

    python tools/bench/gpu.py                  # tests with the marker gpu, then the figures; below six minutes
    python tools/bench/gpu.py --skip-parity
    python tools/bench/gpu.py --device cpu --tiny   # a layer or two of each network: does every step run?

Random weights at published sizes (full_size.py, lm_decode.py); what is said is noise, what it costs is real. A step of
a decoder reads all of its weights once, so memory bandwidth, measured here by copying, bounds the steps of a second;
the share of that bound is printed beside the tokens. Prints tables, and a last line of JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from AR.backend import SamplingParams, T2SRequest
from AR.decode import decode
from module.versions import VERSIONS
from tools.bench.ar_decode import PUBLISHED, TINY
from tools.bench.lm_decode import SHAPES, build

ROOT = Path(__file__).resolve().parents[2]
ROWS = (1, 4, 16, 64)
STREAMS = (1, 16, 64)
SYNTHESISERS = ("v2", [name for name, spec in VERSIONS.items() if spec.mel][-1])
"""One that makes waveforms, and the newest that makes mels."""


def bandwidth(device: torch.device, gigabytes: float) -> float:
    """Bytes per second that a copy reads and writes."""
    source = torch.empty(int(gigabytes * 1e9) // 4, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    best = 0.0
    for _ in range(5):
        best = max(best, 2 * source.nbytes / timed(device, lambda: target.copy_(source)))
    return best


def timed(device: torch.device, work: Callable[[], Any]) -> float:
    """Seconds that ``work`` takes, the device's part included."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    begin = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begin


def ar_model(device: torch.device, tiny: bool) -> Any:
    """The AR model at its published size, in half precision on a GPU."""
    from AR.models.t2s_model import Text2SemanticDecoder

    torch.manual_seed(0)
    model = Text2SemanticDecoder({"model": TINY if tiny else PUBLISHED}).eval().requires_grad_(False)
    return model.to(device, torch.float16 if device.type == "cuda" else torch.float32).pack()


def language_model(device: torch.device, tiny: bool) -> Any:
    """A language model stage of Qwen3-0.6B's shape, in bfloat16 on a GPU."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    causal, stage, _ = build(SHAPES["tiny" if tiny else "0.6b"], dtype)
    del causal
    return stage.to(device)


def decoding(model: Any, device: torch.device, rows: Sequence[int], tokens: int, limit: float) -> list[dict[str, Any]]:
    """Tokens per second at each number of rows, and the share of what memory allows."""
    word_table = getattr(model, "word_table", None)  # looked up, not read
    weights = sum(p.nbytes for p in model.parameters()) - (word_table.weight.nbytes if word_table is not None else 0)
    request = T2SRequest(torch.arange(60) % 700, prompt=torch.arange(75) * 7)
    params = SamplingParams(min_tokens=tokens, max_tokens=tokens, seed=1)
    found = []
    for count in rows:
        decode(model, [request] * count, SamplingParams(min_tokens=20, max_tokens=20, seed=1))  # captures, tables
        seconds = timed(device, partial(decode, model, [request] * count, params))
        rate = count * tokens / seconds
        found.append(
            {"rows": count, "tokens_per_s": round(rate, 1), "of_bandwidth": round(rate / count * weights / limit, 3)}
        )
    return found


def synthesis(version: str, device: torch.device, tiny: bool) -> dict[str, Any]:
    """Real-time factor and memory of a whole voice at published sizes (full_size.py)."""
    command = [sys.executable, str(ROOT / "tools/bench/full_size.py"), version, "--device", str(device)]
    command += ["--tiny"] * tiny + ["--half"] * (device.type == "cuda")
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    row = json.loads(done.stdout.strip().rpartition("\n")[2])["rows"][0]
    return {
        "version": version,
        "speak_s": round(row["speak_s"], 3),
        "audio_s": round(row["audio_s"], 3),
        "real_time_factor": round(row["speak_s"] / row["audio_s"], 4),
        "cuda_gb": row["cuda_gb"],
    }


def serving(streams: Sequence[int], stage: str) -> dict[str, Any]:
    """First audio, underrun and throughput of streams of the voice pack (serving.py); {} without the pack."""
    from config import PACK_DIR
    from tools.bench.serving import measure

    return measure(stage, streams, 1, alone=False) if (PACK_DIR / "pack.json").is_file() else {}


def parity(device: torch.device) -> int:
    """Run the tests with the marker gpu; returns how many failed to run or to pass (pytest's exit code)."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", str(ROOT / "tests")]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tokens", type=int, default=200, help="new tokens per row")
    parser.add_argument("--skip-parity", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="small networks, few rows: does it run?")
    args = parser.parse_args(argv)
    device = torch.device(args.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("skipped: there is no CUDA device here")
        print(json.dumps({"bench": "gpu", "skipped": "no CUDA device"}))
        return 0
    begin = time.perf_counter()
    failed = 0 if args.skip_parity or device.type != "cuda" else parity(device)
    limit = bandwidth(device, 0.05 if args.tiny else 2.0)
    rows, streams = ((1, 4), (1, 2)) if args.tiny else (ROWS, STREAMS)
    tokens = 20 if args.tiny else args.tokens
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    print(f"{name}: memory {limit / 1e9:.0f} GB/s")
    result: dict[str, Any] = {"bench": "gpu", "device": name, "torch": torch.__version__, "parity_exit_code": failed}
    result["bandwidth_gb_s"] = round(limit / 1e9, 1)
    for key, load in (("ar", ar_model), ("lm_0.6b", language_model)):
        result[key] = decoding(load(device, args.tiny), device, rows, tokens, limit)
        for row in result[key]:
            print(
                f"{key:>8} {row['rows']:3d} rows {row['tokens_per_s']:9.1f} tokens/s {row['of_bandwidth']:6.1%} of it"
            )
    result["sovits"] = [synthesis(version, device, args.tiny) for version in SYNTHESISERS]
    for row in result["sovits"]:
        print(f"  {row['version']}: {row['audio_s']:.2f} s of audio in {row['speak_s']:.2f} s")
    result["streams"] = {stage: serving(streams, stage) for stage in ("ar", "gsv-tiny")}
    for stage, found in result["streams"].items():
        for count, row in found.items():
            print(
                f"  {stage}, {count} streams: first audio p50 {row['first_audio_p50']:.3f} s, {row['throughput']} s/s"
            )
    result["seconds"] = round(time.perf_counter() - begin, 1)
    print(json.dumps(result))
    return int(failed != 0)


if __name__ == "__main__":
    sys.exit(main())
