"""Split a corpus list into training, validation and held-out test lists.

    python tools/pack/split_corpus.py --corpus ../shared/corpus --out work/pack

The split depends on the texts alone (SHA-256 order), so that it can be repeated anywhere. Writes ``train.list``,
``valid.list`` and ``test.list`` (``vocal_path|speaker|language|text``, absolute audio paths); the test items are
sentences of one clean voice that no stage of the training ever sees.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
from pathlib import Path
from typing import NamedTuple

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


def split(items: list[Item], test_speaker: str, n_test: int, n_valid: int) -> dict[str, list[Item]]:
    """Test: ``n_test`` sentences of 6 to 14 words by ``test_speaker``; validation: ``n_valid`` clips of anybody."""
    ordered = sorted(items, key=order_key)
    is_test = [i for i in ordered if i.speaker == test_speaker and 6 <= len(i.text.split()) <= 14][:n_test]
    chosen = set(is_test)
    rest = [i for i in ordered if i not in chosen]
    return {"train": rest[n_valid:], "valid": rest[:n_valid], "test": is_test}


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with corpus.list and audio/")
    parser.add_argument("--out", type=Path, required=True, help="folder for the three lists")
    parser.add_argument("--languages", default="en", help="comma-separated languages to keep (default: en)")
    parser.add_argument("--test-speaker", default="mix_alpha_kumo")
    parser.add_argument("--test-items", type=int, default=40)
    parser.add_argument("--valid-items", type=int, default=60)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    args.out.mkdir(parents=True, exist_ok=True)
    items = read_list(args.corpus, set(args.languages.split(",")))
    for name, part in split(items, args.test_speaker, args.test_items, args.valid_items).items():
        lines = ["|".join(item) for item in part]
        (args.out / f"{name}.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
        logger.info("%s: %d clips -> %s", name, len(part), args.out / f"{name}.list")


if __name__ == "__main__":
    main()
