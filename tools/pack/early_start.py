"""Let the SoVITS and AR trainings start before the SSL encoder is trained.

    python tools/pack/early_start.py --list work/pack/train.list --valid work/pack/valid.list --ssl-work work/ssl \
        --exp logs/pack0

``ssl_train.py --prepare-only`` already knows what the encoder will have to reproduce (its content targets) and the
codebook over them. This writes the targets as if they were features (``4-cnhubert/``), the training audio
(``5-wav32k/``) and ``s2_init.pth`` with a projection that just averages two frames, so that codes of this folder and
codes of the finished encoder are the same alphabet. Text and semantic files come from the usual stages.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from feature_extractor.training.codebook import quantizer_weights
from prepare_datasets.audio import read_recording
from prepare_datasets.hubert_stage import ssl_path, write_training_audio
from prepare_datasets.journal import atomic_file
from ssl_train import prepare, read_list
from tools.pack.mix_tokens import first_weights

logger = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--valid", type=Path, required=True, help="the validation list given to ssl_train.py")
    parser.add_argument("--ssl-work", type=Path, required=True, help="work folder of ssl_train.py")
    parser.add_argument("--exp", type=Path, required=True, help="experiment folder to write")
    parser.add_argument("--start-from", type=Path, help="generator whose other parts are the beginning")
    parser.add_argument("--s2-config", type=Path, default=Path("GPT_SoVITS/configs/s2_gsv_tiny.json"))
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = json.loads(args.s2_config.read_text(encoding="utf-8"))
    ssl_dim = int(config["model"]["ssl_dim"])
    corpus = prepare(args.list, args.valid, args.ssl_work, threads=1)
    for row, clip in tqdm(list(zip(read_list(args.list), corpus.clips, strict=False)), desc="clips"):
        path = row.path
        features = torch.zeros(1, ssl_dim, len(clip.teacher))
        features[0, : clip.teacher.shape[1]] = torch.from_numpy(clip.teacher.astype(np.float32).T)
        with atomic_file(ssl_path(args.exp, path.name)) as stream:
            torch.save(features, stream)
        write_training_audio(args.exp, path.name, read_recording(path))
    dims = corpus.codebook.shape[1]
    head = torch.eye(dims, ssl_dim)
    weights = quantizer_weights(head, torch.zeros(dims), corpus.codebook, ssl_dim)
    weights = first_weights(weights, args.start_from)
    torch.save({"weight": weights, "config": config, "info": "first weights"}, args.exp / "s2_init.pth")
    logger.info("%s is ready: now 1-get-text.py and 3-get-semantic.py", args.exp)


if __name__ == "__main__":
    main()
