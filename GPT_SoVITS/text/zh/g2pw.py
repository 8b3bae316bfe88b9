"""Readings of Chinese polyphones by the g2pW model (ONNX), used when its folder is present; optional.

The folder (``G2PWModel`` with g2pW.onnx and POLYPHONIC_CHARS.txt) is looked for at the environment variable
``GSV_G2PW``, in ``text/`` and under ``pretrained_models``; the word list of a Chinese BERT (``vocab.txt`` or
``tokenizer.json``) is in it or in the published chinese-roberta folder. It needs ``onnxruntime`` (extra ``g2pw``).
Without either, the dictionary and rules of ``text.zh.readings`` decide.

The model reads a sentence once per polyphone in it: token ids of the sentence, the mask of readings the character can
have, the character's number and place; it gives a probability per reading.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import published
from published import G2PW, ROBERTA, fetch_command, place

logger = logging.getLogger(__name__)

VARIABLE = "GSV_G2PW"
_MODEL_NAMES = ("g2pW.onnx", "g2pw.onnx")
_MAX_CHARS = 500
_NO_READINGS: Mapping[int, str] = {}


def folder() -> Path:
    """Where the model is looked for."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    usual = place(G2PW)
    other = place("pretrained_models/G2PWModel")
    return other if other.is_dir() and not usual.is_dir() else usual


def present() -> bool:
    """Whether the model's folder is there; where it is not, that is said once."""
    return _looked_for(os.environ.get(VARIABLE), published.LIBRARY, int(time.monotonic()))


@lru_cache(maxsize=2)
def _looked_for(named: str | None, library: Path, second: int) -> bool:
    """As :func:`present`, once a second: to look takes as long as to read half a clause."""
    where = folder()
    if not where.is_dir():
        _tell_once(where)
        return False
    return True


def polyphones(clause: str) -> Mapping[int, str]:
    """Toned pinyin of the polyphones of a clause by position; empty without the model."""
    if not present():
        return _NO_READINGS
    where = folder()
    model = _load(where)
    return model.readings(_traditional(clause[:_MAX_CHARS])) if model else _NO_READINGS


@lru_cache(maxsize=8)
def _tell_once(where: Path) -> None:
    logger.info("no g2pW model in %s: polyphones are read by the dictionary; fix: %s", where, fetch_command("g2pw"))


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
def _load(where: Path) -> G2pW | None:
    """The model of a folder, or None with one line in the log that says why."""
    path = next((where / name for name in _MODEL_NAMES if (where / name).is_file()), None)
    if path is None:
        logger.warning(
            "%s holds no %s: polyphones are read by the dictionary; fix: %s",
            where,
            _MODEL_NAMES[0],
            fetch_command("g2pw"),
        )
        return None
    try:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return G2pW(where, session)
    except ModuleNotFoundError:
        logger.warning("g2pW needs onnxruntime (pip install onnxruntime): polyphones are read by the dictionary")
    except Exception as error:  # onnxruntime has no common error class of its own
        logger.warning("g2pW in %s cannot be used (%s): polyphones are read by the dictionary", where, error)
    return None


def _vocabulary(where: Path) -> dict[str, int]:
    """Token ids of the Chinese BERT that the model reads with.

    Raises:
        OSError: no word list.
    """
    for source in (where, place(ROBERTA)):
        if (source / "vocab.txt").is_file():
            rows = (source / "vocab.txt").read_text(encoding="utf-8").split("\n")
            return {token: at for at, token in enumerate(rows) if token}
        if (source / "tokenizer.json").is_file():
            return dict(json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"])
    raise FileNotFoundError(
        f"no vocab.txt or tokenizer.json in it or in {place(ROBERTA)}; fix: " + fetch_command("roberta")
    )


class G2pW:
    """The model with its tables.

    Args:
        where: the folder.
        session: an ONNX session with the inputs named in :meth:`readings`.

    Raises:
        OSError: when a table is missing.
        KeyError, ValueError: when a reading of the tables has no pinyin, or the word list is damaged.
    """

    def __init__(self, where: Path, session: Any) -> None:
        self._session = session
        rows = (where / "POLYPHONIC_CHARS.txt").read_text(encoding="utf-8").split("\n")
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
        self._ids = _vocabulary(where)

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
