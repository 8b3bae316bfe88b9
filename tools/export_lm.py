"""Export a trained language model stage as a causal LM folder that vLLM serves: one vocabulary for all streams.

    python tools/export_lm.py gsv-tiny work/gsv-tiny-vllm
    python tools/export_lm.py GPT_weights_qwen3/mine out/mine --dtype bfloat16

LoRA weights are merged and packed ones (GGUF) made dense. The folder holds ``config.json``, ``model.safetensors``, the
tokenizer and ``gsv_manifest.json`` (which id means what, fingerprints of codebook and symbols). A stage whose
embeddings carry place codes needs the package plugins/vllm_gsv beside vLLM; one trained with ``qwen3.position_gain: 0``
does not. docs/scale.md says how such a folder is served and asked.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from AR.backend import VOCAB_SIZE
from AR.errors import LMUnavailable
from AR.lm_loader import load_language_model
from AR.models.lm_lora import stored
from AR.models.lm_manifest import LONGEST, START, LMManifest, symbols_fingerprint
from AR.models.plain_backbone import write_for_older
from AR.models.qwen3_t2s_model import Qwen3T2SModel
from errors import CheckpointError, GSVError, OutputError
from text.symbol_tables import symbols_for
from TTS_infer_pack.language_model import at_home, places

FAMILIES = {"qwen3": "Qwen3", "qwen2": "Qwen2", "llama": "Llama"}
"""Backbones by ``model_type``; plugins/vllm_gsv has a class for each."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
WEIGHTS_FILE = "model.safetensors"


def manifest_of(model: Qwen3T2SModel) -> LMManifest:
    """What the exported folder says about its ids; with place codes unless both gains are zero."""
    symbols = symbols_fingerprint(symbols_for(model.config.symbols))
    return LMManifest.of_config(model.config, bool(model.position_gain.abs().max() > 0), symbols)


def config_of(model: Qwen3T2SModel, manifest: LMManifest, dtype: torch.dtype) -> dict[str, Any]:
    """Content of the folder's ``config.json``.

    Raises:
        CheckpointError: a backbone that has no class in plugins/vllm_gsv.
    """
    config: dict[str, Any] = dict(model.decoder.config.to_dict())  # type: ignore[operator, union-attr]
    family = config.get("model_type")
    if family not in FAMILIES:
        raise CheckpointError(f"a stage on a {family} backbone cannot be exported", f"one of {', '.join(FAMILIES)}")
    config = {key: value for key, value in config.items() if key not in ("quantization_config", "_name_or_path")}
    name = f"{FAMILIES[family]}ForCausalLM"
    config |= {
        "architectures": [f"Gsv{name}" if manifest.places else name],
        "vocab_size": manifest.size,
        "tie_word_embeddings": False,
        "eos_token_id": manifest.eos,
        "bos_token_id": None,
        "pad_token_id": None,
        "dtype": str(dtype).removeprefix("torch."),
        # rotary positions go up to START and a whole row; vLLM takes the least of these keys as a row's length
        "max_position_embeddings": START + LONGEST,
        "max_sequence_length": LONGEST,
    }
    if manifest.places:
        section = {"phones": manifest.phones, "semantic": manifest.semantic, "start": START}
        config |= {"gsv": section, "mrope_section": [1, 1, 1]}
    return config


def weights_of(model: Qwen3T2SModel, manifest: LMManifest) -> dict[str, Tensor]:
    """The folder's weights, in float32, by the names that vLLM's loaders know.

    Raises:
        CheckpointError: the backbone's vocabulary is not what the stage says.
    """
    decoder = {f"model.{name}": tensor for name, tensor in model.decoder.state_dict().items()}
    words = model.word_table.weight
    if len(words) != manifest.words:
        raise CheckpointError(f"the backbone has {len(words)} words, its stage says {manifest.words}", "one number")
    tables = [words, model.marker_embedding.weight, model.phone_embedding.weight, model.semantic_embedding.weight]
    table = torch.cat([one.float() for one in tables])
    padding = manifest.size - len(table)
    decoder["model.embed_tokens.weight"] = torch.cat((table, table.new_zeros(padding, model.hidden)))
    head = model.head.weight.float()
    if manifest.places:
        return decoder | {"lm_head.weight": head, "position_gain": model.position_gain.float()}
    whole = head.new_zeros(manifest.size, model.hidden)
    whole[manifest.semantic : manifest.semantic + VOCAB_SIZE] = head
    return decoder | {"lm_head.weight": whole}


@torch.inference_mode()
def export(model: Qwen3T2SModel, target: Path, dtype: torch.dtype = torch.float32) -> LMManifest:
    """Write a stage as a folder that vLLM serves.

    Args:
        model: loaded in float32, not packed.
        target: folder; made where it is missing.
        dtype: of the weights on disk.

    Raises:
        CheckpointError: a backbone or vocabulary that cannot be exported.
        OutputError: the folder cannot be written.
    """
    from safetensors.torch import save_file

    manifest = manifest_of(model)
    config = config_of(model, manifest, dtype)
    weights = {name: tensor.to(dtype) for name, tensor in weights_of(model, manifest).items()}
    try:
        target.mkdir(parents=True, exist_ok=True)
        save_file(stored(weights, half=False), target / WEIGHTS_FILE, metadata={"format": "pt"})
        (target / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        model.tokenizer.save_pretrained(target)
        write_for_older(target)
        manifest.write(target)
    except OSError as error:
        raise OutputError(f"{target} cannot be written ({error.strerror})", "a folder that can be written") from error
    return manifest


def serve_command(target: Path, name: str, manifest: LMManifest) -> str:
    """How the folder is served: under its name, and under the name with the fingerprint, which clients look for."""
    return f"vllm serve {target} --served-model-name {name} {name}@{manifest.fingerprint} --generation-config vllm"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description="Export a trained language model stage for vLLM.")
    parser.add_argument("stage", help="a trained folder, or its name in a model list, such as gsv-tiny")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--dtype", choices=sorted(DTYPES), default="float32", help="of the weights (default: float32)")
    args = parser.parse_args(argv)
    try:
        model = load_language_model(at_home(args.stage), places())
        manifest = export(model, args.out, DTYPES[args.dtype])
    except (GSVError, LMUnavailable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    need = "needs plugins/vllm_gsv" if manifest.places else "needs no plugin"
    print(f"{args.out}: {manifest.size} ids, fingerprint {manifest.fingerprint}, {need}")
    print(serve_command(args.out, Path(args.stage).name, manifest))
    return 0


if __name__ == "__main__":
    sys.exit(main())
