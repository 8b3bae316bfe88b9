"""English words to phones: dictionary, spelled letters, possessives, compounds, letter-to-sound, in this order."""

from __future__ import annotations

import lzma
import re
from functools import lru_cache
from importlib.resources import files

from text.en.oov import letter_to_sound

#: Words that the dictionary lacks or gives in a reading that is rare today; ours win.
OVERRIDES: dict[str, str] = {
    "chatgpt": "CH AE1 T JH IY1 P IY1 T IY1",
    "messers": "M EH1 S ER0 Z",
    # The second reading in the dictionary, the one that the published models were trained with.
    "orange": "AO1 R IH0 N JH",
    "oranges": "AO1 R IH0 N JH IH0 Z",
    "hors": "AO1 R",
    "wifi": "W AY1 F AY2",
    "github": "G IH1 T HH AH2 B",
    "online": "AO1 N L AY2 N",
    "blog": "B L AO1 G",
    "selfie": "S EH1 L F IY0",
    "emoji": "IH0 M OW1 JH IY0",
    "covid": "K OW1 V IH0 D",
    "laptop": "L AE1 P T AA2 P",
    "app": "AE1 P",
    "apps": "AE1 P S",
    "jpeg": "JH EY1 P EH2 G",
    "gif": "G IH1 F",
    "tiktok": "T IH1 K T AA1 K",
    "pytorch": "P AY1 T AO2 R CH",
    "numpy": "N AH1 M P AY2",
    "linkedin": "L IH0 NG K T IH1 N",
    "yamul": "Y AE1 M AH0 L",
    "ew": "IY1 UW0",
    "haha": "HH AA1 HH AA1",
    "nah": "N AA1",
    "meh": "M EH1",
    "duh": "D AH1",
    "doh": "D OW1",
    "yep": "Y EH1 P",
    "nope": "N OW1 P",
    "bae": "B EY1",
    "vibe": "V AY1 B",
    "vibes": "V AY1 B Z",
    "anime": "AE1 N AH0 M EY2",
    "vegan": "V IY1 G AH0 N",
    "emojis": "IH0 M OW1 JH IY0 Z",
}

#: Sounds that people write as they please (grr, grrrr), by their shape.
INTERJECTIONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(shape), phones)
    for shape, phones in (
        ("e+w+", "IY1 UW0"),
        ("gr{2,}", "G ER1"),
        ("br{2,}", "B ER1"),
        ("ps+t+", "P S T"),
        ("s+h{2,}|sh+", "SH"),
        ("h+m{2,}|hm+", "HH AH0 M"),
        ("m{2,}", "AH0 M"),
        ("z{3,}", "Z"),
        ("pf+t+", "P F T"),
        ("tsk", "T IH1 S K"),
        ("a+r+gh+", "AA1 R G"),
        ("a{2,}h*|ah{2,}", "AA1"),
        ("o{2,}h+|oh{2,}", "OW1"),
        ("u+gh+", "AH1 G"),
        ("ya+y+", "Y EY1"),
        ("wo{2,}", "W UW1"),
    )
)

_VOICELESS = frozenset("P T K F TH".split())
_SIBILANT = frozenset("S Z SH ZH CH JH".split())
_POSSESSIVE = re.compile(r"^([a-z][a-z'\-]*)'s$")
_CONTRACTIONS = {"ll": ("AH0", "L"), "ve": ("AH0", "V"), "re": ("ER0",), "d": ("D",)}
_MIN_PART = 3


@lru_cache(maxsize=1)
def dictionary() -> dict[str, str]:
    """Word (lower case) -> phones joined by spaces; about 126,000 words, loaded in a fraction of a second."""
    text = lzma.decompress((files("text.en") / "data" / "cmudict.txt.xz").read_bytes()).decode()
    words = dict(line.split(" ", 1) for line in text.splitlines())
    words.update(OVERRIDES)
    return words


def lookup(word: str) -> list[str] | None:
    """Phones of a word of the dictionary (any case), or None."""
    phones = dictionary().get(word.lower())
    return phones.split() if phones else None


def letters(word: str) -> list[str]:
    """The word spelled: names of its letters; characters that are no letter are left out."""
    words = dictionary()
    out: list[str] = []
    for char in word.lower():
        if char == "a":
            out.append("EY1")
        elif "a" <= char <= "z":
            out.extend(words[char].split())
    return out


def pronounce(word: str) -> list[str]:
    """Phones of any word of letters, apostrophes and hyphens; empty only when it has no letter.

    A short word that no dictionary has is spelled ("gpu"), unless it looks like a name: "Kev", but not "KEV".
    """
    name = len(word) == 3 and bool((_NAME if word[0].isupper() else _SYLLABLE).match(word))
    return list(_pronounce(word.lower(), name and not word.isupper()))


#: Three letters that can be said as a word: consonant, vowel, consonant; with a capital also Zoe, Ava, Abe.
_SYLLABLE = re.compile(r"[bcdfghjklmnprstvwxyz][aeiou][bcdfgklmnprstvxz]$")
_NAME = re.compile(r"[B-DF-HJ-NP-TV-Z](?:[aeiouy][a-z]|[hlr][aeiouy])$|[AEIOU][b-df-hj-np-tv-xz][aeiouy]$")


