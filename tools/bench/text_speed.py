"""How fast each language's text is read, in characters per second on one core: ``python -m tools.bench.text_speed``.

Prints a table, then one JSON line. The first call of a language (import and dictionaries) is timed by itself; then
each language reads varied text once to warm up and again to be measured: by its frontend alone (``clean_text``), and
on the way of a request (``TextPreprocessor.preprocess``, cut5: pieces, runs, places and ids, no BERT).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

#: A paragraph per language; numbers in it are varied, so that no cache of whole stretches can answer.
PARAGRAPHS = {
    "en": "On March {a}th the old harbour was quiet, and {b} people waited for the ferry; nobody knew that it would be "
    'late. "It costs ${a}.50," she said, "but I\'d rather walk than pay that much for {b} minutes." ',
    "zh": "{b}年{a}月的一个早上，银行行长走在人行道上，手里拿着{b}元和一把雨伞。他觉得天气还不错，可是谁也不知道"
    "下午会不会下雨；老虎和小老鼠都很勇敢，大约有{a}%的人不相信这个故事。",
    "ja": "{a}月{b}日の朝、駅の前で友達を待っていた。雨が降りそうだったので、傘を買うために{b}円を払った。",
    "ko": "{a}월 {b}일 아침에 학교 앞에서 친구를 만났습니다. 사과 {a}개를 샀는데 값이 {b}원이었어요. ",
    "yue": "{b}年{a}月嘅一個朝早，我哋一齊去飲茶，食咗{a}個點心，用咗{b}蚊。天氣好好，不過唔知下晝會唔會落雨。",
}


def text_of(language: str, characters: int, seed: int = 0) -> str:
    """About ``characters`` of text with numbers of its own."""
    parts: list[str] = []
    length, at = 0, seed
    while length < characters:
        part = PARAGRAPHS[language].format(a=at % 28 + 1, b=1000 + at * 7)
        parts.append(part)
        length += len(part)
        at += 1
    return "".join(parts)


def measure(language: str, characters: int) -> dict[str, float]:
    """CPU seconds of the first call and characters per CPU second after it, so that other processes do not count."""
    from text.cleaner import clean_text
    from TTS_infer_pack.TextPreprocessor import TextPreprocessor

    start = time.process_time()
    clean_text(text_of(language, 100), language)
    first = time.process_time() - start
    clean_text(text_of(language, characters // 4), language)
    text = text_of(language, characters, seed=5000)
    seconds = cpu_seconds(lambda: clean_text(text, language))
    front = TextPreprocessor()
    front.preprocess(text_of(language, characters // 4), language, "cut5")
    request = cpu_seconds(lambda: front.preprocess(text, language, "cut5"))
    return {
        "first_call_s": round(first, 3),
        "chars_per_s": round(len(text) / seconds),
        "request_chars_per_s": round(len(text) / request),
    }


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time that ``work`` takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def import_seconds() -> float:
    """CPU seconds that ``import text`` takes in a new interpreter, without the interpreter's own start."""
    code = "import time; t = time.process_time(); import text; print(time.process_time() - t)"
    roots = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=roots)
    return float(done.stdout)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--languages", nargs="+", default=list(PARAGRAPHS), choices=list(PARAGRAPHS))
    parser.add_argument("--characters", type=int, default=40_000)
    options = parser.parse_args()
    result: dict[str, object] = {"import_text_s": round(import_seconds(), 3)}
    print(f"import text: {result['import_text_s']} s")
    print(f"{'language':9} {'first call s':>13} {'chars/s':>10} {'request':>10}")
    for language in options.languages:
        row = measure(language, options.characters)
        result[language] = row
        print(f"{language:9} {row['first_call_s']:13.2f} {row['chars_per_s']:10.0f} {row['request_chars_per_s']:10.0f}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
