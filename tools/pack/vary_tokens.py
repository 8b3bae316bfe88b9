"""Add what the encoder hears where a clip is played lower or higher: SoVITS learns that other mouths mean the same.

    python tools/pack/vary_tokens.py --exp work/focus --voice mix_alpha_kumo --hubert work/hubert --s2 work/s2_init.pth

In re-synthesis and from text the tokens are another mouth's than the voice's that speaks; with one voice's own clips
alone, SoVITS never meets that. Each clip of the voice is played slower (lower, as of a longer vocal tract) and faster;
the features are put back on the clip's own clock, so that tokens and sound still belong together. About two of three
tokens stay the same. The rows are called ``lower_<name>`` and ``higher_<name>``.
"""

from __future__ import annotations

import argparse
import logging
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr
import torch
from torch import Tensor
from tqdm import tqdm

from errors import DatasetError
from feature_extractor.cnhubert import CNHubert
from feature_extractor.training.teacher import RATE, load_16k
from prepare_datasets.hubert_stage import wav_path
from prepare_datasets.semantic_stage import load_tokenizer
from side_tables import ALIGNMENT_TABLE, SPEAKER_TABLE, TEXT_TABLE, TOKEN_TABLE, read_table, read_tokens
from tools.pack.focus import clips_of
from tools.pack.mix_tokens import PREFIX, link_sound, name_of, read_rows, write_rows

logger = logging.getLogger(__name__)
TEMPOS = {"lower_": (0.82, 0.94), "higher_": (1.06, 1.20)}
TAIL = RATE // 10  # silence behind, so that the last frames of a faster clip exist


def played(sound: np.ndarray, tempo: float) -> np.ndarray:
    """Samples [T] as they sound at another speed of the tape, [about T / tempo], with a little silence behind."""
    resampled = soxr.resample(sound, round(1000 * tempo), 1000).astype(np.float32)
    return np.pad(resampled, (0, TAIL))


def on_clock(features: Tensor, tempo: float, frames: int) -> Tensor:
    """Features [1, C, T'] of a clip played at ``tempo`` -> [1, C, frames] at the moments of the clip itself."""
    at = (torch.arange(frames) / tempo).clamp(max=features.size(2) - 1)
    before = at.long()
    after = (before + 1).clamp(max=features.size(2) - 1)
    return torch.lerp(features[..., before], features[..., after], (at - before).to(features.dtype))


def add_variants(exp: Path, voice: str, hubert: Path, s2: Path, seed: int = 0) -> int:
    """Put the variants' rows into the folder's tables, with links to the sound; gives how many there are.

    Args:
        exp: training folder with speakers.tsv; tables that are links become files of their own.
        voice: name in speakers.tsv.
        hubert, s2: encoder's folder, and a generator file with its quantiser.
        seed: of the tempos.

    Raises:
        DatasetError: no clip of the voice, or one without tokens.
    """
    rows, (head, *spoken) = (read_rows(exp / table, tuple(TEMPOS)) for table in (TEXT_TABLE, TOKEN_TABLE))
    tokens, aligned = read_tokens(exp / TOKEN_TABLE), read_table(exp / ALIGNMENT_TABLE)
    clips = {name_of(row): row for row in rows if not row.startswith(PREFIX)}
    own = clips_of(voice, clips, read_table(exp / SPEAKER_TABLE))
    if missing := sorted(own - set(tokens)):
        raise DatasetError(f"{len(missing)} clips have no tokens, the first is {missing[0]}", f"a row in {TOKEN_TABLE}")
    encoder, tokenizer = CNHubert(hubert).eval(), load_tokenizer(s2)
    source = random.Random(seed)
    added: list[str] = []
    for name in tqdm([name for name in clips if name in own], desc="clips", unit="clip"):
        sound = load_16k(wav_path(exp, name))
        for prefix, span in TEMPOS.items():
            tempo, count = source.uniform(*span), len(tokens[name])
            with torch.inference_mode():
                features = encoder(torch.from_numpy(played(sound, tempo))[None])
            heard = tokenizer.encode(on_clock(features, tempo, 2 * count))[:count]
            spoken.append(f"{prefix}{name}\t{' '.join(map(str, heard))}")
            if name in aligned:
                aligned[prefix + name] = aligned[name]
            link_sound(exp, name, prefix)
            added.append(prefix + clips[name])
    write_rows(exp / TOKEN_TABLE, [head, *spoken])
    if aligned:
        write_rows(exp / ALIGNMENT_TABLE, [f"{name}\t{places}" for name, places in aligned.items()])
    write_rows(exp / TEXT_TABLE, [*rows, *added])
    return len(added)


def main(argv: Sequence[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exp", type=Path, required=True, help="training folder with speakers.tsv")
    parser.add_argument("--voice", required=True, help="its name in speakers.tsv")
    parser.add_argument("--hubert", type=Path, required=True, help="folder of the encoder")
    parser.add_argument("--s2", type=Path, required=True, help="generator file with the quantiser")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    count = add_variants(args.exp, args.voice, args.hubert, args.s2)
    logger.info("%s: %d rows more", args.exp, count)


if __name__ == "__main__":
    main()
