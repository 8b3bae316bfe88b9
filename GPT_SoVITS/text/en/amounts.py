"""English amounts in words: money, units, ranges, scores, fractions, powers and the signs of arithmetic."""

from __future__ import annotations

import re

from text.en import numbers as n
from text.en.tables import CURRENCIES, CURRENCY_CODES, LETTER_UNITS, SYMBOLS, UNITS

NUM = r"\d+(?:,\d{3})*(?:\.\d+)?"
_SCALES = {"k": "thousand", "m": "million", "mn": "million", "bn": "billion", "b": "billion", "t": "trillion"}
_SIGN = "|".join(re.escape(s) for s in sorted(CURRENCIES, key=len, reverse=True))
_CODE = "|".join(CURRENCY_CODES)
_SCALE = r"(\s?(?:thousand|million|billion|trillion)\b|(?:[KkMmBbTt]|[bm]n)\b)?"
_MONEY = re.compile(rf"(?<![A-Za-z])({_SIGN})\s?({NUM}){_SCALE}")
_CODE_FIRST = re.compile(rf"\b({_CODE})\s?({NUM}){_SCALE}(?![\w,.]*\d)")
_CODE_LAST = re.compile(rf"\b({NUM}){_SCALE}\s?({_CODE})\b")
_PER = {"mo": "month", "yr": "year", "wk": "week", "hr": "hour", "h": "hour", "ea": "each", "pp": "person"}
_PER_WORDS = "month|year|week|day|hour|night|person|minute|second|kg|lb|liter|litre|gallon|page|unit|piece"


def money(text: str) -> str:
    """$5, -$5, £1.50, $3.2bn, CHF 40, 300 SEK, $5-10, $9/month."""
    text = re.sub(rf"(?<![\w.,])[-−]\s?(?=(?:{_SIGN})\s?\d)", " minus ", text)
    text = re.sub(rf"((?:{_SIGN})\s?{NUM}(?:[KkMm]\b|bn\b)?)\s?[-—~]\s?(?=(?:{_SIGN})\s?\d)", r"\1 to ", text)
    # $5-10: the sign is said once, after the second number.
    text = re.sub(rf"({_SIGN})({NUM})\s?[-—~]\s?(?={NUM})(?!\d{{3}}[-.]\d{{4}})", r"\2 to \1", text)
    text = _MONEY.sub(lambda m: _sum(CURRENCIES[m[1]], m[2], m[3]), text)
    text = _CODE_FIRST.sub(lambda m: _sum(CURRENCY_CODES[m[1]], m[2], m[3]), text)
    text = _CODE_LAST.sub(lambda m: _sum(CURRENCY_CODES[m[3]], m[1], m[2]), text)
    return re.sub(rf"(?<=[a-z]) ?/ ?({_PER_WORDS}|{'|'.join(_PER)})\b", lambda m: f" per {_PER.get(m[1], m[1])}", text)


def _sum(currency: tuple[str, str, str, str], amount: str, scale: str | None) -> str:
    one, many, cent, cents = currency
    amount, scale = amount.replace(",", ""), (scale or "").strip()
    whole, _, fraction = amount.partition(".")
    if scale:
        return f" {n.number(amount)} {_SCALES.get(scale.lower(), scale)} {many} "
    if fraction and (len(fraction) != 2 or not cent):
        return f" {n.number(amount)} {many} "
    parts = []
    if int(whole or "0") or not int(fraction or "0"):
        parts.append(f"{n.cardinal(whole)} {one if whole.lstrip('0') == '1' else many}")
    if int(fraction or "0"):
        parts.append(f"{n.cardinal(fraction)} {cent if int(fraction) == 1 else cents}")
    return f" {' and '.join(parts)} "


_UNIT = "|".join(re.escape(u) for u in sorted(UNITS, key=len, reverse=True))
_LETTER_UNIT = "|".join(re.escape(u) for u in sorted(LETTER_UNITS, key=len, reverse=True))
_ALL_UNITS = {**LETTER_UNITS, **UNITS}
_EQUATION = re.compile(r"(?<![\w.])(?:[\w.,()]{1,12}\s?[-+*/×÷=]\s?){1,8}[\w.,()]{1,12}")
_MINUS = re.compile(r"(?<=[\w)])\s?-\s?(?=[\w(])")


