"""Reference clips, prepared once: kept in memory, and for voices with names on disk, where what the models get of a
clip lies beside it as safetensors.

A prepared file holds for one clip and one set of networks; where either has changed it is made anew. Knows nothing
about requests.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from audio_io import PathLike
from TTS_infer_pack.models import VoiceModels
from TTS_infer_pack.prompt_cache import LRUCache
from TTS_infer_pack.reference import Reference, file_digest, prepare_reference

logger = logging.getLogger(__name__)

SUFFIX = ".prepared.safetensors"
FORMAT = "gpt-sovits-reference-1"
OPTIONAL = ("tokens", "speaker", "mel")
SAMPLED = 64
"""Values of each tensor that the fingerprint is taken of: enough to tell two trainings apart, and quick."""
CACHED_REFERENCES = 32


class ReferenceCache:
    """Prepared clips by content and networks, the last ones used. Safe for several threads."""

    def __init__(self) -> None:
        self._clips: LRUCache[Reference] = LRUCache(CACHED_REFERENCES)
        self._kept_below: tuple[Path, ...] = ()

    def keep_below(self, *roots: PathLike) -> None:
        """Keep the prepared form of clips below these folders beside the clips."""
        self._kept_below = tuple(Path(root).resolve() for root in roots)

    def get(self, path: PathLike, models: VoiceModels, timbre_only: bool = False) -> Reference:
        """The prepared clip, from memory where the same content was seen with the same networks.

        Raises:
            AudioError: as :func:`prepare_reference`.
        """
        digest = file_digest(path)

        def make() -> Reference:
            if not timbre_only and any(Path(path).resolve().is_relative_to(root) for root in self._kept_below):
                return kept_reference(path, models, digest)
            return prepare_reference(path, models, timbre_only)

        return self._clips.get((digest, timbre_only, models.serial), make)


def prepared_path(clip: PathLike) -> Path:
    """Where the prepared form of a clip lies."""
    clip = Path(clip)
    return clip.with_name(clip.name + SUFFIX)


def networks_fingerprint(models: VoiceModels) -> str:
    """Of the networks and settings that read a clip."""
    digest = hashlib.sha256(f"{models.spec.name} {models.audio} {models.dtype} {models.codebook}".encode())
    readers = (models.hubert, models.companions.sv, getattr(models.vits, "ssl_proj", None))
    for network in (reader for reader in readers if isinstance(reader, torch.nn.Module)):
        for name, weight in network.state_dict().items():
            some = weight.detach().flatten()[:SAMPLED].to("cpu", torch.float32)
            digest.update(name.encode() + some.numpy().tobytes())
    return digest.hexdigest()[:32]


def kept_reference(clip: PathLike, models: VoiceModels, digest: str) -> Reference:
    """The prepared form of a clip, from beside it, else made and put there.

    Args:
        clip: the recording.
        models: the networks that read it.
        digest: hash of its content.

    Raises:
        AudioError: as :func:`prepare_reference`.
    """
    facts = {"format": FORMAT, "clip": digest, "networks": networks_fingerprint(models)}
    path = prepared_path(clip)
    found = _read(path, facts, models)
    if found is None:
        found = _contiguous(prepare_reference(clip, models))
        _write(path, facts, found)
    return found


def _contiguous(reference: Reference) -> Reference:
    """The same in the memory layout that a file gives, so that both are added up in the same order."""
    named = {name: getattr(reference, name) for name in ("spec", *OPTIONAL)}
    return replace(reference, **{name: value.contiguous() for name, value in named.items() if value is not None})


def _read(path: Path, facts: dict[str, str], models: VoiceModels) -> Reference | None:
    """What is in the file, if it is about this clip and these networks."""
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if any(metadata.get(name) != value for name, value in facts.items()):
                return None
            tensors: dict[str, Tensor] = {name: file.get_tensor(name).to(models.device) for name in file.keys()}
    except (SafetensorError, OSError):
        return None
    if "spec" not in tensors or set(tensors) - {"spec", *OPTIONAL}:
        return None
    others = {name: tensors.get(name) for name in OPTIONAL}
    return Reference(spec=tensors["spec"], shortened=metadata.get("shortened") == "1", **others)


def _write(path: Path, facts: dict[str, str], reference: Reference) -> None:
    """Put it beside the clip; where that cannot be done the clip is prepared again at the next start."""
    named = {"spec": reference.spec} | {name: getattr(reference, name) for name in OPTIONAL}
    tensors = {name: value.detach().cpu().contiguous() for name, value in named.items() if value is not None}
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        save_file(tensors, str(draft), facts | {"shortened": str(int(reference.shortened))})
        os.replace(draft, path)
    except (SafetensorError, OSError) as error:
        logger.warning("the prepared form of %s cannot be kept (%s)", path.name, error)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
