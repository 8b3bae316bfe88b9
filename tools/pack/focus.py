"""A training folder in which one voice prevails: all of its clips, and a few of the others.

    python tools/pack/focus.py --exp work/sovits --voice mix_alpha_kumo --others 240 --out work/focus

A small pack learns little in an hour of two cores; what newcomers hear is the pack's own voice, so that has the most of
it. Sound, tokens and alignments are links to those of ``--exp``; a clip comes with the tokens of its targets where
``mix_tokens.py`` added them. ``vary_tokens.py`` adds more, in tables of the folder's own.
"""

from __future__ import annotations

import argparse
import logging
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from errors import DatasetError
from side_tables import ALIGNMENT_TABLE, SPEAKER_TABLE, TEXT_TABLE, TOKEN_TABLE, read_table
from tools.pack.mix_tokens import PREFIX, name_of, write_rows

logger = logging.getLogger(__name__)
LINKED = ("5-wav32k", TOKEN_TABLE, ALIGNMENT_TABLE, SPEAKER_TABLE)


def clips_of(voice: str, names: Iterable[str], speakers: dict[str, str]) -> set[str]:
    """Those of ``names`` that the voice spoke.

    Raises:
        DatasetError: there is none.
    """
    own = {name for name in names if speakers.get(name) == voice}
    if not own:
        raise DatasetError(f"no clip of {voice!r}", f"one of {', '.join(sorted(set(speakers.values())))}")
    return own


def chosen(rows: Sequence[str], speakers: dict[str, str], voice: str, others: int, seed: int = 0) -> list[str]:
    """The rows of 2-name2text.txt that stay, in their order.

    Raises:
        DatasetError: there is no clip of the voice.
    """
    names = sorted({name_of(row).removeprefix(PREFIX) for row in rows})
    own = clips_of(voice, names, speakers)
    rest = [name for name in names if name not in own]
    kept = own | set(random.Random(seed).sample(rest, min(others, len(rest))))
    return [row for row in rows if name_of(row).removeprefix(PREFIX) in kept]


def main(argv: Sequence[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exp", type=Path, required=True, help="training folder with speakers.tsv")
    parser.add_argument("--voice", required=True, help="its name in speakers.tsv")
    parser.add_argument("--others", type=int, default=240, help="clips of other voices (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder to be made")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    rows = [row for row in (args.exp / TEXT_TABLE).read_text(encoding="utf-8").splitlines() if row]
    kept = chosen(rows, read_table(args.exp / SPEAKER_TABLE), args.voice, args.others)
    args.out.mkdir(parents=True, exist_ok=True)
    for name in LINKED:
        link = args.out / name
        if (args.exp / name).exists() and not link.exists():
            link.symlink_to((args.exp / name).resolve())
    write_rows(args.out / TEXT_TABLE, kept)
    logger.info("%s: %d of %d rows", args.out, len(kept), len(rows))


if __name__ == "__main__":
    main()
