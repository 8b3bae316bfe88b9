"""English words with two readings, chosen by the words beside them; no tagger, no download.

The list (data/homographs.txt) has a reading for verbs and one for the rest. Without a clear sign the reading of the
noun is taken, as the published reference does without its tagger, so that ordinary words keep their trained phones.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

_TO = frozenset(
    "to will would can could shall should may might must cannot can't won't wouldn't couldn't shouldn't".split()
)
_DO = frozenset("do does did don't doesn't didn't please let's not".split())
_SUBJECTS = frozenset("i you we they who".split())
_SINGULAR = frozenset("he she it".split())
_DETERMINERS = frozenset(
    "a an the this that these those my your his her its our their some any no every each another "
    "of in on with by for".split()
)
_HAVE = frozenset(
    "have has had having i've you've we've they've he's she's be been being is was are were am get got".split()
)
_OBJECTS = frozenset("the a an this that these those my your his her its our their it him them me us you".split())
_BE = frozenset("be been being is was were are am".split())
_AWAY = frozenset("up down apart off out through".split())
#: What stands where a clause ends.
_END = frozenset(["", ".", ",", "?", "!"])
_PAST = frozenset("yesterday ago last earlier was were had did said already once".split())
_SWAPPED = frozenset("exploit exploits fragment imprint misconduct object rebel segment subcontract torment".split())


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[list[str], list[str], str]]:
    rows: dict[str, tuple[list[str], list[str], str]] = {}
    for line in (files("text.en") / "data" / "homographs.txt").read_text(encoding="utf-8").splitlines():
        word, first, second, tag = line.split("|")
        pair = (first.split(), second.split())
        # Some rows of the source have their readings swapped; a verb never has its stress before the noun's.
        if tag == "V" and word in _SWAPPED:
            pair = (pair[1], pair[0])
        rows[word] = (*pair, tag)
    return rows


def _beside(words: Sequence[str], at: int) -> tuple[str, str]:
    """The words before and after; "" where the text ends."""
    return (words[at - 1] if at else ""), (words[at + 1] if at + 1 < len(words) else "")


def _is_verb(words: Sequence[str], at: int) -> bool:
    """Whether the word at ``at`` stands where an English verb stands."""
    before, after = _beside(words, at)
    if before in _DETERMINERS:
        return False
    if before in _TO or before in _DO:
        return True
    if before in _SUBJECTS:
        return True
    if before in _SINGULAR and words[at].endswith("s"):
        return True
    # An imperative, or a subject that is a noun: "computers use the memory".
    return after in _OBJECTS and before not in _HAVE


def _read(words: Sequence[str], at: int) -> list[str]:
    before, around = _beside(words, at)[0], set(words[max(0, at - 6) : at + 7])
    past = before in _HAVE or bool(around & _PAST) or before in _SINGULAR
    if before in _TO or before in _DO:
        past = False
    return "R EH1 D".split() if past else "R IY1 D".split()


def _lead(words: Sequence[str], at: int) -> list[str]:
    before, after = _beside(words, at)
    metal = {"pipe", "pipes", "paint", "poisoning", "metal", "pencil", "acid", "bullet", "bullets", "ore"}
    return "L EH1 D".split() if after in metal or (before == "of" and after in _END) else "L IY1 D".split()


def _live(words: Sequence[str], at: int) -> list[str]:
    before, after = _beside(words, at)
    adjective = before in _DETERMINERS | {"is", "was", "are", "were", "went", "go", "goes"}
    nouns = set("music show shows concert stream broadcast audience video tv television event".split())
    return "L AY1 V".split() if adjective or after in nouns else "L IH1 V".split()


def _used(words: Sequence[str], at: int) -> list[str]:
    before, after = _beside(words, at)
    habit = after == "to" and before not in {"is", "are", "was", "were", "be", "been", "being"}
    return "Y UW1 S T".split() if habit else "Y UW1 Z D".split()


def _wind(words: Sequence[str], at: int) -> list[str]:
    before, after = _beside(words, at)
    verb = after in {"up", "down", "around", "it", "through"} and before not in _DETERMINERS
    return "W AY1 N D".split() if verb else "W IH1 N D".split()


def _tear(words: Sequence[str], at: int) -> list[str]:
    before, after = _beside(words, at)
    verb = after in _OBJECTS | _AWAY or before in _TO
    return "T EH1 R".split() if verb else "T IH1 R".split()


def _tears(words: Sequence[str], at: int) -> list[str]:
    after = _beside(words, at)[1]
    verb = _is_verb(words, at) or after in _AWAY
    return "T EH1 R Z".split() if verb else "T IH1 R Z".split()


def _bass(words: Sequence[str], at: int) -> list[str]:
    fish = "fish fishing lake river sea caught catch striped largemouth smallmouth boat grilled trout".split()
    return "B AE1 S".split() if set(words[max(0, at - 6) : at + 7]) & set(fish) else "B EY1 S".split()


def _bow(words: Sequence[str], at: int) -> list[str]:
    before = set(words[max(0, at - 3) : at])
    bent = before & {"take", "takes", "took", "taking", "ship's", "boat's"} or _is_verb(words, at)
    bent = bent or _beside(words, at)[1] in {"to", "down", "before", "out"}
    return "B AW1".split() if bent else "B OW1".split()


def _content(words: Sequence[str], at: int) -> list[str]:
    before, after = _beside(words, at)
    pleased = before in _BE | {"quite", "perfectly", "feel", "feels", "felt"} and after in _END | {"with", "to", "and"}
    return ("K AH0 N T EH1 N T" if pleased else "K AA1 N T EH0 N T").split()


def _minute(words: Sequence[str], at: int) -> list[str]:
    small = "detail details amount amounts quantity quantities difference differences particle particles change".split()
    return ("M AY0 N UW1 T" if _beside(words, at)[1] in small else "M IH1 N AH0 T").split()


def _invalid(words: Sequence[str], at: int) -> list[str]:
    before, after = _beside(words, at)
    person = before in _DETERMINERS and after in _END | {"was", "is", "who", "and", "had", "has"}
    return ("IH1 N V AH0 L AH0 D" if person else "IH2 N V AE1 L AH0 D").split()


def _wound(words: Sequence[str], at: int) -> list[str]:
    before, after = _beside(words, at)
    turned = after in {"up", "down", "around", "round", "through", "its", "tightly"} and before not in _DETERMINERS
    turned = turned or (before in _SUBJECTS | _SINGULAR and after in _OBJECTS)
    return ("W AW1 N D" if turned else "W UW1 N D").split()


def _close(words: Sequence[str], at: int) -> list[str]:
    before, after = _beside(words, at)
    near = after == "to" or before in _DETERMINERS | {"so", "very", "too", "how", "as", "is", "was", "are", "were"}
    return "K L OW1 S".split() if near else "K L OW1 Z".split()


_SPECIAL = {
    "read": _read,
    "lead": _lead,
    "live": _live,
    "used": _used,
    "wind": _wind,
    "tear": _tear,
    "close": _close,
    "tears": _tears,
    "bass": _bass,
    "bow": _bow,
    "content": _content,
    "minute": _minute,
    "invalid": _invalid,
    "wound": _wound,
}


def reading(words: Sequence[str], at: int) -> list[str] | None:
    """Phones of the homograph ``words[at]`` in its place, or None when the word is no homograph.

    Args:
        words: the sentence's words in lower case.
        at: position of the word.
    """
    word = words[at]
    if word in _SPECIAL:
        return _SPECIAL[word](words, at)
    row = _table().get(word)
    if row is None:
        return None
    first, second, tag = row
    if tag != "V":
        return second if tag != "N" else first
    return first if _is_verb(words, at) else second
