"""Runs in the stand-in host's process: a list of steps, each with settings and a way to speak; prints what came out."""

from __future__ import annotations

import json
import sys
from typing import Any

import torch

from TTS_infer_pack.TTS import TTS, TTS_Config

SETTINGS = ("use_qwen3", "qwen3_model_name", "qwen3_enable_inference", "qwen3_strict")


def graph(tts: TTS, step: dict[str, Any]) -> list[list[int]]:
    """The prompt and texts of a step through the CUDA graph class."""
    from AR.models.t2s_model_cudagraph import CUDAGraphRunner, T2SRequest

    read = tts.text_preprocessor.segment_and_extract_feature_for_text
    before, after = (read(text, "en", "v2")[0] for text in (step["prompt_text"], step["texts"][0]))
    phones = torch.tensor(before + after)
    torch.manual_seed(step["seed"])
    request = T2SRequest(
        [phones],
        torch.tensor([len(phones)]),
        torch.tensor([step["prompt"]]),
        [torch.zeros(1024, len(phones))],
        valid_length=1,
    )
    return [one.tolist() for one in CUDAGraphRunner(tts.t2s_model.model).generate(request).result]


def damage(step: dict[str, Any]) -> None:
    """Make the loaded language model fail after so many steps of decoding."""
    plugin: Any = sys.modules["gsv_lm"].gsv_lm_running  # type: ignore[attr-defined]
    model, left = plugin.holder._model, [step["break_after"]]
    own = getattr(type(model).step, "own", type(model).step)

    def failing(self: Any, *args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise FloatingPointError("NaN or infinite logits")
        return own(self, *args, **kwargs)

    failing.own = own  # type: ignore[attr-defined]
    type(model).step = failing


def run(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All steps on one TTS object."""
    config = TTS_Config(steps[0].get("config"))
    tts, found = TTS(config), []
    for step in steps:
        for name in SETTINGS:
            if name in step:
                setattr(config, name, step[name])
        if "break_after" in step:
            damage(step)
        error = ""
        spoken: list[Any] = []
        try:
            if step.get("graph"):
                spoken = graph(tts, step)
            else:
                spoken = [part for _, part in tts.run(step)]
        except RuntimeError as problem:
            error = str(problem)
        fall = getattr(tts, "last_fallback", None)
        state = torch.get_rng_state().sum()
        reason = None if fall is None else fall.reason
        found.append({"spoken": spoken, "reason": reason, "error": error, "rng": int(state)})
    return found


if __name__ == "__main__":
    print("RESULT", json.dumps(run(json.loads(sys.argv[1]))))
