"""Split corpus lists into training and validation lists; sentences of the evaluation are in neither.

    python tools/pack/split_corpus.py --corpus ../shared/corpus --corpus ../shared/corpus_long --languages en,ja \
        --test tests/data/eval_en.tsv --test tests/data/eval_ja.tsv --out work/pack

The split depends on the texts alone (SHA-256 order), so that it can be repeated anywhere. Writes ``train.list``,
``valid.list`` and ``test.list`` (``vocal_path|speaker|language|text``, absolute audio paths). A sentence of an
evaluation table is kept out whoever speaks it.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.evaluation.items import read_items
from tools.pack.mix_tokens import parse_limits

logger = logging.getLogger(__name__)


class Item(NamedTuple):
    """One line of a corpus list."""

    path: str
    speaker: str
    language: str
    text: str


def read_list(corpus: Path, languages: set[str]) -> list[Item]:
    """Read ``corpus/corpus.list`` and keep the given languages; audio paths become absolute."""
    items = []
    for line in (corpus / "corpus.list").read_text(encoding="utf-8").splitlines():
        path, speaker, language, text = line.split("|", 3)
        if language in languages:
            items.append(Item(str((corpus / path).resolve()), speaker, language, text))
    return items


def order_key(item: Item) -> str:
    """Position of an item in the split: depends on its text only."""
    return hashlib.sha256(item.text.encode("utf-8")).hexdigest()


def split(items: Sequence[Item], test_texts: Iterable[str], n_valid: int) -> dict[str, list[Item]]:
    """Training, validation and test items; ``n_valid`` validation clips of each language.

    Args:
        items: all clips.
        test_texts: sentences that no training may see.
        n_valid: validation clips of each language.
    """
    unseen = set(test_texts)
    parts: dict[str, list[Item]] = {"train": [], "valid": [], "test": []}
    taken: dict[str, int] = {}
    for item in sorted(items, key=order_key):
        if item.text in unseen:
            parts["test"].append(item)
        elif taken.get(item.language, 0) < n_valid:
            taken[item.language] = taken.get(item.language, 0) + 1
            parts["valid"].append(item)
        else:
            parts["train"].append(item)
    return parts


def limited(items: Iterable[Item], limits: Mapping[str, int]) -> list[Item]:
    """The items that stay when a speaker may have at most so many clips of a language."""
    kept: list[Item] = []
    seen: dict[tuple[str, str], int] = {}
    for item in items:
        key = (item.speaker, item.language)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= limits.get(item.speaker, seen[key]):
            kept.append(item)
    return kept


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--corpus", type=Path, action="append", required=True, help="folder with corpus.list and audio/"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the three lists")
    parser.add_argument("--languages", default="en", help="comma-separated languages to keep (default: en)")
    parser.add_argument("--test", type=Path, action="append", default=[], help="evaluation table that stays unseen")
    parser.add_argument("--valid-items", type=int, default=40, help="validation clips of each language")
    parser.add_argument("--limit", action="append", default=[], metavar="SPEAKER=CLIPS", help="of each language")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    args.out.mkdir(parents=True, exist_ok=True)
    languages = set(args.languages.split(","))
    items = [item for corpus in args.corpus for item in read_list(corpus, languages)]
    parts = split(items, [item.text for table in args.test for item in read_items(table)], args.valid_items)
    parts["train"] = limited(parts["train"], parse_limits(args.limit))
    for name, part in parts.items():
        lines = ["|".join(item) for item in part]
        (args.out / f"{name}.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
        logger.info("%s: %d clips -> %s", name, len(part), args.out / f"{name}.list")


if __name__ == "__main__":
    main()
