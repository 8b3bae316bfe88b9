"""Letter-to-sound for English words that no dictionary has: a GRU encoder-decoder in numpy, greedy.

Architecture and weights are those of g2p_en 2.1.0 (data/LICENSES.md); the numpy code is ours. Loaded on first use.
"""

from __future__ import annotations

import io
from functools import lru_cache
from importlib.resources import files

import numpy as np

_LETTERS = {c: i for i, c in enumerate("abcdefghijklmnopqrstuvwxyz", start=3)}
_UNKNOWN, _WORD_END, _START, _STOP = 1, 2, 2, 3
_MAX_PHONES = 20
_VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()
_CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split()
_PHONES = ["<pad>", "<unk>", "<s>", "</s>", *sorted([v + s for v in _VOWELS for s in "012"] + _CONSONANTS + ["UW"])]


class _Gru:
    """One GRU layer; weights [3H, I] and [3H, H], gates in the order reset, update, new."""

    def __init__(self, weights: dict[str, np.ndarray], prefix: str) -> None:
        # Inputs are embedding rows, so their projection is a table: one row per letter or phone.
        self.table = weights[f"{prefix}_emb"] @ weights[f"{prefix}_w_ih"].T + weights[f"{prefix}_b_ih"]
        self.recurrent = np.ascontiguousarray(weights[f"{prefix}_w_hh"].T)
        self.bias = weights[f"{prefix}_b_hh"]

    def step(self, symbol: int, hidden: np.ndarray) -> np.ndarray:
        size = hidden.shape[0]
        given, past = self.table[symbol], hidden @ self.recurrent + self.bias
        gates = 1.0 / (1.0 + np.exp(-(given[: 2 * size] + past[: 2 * size])))
        new = np.tanh(given[2 * size :] + gates[:size] * past[2 * size :])
        return (1.0 - gates[size:]) * new + gates[size:] * hidden


class LetterToSound:
    """Predicts ARPAbet phones for a word of letters a-z."""

    def __init__(self) -> None:
        raw = (files("text.en") / "data" / "oov.npz").read_bytes()
        with np.load(io.BytesIO(raw)) as archive:
            weights = {
                name: archive[name] * archive[f"{name}.scale"] if f"{name}.scale" in archive.files else archive[name]
                for name in archive.files
                if not name.endswith(".scale")
            }
        self._encoder, self._decoder = _Gru(weights, "enc"), _Gru(weights, "dec")
        self._head, self._head_bias = weights["fc_w"], weights["fc_b"]

    def predict(self, word: str) -> list[str]:
        """Phones of ``word`` (lower case); at most 20."""
        hidden = np.zeros(self._head.shape[1], dtype=np.float32)
        for symbol in [*(_LETTERS.get(c, _UNKNOWN) for c in word), _WORD_END]:
            hidden = self._encoder.step(symbol, hidden)
        phones: list[str] = []
        symbol = _START
        for _ in range(_MAX_PHONES):
            hidden = self._decoder.step(symbol, hidden)
            symbol = int(np.argmax(self._head @ hidden + self._head_bias))
            if symbol == _STOP:
                break
            if symbol > _STOP:
                phones.append(_PHONES[symbol])
        return phones


@lru_cache(maxsize=1)
def letter_to_sound() -> LetterToSound:
    """The shared predictor, loaded once."""
    return LetterToSound()
