"""Cantonese text as it is read: the Chinese normaliser with what Cantonese says otherwise.

The result is in traditional characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from text.yue.script import fold, traditional, unfold
from text.zh import normalize as chinese
from text.zh.parts import DASH, Dialect
from text.zh.tables import CURRENCIES, UNITS

_UNITS = {
    **{"km": "公里", "kg": "公斤", "L": "公升", "l": "公升", "kph": "公里每小时", "t": "公吨"},
    **{"ft": "呎", "sqft": "平方呎", "sq ft": "平方呎", "yd": "码"},
}
#: In Hong Kong a bare dollar sign is its own dollar.
_CURRENCIES = {"$": "元", "＄": "元"}
#: Eight digits in two groups, with or without the code of Hong Kong or Macau; not two years.
_TELEPHONE = re.compile(
    r"(?<![\d.,/-])(?<!\d:)(?!(?:19|20)\d\d-(?:19|20)\d\d)(?:\+?85[23][\s-]?)?[2-9]\d{3}[\s-]?\d{4}(?![\d.,:/%-]|\s?[元蚊万億亿年人个])"
)
_BARE_EIGHT = re.compile(r"[2-9]\d{7}")


def dialect(spoken: Callable[[str], bool]) -> Dialect:
    """What Cantonese says otherwise than Mandarin; ``spoken`` tells whether a character has a reading."""
    return Dialect(
        one="一",
        units={**UNITS, **_UNITS},
        currencies={**CURRENCIES, **_CURRENCIES},
        squared="嘅二次方",
        cubed="嘅三次方",
        power="嘅{}次方",
        local_telephone=_TELEPHONE,
        spoken=spoken,
    )


def normalize(text: str, cantonese: Dialect) -> str:
    """Any text to traditional characters and marks that have phones."""
    text = fold(traditional(text.replace("𠮶", "嗰")))
    # 日 counts days in Cantonese, where Mandarin has 天: 2日 is 兩日, but 5月2日 a date.
    text = re.sub(rf"(?<![\d.月])2({DASH})(?=\d+日)", "两到", text)
    text = re.sub(r"(?<![\d.月至到-])2(?=日)", "两", text)
    return unfold(chinese.normalize(text, cantonese))
