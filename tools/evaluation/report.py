"""Results of a run: per sentence, per system, as a table and as one JSON line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.evaluation.scoring import ErrorCount


@dataclass(frozen=True)
class ItemResult:
    """One sentence of one system.

    Attributes:
        number, text: the sentence.
        heard: what the judge wrote down; empty where there was no speech.
        count: errors in it.
        seconds: length of the speech.
        work_seconds: time it took to make; 0 for recordings.
        similarity: to the reference voice, or None.
        problem: why there is no speech, or a fallback that happened; empty for none.
    """

    number: int
    text: str
    heard: str
    count: ErrorCount
    seconds: float
    work_seconds: float = 0.0
    similarity: float | None = None
    problem: str = ""


@dataclass
class SystemResult:
    """All sentences of one system."""

    name: str
    items: list[ItemResult] = field(default_factory=list)

    @property
    def count(self) -> ErrorCount:
        """Errors and words of all sentences together."""
        return sum((item.count for item in self.items), ErrorCount())

    @property
    def similarity(self) -> float | None:
        """Mean over the sentences that have one."""
        values = [item.similarity for item in self.items if item.similarity is not None]
        return sum(values) / len(values) if values else None

    @property
    def real_time_factor(self) -> float | None:
        """Time of work per second of speech; None for recordings."""
        work, speech = sum(i.work_seconds for i in self.items), sum(i.seconds for i in self.items)
        return work / speech if work and speech else None

    @property
    def problems(self) -> list[ItemResult]:
        """Sentences with a problem."""
        return [item for item in self.items if item.problem]

    def worst(self, number: int) -> list[ItemResult]:
        """The sentences with most errors, the highest rate first; none without an error."""
        wrong = [item for item in self.items if item.count.errors]
        return sorted(wrong, key=lambda item: (-item.count.rate, item.number))[:number]

    def as_dict(self) -> dict[str, Any]:
        """What the JSON line says."""
        count = self.count
        return {
            "items": len(self.items),
            "errors": count.errors,
            "words": count.words,
            "error_rate": round(count.rate, 2),
            "substitutions": count.substitutions,
            "deletions": count.deletions,
            "insertions": count.insertions,
            "similarity": _rounded(self.similarity),
            "rtf": _rounded(self.real_time_factor),
            "speech_seconds": round(sum(item.seconds for item in self.items), 2),
            "problems": len(self.problems),
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def table(results: Sequence[SystemResult], unit: str = "WER") -> str:
    """One line per system, aligned."""
    rows = [["system", "items", unit, "errors/words", "sub", "del", "ins", "similarity", "rtf", "problems"]]
    for result in results:
        count = result.count
        rows.append(
            [
                result.name,
                str(len(result.items)),
                f"{count.rate:.1f} %",
                f"{count.errors}/{count.words}",
                str(count.substitutions),
                str(count.deletions),
                str(count.insertions),
                _shown(result.similarity),
                _shown(result.real_time_factor),
                str(len(result.problems)),
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for name, *cells in rows:
        aligned = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *aligned]))
    return "\n".join(lines)


def worst_lines(result: SystemResult, number: int) -> str:
    """The worst sentences of a system with what was heard, and every problem."""
    lines = [f"{result.name}: worst sentences"]
    for item in result.worst(number):
        lines.append(f"  {item.count.rate:5.0f} %  #{item.number} {item.text}")
        lines.append(f"           heard: {item.heard or '(nothing)'}")
    lines += [f"  problem at #{item.number}: {item.problem}" for item in result.problems]
    return "\n".join(lines)


def json_line(results: Sequence[SystemResult], **facts: Any) -> str:
    """The whole run in one line."""
    return json.dumps({**facts, "systems": {result.name: result.as_dict() for result in results}}, ensure_ascii=False)
