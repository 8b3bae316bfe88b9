"""Let AR and language model begin with what those of an older pack know, although the tokens are another alphabet.

    python tools/pack/carry_over.py --old GPT_SoVITS/pretrained_models/gsv-tiny --list work/pack/lists/train.list \
        --exp work/pack/targets --out work/pack/begin

Both alphabets are heard on the same clips. A new token's embedding, and its row of the output layer, becomes the mean
of the old tokens' that sound at the same moments; all else (phones, attention) is kept as it is. Writes ``s1.ckpt`` and
``lm/`` for ``pretrained_s1`` and ``qwen3.start_from``.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

import process_ckpt
from AR.backend import EOS
from AR.models.lm_folder import LMConfig, codebook_fingerprint
from errors import DatasetError
from feature_extractor.cnhubert import CNHubert
from feature_extractor.training.codebook import CODES, EMBED
from feature_extractor.training.teacher import load_16k
from prepare_datasets.semantic_stage import load_tokenizer
from side_tables import TOKEN_TABLE, read_tokens
from ssl_train import Row, read_list

logger = logging.getLogger(__name__)

S1_TABLES = ("model.ar_audio_embedding.word_embeddings.weight", "model.ar_predict_layer.weight")
LM_TABLES = ("semantic_embedding.weight", "head.weight")


@torch.inference_mode()
def translation(old: Path, rows: Sequence[Row], tokens: dict[str, list[int]]) -> Tensor:
    """Share of each old token at the moments of each new one, [CODES, CODES]; rows of new tokens sum to 1.

    Args:
        old: pack that the old tokens belong to.
        rows: clips that both are heard on.
        tokens: the new tokens of these clips, by name.

    Raises:
        DatasetError: none of the clips has tokens.
    """
    encoder, tokenizer = CNHubert(str(old / "hubert")).eval(), load_tokenizer(old / "s2G.pth")
    counts = torch.zeros(CODES, CODES)
    for row in tqdm(rows, desc="clips", unit="clip"):
        new = tokens.get(row.path.name, [])
        features = encoder(torch.from_numpy(load_16k(row.path))[None])
        for pair in zip(new, tokenizer.encode(features), strict=False):
            counts[pair] += 1
    if not bool(counts.any()):
        raise DatasetError("no clip of the list has tokens in the table", "clips of one training folder")
    unheard = counts.sum(dim=1) == 0
    counts[unheard] = counts.sum(dim=0)  # a token that is never heard begins as the mean of all
    return counts / counts.sum(dim=1, keepdim=True)


def carried(table: Tensor, shares: Tensor) -> Tensor:
    """A table over the old tokens and EOS, [CODES + 1, C], as one over the new tokens and EOS."""
    return torch.cat((shares @ table[:EOS].float(), table[EOS:].float()))


def carry_s1(source: Path, shares: Tensor, target: Path) -> None:
    """An AR checkpoint for the new tokens."""
    checkpoint: dict[str, Any] = dict(process_ckpt.load_s1(str(source)))
    weight = dict(checkpoint["weight"])
    for name in S1_TABLES:
        weight[name] = carried(weight[name], shares)
    torch.save({**checkpoint, "weight": weight}, target)


def carry_lm(source: Path, shares: Tensor, codebook: str, target: Path) -> None:
    """A language model folder for the new tokens."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    path = target / "adapter.safetensors"
    weight = load_file(path)
    save_file({n: carried(t, shares) if n in LM_TABLES else t for n, t in weight.items()}, path)
    replace(LMConfig.read(target), codebook=codebook).write(target)


def main(argv: Sequence[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", type=Path, required=True, help="pack folder")
    parser.add_argument("--list", type=Path, required=True, help="clips of the new training")
    parser.add_argument("--exp", type=Path, required=True, help=f"its folder with {TOKEN_TABLE} and s2_init.pth")
    parser.add_argument("--language", default="en", help="only clips in it (default: en)")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    args.out.mkdir(parents=True, exist_ok=True)
    rows = [row for row in read_list(args.list) if row.language == args.language][::2]
    shares = translation(args.old, rows, read_tokens(args.exp / TOKEN_TABLE))
    carry_s1(args.old / "s1.ckpt", shares, args.out / "s1.ckpt")
    embed = process_ckpt.load_sovits_new(str(args.exp / "s2_init.pth"))["weight"][EMBED]
    if (args.old / "lm").is_dir():
        carry_lm(args.old / "lm", shares, codebook_fingerprint(embed), args.out / "lm")


if __name__ == "__main__":
    main()
