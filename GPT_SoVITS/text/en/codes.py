"""English numbers that are names: telephones, codes and places read digit by digit, versions, Roman numerals.

A long number is a quantity unless its form or a word before it says that it is a name ("PIN", "Flight", "zip code").
"""

from __future__ import annotations

import re

from text.en import numbers as n
from text.en.tables import NUMBERED, ROMAN_TITLES, RULERS, STATES, VERSIONED

_PHONE = re.compile(
    r"(?<![\w.,/$€£-])(?:"
    r"(?:\+\d{1,3}[ .-]?|1[ .-])?(?:\(\d{2,5}\)[ .-]?|\d{3}[.-])\d{3,4}[ .-]\d{4}"  # (555) 123-4567, 1-800-555-1234
    r"|\+\d{1,3}(?:[ .-]\(?\d{2,5}\)?){2,4}"  # +44 20 7946 0958
    r"|0\d{2,4}(?:[ -]\d{3,4}){1,2}"  # 020 7946 0958
    r"|\d{3}-\d{4}"  # 555-1234
    r"|[89]-\d-\d(?=[\s,.!?]|$)"
    r")(?![\w/-]|[.,]\d)"
)
_CALL = r"(?:[Cc]all|[Dd]ial|[Pp]hon|[Tt]ext|[Rr]ing|[Rr]ang)(?:s|ed|ing|e|led)?"
_EMERGENCY = re.compile(rf"\b({_CALL}) (911|999|112|411|311|000|988)\b(?![.,]?\d)")
_NINE_ONE_ONE = re.compile(
    r"(?<![\w.,$€£#/-])(?<!Porsche )911(?![\w%°/-]|[.,]\d)"
    r"(?!\s+(?!is\b|was\b|has\b|calls?\b|operators?\b|dispatchers?\b)[a-z]+s\b)"
)
_LONG = re.compile(
    rf"\b({_CALL}|[Nn]umber|[Tt]el|[Ff]ax)( (?:me|us|him|her|them|at|is|on|to)){{0,2}}(:?\s)(\d{{7,11}})\b"
)
_CODE = re.compile(
    r"\b((?:PIN|OTP|ID|[Cc]ode|[Pp]asscode|[Pp]assword|[Aa]ccount|[Ss]erial|[Tt]racking)"
    r"(?: (?:[Nn]umber|[Nn]o|ID))?)((?: is)?:?\s+)(\d{4,})\b(?![.,]\d|%)"
)
_ZIP = re.compile(r"\b((?:[Zz]ip|ZIP|[Pp]ost(?:al)?)(?: ?[Cc]ode)?(?: is)?:?\s+)(\d{5})(?:-(\d{4}))?\b")
_STATE_ZIP = re.compile(rf"\b((?:{'|'.join(STATES)})\s+)(\d{{5}})(?:-(\d{{4}}))?\b")
_FLIGHT = re.compile(r"\b([Ff]lights? )([A-Z]{2}) ?(\d{3,4})\b")
_STREETS = r"(?:St|Street|Ave|Avenue|Rd|Road|Blvd|Boulevard|Dr|Drive|Lane|Ln|Way|Place|Pl|Court|Ct|Square|Sq)\b"
_HOUSE = re.compile(rf"\b(\d\d?)(\d\d)([A-Z]?)(?=\s+(?:[NSEW]\.?\s+)?[A-Z][a-z]+\.? {_STREETS})")
_PLACE = re.compile(rf"\b({'|'.join(NUMBERED)}) ([1-9])(\d\d)\b(?![.,]\d)")
_MODEL = re.compile(r"\b([A-Z]{2,4}[ -]?)([3-9]\d)(\d\d)(?![\d.,%:])\b")
_AIRCRAFT = re.compile(r"\b([A-Z])([1-9])([1-9]\d|0[1-9])(?![\w%:-]|[.,]\d)")
_SHORT_CODE = re.compile(r"\b([Tt]ext [A-Z]\w* to )(\d{5,6})\b")
_ORDER = re.compile(r"#\s?(\d\d)([1-9]\d|0[1-9])\b(?![.,]?\d)")


def telephones(text: str) -> str:
    """Telephone numbers digit by digit, a comma between groups; 0 is "oh"."""
    text = _PHONE.sub(lambda m: _groups(m[0]), text)
    text = _EMERGENCY.sub(lambda m: f"{m[1]} {n.spell(m[2])}", text)
    text = _NINE_ONE_ONE.sub("nine one one", text)
    return _LONG.sub(lambda m: f"{m[1]}{m[2] or ''}{m[3]}{_said(m[4])}", text)


def _said(digits: str) -> str:
    return n.spell(digits).replace("zero", "oh")


