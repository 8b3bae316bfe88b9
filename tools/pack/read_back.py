"""Learn what a codebook's tokens tell of phones: with it speech that says other words than the text is tried again.

    python tools/pack/read_back.py --exp logs/my_voice --s2 my_pack/s2G.pth --output my_pack/read_back.safetensors

``--exp`` is a training folder with phones and tokens (2-name2text.txt, 6-name2semantic.tsv); recordings of a few hours
know most tokens. alignment.tsv, where it is there, is the beginning. The file is used by a voice whose pack names it
(``"files": {"read_back": "read_back.safetensors"}`` in pack.json) and whose codebook is the one of ``--s2``.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from AR.errors import T2SError
from AR.models.lm_folder import codebook_fingerprint
from AR.training.read_back import ROUNDS, Spoken, learn
from errors import CheckpointError, DatasetError, GSVError
from process_ckpt import CODEBOOK_KEY, load_sovits_new, sovits_version
from side_tables import ALIGNMENT_TABLE, TEXT_TABLE, TOKEN_TABLE, read_alignment, read_tokens
from text import cleaned_text_to_sequence
from tools.pack.mix_tokens import PREFIX, read_rows

logger = logging.getLogger(__name__)


def codebook_of(s2: Path) -> tuple[str, str]:
    """Fingerprint of a SoVITS file's codebook, and the version of its phones.

    Raises:
        CheckpointError: not a SoVITS file, or one without a codebook (adapters have none).
    """
    checkpoint = load_sovits_new(s2)
    weight = checkpoint["weight"]
    if CODEBOOK_KEY not in weight:
        raise CheckpointError(f"{s2} holds no codebook", "a whole SoVITS model", "name the base model of the adapter")
    return codebook_fingerprint(weight[CODEBOOK_KEY]), sovits_version(s2, checkpoint).symbol_version


def clips_of(exp: Path, version: str) -> list[Spoken]:
    """Clips of a training folder that have both phones and tokens.

    Raises:
        DatasetError: a table is missing or not in its form.
    """
    tokens, aligned = read_tokens(exp / TOKEN_TABLE), read_alignment(exp / ALIGNMENT_TABLE)
    clips = []
    for row in read_rows(exp / TEXT_TABLE, PREFIX):
        name, words, *_ = row.split("\t")
        if name not in tokens:
            continue
        phones = np.asarray(cleaned_text_to_sequence(words.split(" "), version), np.int64)
        said, places = np.asarray(tokens[name], np.int64), aligned.get(name)
        fits = places is not None and len(places) >= len(said) and max(places) < len(phones)
        clips.append(Spoken(phones, said, np.asarray(places[: len(said)], np.int64) if fits and places else None))
    return clips


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry; 2 for what a person can mend."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exp", type=Path, required=True, help="training folder with phones and tokens")
    parser.add_argument("--s2", type=Path, required=True, help="SoVITS model with the codebook of those tokens")
    parser.add_argument("--output", type=Path, required=True, help="file to be written")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of table and alignment (%(default)s)")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        codebook, version = codebook_of(args.s2)
        show: partial[Iterable[Spoken]] = partial(tqdm, desc="clips", unit="clip")
        try:
            table = learn(clips_of(args.exp, version), args.rounds, show)
        except T2SError as error:
            raise DatasetError(f"{args.exp}: {error}", f"{TEXT_TABLE} and {TOKEN_TABLE} of the same clips") from error
    except GSVError as error:
        logger.error("%s", error)
        return 2
    args.output.parent.mkdir(parents=True, exist_ok=True)
    replace(table, codebook=codebook).save(args.output)
    logger.info("%s: %d phones, misread above %.2f nats a token", args.output, len(table.ids), table.bound)
    return 0


if __name__ == "__main__":
    sys.exit(main())
