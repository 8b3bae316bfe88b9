"""Finish the SoVITS training folder of a pack: every clip twice, alignments, and a generator that knows the codes.

    python tools/pack/mix_features.py --early logs/pack0 --exp logs/gsv_tiny \
        --quantizer work/ssl/quantizer.safetensors --alignment work/ssl/alignment.tsv \
        --limit jf_alpha=60 --limit jf_tebukuro=60

The AR model speaks codes of the targets that the SSL encoder aims at; at re-synthesis the generator hears the
encoder's own codes, which are noisier. ``--exp`` is a folder of the usual stages (encoder's features and tokens); the
targets of ``--early`` (``early_start.py``) are added as ``target_<name>``, expressed in the encoder's feature space so
that one quantiser reads both, with their tokens. ``s2_init.pth`` holds that quantiser. ``--limit`` keeps only so many
clips of a speaker: a small network learns the voices that matter sooner.
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
from tqdm import tqdm

from errors import ConfigError
from prepare_datasets.hubert_stage import ssl_path, wav_path
from prepare_datasets.journal import write_atomic
from process_ckpt import load_sovits_new
from side_tables import read_table

logger = logging.getLogger(__name__)
PREFIX = "target_"
TOKENS = "6-name2semantic.tsv"


def to_feature_space(targets: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Least-norm features that ``ssl_proj`` maps to ``targets``.

    Args:
        targets: [1, ssl_dim, frames], zero beyond the target width.
        weight: [ssl_dim, ssl_dim, 2] of ``ssl_proj``, both taps the same.
        bias: [ssl_dim].
    """
    return torch.linalg.pinv(weight.sum(dim=2)) @ (targets - bias[:, None])


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
        speaker = speakers.get(row.split("\t", 1)[0], "")
        seen[speaker] += 1
        if seen[speaker] <= limits.get(speaker, seen[speaker]):
            kept.append(row)
    return kept


def add_targets(rows: list[str], early: Path, exp: Path, weight: Tensor, bias: Tensor) -> list[str]:
    """Write the targets of these clips into ``exp``; returns their rows."""
    added = []
    for row in tqdm(rows, desc="clips"):
        name = row.split("\t", 1)[0]
        source, wav = ssl_path(early, name), wav_path(exp, name)
        if not source.is_file() or not wav.is_file():
            continue
        other = PREFIX + name
        features = to_feature_space(torch.load(source, weights_only=True).float(), weight, bias)
        torch.save(features, ssl_path(exp, other))
        if not wav_path(exp, other).exists():
            os.link(wav, wav_path(exp, other))
        added.append(PREFIX + row)
    return added


def add_tokens(early: Path, exp: Path, rows: list[str]) -> None:
    """Put the targets' tokens of these rows behind those of the encoder's features; nothing without a table."""
    table, targets = exp / TOKENS, early / TOKENS
    if not (table.is_file() and targets.is_file()):
        return
    head, *own = table.read_text(encoding="utf-8").splitlines()
    names = {row.split("\t", 1)[0] for row in rows}
    spoken = [PREFIX + row for row in targets.read_text(encoding="utf-8").splitlines()[1:]]
    kept = [row for row in own if not row.startswith(PREFIX)]
    added = [row for row in spoken if row.split("\t", 1)[0] in names]
    write_atomic(table, "".join(f"{row}\n" for row in (head, *kept, *added)))


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--early", type=Path, required=True, help="folder that early_start.py made")
    parser.add_argument("--exp", type=Path, required=True, help="folder with the encoder's features, to be extended")
    parser.add_argument("--quantizer", type=Path, required=True, help="safetensors that ssl_train.py wrote")
    parser.add_argument("--alignment", type=Path, required=True, help="alignment.tsv that ssl_train.py wrote")
    parser.add_argument("--limit", action="append", default=[], metavar="SPEAKER=CLIPS")
    parser.add_argument("--start-from", type=Path, help="generator whose other parts are the beginning")
    parser.add_argument("--s2-config", type=Path, default=Path("GPT_SoVITS/configs/s2_gsv_tiny.json"))
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    limits = parse_limits(args.limit)
    parts = load_file(args.quantizer)
    config = json.loads(args.s2_config.read_text(encoding="utf-8"))
    table = args.exp / "2-name2text.txt"
    rows = [row for row in table.read_text(encoding="utf-8").splitlines() if not row.startswith(PREFIX)]
    rows = limited(rows, read_table(args.exp / "speakers.tsv"), limits)
    added = add_targets(rows, args.early, args.exp, parts["ssl_proj.weight"], parts["ssl_proj.bias"])
    add_tokens(args.early, args.exp, added)
    known = read_table(args.alignment)
    names = [row.split("\t", 1)[0] for row in rows + added]
    aligned = [f"{name}\t{known[name.removeprefix(PREFIX)]}\n" for name in names if name.removeprefix(PREFIX) in known]
    write_atomic(args.exp / "alignment.tsv", "".join(aligned))
    weights = first_weights(parts, args.start_from)
    torch.save({"weight": weights, "config": config, "info": "first weights"}, args.exp / "s2_init.pth")
    write_atomic(table, "".join(f"{row}\n" for row in rows + added))
    logger.info("%s: %d clips, %d more with targets, %d aligned", args.exp, len(rows), len(added), len(aligned))


if __name__ == "__main__":
    main()
