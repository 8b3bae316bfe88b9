"""Finish the SoVITS training folder of a pack: every clip twice, alignments, and a generator that knows the codes.

    python tools/pack/mix_tokens.py --early logs/pack0 --exp logs/gsv_tiny \
        --quantizer work/ssl/quantizer.safetensors --alignment work/ssl/alignment.tsv \
        --limit jf_alpha=60 --limit jf_tebukuro=60

The AR model speaks tokens of the targets that the SSL encoder aims at; at re-synthesis the generator hears the
encoder's own, which are noisier. ``--exp`` is a folder of the usual stages (encoder's tokens); the tokens of
``--early`` (``early_start.py``) are added as ``target_<name>``. ``s2_init.pth`` holds the quantiser that both are of:
it is not trained, so tokens are all that SoVITS needs of a clip besides its sound (``train.data_on_device``).
``--limit`` keeps only so many clips of a speaker: a small network learns the voices that matter sooner.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from errors import ConfigError, DatasetError
from prepare_datasets.hubert_stage import wav_path
from prepare_datasets.journal import write_atomic
from process_ckpt import load_sovits_new
from side_tables import ALIGNMENT_TABLE, SPEAKER_TABLE, TEXT_TABLE, TOKEN_TABLE, read_table

logger = logging.getLogger(__name__)
PREFIX = "target_"


def first_weights(quantizer: Mapping[str, Tensor], start_from: Path | None) -> dict[str, Tensor]:
    """What SoVITS begins with: this quantiser, and the other parts of an older generator where one is given.

    The projection of the old tokens into the prior reads another alphabet now; all else is worth keeping.
    """
    if start_from is None:
        return dict(quantizer)
    return {**{n: t.float() for n, t in load_sovits_new(str(start_from))["weight"].items()}, **quantizer}


def parse_limits(given: Iterable[str]) -> dict[str, int]:
    """``speaker=clips`` each.

    Raises:
        ConfigError: not of that form.
    """
    limits = {}
    for text in given:
        speaker, _, count = text.rpartition("=")
        if not speaker or not count.isdigit():
            raise ConfigError(f"--limit {text}", "speaker=clips, for example jf_alpha=60")
        limits[speaker] = int(count)
    return limits


def limited(rows: Iterable[str], speakers: dict[str, str], limits: dict[str, int]) -> list[str]:
    """The rows of 2-name2text.txt that stay, in their order."""
    kept: list[str] = []
    seen: Counter[str] = Counter()
    for row in rows:
        speaker = speakers.get(name_of(row), "")
        seen[speaker] += 1
        if seen[speaker] <= limits.get(speaker, seen[speaker]):
            kept.append(row)
    return kept


def name_of(row: str) -> str:
    """First field of a table's row."""
    return row.split("\t", 1)[0]


def read_rows(path: Path, added: str | tuple[str, ...] = PREFIX) -> list[str]:
    """Rows of a table without those that were added before, whose names begin with ``added``.

    Raises:
        DatasetError: no such file.
    """
    try:
        rows = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}", "a table of the dataset stages") from error
    return [row for row in rows if row and not row.startswith(added)]


def write_rows(path: Path, rows: Iterable[str]) -> None:
    """The table with these rows, whole or not at all."""
    write_atomic(path, "".join(f"{row}\n" for row in rows))


def link_sound(exp: Path, name: str, prefix: str) -> None:
    """The sound of a clip under its prefixed name too."""
    if not (other := wav_path(exp, prefix + name)).exists():
        os.link(wav_path(exp, name), other)


def add_targets(rows: list[str], early: Path, exp: Path) -> list[str]:
    """Put the targets' tokens of these clips behind the encoder's, with a link to the sound; returns their rows."""
    _, *spoken = read_rows(early / TOKEN_TABLE)
    known = {name_of(row): row for row in spoken}
    added = [row for row in rows if name_of(row) in known and wav_path(exp, name_of(row)).is_file()]
    for row in added:
        link_sound(exp, name_of(row), PREFIX)
    write_rows(exp / TOKEN_TABLE, (*read_rows(exp / TOKEN_TABLE), *(PREFIX + known[name_of(row)] for row in added)))
    return [PREFIX + row for row in added]


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--early", type=Path, required=True, help="folder that early_start.py made")
    parser.add_argument("--exp", type=Path, required=True, help="folder with the encoder's tokens, to be extended")
    parser.add_argument("--quantizer", type=Path, required=True, help="safetensors that ssl_train.py wrote")
    parser.add_argument("--alignment", type=Path, required=True, help="alignment.tsv that ssl_train.py wrote")
    parser.add_argument("--limit", action="append", default=[], metavar="SPEAKER=CLIPS")
    parser.add_argument("--start-from", type=Path, help="generator whose other parts are the beginning")
    parser.add_argument("--s2-config", type=Path, default=Path("GPT_SoVITS/configs/s2_gsv_tiny.json"))
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    limits = parse_limits(args.limit)
    config = json.loads(args.s2_config.read_text(encoding="utf-8"))
    rows = limited(read_rows(args.exp / TEXT_TABLE), read_table(args.exp / SPEAKER_TABLE), limits)
    added = add_targets(rows, args.early, args.exp)
    known = read_table(args.alignment)
    names = [name_of(row) for row in rows + added]
    aligned = [f"{n}\t{known[n.removeprefix(PREFIX)]}" for n in names if n.removeprefix(PREFIX) in known]
    write_rows(args.exp / ALIGNMENT_TABLE, aligned)
    weights = first_weights(load_file(args.quantizer), args.start_from)
    torch.save({"weight": weights, "config": config, "info": "first weights"}, args.exp / "s2_init.pth")
    write_rows(args.exp / TEXT_TABLE, rows + added)
    logger.info("%s: %d clips, %d more with targets, %d aligned", args.exp, len(rows), len(added), len(aligned))


if __name__ == "__main__":
    main()