def _groups(text: str) -> str:
    groups = re.findall(r"\d+", text)
    if all(len(group) == 1 for group in groups):
        return n.spell("".join(groups))
    words = [f"{_said(g[0])} hundred" if g in ("800", "900") else _said(g) for g in groups]
    return ("plus " if text.startswith("+") else "") + ", ".join(words)


def codes(text: str) -> str:
    """PINs, zip codes, flights, rooms and house numbers; models (RTX 4090) and orders (#4521) in pairs."""
    text = _ZIP.sub(_zip, text)
    text = _STATE_ZIP.sub(_zip, text)
    text = _CODE.sub(lambda m: m[1] + m[2] + n.spell(m[3]), text)
    text = _FLIGHT.sub(lambda m: f"{m[1]}{' '.join(m[2])} {n.spell(m[3])}", text)
    text = _HOUSE.sub(lambda m: f"{_pair(m[1], m[2])}{' ' + m[3] if m[3] else ''}", text)
    text = _PLACE.sub(lambda m: m[0] if m[3] == "00" else f"{m[1]} {_pair(m[2], m[3])}", text)
    text = _MODEL.sub(lambda m: m[1] + n.year(m[2] + m[3]), text)
    text = _AIRCRAFT.sub(lambda m: f"{m[1]} {_pair(m[2], m[3])}", text)
    text = _SHORT_CODE.sub(lambda m: m[1] + n.spell(m[2]), text)
    text = _ORDER.sub(lambda m: f" number {_pair(m[1], m[2])}", text)
    return re.sub(r"(?<![\w.,-])007(?![\w.,-]\d|\w)", "double oh seven", text)


def _zip(match: re.Match[str]) -> str:
    return match[1] + _said(match[2]) + (f", {_said(match[3])}" if match[3] else "")


def _pair(high: str, low: str) -> str:
    """305 as "three oh five", 4521 as "forty-five twenty-one"."""
    if low == "00":
        return f"{n.cardinal(high)} hundred"
    return f"{n.cardinal(high)} {'oh ' if low[0] == '0' else ''}{n.cardinal(low)}"


def versions(text: str) -> str:
    """v2.3.1, Python 3.11, Android 4.0.3: every part between points is a number of its own."""
    text = re.sub(r"\bv(?:er)?\.?\s?(?=\d+(?:\.\d+)*\b(?![%$]))", "version ", text)
    return _VERSION.sub(lambda m: m[1] + " " + " point ".join(map(_part, m[2].split("."))), text)


_VERSION = re.compile(rf"\b({'|'.join(map(re.escape, VERSIONED))}) (\d{{1,3}}(?:\.\d{{1,3}})+)(?![\d%])")


def _part(digits: str) -> str:
    if digits[0] == "0" and len(digits) > 1:
        return n.spell(digits).replace("zero", "oh", 1) if digits[1] != "0" else n.spell(digits)
    return n.cardinal(digits)


_ROMAN = r"(?=[IVXLC])(?![LC]\b)(C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3}))"
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_TITLED = re.compile(rf"\b({'|'.join(ROMAN_TITLES)})\s+{_ROMAN}\b(?!['.]\w)")
_RULER = re.compile(
    rf"\b({'|'.join(RULERS)})\s+{_ROMAN}(?=[\s,.!?;:']|$)(?!(?<=\sI)(?:\s+(?:am|was|will|have|had|think)\b|'[mdv]))"
)
_CROWNED = re.compile(
    rf"\b((?:King|Queen|Pope|Emperor|Empress|Tsar|Czar|Sultan|Pharaoh|Prince|Duke)\s+[A-Z][a-z]+(?:\s[A-Z][a-z]+)?)\s+{_ROMAN}"
    r"(?=[\s,.!?;:']|$)"
)
_AFTER_A_NAME = re.compile(r"\b([A-Z][a-z]+)\s+((?:X{0,3})(?:IX|IV|V?I{1,3}|V)(?<=[IVX][IVX])|X{2,3})\b")


def roman(numeral: str) -> str:
    """A Roman numeral below 400 in digits: XIV -> "14"."""
    values = [_VALUES[c] for c in numeral]
    return str(sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True)))


def roman_numerals(text: str) -> str:
    """Henry VIII is the eighth, World War I is one, Chapter IV four."""
    text = _TITLED.sub(lambda m: f"{m[1]} {n.cardinal(roman(m[2]))}", text)
    text = _RULER.sub(lambda m: f"{m[1]} the {n.ordinal(roman(m[2]))}", text)
    text = _CROWNED.sub(lambda m: f"{m[1]} the {n.ordinal(roman(m[2]))}", text)
    return _AFTER_A_NAME.sub(lambda m: f"{m[1]} {n.cardinal(roman(m[2]))}", text)
