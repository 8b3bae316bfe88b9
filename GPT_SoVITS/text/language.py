"""Which language a stretch of text is in, and what each language mode of a request makes of it.

``segments`` cuts mixed text into (language, text) runs by script; ``runs_for_mode`` applies the mode names that users
know (auto, auto_yue, en, zh, ja, ko, yue, all_zh, ...). No frontend is loaded here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from errors import TextError

#: Every language mode of a request: what it means is in ``runs_for_mode``.
MODES = ("auto", "auto_yue", "en", "zh", "ja", "ko", "yue", "all_zh", "all_ja", "all_ko", "all_yue")

_SCRIPTS = re.compile(
    r"(?P<en>[A-Za-z\u00c0-\u024f\uff21-\uff3a\uff41-\uff5a]+)"
    r"|(?P<ja>[\u3041-\u309f\u30a0-\u30ff\u31f0-\u31ff\uff66-\uff9d]+)"
    r"|(?P<ko>[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]+)"
    r"|(?P<zh>[\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)"
)


class Run(NamedTuple):
    """A stretch of text in one language."""

    language: str
    text: str


def segments(text: str, default: str = "") -> list[Run]:
    """Text cut into runs of one language, in order; joined they are ``text`` again.

    Marks, digits and spaces belong to the run before them (at the start, to the first run).

    Args:
        default: language of everything that is not in Latin letters; empty: found from the script.
    """
    runs: list[Run] = []
    at = 0
    for match in _SCRIPTS.finditer(text):
        language = match.lastgroup or "en"
        if default and language != "en":
            language = default
        if runs and runs[-1].language == language:
            runs[-1] = Run(language, runs[-1].text + text[at : match.end()])
        else:
            if runs:
                runs[-1] = Run(runs[-1].language, runs[-1].text + text[at : match.start()])
                at = match.start()
            runs.append(Run(language, text[at : match.end()]))
        at = match.end()
    if not runs:
        return [Run(default or "en", text)] if text else []
    runs[-1] = Run(runs[-1].language, runs[-1].text + text[at:])
    return runs


def runs_for_mode(text: str, mode: str) -> list[Run]:
    """The runs of ``text`` as a request in ``mode`` reads them.

    * ``en``: everything is English.
    * ``zh``, ``ja``, ``ko``, ``yue``: Latin letters are English, all else is that language.
    * ``all_*``: the same, decided per run with that language as the default.
    * ``auto``: each run in its own language; ``auto_yue``: Chinese runs are Cantonese.

    Raises:
        TextError: for an unknown mode.
    """
    if mode not in MODES:
        raise TextError(f"language {mode!r} is not known", f"one of {', '.join(MODES)}", "correct the language")
    if mode == "en":
        return [Run("en", text)]
    if mode.startswith("auto"):
        found = segments(text)
        return [Run("yue" if mode == "auto_yue" and lang == "zh" else lang, part) for lang, part in found]
    return segments(text, default=mode.removeprefix("all_"))
