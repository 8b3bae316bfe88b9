"""A list of sentences to speak (``4-distill.py``) out of plain English text files and lists of recordings.

    python tools/pack/text_list.py /usr/share/games/fortunes/* --list work/pack/train.list \
        --without work/pack/test.list work/pack/valid.list --out work/pack/texts.txt

Kept are sentences of plain words: no digits, abbreviations or names in capitals, all of them in the pronunciation
dictionary, so that what is spoken is what is written. The quotations of Debian's package ``fortunes`` are 15,000 such.
"""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from text.en.lexicon import dictionary

logger = logging.getLogger(__name__)
PLAIN = re.compile(r"[A-Z][A-Za-z ,;:'-]*[.!?]")
SHOUTED = re.compile(r"[A-Z]{2}")
PARAGRAPH = re.compile(r"\n%\n|\n\s*\n")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')]*\s+")
SOURCE = re.compile(r"\n\s*--.*", re.DOTALL)
"""Who said it, below a quotation."""


def sentences(text: str) -> Iterator[str]:
    """The sentences of a plain text, line breaks and outer quotation marks removed."""
    for paragraph in PARAGRAPH.split(text):
        joined = " ".join(SOURCE.sub("", paragraph).split())
        for sentence in SENTENCE_END.split(joined):
            yield sentence.strip().strip("\"'()")


def is_plain(sentence: str, words: tuple[int, int], known: frozenset[str]) -> bool:
    """True for a sentence of ``words`` (least, most) words, all ``known``, without anything to be spelled out."""
    if not PLAIN.fullmatch(sentence) or SHOUTED.search(sentence):
        return False
    parts = re.findall(r"[a-z']+", sentence.lower())
    return words[0] <= len(parts) <= words[1] and all(part.removesuffix("'s") in known for part in parts)


def texts_of_list(path: Path) -> list[str]:
    """Texts of a list of recordings, ``vocal_path|speaker|language|text``."""
    return [line.split("|", 3)[3].strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def collect(files: Iterable[Path], words: tuple[int, int], known: frozenset[str]) -> list[str]:
    """The plain sentences of all files, each once, in the order of the alphabet."""
    found = set()
    for path in files:
        if path.suffix in ("", ".txt") and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            found |= {s for s in sentences(text) if is_plain(s, words, known)}
    return sorted(found)


def main(argv: Sequence[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="*", help="plain text files (.txt or without an ending)")
    parser.add_argument("--list", type=Path, nargs="*", default=[], help="lists whose texts are taken as they are")
    parser.add_argument("--without", type=Path, nargs="*", default=[], help="lists whose texts are left out")
    parser.add_argument("--words", type=int, nargs=2, default=(3, 16), metavar=("LEAST", "MOST"))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    left_out = {text for path in args.without for text in texts_of_list(path)}
    texts = [text for path in args.list for text in texts_of_list(path)]
    texts += collect(args.files, tuple(args.words), frozenset(dictionary()))
    kept = [text for text in dict.fromkeys(texts) if text not in left_out]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text("\n".join(kept) + "\n", encoding="utf-8")
    logger.info("%d texts -> %s", len(kept), args.out)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