def arithmetic(text: str) -> str:
    """The minus of 5 - 3 = 2, of 10 - 4 and of what has a real minus sign; more and less."""
    if "=" in text:
        text = _EQUATION.sub(
            lambda m: _MINUS.sub(" minus ", m[0]) if "=" in m[0] and re.search(r"\d", m[0]) else m[0], text
        )
    text = re.sub(rf"(?<![\w.,-])({NUM}) - ({NUM})(?![\w-]| -)", _spaced, text)
    # 3 x 4 meters, 30 cm x 20 cm, 1920x1080: measures; only a real sign or an equation multiplies.
    text = re.sub(rf"(?<=\d)\s?[x×]\s?(?={NUM} ?(?:{_UNIT}|meters?|feet|inch|inches|cm)\b)", " by ", text)
    text = re.sub(rf"(?<=\d) ?({_UNIT}) ?[x×] ?(?=\d)", r" \1 by ", text)
    text = re.sub(r"(?<=\d)\s?x\s?(?=\d)(?![\d .,x]{0,40}(?:=|is\b|equals\b|makes\b))", " by ", text)
    text = re.sub(r"(?<=\d)\s?[x×*]\s?(?=\d)", " times ", text)
    text = re.sub(r"(?<=\d) / (?=\d)", " divided by ", text)
    return re.sub(r"(?<=[\w)]) (?=[<>≤≥] -?\w)", " is ", text)


def powers(text: str) -> str:
    """x^2, 2^8, 10^-3; after the units, which have powers of their own."""
    return re.sub(r"([A-Za-z]{1,12}|\d|\))\^\(?([-+]?(?:\d{1,6}|[a-z]\b))\)?", _power, text)


def _spaced(match: re.Match[str]) -> str:
    """ "8 - 10" is a range, "10 - 4" a subtraction."""
    first, second = (float(part.replace(",", "")) for part in match.groups())
    return f"{match[1]} {'minus' if first > second else 'to'} {match[2]}"


def _power(match: re.Match[str]) -> str:
    base = match[1].upper() if len(match[1]) == 1 else match[1]
    if match[2] in ("2", "3"):
        return f"{base} {'squared' if match[2] == '2' else 'cubed'} "
    return f"{base} to the power of {match[2]} "


_RATED = re.compile(
    r"\b((?:rat(?:e|ed|ing)|scor(?:e|ed|ing|es)|gave|give|gets?|got|solid|was|is)"
    r"(?: (?:it|him|her|them|this|that|a|of|an)){0,2} )"
    rf"({NUM})/(5|10|20|100)\b(?![/\d])"
)


def fractions(text: str) -> str:
    """1/2, 2 1/2, 1/100; 24/7, 50/50 and 9/11 as they are called; 8/10 in a rating."""
    text = _RATED.sub(lambda m: f"{m[1]}{m[2]} out of {m[3]}", text)
    text = re.sub(r"(?<![\d/.,])(?:(\d+)\s+)?(\d+)/(\d+)(?![\d/])", _fraction, text)
    return re.sub(r"\s?/\s?", " slash ", text) if re.search(r"\d/\d", text) else text.replace("/", " ")


_CALLED = {"24/7": "twenty-four seven", "9/11": "nine eleven", "7/11": "seven eleven", "20/20": "twenty twenty"}


def _fraction(match: re.Match[str]) -> str:
    whole, top, bottom = match[1], match[2], match[3]
    if f"{top}/{bottom}" in _CALLED:
        return f"{whole + ' ' if whole else ''}{_CALLED[f'{top}/{bottom}']}"
    if top == bottom and len(top) == 2 and not whole:
        return f"{n.cardinal(top)} {n.cardinal(bottom)}"
    if len(bottom) > 4 or len(top) > 4 or int(bottom) < 2:
        return match[0].replace("/", " over ")
    many = top != "1"
    if bottom in ("2", "4"):
        name = {"2": "halves" if many else "half", "4": "quarters" if many else "quarter"}[bottom]
    else:
        name = n.ordinal(bottom) + ("s" if many else "")
    joined = f"{n.cardinal(whole)} and " if whole else ""
    if not many and bottom in ("100", "1000"):
        return joined + name
    return f"{joined}{'a' if whole and not many else n.cardinal(top)} {name}"


def ranges(text: str) -> str:
    """3-5 and 1990—1995 between plain numbers are "to"; a dash between words is a pause."""
    text = re.sub(rf"(?<![\d-])({NUM})\s?[-—~]\s?({NUM})(?![\d-])", r"\1 to \2", text)
    return re.sub(r"\s*(?:—|--+)\s*", ", ", text)


