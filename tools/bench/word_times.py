"""How close word times are to a forced alignment: ``python -m tools.bench.word_times --clips 60``.

Clips of a corpus go through a pack's own encoder, and the words that its synthesiser's attention finds in their tokens
are compared with an alignment of the same clips: a table, then one JSON line. The alignment is a file of lines
"clip TAB phone of each token (25 Hz)"; its phones are in ``2-name2text.txt`` beside it. The beginning of the first word
of a clip is not counted, since the alignment gives it the silence before.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

TOKEN_MS = 40
FRAME_MS = 20


class Clip(NamedTuple):
    """A clip of the corpus: its file, words, phones, and the phone of each token as the alignment has it."""

    path: Path
    text: str
    phones: list[str]
    aligned: NDArray[np.int64]


def read_clips(corpus: Path, targets: Path, language: str) -> Iterator[Clip]:
    """Aligned clips of the corpus, in the order of its list."""
    aligned = dict(line.split("\t") for line in (targets / "alignment.tsv").read_text("utf-8").splitlines())
    rows = [line.split("\t") for line in (targets / "2-name2text.txt").read_text("utf-8").splitlines()]
    phones = {row[0]: row[1].split() for row in rows}
    for line in (corpus / "corpus.list").read_text("utf-8").splitlines():
        path, _, lang, text = line.split("|")
        name = Path(path).name
        if lang == language and name in aligned and name in phones:
            places = np.array(aligned[name].split(), dtype=np.int64)
            yield Clip(corpus / path, text, phones[name], places)


def measure(tts: Any, clips: Sequence[Clip], count: int, language: str) -> dict[str, list[float]]:
    """Distance of word edges in ms, by how the path was found."""
    from TTS_infer_pack.word_times import WordGroup, cost_of_leaving_out, mean_of_heads, monotonic_path, word_groups

    def edges(path: NDArray[np.int64], groups: Sequence[WordGroup], unit: int) -> NDArray[np.int64]:
        places = np.array([(group.phones.start, group.phones.stop) for group in groups])
        return np.searchsorted(path, places).ravel()[1:] * unit

    found: dict[str, list[float]] = {}
    used = 0
    for clip in clips:
        prompt = tts.prompt_of(clip.path, clip.text, language)
        spans = prompt.phones.spans
        if len(spans) != len(clip.phones):
            continue  # today's frontend reads it otherwise
        groups = word_groups(clip.text, spans)
        looks = tts.voice.models.vits.looks(prompt.tokens[None, None], prompt.phones.ids[None])[0].float().numpy()
        skip = cost_of_leaving_out(groups, len(spans))
        paths = {"mean of heads": monotonic_path(mean_of_heads(looks), skip)}
        paths |= {f"head {number}": monotonic_path(head, skip) for number, head in enumerate(looks)}
        wanted = edges(clip.aligned, groups, TOKEN_MS)
        for name, path in paths.items():
            found.setdefault(name, []).extend(np.abs(edges(path, groups, FRAME_MS) - wanted).tolist())
        used += 1
        if used == count:
            break
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with corpus.list and audio/")
    parser.add_argument("--targets", type=Path, required=True, help="folder with alignment.tsv and 2-name2text.txt")
    parser.add_argument("--language", default="en")
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args(argv)
    from TTS_infer_pack.TTS import TTS, TTS_Config

    tts = TTS(TTS_Config(device=args.device))
    clips = list(read_clips(args.corpus, args.targets, args.language))
    spread = clips[
        :: max(1, len(clips) // (2 * args.clips))
    ]  # of all speakers; twice as many, since some are passed over
    random.Random(0).shuffle(spread)
    found = measure(tts, spread, args.clips, args.language)
    print(f"{'path of':16} {'edges':>6} {'median ms':>10} {'p95 ms':>8} {'mean ms':>8}")
    result = {}
    for name, errors in found.items():
        median, p95 = (float(value) for value in np.percentile(errors, (50, 95)))
        print(f"{name:16} {len(errors):6} {median:10.0f} {p95:8.0f} {np.mean(errors):8.1f}")
        result[name] = {"edges": len(errors), "median_ms": median, "p95_ms": p95, "mean_ms": float(np.mean(errors))}
    print(json.dumps({"clips": args.clips, "paths": result}))


if __name__ == "__main__":
    main()
