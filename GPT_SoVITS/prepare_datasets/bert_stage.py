"""Stage 1, features: ``3-bert/<name>.pt`` ([1024, T_ph] float32) of the Chinese clips, from a chinese-roberta folder.

The AR model hears these features in speech, so it must be trained with them. They are made of the lines that the text
stage has written. Where the folder is not on disk, or no clip is Chinese, nothing is made, and training goes without.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from prepare_datasets.job import Job
from prepare_datasets.journal import Journal, atomic_file, digest_of, file_digest
from prepare_datasets.report import Report, SkippedClip
from prepare_datasets.text_stage import NAME2TEXT
from published import fetch_command

logger = logging.getLogger(__name__)

BERT_FOLDER = "3-bert"
LANGUAGE = "zh"
"""The one language that the published weights know features of."""

Features = Callable[[str, Sequence[int]], Tensor]
"""Normalised text and the number of phones of each of its characters -> [1024, T_ph] float32 on the CPU."""


def bert_path(folder: Path, name: str) -> Path:
    """Where the features of a clip lie."""
    return folder / BERT_FOLDER / f"{name}.pt"


def load_features(folder: Path, device: str = "cpu") -> tuple[Features, str]:
    """The network as this stage uses it, and its fingerprint.

    Raises:
        CheckpointError: ``folder`` holds no BERT model of the right width.
    """
    from TTS_infer_pack.bert_features import char_features, load_bert, spread

    model, tokenizer = load_bert(folder, device)

    def features(text: str, counts: Sequence[int]) -> Tensor:
        return spread(char_features(model, tokenizer, text, "cpu"), list(counts)).clone()

    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors", ".bin"))
    return features, digest_of(*(file_digest(path) for path in files))


def run(job: Job, folder: Path, load: Callable[[], tuple[Features, str]]) -> Report:
    """Make the features of the job's Chinese clips; the network is loaded only where there are any.

    A clip that cannot have features stays in the training, which takes zeros for them, as speech does without a BERT.

    Args:
        job: clips and folder.
        folder: of the network, which need not be there.
        load: loads it.

    Raises:
        CheckpointError: the folder holds something else.
    """
    report = Report("features")
    rows = _rows(job)
    chinese = [clip for clip in job.mine if clip.language == LANGUAGE and clip.name in rows]
    if not chinese:
        return report
    if not (folder / "config.json").is_file():
        logger.warning(
            "no %s/ is written: %d clips are Chinese, and there is no BERT folder at %s. The AR model is trained "
            "without the features that it is given in speech where that folder is on disk; fix: %s",
            BERT_FOLDER,
            len(chinese),
            folder,
            fetch_command("roberta"),
        )
        return report
    features, fingerprint = load()
    journal = Journal(job.folder, BERT_FOLDER, job.part)
    for number, clip in enumerate(chinese, 1):
        path, digest = bert_path(job.folder, clip.name), digest_of("bert", fingerprint, rows[clip.name])
        try:
            if path.is_file() and journal.get(clip.name, digest) is not None:
                report.reused += 1
            else:
                _make(path, rows[clip.name], features)
                journal.add(clip.name, digest)
                report.done += 1
        except SkippedClip as skipped:
            report.skip(clip.name, skipped.reason, skipped.detail)
            path.unlink(missing_ok=True)
        job.progress(number, len(chinese))
    return report


def _rows(job: Job) -> Mapping[str, str]:
    """What the text stage has written of this worker's clips: name -> phones TAB counts TAB text."""
    whole = job.folder / f"{NAME2TEXT.stem}{NAME2TEXT.suffix}"
    path = whole if job.parts == 1 else NAME2TEXT.part_path(job.folder, job.part)
    if not path.is_file():
        return {}
    lines = (line.partition("\t") for line in path.read_text(encoding="utf-8").split("\n"))
    return {name: rest for name, tab, rest in lines if tab}


def _make(path: Path, row: str, features: Features) -> None:
    """Write the features of one clip.

    Raises:
        SkippedClip: its text and its phones do not fit each other, or the features are no numbers.
    """
    phones, counts, text = row.split("\t")
    per_character = json.loads(counts) if counts.startswith("[") else []
    if len(per_character) != len(text) or sum(per_character) != len(phones.split()):
        raise SkippedClip("text and phones do not fit", f"{len(text)} characters, {len(per_character)} counts")
    made = features(text, per_character)
    if not bool(made.isfinite().all()):
        raise SkippedClip("features are no numbers", text)
    with atomic_file(path) as stream:
        torch.save(made, stream)
