"""Training folder in which every clip comes twice: with the encoder's features and with the targets it aims at.

    python tools/pack/mix_features.py --early logs/pack0 --exp logs/gsv_tiny --quantizer work/ssl/quantizer.safetensors

After ``early_start.py`` the generator knows codes of the targets, which is what the AR model speaks. At re-synthesis it
hears the encoder's codes, which are noisier. ``--exp`` is a folder of the usual stages (encoder's features); the
targets of ``--early`` are added as ``target_<name>``, expressed in the encoder's feature space so that one quantiser
reads both.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from tqdm import tqdm

from prepare_datasets.hubert_stage import ssl_path, wav_path

logger = logging.getLogger(__name__)


def to_feature_space(targets: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Least-norm features that ``ssl_proj`` maps to ``targets``.

    Args:
        targets: [1, ssl_dim, frames], zero beyond the target width.
        weight: [ssl_dim, ssl_dim, 2] of ``ssl_proj``, both taps the same.
        bias: [ssl_dim].
    """
    return torch.linalg.pinv(weight.sum(dim=2)) @ (targets - bias[:, None])


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--early", type=Path, required=True, help="folder that early_start.py made")
    parser.add_argument("--exp", type=Path, required=True, help="folder with the encoder's features, to be extended")
    parser.add_argument("--quantizer", type=Path, required=True, help="safetensors that ssl_train.py wrote")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parts = load_file(args.quantizer)
    weight, bias = parts["ssl_proj.weight"], parts["ssl_proj.bias"]
    table = args.exp / "2-name2text.txt"
    rows = [line for line in table.read_text(encoding="utf-8").splitlines() if not line.startswith("target_")]
    added = []
    for line in tqdm(rows, desc="clips"):
        name = line.split("\t", 1)[0]
        source = ssl_path(args.early, name)
        if not source.is_file() or not wav_path(args.exp, name).is_file():
            continue
        other = f"target_{name}"
        features = to_feature_space(torch.load(source, weights_only=True).float(), weight, bias)
        torch.save(features, ssl_path(args.exp, other))
        if not wav_path(args.exp, other).exists():
            os.link(wav_path(args.exp, name), wav_path(args.exp, other))
        added.append(f"target_{line}")
    partial = table.with_suffix(".tmp")
    partial.write_text("\n".join(rows + added) + "\n", encoding="utf-8")
    os.replace(partial, table)
    logger.info("%s: %d clips, %d more with targets", args.exp, len(rows), len(added))


if __name__ == "__main__":
    main()
