"""Figures of a run: totals, intervals, pairs, categories."""

from __future__ import annotations

import json

import pytest

from tools.evaluation.report import SystemResult, TableResult, Take, json_line, pair, table, worst_lines
from tools.evaluation.scoring import ErrorCount


def take(number: int, errors: int, words: int = 10, seed: int = 1, **more: object) -> Take:
    """A take of a sentence of so many words."""
    return Take(number, f"text {number}", "", ErrorCount(errors, 0, 0, words), 1.0, seed=seed, **more)  # type: ignore[arg-type]


def test_totals_worst_and_json() -> None:
    good = Take(0, "one two three", "one two three", ErrorCount(0, 0, 0, 3), 1.0, 0.5, {"similarity": 0.9})
    bad = Take(
        1,
        "four",
        "",
        ErrorCount(0, 1, 0, 1),
        3.0,
        0.5,
        {"similarity": 0.7, "mos": 2.0},
        falls=2,
        retries=3,
        cut_off=1,
        problem="fallback: none",
    )
    result = SystemResult("tts-ar", [good, bad])
    teacher = SystemResult("teacher", [Take(0, "a", "a", ErrorCount(words=1), 1.0)], "teacher")
    text = table(TableResult("en", "WER", [result, teacher]))
    assert "25.0 % (0.0 to 100.0)" in text and "1/4" in text and "0.800" in text and "0.250" in text
    assert len({len(line) for line in text.splitlines()[1:]}) == 1
    shown = worst_lines(result, 5)
    assert "100 %  #1 seed 0 four" in shown and "(nothing)" in shown and "fallback: none" in shown
    assert "#0" not in shown
    facts = json.loads(json_line([TableResult("en", "WER", [result])], seeds=[0]))["tables"]["en"]
    assert facts["systems"]["tts-ar"] == {
        "mode": "tts",
        "sentences": 2,
        "takes": 2,
        "errors": 1,
        "words": 4,
        "error_rate": [25.0, 0.0, 100.0],
        "by_seed": {"0": 25.0},
        "substitutions": 0,
        "deletions": 1,
        "insertions": 0,
        "bad_share": [50.0, 0.0, 100.0],
        "similarity": [0.8, 0.7, 0.9],
        "mos": [2.0, 2.0, 2.0],
        "mos_speech": None,
        "mos_background": None,
        "mos_p808": None,
        "f0_correlation": None,
        "f0_spread": None,
        "f0_spread_ratio": None,
        "rtf": 0.25,
        "speech_seconds": 4.0,
        "falls": 2,
        "retries": 3,
        "cut_off": 1,
        "problems": 1,
    }


def test_the_takes_of_a_sentence_are_drawn_together() -> None:
    # Every sentence has an error in one of two seeds: drawn by sentence there is no doubt at all about the rate.
    result = SystemResult("tts", [take(n, int(seed == n % 2), seed=seed) for n in range(20) for seed in (0, 1)])
    assert result.error_rate is not None
    assert (result.error_rate.value, result.error_rate.low, result.error_rate.high) == (5.0, 5.0, 5.0)
    assert result.as_dict()["by_seed"] == {"0": 5.0, "1": 5.0}


def test_pairs_are_over_what_both_have_spoken() -> None:
    base = SystemResult("ar", [take(n, 4) for n in range(10)])
    better = SystemResult("lm", [take(n, 2) for n in range(8)] + [take(99, 10)])
    found = pair(better, base)
    assert found.ratio is not None and found.ratio.value == pytest.approx(0.5) and found.sentences == 8
    assert found.ratio.low == pytest.approx(0.5) == found.ratio.high
    systems = [SystemResult("teacher", [take(0, 1)], "teacher"), base, better]
    assert [(p.name, p.base) for p in TableResult("en", "WER", systems).pairs()] == [("lm", "ar")]
    assert "lm / ar: 0.50 (0.50 to 0.50) on 8 sentences" in table(TableResult("en", "WER", systems))
    assert pair(better, SystemResult("perfect", [take(n, 0) for n in range(8)])).ratio is None


def test_categories_stand_beside_the_whole() -> None:
    takes = [take(0, 5, category="long"), take(1, 0, category="names")]
    result = TableResult("hard", "WER", [SystemResult("tts", takes)])
    assert result.categories == ["long", "names"]
    facts = json.loads(json_line([result]))["tables"]
    assert list(facts) == ["hard", "hard: long", "hard: names"]
    assert facts["hard: long"]["systems"]["tts"]["error_rate"][0] == 50.0


def test_spread_beside_the_recordings_and_shares() -> None:
    lively = {"f0_spread": 2.0, "recorded_spread": 4.0}
    takes = [take(0, 6, measures=lively), take(1, 5, measures={"f0_spread": 9.0})]  # the second has no recording
    result = SystemResult("tts", takes)
    assert result.spread_ratio is not None and result.spread_ratio.value == 0.5
    assert result.bad_share is not None and result.bad_share.value == 50.0  # exactly half wrong is not above half
