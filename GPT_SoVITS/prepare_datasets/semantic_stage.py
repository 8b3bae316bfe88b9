"""Stage 3, tokens: ``6-name2semantic.tsv`` (25 a second) from the HuBERT features and a SoVITS checkpoint's quantizer.

Of the checkpoint only ``ssl_proj`` and ``quantizer`` are read, so any s2 generator will do, also one whose posterior
encoder was left out.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from errors import CheckpointError
from prepare_datasets.hubert_stage import ssl_path
from prepare_datasets.job import Job, TextFile
from prepare_datasets.journal import Journal, digest_of, file_stamp
from prepare_datasets.report import Report, SkippedClip
from side_tables import TOKEN_TABLE

logger = logging.getLogger(__name__)

NAME2SEMANTIC = TextFile.named(TOKEN_TABLE, header="item_name\tsemantic_audio")
PARTS_USED = ("ssl_proj.", "quantizer.")


@dataclass(frozen=True)
class Tokenizer:
    """What turns features into tokens.

    Attributes:
        encode: HuBERT features [1, ssl_dim, frames] -> semantic ids [T_sem].
        codebook: fingerprint of the weights behind it, see :func:`codebook_digest`.
        ssl_dim: channels that it takes.
    """

    encode: Callable[[Tensor], list[int]]
    codebook: str
    ssl_dim: int


def tokenizer_weights(weight: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that turn features into tokens, of all that a generator holds."""
    return {name: value for name, value in weight.items() if name.startswith(PARTS_USED)}


def codebook_digest(weight: Mapping[str, Tensor]) -> str:
    """Fingerprint of those tensors: two generators with the same one speak the same token alphabet."""
    digest = hashlib.sha256()
    for name, value in sorted(tokenizer_weights(weight).items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()[:16]


def _config(checkpoint: Mapping[str, Any], config_path: Path | None) -> Mapping[str, Any]:
    if config_path is None:
        return checkpoint["config"]
    try:
        return json.loads(config_path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"s2 configuration {config_path} cannot be read ({error})", "a JSON file") from error


def load_tokenizer(s2_path: Path, config_path: Path | None = None, device: str = "cpu") -> Tokenizer:
    """The tokenizer inside a SoVITS checkpoint.

    Args:
        s2_path: a generator in the public layout (``s2G*.pth``, ``SoVITS_weights*/...``).
        config_path: s2 configuration (JSON) to use in place of the checkpoint's own.
        device: "cpu" or "cuda".

    Raises:
        CheckpointError: not such a file, or its tensors do not fit the configuration.
    """
    from module.models import build_synthesizer
    from process_ckpt import load_sovits_new, load_strict

    checkpoint = load_sovits_new(s2_path)
    config = _config(checkpoint, config_path)
    try:
        train, data, model = config["train"], config["data"], dict(config["model"])
        sizes = data["filter_length"] // 2 + 1, train["segment_size"] // data["hop_length"]
        with torch.device("meta"):  # only the quantizer's weights are wanted, out of up to 400 million
            generator = build_synthesizer(*sizes, n_speakers=data.get("n_speakers", 0), **model)
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{s2_path} has an incomplete configuration ({error})", "train, data, model") from error
    weight = tokenizer_weights(checkpoint["weight"])
    pair = nn.ModuleDict({"ssl_proj": generator.ssl_proj, "quantizer": generator.quantizer})
    load_strict(pair, weight, s2_path, assign=True)
    pair.to(device).eval()
    generator.eval()

    @torch.inference_mode()
    def encode(features: Tensor) -> list[int]:
        codes = generator.extract_latent(features.to(device=device, dtype=torch.float32))  # [1, 1, T_sem]
        return codes[0, 0].tolist()

    return Tokenizer(encode, codebook_digest(weight), generator.config.ssl_dim)


def load_features(path: Path, ssl_dim: int) -> Tensor:
    """Features written by stage 2, [1, ssl_dim, frames].

    Raises:
        SkippedClip: no such file, damaged, or of another shape.
    """
    if not path.is_file():
        raise SkippedClip("no features", "the audio stage left this clip out, or has not run")
    try:
        features = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for damaged files
        raise SkippedClip("features damaged", f"{path}: {error}") from error
    if not isinstance(features, Tensor) or features.dim() != 3 or features.shape[0] != 1 or features.shape[2] < 2:
        raise SkippedClip("features damaged", f"{path} is no tensor [1, ssl_dim, frames]")
    if features.shape[1] != ssl_dim:
        raise SkippedClip("features of another encoder", f"{features.shape[1]} channels, the quantizer takes {ssl_dim}")
    return features


def run(job: Job, tokenizer: Tokenizer) -> Report:
    """Write the tokens of the job's clips (or this worker's part of them).

    Args:
        job: clips and folder.
        tokenizer: see :func:`load_tokenizer`; tokens made with another codebook are made again.

    Raises:
        DatasetError: no clip had usable features.
    """
    report = Report("tokens")
    journal = Journal(job.folder, NAME2SEMANTIC.stem, job.part)
    rows: dict[str, str] = {}
    used: set[str] = set()
    for number, clip in enumerate(job.mine, 1):
        path = ssl_path(job.folder, clip.name)
        digest = digest_of("tokens", tokenizer.codebook, file_stamp(path) if path.is_file() else "")
        row = journal.get(clip.name, digest)
        try:
            if row is None:
                row = " ".join(map(str, tokenizer.encode(load_features(path, tokenizer.ssl_dim))))
                journal.add(clip.name, digest, row)
                report.done += 1
            else:
                report.reused += 1
            rows[clip.name] = row
            used.update(row.split(" "))
        except SkippedClip as skipped:
            report.skip(clip.name, skipped.reason, skipped.detail)
        job.progress(number, len(job.mine))
    if job.mine:
        report.require_usable(str(job.folder))
    NAME2SEMANTIC.publish(job, rows)
    logger.info("tokens: %d different codes in use", len(used))
    return report
