"""Results of a run: per take, per system with intervals, as a table and as one JSON line.

A take is a sentence spoken with one seed. Rates are over all takes of a table; intervals are by the bootstrap over
sentences, all takes of a sentence together.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from tools.evaluation.bootstrap import Interval, paired_ratio, quotient
from tools.evaluation.scoring import ErrorCount

BAD_RATE = 50.0
"""Percent of errors above which a take counts as not understood."""
MEANS = ("similarity", "mos", "mos_speech", "mos_background", "mos_p808", "f0_correlation", "f0_spread")


@dataclass(frozen=True)
class Take:
    """One sentence, spoken once by one system.

    Attributes:
        number, text, category: the sentence.
        seed: that was asked for.
        heard: what the judge wrote down; empty where there was no speech.
        count: errors in it.
        seconds: length of the speech.
        work_seconds: time it took to make; 0 for recordings.
        measures: similarity to the reference voice, mos and its parts, f0_correlation, f0_spread and recorded_spread in
            semitones: those that could be measured.
        falls, retries, cut_off: see ``systems.Speech``.
        problem: why there is no speech, or a fallback that happened; empty for none.
        audio: key in the store; empty where there is no speech.
    """

    number: int
    text: str
    heard: str
    count: ErrorCount
    seconds: float
    work_seconds: float = 0.0
    measures: Mapping[str, float] = field(default_factory=dict)
    falls: int = 0
    retries: int = 0
    cut_off: int = 0
    problem: str = ""
    audio: str = ""
    seed: int = 0
    category: str = ""


@dataclass
class SystemResult:
    """All takes of one system on one table."""

    name: str
    takes: list[Take] = field(default_factory=list)
    mode: str = "tts"

    @property
    def count(self) -> ErrorCount:
        """Errors and words of all takes together."""
        return sum((take.count for take in self.takes), ErrorCount())

    @property
    def real_time_factor(self) -> float | None:
        """Time of work per second of speech; None for recordings."""
        work, speech = sum(t.work_seconds for t in self.takes), sum(t.seconds for t in self.takes)
        return work / speech if work and speech else None

    def by_sentence(self) -> dict[int, list[Take]]:
        """The takes of each sentence."""
        found: dict[int, list[Take]] = defaultdict(list)
        for take in self.takes:
            found[take.number].append(take)
        return dict(found)

    def quotient(self, top: Callable[[Take], float | None], bottom: Callable[[Take], float | None]) -> Interval | None:
        """Sum of ``top`` by sum of ``bottom`` over the takes that have both, with its interval."""
        tops, bottoms = [], []
        for takes in self.by_sentence().values():
            pairs = [(a, b) for take in takes if (a := top(take)) is not None and (b := bottom(take)) is not None]
            tops.append(sum(a for a, _ in pairs))
            bottoms.append(sum(b for _, b in pairs))
        return quotient(tops, bottoms)

    @property
    def error_rate(self) -> Interval | None:
        """Errors by words, in percent."""
        found = self.quotient(lambda take: take.count.errors, lambda take: take.count.words)
        return found.scaled(100.0) if found else None

    @property
    def bad_share(self) -> Interval | None:
        """Share of takes with more than :data:`BAD_RATE` errors, in percent."""
        found = self.quotient(lambda take: float(take.count.rate > BAD_RATE), lambda take: 1.0)
        return found.scaled(100.0) if found else None

    def mean(self, measure: str) -> Interval | None:
        """Mean of a measure over the takes that have it."""
        return self.quotient(lambda take: take.measures.get(measure), lambda take: 1.0)

    @property
    def spread_ratio(self) -> Interval | None:
        """Spread of log-F0 beside that of the recordings: 1 is as lively as they are."""
        return self.quotient(_both("f0_spread", "recorded_spread"), _both("recorded_spread", "f0_spread"))

    def total(self, name: str) -> int:
        """Sum of ``falls``, ``retries`` or ``cut_off`` over all takes."""
        return sum(getattr(take, name) for take in self.takes)

    @property
    def problems(self) -> list[Take]:
        """Takes with a problem."""
        return [take for take in self.takes if take.problem]

    def worst(self, number: int) -> list[Take]:
        """The takes with most errors, the highest rate first; none without an error."""
        wrong = [take for take in self.takes if take.count.errors]
        return sorted(wrong, key=lambda take: (-take.count.rate, take.number))[:number]

    def within(self, category: str) -> SystemResult:
        """The takes of one category."""
        return SystemResult(self.name, [take for take in self.takes if take.category == category], self.mode)

    def as_dict(self) -> dict[str, Any]:
        """What the JSON line says; figures with an interval are [value, low, high]."""
        count = self.count
        seeds = sorted({take.seed for take in self.takes})
        return {
            "mode": self.mode,
            "sentences": len(self.by_sentence()),
            "takes": len(self.takes),
            "errors": count.errors,
            "words": count.words,
            "error_rate": _listed(self.error_rate, 2),
            "by_seed": {str(seed): round(_rate(t for t in self.takes if t.seed == seed), 2) for seed in seeds},
            "substitutions": count.substitutions,
            "deletions": count.deletions,
            "insertions": count.insertions,
            "bad_share": _listed(self.bad_share, 2),
            **{name: _listed(self.mean(name), 3) for name in MEANS},
            "f0_spread_ratio": _listed(self.spread_ratio, 3),
            "rtf": None if self.real_time_factor is None else round(self.real_time_factor, 3),
            "speech_seconds": round(sum(take.seconds for take in self.takes), 2),
            "falls": self.total("falls"),
            "retries": self.total("retries"),
            "cut_off": self.total("cut_off"),
            "problems": len(self.problems),
        }


def _both(wanted: str, other: str) -> Callable[[Take], float | None]:
    """Reads ``wanted`` of a take that has ``other`` as well."""
    return lambda take: take.measures.get(wanted) if take.measures.get(other) is not None else None


def _rate(takes: Iterable[Take]) -> float:
    return sum((take.count for take in takes), ErrorCount()).rate


def _listed(interval: Interval | None, digits: int) -> list[float] | None:
    return interval.as_list(digits) if interval else None


@dataclass(frozen=True)
class Pair:
    """Two systems on the same sentences: how many times the errors of ``base`` ``name`` makes."""

    name: str
    base: str
    ratio: Interval | None
    sentences: int


@dataclass
class TableResult:
    """All systems on one table of sentences.

    Attributes:
        name: of the table, such as "en".
        unit: WER or CER.
        systems: in the order of the run.
    """

    name: str
    unit: str
    systems: list[SystemResult] = field(default_factory=list)

    @property
    def categories(self) -> list[str]:
        """Categories in the order of the table; empty where it has none."""
        return list(dict.fromkeys(take.category for system in self.systems for take in system.takes if take.category))

    def within(self, category: str) -> TableResult:
        """The sentences of one category."""
        return TableResult(f"{self.name}: {category}", self.unit, [s.within(category) for s in self.systems])

    def pairs(self) -> list[Pair]:
        """Every later system beside every earlier one of the same mode."""
        return [pair(second, first) for first, second in combinations(self.systems, 2) if first.mode == second.mode]

    def as_dict(self) -> dict[str, Any]:
        """What the JSON line says."""
        return {
            "unit": self.unit,
            "systems": {system.name: system.as_dict() for system in self.systems},
            "pairs": [
                {"system": p.name, "beside": p.base, "ratio": _listed(p.ratio, 3), "sentences": p.sentences}
                for p in self.pairs()
            ],
        }


def pair(system: SystemResult, base: SystemResult) -> Pair:
    """The paired ratio of two systems' error rates, over the takes (sentence and seed) that both have."""
    sides: list[dict[tuple[int, int], ErrorCount]] = [
        {(take.number, take.seed): take.count for take in side.takes} for side in (system, base)
    ]
    common = sorted(set(sides[0]) & set(sides[1]))
    numbers = sorted({number for number, _ in common})
    place = {number: at for at, number in enumerate(numbers)}
    sums = []
    for side in sides:
        errors, words = [0.0] * len(numbers), [0.0] * len(numbers)
        for key in common:
            errors[place[key[0]]] += side[key].errors
            words[place[key[0]]] += side[key].words
        sums.append((errors, words))
    return Pair(system.name, base.name, paired_ratio(sums[0], sums[1]), len(numbers))


