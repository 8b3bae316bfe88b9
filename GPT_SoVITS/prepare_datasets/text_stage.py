"""Stage 1, text: ``2-name2text.txt`` (name, phones, word2ph, normalised text) and ``speakers.tsv``. Opens no audio."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from errors import TextError
from prepare_datasets.job import Job, TextFile
from prepare_datasets.journal import Journal, digest_of
from prepare_datasets.list_file import Clip, write_speakers
from prepare_datasets.report import Report, SkippedClip

NAME2TEXT = TextFile("2-name2text", ".txt")

CleanText = Callable[[str, str, str], tuple[Sequence[str], "Sequence[int] | None", str]]
"""``clean_text(text, language, version) -> phones, word2ph, norm_text``."""


def text_row(clip: Clip, version: str, clean: CleanText) -> str:
    """``phones TAB word2ph TAB norm_text`` of a clip, in the public form.

    Raises:
        SkippedClip: the frontend cannot read the text or finds nothing to speak in it.
        MissingDependencyError: the language's packages are not installed.
    """
    text = clip.text.replace("%", "-").replace("\uffe5", ",")  # as the public stage does before cleaning
    try:
        phones, word2ph, norm_text = clean(text, clip.language, version)
    except TextError as error:
        raise SkippedClip("text not readable", f"{clip.text!r}: {error.what}") from error
    if not phones:
        raise SkippedClip("empty text", f"nothing to speak in {clip.text!r}")
    counts = None if word2ph is None else [int(count) for count in word2ph]
    return f"{' '.join(phones)}\t{counts}\t{' '.join(norm_text.split())}"


def run(job: Job, version: str, clean: CleanText) -> Report:
    """Clean the text of the job's clips and write ``2-name2text.txt`` (or this worker's part) and ``speakers.tsv``.

    Args:
        job: clips and folder.
        version: symbol version, "v1" or "v2".
        clean: the frontend, normally ``text.cleaner.clean_text``.

    Raises:
        DatasetError: no text was usable.
    """
    report = Report("text")
    journal = Journal(job.folder, NAME2TEXT.stem, job.part)
    write_speakers(job.folder / "speakers.tsv", job.clips)
    rows: dict[str, str] = {}
    for number, clip in enumerate(job.mine, 1):
        digest = digest_of("text", version, clip.language, clip.text)
        row = journal.get(clip.name, digest)
        try:
            if row is None:
                row = text_row(clip, version, clean)
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