_MEASURED = re.compile(
    rf"(?P<number>{NUM})(?:(?P<hyphen>-)|\s?)(?P<unit>{_UNIT})(?![A-Za-z0-9^])(?:\.(?=\s+[a-z]))?"
    rf"|(?P<close>{NUM})(?P<letter>{_LETTER_UNIT})(?![A-Za-z0-9^])"
)
_FUNCTION = frozenset(
    "of and or to in per at from with for on by is was are were be if as so but than that then when while out over "
    "under above below a an the long wide tall high deep thick away apart ago later old left more less each every "
    "today now per only total not".split()
)
_BEFORE = re.compile(
    r"\b(?:[Aa]n?|[Tt]he|[Tt]his|[Tt]hat|[Mm]y|[Yy]our|[Hh]is|[Hh]er|[Oo]ur|[Tt]heir|[Oo]ne|[Ee]very|[Ee]ach) $"
)
_NOUN_AFTER = re.compile(r"\s([a-z]+)")


#: A is ampere after a number, unless that is a seat, a room or a class.
_PLACES = "Row|row|Seat|seat|Room|room|Gate|gate|Flat|flat|Class|class|Page|page|Unit|unit|Exit|Apt|Level|Section|Grade"
_AMPS = re.compile(
    "".join(f"(?<!{place} )" for place in _PLACES.split("|")) + rf"(?<![\w#.,])({NUM})A\b(?!-|[.]\w)"
    r"(?=(\s(?:fuse|supply|charger|current|breaker|circuit)\b)?)"
)


def units(text: str) -> str:
    """60kg, 120km/h, 6 ft 2 in, 5'11", a 12MP camera; only after a number."""
    text = re.sub(r"(?<![\w.,'])(\d)'\s?(\d{1,2})(?:\"|'')?(?!\w|')", r"\1 foot \2", text)
    text = re.sub(r"(?<![\w.,'])(\d{1,3})'(?=\s+(?:tall|long|wide|high|deep)\b)", r"\1 feet", text)
    text = re.sub(r"(?<![\w.,\"])(\d[\d.]*)\"(?=\s+(?:tall|long|wide|high|deep|thick|by|x)\b)", r"\1 inches", text)
    text = re.sub(
        r"(?<![\w.,\"])(\d[\d.]*)\"(?=\s+(?:screen|display|monitor|TV|pipe|nail|pizza|laptop)\b)", r"\1 inch", text
    )
    text = re.sub(rf"({NUM}) in(?=\.?(?:\s*$|,| (?:wide|long|tall|high|deep|thick|by|x)\b))", r"\1 inches", text)
    text = re.sub(r"((?:ft|feet|foot)\.? \d{1,2}) in\b\.?", r"\1 inches", text)
    text = _AMPS.sub(lambda m: f"{m[1]} amp{'' if m[2] else 's'}", text)
    text = re.sub(rf"\b({NUM})[kK](?=\s+(?!is\b|was\b|has\b)[a-z]+s\b|\+?\s+people\b)", r"\1 thousand", text)
    text = re.sub(rf"\b({NUM})M(?=\s+(?!is\b|was\b|has\b)[a-z]+s\b|\+?\s+people\b)", r"\1 million", text)
    text = re.sub(rf"({NUM}) ([mghsL])(?=[,;:!?)]|\s*$|\.(?:\s|$)|\s(?![A-Z'])[a-z])", r"\1\2", text)
    return _MEASURED.sub(_measured, text)


def _measured(match: re.Match[str]) -> str:
    amount, unit = match["number"] or match["close"], match["unit"] or match["letter"]
    one, many = _ALL_UNITS[unit]
    before = match.string[max(0, match.start() - 7) : match.start()]
    after = _NOUN_AFTER.match(match.string, match.end())
    # "a 12MP camera", "a 26.2-mile race": a measure before a noun has no plural.
    adjective = bool(match["hyphen"]) or bool(
        _BEFORE.search(before)
        and (before.lower().endswith((" a ", " an ")) or before in ("a ", "A ") or after)
        and not (after and after[1] in _FUNCTION)
    )
    adjective = adjective and unit[0] not in "°%℃℉"
    return f"{amount} {one if amount == '1' or adjective else many}"


def signs(text: str) -> str:
    """Signs as words: a minus in front of a number, grades, C#, and what SYMBOLS has."""
    text = re.sub(r"(?<![\w.,])[-−]\s?(?=\d|\.\d)", "negative ", text)
    text = re.sub(
        r"\b(AB|[A-FO])([+-])(?=[\s.,!?)]|$)(?! ?\d)", lambda m: f"{m[1]} {'plus' if m[2] == '+' else 'minus'}", text
    )
    text = re.sub(r"\s-+\s|\s-+$|^-+\s", ", ", text)
    text = re.sub(r"\b([A-G])#(?!\w)", r"\1 sharp", text)
    text = re.sub(r"#(?=\s?\d)", " number ", text)
    for sign, word in SYMBOLS.items():
        text = text.replace(sign, f" {word} ")
    return text
