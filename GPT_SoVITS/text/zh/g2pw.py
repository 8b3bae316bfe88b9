"""Readings of Chinese polyphones by the g2pW model (ONNX), used when its folder is present; optional.

The folder (``G2PWModel`` with g2pW.onnx and POLYPHONIC_CHARS.txt) is looked for at the environment variable
``GSV_G2PW`` and under ``pretrained_models``; ``vocab.txt`` of a Chinese BERT is in it or in the chinese-roberta folder
beside it. It needs ``onnxruntime`` (extra ``g2pw``). Without either, the dictionary and rules of ``text.zh.readings``
decide.

The model reads a sentence once per polyphone in it: token ids of the sentence, the mask of readings the character can
have, the character's number and place; it gives a probability per reading.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

logger = logging.getLogger(__name__)

VARIABLE = "GSV_G2PW"
_DEFAULT = Path(__file__).resolve().parents[2] / "pretrained_models" / "G2PWModel"
_ROBERTA = "chinese-roberta-wwm-ext-large"
_MODEL_NAMES = ("g2pW.onnx", "g2pw.onnx")
_MAX_CHARS = 500
_NO_READINGS: Mapping[int, str] = {}


def folder() -> Path:
    """Where the model is looked for."""
    return Path(os.environ.get(VARIABLE) or _DEFAULT)


def polyphones(clause: str) -> Mapping[int, str]:
    """Toned pinyin of the polyphones of a clause by position; empty without the model."""
    place = folder()
    if not place.is_dir():
        return _NO_READINGS
    model = _load(place)
    return model.readings(_traditional(clause[:_MAX_CHARS])) if model else _NO_READINGS


@lru_cache(maxsize=1)
def _converter() -> Any:
    from opencc import OpenCC

    return OpenCC("s2t")


def _traditional(clause: str) -> str:
    """The clause as the model was trained, in traditional characters, one for one."""
    converted = str(_converter().convert(clause))
    return converted if len(converted) == len(clause) else clause


def _bopomofo() -> dict[str, str]:
    """Bopomofo without tone -> pinyin without tone."""
    from pypinyin import Style
    from pypinyin.constants import PINYIN_DICT
    from pypinyin.style import convert

    table: dict[str, str] = {}
    for pinyin in {p for row in PINYIN_DICT.values() for p in row.split(",")}:
        toned = convert(pinyin, Style.BOPOMOFO, strict=True)
        table.setdefault(toned.translate(_TONE_MARKS), convert(pinyin, Style.NORMAL, strict=True).replace("v", "ü"))
    return table


_TONE_MARKS = dict.fromkeys(map(ord, "ˉˊˇˋ˙"))


@lru_cache(maxsize=2)
def _load(place: Path) -> G2pW | None:
    """The model of a folder, or None with one line in the log that says why."""
    path = next((place / name for name in _MODEL_NAMES if (place / name).is_file()), None)
    if path is None:
        logger.warning("%s holds no %s: polyphones are read by the dictionary", place, _MODEL_NAMES[0])
        return None
    try:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return G2pW(place, session)
    except ModuleNotFoundError:
        logger.warning("g2pW needs onnxruntime (pip install onnxruntime): polyphones are read by the dictionary")
    except Exception as error:  # onnxruntime has no common error class of its own
        logger.warning("g2pW in %s cannot be used (%s): polyphones are read by the dictionary", place, error)
    return None


def _vocabulary(place: Path) -> Path:
    own = place / "vocab.txt"
    return own if own.is_file() else place.parent / _ROBERTA / "vocab.txt"


class G2pW:
    """The model with its tables.

    Args:
        place: the folder.
        session: an ONNX session with the inputs named in :meth:`readings`.

    Raises:
        OSError: when a table is missing.
        KeyError: when a reading of the tables has no pinyin.
    """

    def __init__(self, place: Path, session: Any) -> None:
        self._session = session
        rows = (place / "POLYPHONIC_CHARS.txt").read_text(encoding="utf-8").split("\n")
        pairs = [tuple(row.strip().split("\t")) for row in rows if "\t" in row]
        self._labels = sorted({reading for _, reading in pairs})
        self._chars = sorted({char for char, _ in pairs})
        pinyin = _bopomofo()
        self._pinyin = {label: pinyin[label[:-1]] + label[-1] for label in self._labels}
        number = {label: at for at, label in enumerate(self._labels)}
        self._mask = np.zeros((len(self._chars), len(self._labels)), dtype=np.float32)
        self._number = {char: at for at, char in enumerate(self._chars)}
        for char, reading in pairs:
            self._mask[self._number[char], number[reading]] = 1
        vocabulary = _vocabulary(place).read_text(encoding="utf-8").split("\n")
        self._ids = {token: at for at, token in enumerate(vocabulary) if token}

    def readings(self, clause: str) -> dict[int, str]:
        """Toned pinyin by position for the characters with several readings."""
        asked = [at for at, char in enumerate(clause) if char in self._number]
        if not asked:
            return {}
        unknown = self._ids["[UNK]"]
        row = [self._ids["[CLS]"], *(self._ids.get(char, unknown) for char in clause), self._ids["[SEP]"]]
        chars = np.array([self._number[clause[at]] for at in asked], dtype=np.int64)
        ids = np.tile(np.array(row, dtype=np.int64), (len(asked), 1))
        inputs = {
            "input_ids": ids,
            "token_type_ids": np.zeros_like(ids),
            "attention_mask": np.ones_like(ids),
            "phoneme_mask": self._mask[chars],
            "char_ids": chars,
            "position_ids": np.array([at + 1 for at in asked], dtype=np.int64),
        }
        names = {entry.name for entry in self._session.get_inputs()}
        probabilities = self._session.run(None, {k: v for k, v in inputs.items() if k in names})[0]
        best = np.argmax(probabilities * self._mask[chars], axis=-1)
        return {at: self._pinyin[self._labels[int(label)]] for at, label in zip(asked, best, strict=True)}
