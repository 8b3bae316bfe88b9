"""The run as one page with players: every sentence a row, every system a column, the worst sentences first.

The folder holds all that the page needs (``index.html`` and small Ogg Opus files), so it can be copied anywhere.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
import soundfile
import soxr

from errors import OutputError
from tools.evaluation.report import SystemResult, TableResult, Take, heading, row_of, shown
from tools.evaluation.store import Store

logger = logging.getLogger(__name__)

OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
STYLE = """
body { font: 15px/1.4 sans-serif; margin: 1.5em; color: #222 }
table { border-collapse: collapse; margin: 0.6em 0 1.6em }
th, td { border: 1px solid #ccc; padding: 0.3em 0.5em; vertical-align: top; text-align: left }
th { background: #f2f2f2; position: sticky; top: 0 }
audio { width: 15em; height: 2em; display: block }
.take { margin-bottom: 0.5em } .heard { color: #555 } .bad { color: #a00; font-weight: bold } .text { width: 22em }
"""


def write_page(folder: Path, results: Sequence[TableResult], store: Store) -> Path:
    """Write the page and its audio; returns the path of ``index.html``.

    Args:
        folder: made where it is not there.
        results: of the run.
        store: where the audio of the takes lies.

    Raises:
        OutputError: the folder cannot be written.
    """
    try:
        (folder / "audio").mkdir(parents=True, exist_ok=True)
        body = "\n".join(_table(result, folder, store) for result in results)
        page = folder / "index.html"
        page.write_text(
            "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><title>Evaluation</title>"
            f"<style>{STYLE}</style></head><body>\n<h1>Evaluation</h1>\n{body}\n</body></html>\n",
            encoding="utf-8",
        )
    except OSError as error:
        raise OutputError(f"page {folder} cannot be written ({error.strerror})", "a writable folder") from error
    return page


def _table(result: TableResult, folder: Path, store: Store) -> str:
    """Figures of a table of sentences, of its categories, and its sentences with players."""
    parts = [f"<h2>{escape(result.name)}</h2>", _figures(result)]
    parts += [f"<h3>{escape(c)}</h3>{_figures(result.within(c))}" for c in result.categories]
    takes = [system.by_sentence() for system in result.systems]
    head = "".join(f"<th>{escape(system.name)}</th>" for system in result.systems)
    rows = []
    for number in worst_first(result.systems):
        cells = "".join(f"<td>{_cell(found.get(number, []), folder, store)}</td>" for found in takes)
        first = next(found[number][0] for found in takes if number in found)
        label = f"#{number} {escape(first.category)}".strip()
        rows.append(f"<tr><td class='text'>{escape(first.text)}<br><small>{label}</small></td>{cells}</tr>")
    return "\n".join([*parts, f"<table><tr><th>sentence</th>{head}</tr>", *rows, "</table>"])


def _figures(result: TableResult) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heading(result.unit))
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row_of(system)) + "</tr>" for system in result.systems
    )
    pairs = "".join(
        f"<li>{escape(p.name)} makes {escape(shown(p.ratio, 2))} times the errors of {escape(p.base)}</li>"
        for p in result.pairs()
    )
    return f"<table><tr>{head}</tr>{rows}</table><ul>{pairs}</ul>"


def worst_first(systems: Sequence[SystemResult]) -> list[int]:
    """Numbers of the sentences, the highest error rate of what was synthesised first; recordings do not count."""
    judged = [system for system in systems if system.mode != "teacher"] or list(systems)
    rates: dict[int, list[float]] = {}
    for system in judged:
        for take in system.takes:
            rates.setdefault(take.number, []).append(take.count.rate)
    return sorted(rates, key=lambda number: (-sum(rates[number]) / len(rates[number]), number))


def _cell(takes: Sequence[Take], folder: Path, store: Store) -> str:
    return "".join(_player(take, folder, store) for take in takes)


def _player(take: Take, folder: Path, store: Store) -> str:
    """One take: a player, the error rate and what was heard."""
    name = _opus(take.audio, folder, store) if take.audio else ""
    player = f"<audio controls preload='none' src='{name}'></audio>" if name else ""
    bad = " class='bad'" if take.count.rate > 50 else ""
    notes = [f"seed {take.seed}", take.problem]
    notes += [f"{what} {count}" for what, count in (("retries", take.retries), ("cut off", take.cut_off)) if count]
    facts = escape(", ".join(note for note in notes if note))
    heard = escape(take.heard) or "(nothing)"
    return (
        f"<div class='take'>{player}<span{bad}>{take.count.rate:.0f} %</span> <small>{facts}</small><br>"
        f"<span class='heard'>{heard}</span></div>"
    )


def _opus(key: str, folder: Path, store: Store) -> str:
    """The take's audio as a file of the page, relative to it; empty where the store has lost it."""
    name = f"audio/{key}.ogg"
    target = folder / name
    if target.is_file():
        return name
    found = store.recall_audio(key)
    if found is None or not len(found[0]):
        logger.warning("the audio of %s is not in the store any more", key)
        return ""
    samples, rate = found
    fitting = next((possible for possible in OPUS_RATES if possible >= rate), OPUS_RATES[-1])
    floats = samples.astype(np.float32) / 32768.0
    if rate != fitting:
        floats = np.clip(soxr.resample(floats, rate, fitting), -1, 1)
    temporary = target.with_suffix(f".{os.getpid()}.tmp")
    soundfile.write(str(temporary), floats, fitting, format="OGG", subtype="OPUS")
    os.replace(temporary, target)
    return name
