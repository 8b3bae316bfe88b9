"""Runs in a checkout of the public tree with packages of its own: its ``TTS.run`` from text to sound for each step.

Prints one JSON line: of each step a hash of the samples of every part, their number, the rate and the reason of a fall.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from typing import Any

import numpy as np
import torch

from TTS_infer_pack.TTS import TTS, TTS_Config


def speak(tts: Any, step: dict[str, Any]) -> dict[str, Any]:
    """One request; what came of it."""
    for name, value in step.get("settings", {}).items():
        setattr(tts.configs, name, value)
    begin = time.perf_counter()
    parts = [(int(rate), np.asarray(samples)) for rate, samples in tts.run(step["request"])]
    fall = getattr(tts, "last_fallback", None)
    return {
        "hashes": [hashlib.sha256(samples.tobytes()).hexdigest() for _, samples in parts],
        "samples": [int(samples.size) for _, samples in parts],
        "loudest": max(int(np.abs(samples.astype(np.int64)).max()) for _, samples in parts),
        "rate": parts[0][0],
        "reason": None if fall is None else fall.reason,
        "seconds": time.perf_counter() - begin,
    }


def run(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """All steps on one pipeline; the first request of a reference clip draws other numbers than later ones, so it is
    spoken once before."""
    torch.set_num_threads(1)
    tts = TTS(TTS_Config(steps[0]["yaml"]))
    speak(tts, {"request": {**steps[0]["request"], "seed": 1}})
    versions = {name: getattr(sys.modules[name], "__version__", "") for name in ("torch", "transformers", "torchaudio")}
    return {"found": [speak(tts, step) for step in steps], "versions": versions}


if __name__ == "__main__":
    print("RESULT", json.dumps(run(json.loads(sys.argv[1]))))