@lru_cache(maxsize=50_000)
def _pronounce(word: str, name: bool = False) -> tuple[str, ...]:
    if len(word) > 1:
        phones = lookup(word)
        if phones is not None:
            return tuple(phones)
    plain = word.strip("'-")
    if plain != word:
        return _pronounce(plain)
    if "-" in word:
        # "one-in-a-million": the article inside, but "A-list" has a letter.
        first, *rest = word.split("-")
        return (*_pronounce(first), *(p for part in rest for p in (("AH0",) if part == "a" else _pronounce(part))))
    match = _POSSESSIVE.match(word)
    if match:
        return (*(stem := _pronounce(match[1])), *_plural_ending(stem))
    stem_text, apostrophe, ending = word.rpartition("'")
    if apostrophe and stem_text and ending in _CONTRACTIONS:
        return (*_pronounce(stem_text), *_CONTRACTIONS[ending])
    return _unknown(word.replace("'", ""), name)


def _unknown(plain: str, name: bool) -> tuple[str, ...]:
    """A word of letters alone that the dictionary lacks."""
    if sound := next((phones for shape, phones in INTERJECTIONS if shape.fullmatch(plain)), ""):
        return tuple(sound.split())
    if len(plain) <= 3 and not name:
        return tuple(letters(plain))
    if shorter := _drawn_out(plain):
        return _pronounce(shorter)
    if len(plain) <= 6 and not re.search("[aeiouy]", plain):
        return tuple(letters(plain))
    if inflected := _inflected(plain):
        return inflected
    parts = _compound(plain)
    if parts:
        return tuple(p for part in parts for p in _pronounce(part))
    return tuple(letter_to_sound().predict(plain)) or tuple(letters(plain))


def _drawn_out(word: str) -> str:
    """The dictionary's word for one with a letter held ("sooo", "yesss", "hahaha"); "" where there is none."""
    if re.fullmatch(r"(?:ha){2,}h?|(?:he){2,}h?", word):
        return "haha" if word[1] == "a" and word != "haha" else ""
    if len(word) > 40 or not re.search(r"(.)\1\1", word):
        return ""
    doubled, single = re.sub(r"(.)\1{2,}", r"\1\1", word), re.sub(r"(.)\1{2,}", r"\1", word)
    return next((form for form in (single, doubled) if lookup(form)), "")


def _plural_ending(stem: tuple[str, ...]) -> tuple[str, ...]:
    """The sound of 's after a stem: S, Z or IH0 Z."""
    if stem and stem[-1] in _SIBILANT:
        return ("IH0", "Z")
    return ("S",) if stem and stem[-1] in _VOICELESS else ("Z",)


def _inflected(word: str) -> tuple[str, ...]:
    """A dictionary word with an ending the dictionary lacks ("googles", "unboxed"); empty when it is none."""
    for ending, phones in _ENDINGS:
        if not word.endswith(ending) or len(word) < len(ending) + 3:
            continue
        cut = word[: -len(ending)]
        stems = [cut, f"{cut}e"] if ending in ("ed", "ing") else [cut]
        if ending in ("ed", "ing") and cut[-1] == cut[-2]:
            stems.append(cut[:-1])
        if ending in ("ed", "ly", "ness") and cut[-1] == "i":
            stems.append(f"{cut[:-1]}y")
        stem = next((found for found in map(lookup, stems) if found), None)
        if stem:
            if ending == "ly" and stem[-1] == "L":
                stem.pop()
            return (*stem, *(phones or (_plural_ending(tuple(stem)) if ending == "s" else _past_ending(stem))))
    return ()


def _past_ending(stem: list[str]) -> tuple[str, ...]:
    if stem[-1] in ("T", "D"):
        return ("IH0", "D")
    return ("T",) if stem[-1] in _VOICELESS or stem[-1] in ("S", "SH", "CH") else ("D",)


_ENDINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ness", ("N", "AH0", "S")),
    ("less", ("L", "AH0", "S")),
    ("ful", ("F", "AH0", "L")),
    ("ing", ("IH0", "NG")),
    ("ed", ()),
    ("ly", ("L", "IY0")),
    ("s", ()),
)


def _compound(word: str) -> list[str]:
    """The word as two dictionary words ("voicebox" -> voice, box); empty when it is none."""
    if len(word) > 40:
        # Nobody writes such a word; pieces keep the time linear in its length.
        return [word[i : i + 20] for i in range(0, len(word), 20)]
    words = dictionary()
    best: tuple[int, int] | None = None
    for cut in range(_MIN_PART, len(word) - _MIN_PART + 1):
        left, right = word[:cut], word[cut:]
        if left not in words or right not in words or max(len(left), len(right)) < 4:
            continue
        if any(len(part) == _MIN_PART and part not in _SHORT_PARTS for part in (left, right)):
            continue
        rank = (min(len(left), len(right)), cut)
        best = max(best, rank) if best else rank
    return [word[: best[1]], word[best[1] :]] if best else []


#: Three-letter words that are parts of compounds; other short ones would cut names apart.
_SHORT_PARTS = frozenset(
    "air arm art bag bar bed bot box boy bus car cat cup day dog ear egg end eye fly gun hat ice job key law log man "
    "map men net oil out pet pot red sea sky sun tea top toy war way web app".split()
)
