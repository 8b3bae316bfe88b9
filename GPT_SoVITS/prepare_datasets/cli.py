"""What the stage scripts share: settings to jobs, progress bars, one line per error and exit code 2."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from errors import GSVError, OutputError
from module.versions import version_spec
from prepare_datasets.job import Job
from prepare_datasets.list_file import Clip, read_list
from prepare_datasets.options import (
    ALL_OPTIONS,
    HUBERT_OPTIONS,
    SEMANTIC_OPTIONS,
    SV_OPTIONS,
    TEXT_OPTIONS,
    Option,
    Settings,
    parse,
)
from prepare_datasets.report import Progress, Report

logger = logging.getLogger(__name__)

Stage = Callable[[Settings, list[Clip]], Report]
StagePlan = Callable[[Settings], Sequence[Stage]]
"""The stages of a run, by its settings."""


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """A progress callback that draws a bar on the terminal; log lines go above it."""
    with tqdm(desc=title, unit="clip", disable=None) as bar, logging_redirect_tqdm():

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


def _job(settings: Settings, clips: list[Clip], progress: Progress) -> Job:
    return Job(clips, settings.folder, settings.part, settings.parts, progress)


def text(settings: Settings, clips: list[Clip]) -> Report:
    """Stage 1: lines are read as requests are."""
    from prepare_datasets import text_stage
    from TTS_infer_pack.reading import read_line

    with progress_bar("text") as progress:
        return text_stage.run(_job(settings, clips, progress), settings.version, read_line)


def features(settings: Settings, clips: list[Clip]) -> Report:
    """Stage 1 for Chinese clips, with the BERT that the settings name; after :func:`text`."""
    from prepare_datasets import bert_stage

    with progress_bar("features") as progress:
        job = _job(settings, clips, progress)
        return bert_stage.run(job, settings.bert, lambda: bert_stage.load_features(settings.bert, settings.device))


def audio(settings: Settings, clips: list[Clip]) -> Report:
    """Stage 2 with the HuBERT that the settings name."""
    from prepare_datasets import hubert_stage

    encode = hubert_stage.load_encoder(settings.hubert, settings.device, settings.half)
    digest = hubert_stage.hubert_digest(settings.hubert)
    with progress_bar("audio") as progress:
        return hubert_stage.run(_job(settings, clips, progress), encode, digest)


def speakers(settings: Settings, clips: list[Clip]) -> Report:
    """Stage 2 for the versions that need speaker vectors."""
    from prepare_datasets import sv_stage

    embed, digest = sv_stage.load_network(settings.sv, settings.device, settings.half)
    with progress_bar("speaker") as progress:
        return sv_stage.run(_job(settings, clips, progress), embed, digest)


def tokens(settings: Settings, clips: list[Clip]) -> Report:
    """Stage 3 with the SoVITS checkpoint that the settings name."""
    from prepare_datasets import semantic_stage

    tokenizer = semantic_stage.load_tokenizer(settings.s2, settings.s2_config, settings.device)
    with progress_bar("tokens") as progress:
        return semantic_stage.run(_job(settings, clips, progress), tokenizer)


def speakable_languages(version: str) -> set[str]:
    """The languages that the text stage can turn into phones of ``version``.

    Raises:
        TextError: no such version.
    """
    from text import symbol_version
    from text.cleaner import FRONTENDS

    old = symbol_version(version) == "v1"
    return {language for language, entry in FRONTENDS.items() if not (old and entry.symbols == "v2")}


def all_stages(settings: Settings) -> Sequence[Stage]:
    """What a version's training needs."""
    needs_speaker = version_spec(settings.version).needs_speaker_embedding
    return (text, features, audio, *((speakers,) if needs_speaker else ()), tokens)


def run_stages(options: Sequence[Option], description: str, plan: StagePlan, argv: Sequence[str] | None) -> int:
    """Body of every stage script: read arguments and list, run the stages, log a summary line for each.

    Returns:
        The exit code: 0, 2 when the user has something to mend, 130 when stopped by Ctrl+C.
    """

    def work() -> list[str]:
        settings = parse(options, description, argv)
        clips, listed = read_list(settings.list, settings.wav_dir, speakable_languages(settings.version))
        reports = (stage(settings, clips) for stage in plan(settings))
        return [listed.summary(), *(report.summary() for report in reports if report.usable or report.skipped)]

    return run_command(work, stopped="stopped; the same command goes on from here")


def run_command(work: Callable[[], Iterable[str]], stopped: str = "stopped") -> int:
    """Body of a command line: log the lines that ``work`` returns, or the user's error as one line.

    Returns:
        The exit code: 0, 2 when the user has something to mend, 130 when stopped by Ctrl+C.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        summaries = work()
    except KeyboardInterrupt:
        logger.error("%s", stopped)
        return 130
    except OSError as error:
        problem = OutputError(f"{error.filename or 'a file'}: {error.strerror}", "a folder that can be written")
        logger.error("error: %s", problem)
        return 2
    except GSVError as error:
        logger.error("error: %s", error)
        return 2
    for line in summaries:
        logger.info("%s", line)
    return 0


def main_text(argv: Sequence[str] | None = None) -> int:
    """``1-get-text.py``."""
    title = "Stage 1: phones and normalised text of a list of recordings, and features of Chinese ones."
    return run_stages(TEXT_OPTIONS, title, lambda _: [text, features], argv)


def main_hubert(argv: Sequence[str] | None = None) -> int:
    """``2-get-hubert-wav32k.py``."""
    title = "Stage 2: training audio at 32 kHz and HuBERT features."
    return run_stages(HUBERT_OPTIONS, title, lambda _: [audio], argv)


def main_sv(argv: Sequence[str] | None = None) -> int:
    """``2-get-sv.py``."""
    title = "Stage 2 for v2Pro and v2ProPlus: speaker vectors of the training audio."
    return run_stages(SV_OPTIONS, title, lambda _: [speakers], argv)


def main_semantic(argv: Sequence[str] | None = None) -> int:
    """``3-get-semantic.py``."""
    return run_stages(SEMANTIC_OPTIONS, "Stage 3: semantic tokens of the recordings.", lambda _: [tokens], argv)


def main_all(argv: Sequence[str] | None = None) -> int:
    """``all.py``."""
    return run_stages(ALL_OPTIONS, "All stages: from a list of recordings to a training folder.", all_stages, argv)
