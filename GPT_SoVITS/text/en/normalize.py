"""English text as it is read: every number, date, sum of money, time, unit, abbreviation and symbol in words.

``normalize`` is a row of small rewriting steps, applied in the order of ``_STEPS``. What comes out holds only
``A-Z a-z ' . , ? ! -`` and spaces; case is kept, since the dictionary step reads names and acronyms by it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from text.en import numbers as n
from text.en.addresses import addresses, file_names, tags
from text.en.amounts import arithmetic, fractions, money, powers, ranges, signs, units
from text.en.codes import codes, roman_numerals, telephones, versions
from text.en.dates import dates, decades, times
from text.en.tables import ABBREVIATIONS, WORD_ABBREVIATIONS

_QUOTES = str.maketrans(
    dict.fromkeys("’‘`´", "'")
    | dict.fromkeys("“”„«»", '"')
    | {"。": ".", "、": ",", "…": "."}
    | {dash: "—" for dash in "―‒–"}
    | {minus: "-" for minus in "−‐‑"}
)


_RAISED = re.compile(r"(?<=[A-Za-z0-9)])[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹ⁿ]+")
_RAISED_DIGITS = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹ⁿ", "-+0123456789n")


def _fold(text: str) -> str:
    """Full-width forms and typographic marks to their plain ones, control characters to spaces, accents removed."""
    text = re.sub(r"\d\s?[½⅓⅔¼¾⅛]", lambda m: m[0][0] + " " + m[0][-1], text)
    # Before compatibility forms make x² the same as x2.
    text = _RAISED.sub(lambda m: "^" + m[0].translate(_RAISED_DIGITS), text)
    text = re.sub(r"(?<=[\w)])\s?−\s?(?=[\w(])", " minus ", text)
    text = unicodedata.normalize("NFKC", text.translate(_QUOTES)).replace("\u2044", "/").translate(_QUOTES)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Zs") else c for c in text)
    # One space at a time: the steps that look for marks after spaces would take quadratic time on long runs of them.
    text = re.sub(r"\d{41,}", lambda m: f" {n.spell(m[0])} ", text)
    return re.sub(" +", " ", text)


def _abbreviations(text: str) -> str:
    for pattern, words in ABBREVIATIONS:
        text = pattern.sub(words, text)

    def word(match: re.Match[str]) -> str:
        stop = "." if match[2] is not None else ""
        return WORD_ABBREVIATIONS[match[1].lower()] + stop

    text = _WORD_ABBREVIATION.sub(word, text)
    text = _DIRECTION.sub(lambda m: _DIRECTIONS[m[1]], text)
    # U.S.A. -> U S A; the last dot stays where a sentence may end.
    text = re.sub(r"\b(?:[A-Za-z]\.){2,20}(?=\s+[a-z]|['’,;:?!)\-])", lambda m: m[0].replace(".", " ").strip(), text)
    return re.sub(r"\b(?:[A-Za-z]\.){2,20}", lambda m: m[0][:-1].replace(".", " ") + ".", text)


#: Where an abbreviation's stop is a sentence's too: at the end, or before a word that begins sentences.
_END = r"(?=(\s*[\"')]?\s*$|\s+(?-i:The|He|She|It|They|We|In|But|And|You|This|That|There|His|Her|My|Our|Then)\b)?)"
_WORD_ABBREVIATION = re.compile(r"\b(" + "|".join(WORD_ABBREVIATIONS) + r")\.(?!\w)" + _END, re.I)
_DIRECTIONS = {"N": "North", "S": "South", "E": "East", "W": "West"}
_DIRECTION = re.compile(
    r"(?<=\d )([NSEW])\.?(?=\s+(?:\d+(?:st|nd|rd|th)\b|[A-Z][a-z]+\.? (?:St|Ave|Rd|Blvd|Street|Avenue|Road)\b))"
)


def _plain_numbers(text: str) -> str:
    text = re.sub(r"\b(\d+(?:,\d{3})*)(?:st|nd|rd|th|ST|ND|RD|TH)\b", lambda m: n.ordinal(m[1].replace(",", "")), text)
    text = re.sub(r"(\d+(?:,\d{3})+(?:\.\d+)?)", lambda m: n.number(m[1]), text)
    text = re.sub(r"\d+(?:\.\d+){2,}", lambda m: " point ".join(map(n.cardinal, m[0].split("."))), text)
    text = re.sub(r"(\d*)\.(\d+)", lambda m: f" {n.decimal(m[1], m[2])} ", text)
    return re.sub(r"\d+", _integer, text)


def _integer(match: re.Match[str]) -> str:
    digits = match[0]
    # Slices of one character: copies of the rest of a long text, once per number, would take quadratic time.
    before = match.string[max(0, match.start() - 1) : match.start()]
    after = match.string[match.end() : match.end() + 1]
    words = n.cardinal(digits)
    if len(digits) == 4 and 1000 < int(digits) < 3000 and not _is_quantity(match):
        words = n.year(digits)
    elif len(digits) > 1 and digits[0] == "0":
        words = n.spell(digits)
    return f"{' ' if before.isalpha() else ''}{words}{' ' if after.isalpha() else ''}"


_COUNTED = re.compile(
    r"\s(?!is\b|was\b|has\b|his\b|this\b|its\b|as\b|us\b)(?:[a-z]+(?<!s)s|people|men|women|children)\b"
)
_YEAR_BEFORE = re.compile(
    r"\b(?:in|since|by|of|from|until|till|during|before|after|early|late|mid|the|circa|year) $", re.I
)


def _is_quantity(match: re.Match[str]) -> bool:
    """1234 people counted, not the year 1234; round hundreds are said alike."""
    if match[0].endswith("00") or not _COUNTED.match(match.string, match.end()):
        return False
    return not _YEAR_BEFORE.search(match.string[max(0, match.start() - 8) : match.start()])


def _clean(text: str) -> str:
    """Only what has phones stays; repeated marks shrink to the first one."""
    text = re.sub(r"[;:]", ",", text)
    text = re.sub(r"(?<![A-Za-z])'|'(?![A-Za-z])", _apostrophe, text)
    # Placeholders of explicit readings (text.markup) are words of their own.
    text = re.sub("[\U000f0000-\U000ffffd]", r" \g<0> ", text)
    text = re.sub("[^ A-Za-z'.,?!\\-\U000f0000-\U000ffffd]", " ", text)
    text = re.sub(r"(?<![A-Za-z])-+|-+(?![A-Za-z])", " ", text)
    text = re.sub(" +", " ", text)
    text = re.sub(r"\s+([.,?!])", r"\1", text)
    text = re.sub(r"([.,?!])(?:\s*[.,?!])+", _strongest, text)
    return re.sub(r"\s+", " ", text).strip()


_CLIPPED = re.compile(r"(?:em|bout|cause|til|tis|twas)\b", re.IGNORECASE)


def _apostrophe(match: re.Match[str]) -> str:
    """Keep the apostrophe that opens a clipped word: 'em, 'cause."""
    return "'" if _CLIPPED.match(match.string, match.end()) else ""


def _strongest(match: re.Match[str]) -> str:
    return match[1]


_STEPS: tuple[Callable[[str], str], ...] = (
    _fold,
    addresses,
    file_names,
    telephones,
    times,
    _abbreviations,
    roman_numerals,
    dates,
    decades,
    money,
    codes,
    tags,
    versions,
    arithmetic,
    ranges,
    units,
    powers,
    fractions,
    signs,
    _plain_numbers,
    _clean,
)


def normalize(text: str) -> str:
    """Text to words and the marks ``. , ? !``; linear in the length of the text."""
    for step in _STEPS:
        text = step(text)
    return text
