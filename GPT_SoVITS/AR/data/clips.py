"""Prepared data of the text-to-semantic stage, read from a folder ``logs/<exp>/`` in the public layout.

``2-name2text.txt`` (name, phones, word2ph, text), ``6-name2semantic.tsv`` (name, semantic ids at 25 Hz), and where they
exist ``3-bert/<name>.pt``, ``speakers.tsv`` (name TAB speaker) and ``alignment.tsv`` (name TAB one phone index per
semantic token, -1 for none). Every clip that is left out has a reason, and the reasons are counted.

Shapes: T_ph phonemes, T_sem semantic tokens.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from AR.backend import EOS, TOKEN_RATE
from AR.data.side_tables import ALIGNMENT_TABLE, SPEAKER_TABLE, TEXT_TABLE, TOKEN_TABLE, read_alignment, read_table
from AR.errors import T2SError

logger = logging.getLogger(__name__)

PhonesToIds = Callable[[list[str]], Sequence[int]]


@dataclass(frozen=True)
class Clip:
    """One recording: phones [T_ph], tokens [T_sem], and what else is known of it.

    ``alignment`` [T_sem] is the index of the phone spoken at each token (-1: none); ``text`` is what is said.
    """

    name: str
    phones: np.ndarray
    tokens: np.ndarray
    speaker: str | None = None
    bert_path: Path | None = None
    alignment: np.ndarray | None = None
    text: str = ""


@dataclass(frozen=True)
class DataPaths:
    """Where the parts of a data set lie; the last three may be absent."""

    name2text: Path
    semantic: Path
    bert: Path
    speakers: Path
    alignment: Path

    @classmethod
    def of_experiment(cls, folder: Path) -> DataPaths:
        """The public names in ``logs/<exp>/``."""
        return cls(
            folder / TEXT_TABLE,
            folder / TOKEN_TABLE,
            folder / "3-bert",
            folder / SPEAKER_TABLE,
            folder / ALIGNMENT_TABLE,
        )


@dataclass(frozen=True)
class Filters:
    """The public limits: clip length in seconds and phones per second."""

    max_sec: float = 54.0
    min_phone_rate: float = 3.0
    max_phone_rate: float = 25.0

    def reason(self, phones: int, tokens: int) -> str | None:
        """Why a clip of these lengths is left out, or None."""
        if not phones:
            return "no phones"
        if not tokens:
            return "no semantic tokens"
        if tokens > self.max_sec * TOKEN_RATE:
            return f"longer than {self.max_sec:g} s"
        if phones > self.max_sec * TOKEN_RATE / 2.5:
            return "too many phones"
        rate = phones / (tokens / TOKEN_RATE)
        if rate < self.min_phone_rate:
            return f"below {self.min_phone_rate:g} phones a second"
        if rate > self.max_phone_rate:
            return f"above {self.max_phone_rate:g} phones a second"
        return None


def _rows(path: Path) -> list[list[str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise T2SError(f"{path} cannot be read ({error.strerror}); run the data set stages first") from error
    except UnicodeDecodeError as error:
        raise T2SError(f"{path} is not UTF-8 text") from error
    return [line.split("\t") for line in text.splitlines() if line.strip()]


def _ids(text: str, low: int, high: int) -> np.ndarray | None:
    """Space-separated whole numbers in low..high, or None where there is anything else."""
    try:
        ids = np.array(text.split(), dtype=np.int64)
    except ValueError:
        return None
    return None if ids.size and (ids.min() < low or ids.max() > high) else ids


def _alignment(ids: Sequence[int], phones: int, tokens: int) -> np.ndarray | None:
    """Phone index per token; one or two tokens more or less than the clip has are evened out at the end."""
    if not ids or abs(len(ids) - tokens) > 2 or min(ids) < -1 or max(ids) >= phones:
        return None
    return np.pad(np.array(ids[:tokens], np.int64), (0, max(0, tokens - len(ids))), mode="edge")


def read_clips(paths: DataPaths, to_ids: PhonesToIds, filters: Filters) -> list[Clip]:
    """All usable clips of a data set; what is left out is counted by reason and logged.

    Args:
        paths: where the parts lie.
        to_ids: phones to ids, of the symbol version of the model.
        filters: limits of length and rate.

    Raises:
        T2SError: a file that cannot be read, or no usable clip; the message has the counted reasons.
    """
    semantic = {row[0]: row[1] for row in _rows(paths.semantic) if len(row) == 2}
    speakers, alignments = read_table(paths.speakers), read_alignment(paths.alignment)
    reasons: Counter[str] = Counter()
    clips: dict[str, Clip] = {}
    for row in _rows(paths.name2text):
        if len(row) != 4:
            reasons["line without four fields"] += 1
            continue
        name, phones = row[0], row[1].split()
        tokens = _ids(semantic[name], 0, EOS - 1) if name in semantic else np.empty(0, np.int64)
        if tokens is None:
            reasons["semantic ids that are no codes"] += 1
            continue
        reason = "given twice" if name in clips else filters.reason(len(phones), len(tokens))
        if reason is not None:
            reasons[reason] += 1
            continue
        bert = paths.bert / f"{name}.pt"
        aligned = _alignment(alignments.get(name, ()), len(phones), len(tokens))
        if name in alignments and aligned is None:
            reasons["(kept) alignment that does not fit"] += 1
        ids = np.asarray(to_ids(phones), dtype=np.int64)
        clips[name] = Clip(name, ids, tokens, speakers.get(name), bert if bert.is_file() else None, aligned, row[3])
    _report(list(clips.values()), reasons, paths)
    return list(clips.values())


def _report(clips: list[Clip], reasons: Counter[str], paths: DataPaths) -> None:
    left_out = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common()) or "nothing"
    if not clips:
        raise T2SError(f"no usable clip in {paths.name2text} with {paths.semantic}: left out {left_out}")
    seconds = sum(len(clip.tokens) for clip in clips) / TOKEN_RATE
    logger.info("%d clips, %.1f minutes of speech; left out: %s", len(clips), seconds / 60, left_out)


def assign_speakers(clips: list[Clip], how: str) -> list[Clip]:
    """Speakers for a set that has no speakers.tsv.

    Args:
        clips: as read; returned as they are when any has a speaker.
        how: "none", "prefix" (the name up to its last "_") or "single" (one speaker for all).
    """
    if how == "none" or any(clip.speaker is not None for clip in clips):
        return clips
    if how == "single":
        return [replace(clip, speaker="") for clip in clips]
    return [replace(clip, speaker=clip.name.rpartition("_")[0] or None) for clip in clips]


def split_held_out(clips: list[Clip], share: float, at_most: int) -> tuple[list[Clip], list[Clip]]:
    """(training, held-out). Which clips are held out depends on their names only, so that it is the same in every run.

    At least one clip is held out when ``share`` is above 0 and there are ten or more clips.
    """
    count = min(at_most, round(share * len(clips)))
    if share > 0 and len(clips) >= 10:
        count = max(1, count)
    ranked = sorted(clips, key=lambda clip: hashlib.sha256(clip.name.encode()).digest())
    held = {clip.name for clip in ranked[:count]}
    return [c for c in clips if c.name not in held], [c for c in clips if c.name in held]