def shown(interval: Interval | None, digits: int, unit: str = "") -> str:
    """A figure with its interval as a cell of a table; "-" for none."""
    if interval is None:
        return "-"
    return f"{interval.value:.{digits}f}{unit} ({interval.low:.{digits}f} to {interval.high:.{digits}f})"


def _plain(interval: Interval | None, digits: int) -> str:
    return "-" if interval is None else f"{interval.value:.{digits}f}"


def row_of(system: SystemResult) -> list[str]:
    """Cells of the table for one system, under :func:`heading`."""
    count, factor = system.count, system.real_time_factor
    return [
        system.name,
        f"{len(system.by_sentence())}/{len(system.takes)}",
        shown(system.error_rate, 1, " %"),
        f"{count.errors}/{count.words}",
        shown(system.bad_share, 1, " %"),
        _plain(system.mean("similarity"), 3),
        shown(system.mean("mos"), 2),
        shown(system.mean("f0_correlation"), 2),
        shown(system.spread_ratio, 2),
        "-" if factor is None else f"{factor:.3f}",
        str(system.total("falls")),
        str(system.total("retries")),
        str(system.total("cut_off")),
        str(len(system.problems)),
    ]


def heading(unit: str) -> list[str]:
    """Column names."""
    names = "errors/units|>50 %|voice|DNSMOS|F0 corr.|F0 spread|rtf|falls|retries|cut off|problems"
    return ["system", "sentences/takes", f"{unit} (95 %)", *names.split("|")]


def table(result: TableResult) -> str:
    """One line per system, aligned, then one for each pair."""
    rows = [heading(result.unit), *(row_of(system) for system in result.systems)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [f"== {result.name}"]
    for name, *cells in rows:
        aligned = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *aligned]))
    lines += [f"{p.name} / {p.base}: {shown(p.ratio, 2)} on {p.sentences} sentences" for p in result.pairs()]
    return "\n".join(lines)


def worst_lines(result: SystemResult, number: int) -> str:
    """The worst takes of a system with what was heard, and every problem."""
    lines = [f"{result.name}: worst sentences"]
    for take in result.worst(number):
        lines.append(f"  {take.count.rate:5.0f} %  #{take.number} seed {take.seed} {take.text}")
        lines.append(f"           heard: {take.heard or '(nothing)'}")
    lines += [f"  problem at #{take.number} seed {take.seed}: {take.problem}" for take in result.problems]
    return "\n".join(lines)


def as_dict(results: Sequence[TableResult], **facts: Any) -> dict[str, Any]:
    """The whole run, each category of a table beside it."""
    tables = [part for result in results for part in (result, *(result.within(c) for c in result.categories))]
    return {**facts, "tables": {part.name: part.as_dict() for part in tables}}


def json_line(results: Sequence[TableResult], **facts: Any) -> str:
    """The whole run in one line."""
    return json.dumps(as_dict(results, **facts), ensure_ascii=False)
