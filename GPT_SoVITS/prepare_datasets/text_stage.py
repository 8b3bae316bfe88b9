"""Stage 1, text: ``2-name2text.txt`` (name, phones, word2ph, normalised text) and ``speakers.tsv``. Opens no audio."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from errors import TextError
from prepare_datasets.job import Job, TextFile
from prepare_datasets.journal import Journal, digest_of
from prepare_datasets.list_file import Clip, write_speakers
from prepare_datasets.report import Report, SkippedClip
from side_tables import SPEAKER_TABLE, TEXT_TABLE

NAME2TEXT = TextFile.named(TEXT_TABLE)

ReadLine = Callable[[str, str, str], tuple[Sequence[str], "Sequence[int] | None", str]]
"""``read_line(text, language, version) -> phones, word2ph, norm_text``."""


def text_row(clip: Clip, version: str, read: ReadLine) -> str:
    """``phones TAB word2ph TAB norm_text`` of a clip, in the public form.

    Raises:
        SkippedClip: the frontend cannot read the text or finds nothing to speak in it.
        MissingDependencyError: the language's packages are not installed.
    """
    try:
        phones, word2ph, norm_text = read(clip.text, clip.language, version)
    except TextError as error:
        raise SkippedClip("text not readable", f"{clip.text!r}: {error.what}") from error
    if not phones:
        raise SkippedClip("empty text", f"nothing to speak in {clip.text!r}")
    counts = None if word2ph is None else [int(count) for count in word2ph]
    # With counts every character keeps its place.
    words = " ".join(norm_text.split()) if counts is None else "".join(" " if c.isspace() else c for c in norm_text)
    return f"{' '.join(phones)}\t{counts}\t{words}"


def run(job: Job, version: str, read: ReadLine) -> Report:
    """Read the text of the job's clips and write ``2-name2text.txt`` (or this worker's part) and ``speakers.tsv``.

    Args:
        job: clips and folder.
        version: symbol version, "v1" or "v2".
        read: how a line is read, normally ``TTS_infer_pack.reading.read_line``: as a request with the same text.

    Raises:
        DatasetError: no text was usable.
    """
    report = Report("text")
    journal = Journal(job.folder, NAME2TEXT.stem, job.part)
    write_speakers(job.folder / SPEAKER_TABLE, job.clips)
    rows: dict[str, str] = {}
    for number, clip in enumerate(job.mine, 1):
        digest = digest_of("text as a request", version, clip.language, clip.text)
        row = journal.get(clip.name, digest)
        try:
            if row is None:
                row = text_row(clip, version, read)
                journal.add(clip.name, digest, row)
                report.done += 1
            else:
                report.reused += 1
            rows[clip.name] = row
        except SkippedClip as skipped:
            report.skip(clip.name, skipped.reason, skipped.detail)
        job.progress(number, len(job.mine))
    if job.mine:
        report.require_usable("the list")
    NAME2TEXT.publish(job, rows)
    return report
