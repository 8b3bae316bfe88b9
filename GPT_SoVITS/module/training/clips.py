"""Which clips of a prepared data set can be trained on, and why the others cannot.

Knows the public folder layout of ``logs/<exp>`` (2-name2text.txt, 4-cnhubert/, 5-wav32k/, 7-sv_cn/); knows nothing
about tensors or batches. Clips are 0.6 to 54 s long as in the public recipe, and never shorter than one training
segment.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import soundfile

from errors import DatasetError
from side_tables import ALIGNMENT_TABLE, TEXT_TABLE, read_alignment

logger = logging.getLogger(__name__)

MIN_SECONDS, MAX_SECONDS = 0.6, 54.0
SPEAKER_COMMAND = "python GPT_SoVITS/prepare_datasets/2-get-sv.py --list LIST --exp NAME"
MIN_CLIPS = 100  # shorter lists are repeated, as in the public recipe
PhonesToIds = Callable[[list[str]], list[int]]


@dataclass(frozen=True)
class ClipInfo:
    """One usable clip: its phone ids and where its parts lie; ``speaker`` for versions that need one."""

    name: str
    phones: tuple[int, ...]
    features: Path
    audio: Path
    seconds: float
    alignment: tuple[int, ...] = ()  # index of the phone spoken at each token; empty where none is known
    speaker: Path | None = None


@dataclass
class ScanResult:
    """Clips that can be used, and how many were left out for which reason (with one example each)."""

    clips: list[ClipInfo]
    skipped: Counter[str]
    examples: dict[str, str]

    def skip(self, reason: str, name: str) -> None:
        """Count one clip that is left out."""
        self.skipped[reason] += 1
        self.examples.setdefault(reason, name)

    def summary(self) -> str:
        """For example ``3 missing features (first: a.wav), 1 too short (first: b.wav)``."""
        return ", ".join(f"{n} {reason} (first: {self.examples[reason]})" for reason, n in self.skipped.most_common())


def read_name2text(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Names and phones of 2-name2text.txt; lines that do not have four fields give no phones.

    Raises:
        DatasetError: the file is missing or unreadable.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DatasetError(
            f"cannot read {path}: {error.strerror}", "the text stage's output", "run prepare_datasets/1-get-text.py"
        ) from error
    for line in lines:
        if line.strip():
            fields = line.split("\t")
            yield fields[0], fields[1].split() if len(fields) == 4 else []


def _duration(path: Path) -> float | None:
    """Seconds of an audio file, or None where it is not audio."""
    try:
        info = soundfile.info(str(path))
    except (RuntimeError, OSError):
        return None
    return info.frames / info.samplerate


def _check_clip(
    name: str, phones: list[str], exp_dir: Path, to_ids: PhonesToIds, min_seconds: float, needs_features: bool
) -> ClipInfo | str:
    """One clip, or the reason it cannot be used."""
    if not phones:
        return "not four fields, or no phones"
    features, audio = exp_dir / "4-cnhubert" / f"{name}.pt", exp_dir / "5-wav32k" / name
    if needs_features and not features.is_file():
        return "missing features in 4-cnhubert"
    if not audio.is_file():
        return "missing audio in 5-wav32k"
    seconds = _duration(audio)
    if seconds is None:
        return "unreadable audio"
    if seconds < min_seconds:
        return f"shorter than {min_seconds:.2f} s"
    if seconds > MAX_SECONDS:
        return f"longer than {MAX_SECONDS:.0f} s"
    return ClipInfo(name, tuple(to_ids(phones)), features, audio, seconds)


def _with_speaker(clip: ClipInfo, exp_dir: Path) -> ClipInfo | str:
    """The clip with its speaker vector, or the reason it cannot be used."""
    speaker = exp_dir / "7-sv_cn" / f"{clip.name}.pt"
    found = speaker.is_file()
    return replace(clip, speaker=speaker) if found else f"missing speaker vector in 7-sv_cn, run {SPEAKER_COMMAND}"


def scan_clips(
    exp_dir: Path,
    to_ids: PhonesToIds,
    segment_seconds: float,
    needs_speaker: bool = False,
    needs_features: bool = True,
) -> ScanResult:
    """All usable clips of ``exp_dir``, in the order of 2-name2text.txt, each once; with the parts that are needed."""
    min_seconds = max(MIN_SECONDS, segment_seconds)
    result = ScanResult([], Counter(), {})
    alignments = read_alignment(exp_dir / ALIGNMENT_TABLE)
    seen: set[str] = set()
    for name, phones in read_name2text(exp_dir / TEXT_TABLE):
        if name in seen:
            result.skip("listed twice", name)
            continue
        seen.add(name)
        clip = _check_clip(name, phones, exp_dir, to_ids, min_seconds, needs_features)
        if needs_speaker and not isinstance(clip, str):
            clip = _with_speaker(clip, exp_dir)
        if isinstance(clip, str):
            result.skip(clip, name)
        else:
            aligned = alignments.get(name, ())
            fits = not aligned or max(aligned) < len(phones)
            result.clips.append(replace(clip, alignment=aligned) if fits else clip)
    return result


def require_clips(result: ScanResult, exp_dir: Path) -> None:
    """Log what was left out.

    Raises:
        DatasetError: nothing is left; the message says why.
    """
    if result.skipped:
        logger.warning("%s: left out %s", exp_dir, result.summary())
    if not result.clips:
        raise DatasetError(
            f"no clip of {exp_dir} can be trained on: {result.summary() or f'{TEXT_TABLE} is empty'}",
            "at least one clip with text, features and audio",
            "run the prepare_datasets stages and look at their messages",
        )


def repetitions(count: int) -> int:
    """How often a list of ``count`` clips is gone through per epoch: below 100 clips max(2, floor(100 / n))."""
    return 1 if count >= MIN_CLIPS or not count else max(2, MIN_CLIPS // count)
