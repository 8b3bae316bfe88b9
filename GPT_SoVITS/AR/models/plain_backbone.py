"""Backbones read without transformers' model classes: ``config.json``, safetensors and ``tokenizer.json`` alone.

For Llama-like families under a transformers that is older than 5, which would not know the model, or would read its
rotary base wrongly without a word. Everything else goes through transformers (lm_backbone.py). Also: what a folder
that was saved by transformers 5 lacks for older ones.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from AR.errors import LMUnavailable
from AR.models.plain_decoder import PlainDecoder, Shape

FIRST_WHOLE_VERSION = 5
"""transformers from this version on reads all that this project writes."""
CONFIG_FILE, TOKENIZER_FILE, TOKENIZER_CONFIG_FILE = "config.json", "tokenizer.json", "tokenizer_config.json"


@functools.lru_cache(maxsize=1)
def preferred() -> bool:
    """True where the installed transformers is too old to be asked first, or not there at all."""
    try:
        return int(importlib.metadata.version("transformers").split(".")[0]) < FIRST_WHOLE_VERSION
    except importlib.metadata.PackageNotFoundError:
        return True


class FileConfig:
    """The content of a ``config.json`` as attributes, as far as a transformers configuration is asked here."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.__dict__.update(content)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None  # as a key that the file leaves out

    def get_text_config(self) -> FileConfig:
        """Itself: models with more than text are not read here."""
        return self

    def to_dict(self) -> dict[str, Any]:
        """The content."""
        return dict(self.__dict__)


class FileTokenizer:
    """``tokenizer.json`` by the package tokenizers; gives ids, as transformers' tokenizers do.

    Raises:
        LMUnavailable: ``weights_missing``, ``transformers_missing`` without the package.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise LMUnavailable("transformers_missing", f"the package tokenizers is needed ({error})") from error
        try:
            content = json.loads((folder / TOKENIZER_FILE).read_text(encoding="utf-8"))
            self._tokenizer = Tokenizer.from_str(json.dumps(with_older_merges(content), ensure_ascii=False))
        except Exception as error:  # noqa: BLE001 - the package raises plain Exceptions
            raise LMUnavailable("weights_missing", f"{folder} has no usable tokenizer ({error})") from error

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        """{"input_ids": ids} of a text."""
        return {"input_ids": list(self._tokenizer.encode(text, add_special_tokens=add_special_tokens).ids)}


def with_older_merges(content: dict[str, Any]) -> dict[str, Any]:
    """A ``tokenizer.json`` with its merges as "a b", which every version of tokenizers reads, in place of ["a", "b"].

    Left as it is where a token has a space in it; byte-level vocabularies have none.
    """
    model = content.get("model") or {}
    merges = model.get("merges") or []
    if not merges or not isinstance(merges[0], list) or any(" " in part for pair in merges for part in pair):
        return content
    return {**content, "model": {**model, "merges": [" ".join(pair) for pair in merges]}}


def read_config(folder: Path) -> FileConfig | None:
    """The configuration of a folder that can be read here; None for all others."""
    try:
        content = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        Shape.of_config(content)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return FileConfig(content) if (folder / TOKENIZER_FILE).is_file() else None


def parameter_count(config: FileConfig) -> int:
    """Parameters of the decoder stack, counted without allocating them."""
    with torch.device("meta"):
        return sum(p.numel() for p in PlainDecoder(Shape.of_config(config.to_dict())).parameters())


def load_decoder(folder: Path, config: FileConfig, dtype: torch.dtype) -> PlainDecoder:
    """The decoder stack with its weights.

    Raises:
        LMUnavailable: ``weights_missing``.
    """
    try:
        decoder = PlainDecoder.load(folder, config.to_dict(), dtype)
    except (OSError, ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())[:200]
        raise LMUnavailable("weights_missing", f"{folder} cannot be loaded ({text})") from error
    decoder.config = FileConfig(config.to_dict())  # type: ignore[assignment]
    return decoder


def write_for_older(folder: Path) -> None:
    """Add to a folder that transformers 5 has saved what older ones look for: rotary base, a tokenizer class they know.

    transformers 5 reads the folder as before.
    """
    path = folder / CONFIG_FILE
    config = json.loads(path.read_text(encoding="utf-8"))
    rope = config.get("rope_parameters") or {}
    if "rope_theta" in rope:
        config.setdefault("rope_theta", rope["rope_theta"])
        if rope.get("rope_type", "default") != "default":
            config.setdefault("rope_scaling", {key: value for key, value in rope.items() if key != "rope_theta"})
    if "dtype" in config:
        config.setdefault("torch_dtype", config["dtype"])
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    path = folder / TOKENIZER_FILE
    if path.is_file():
        content = with_older_merges(json.loads(path.read_text(encoding="utf-8")))
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    path = folder / TOKENIZER_CONFIG_FILE
    if path.is_file():
        settings = json.loads(path.read_text(encoding="utf-8"))
        if settings.get("tokenizer_class") == "TokenizersBackend":
            settings["tokenizer_class"] = "PreTrainedTokenizerFast"
            path.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
