"""English text as it is read: every number, date, sum of money, time, unit, abbreviation and symbol in words.

``normalize`` is a row of small rewriting steps, applied in the order of ``_STEPS``. What comes out holds only
``A-Z a-z ' . , ? ! -`` and spaces; case is kept, since the dictionary step reads names and acronyms by it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from text.en import numbers as n
from text.en.tables import ABBREVIATIONS, CURRENCIES, LETTER_UNITS, MONTHS, SYMBOLS, UNITS, WORD_ABBREVIATIONS

_NUM = r"\d+(?:,\d{3})*(?:\.\d+)?"
_MONTH = "|".join(sorted((*MONTHS, *(m.capitalize() for m in MONTHS)), key=len, reverse=True))
_QUOTES = str.maketrans(
    dict.fromkeys("’‘`´", "'")
    | dict.fromkeys("“”„«»", '"')
    | {"。": ".", "、": ",", "…": "."}
    | {dash: "—" for dash in "―‒–"}
    | {minus: "-" for minus in "−‐‑"}
)


def _fold(text: str) -> str:
    """Full-width forms and typographic marks to their plain ones, control characters to spaces, accents removed."""
    text = re.sub(r"\d\s?[½⅓⅔¼¾⅛]", lambda m: m[0][0] + " " + m[0][-1], text)
    text = unicodedata.normalize("NFKC", text.translate(_QUOTES)).replace("\u2044", "/").translate(_QUOTES)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Zs") else c for c in text)
    # One space at a time: the steps that look for marks after spaces would take quadratic time on long runs of them.
    text = re.sub(r"\d{41,}", lambda m: f" {n.spell(m[0])} ", text)
    return re.sub(" +", " ", text)


_ADDRESS_WORDS = {".": "dot", "/": "slash", "-": "dash", "_": "underscore", "@": "at", "+": "plus", ":": "colon"}
_ADDRESS_WORDS |= {"?": "question mark", "=": "equals", "&": "and", "#": "hash", "%": "percent", "~": "tilde"}


def _say_dots(text: str) -> str:
    out = "".join(f" {_ADDRESS_WORDS[c]} " if c in _ADDRESS_WORDS else c for c in text)
    return re.sub(r"\d+", lambda m: f" {n.spell(m[0]) if len(m[0]) > 2 else n.cardinal(m[0])} ", out)


def _addresses(text: str) -> str:
    """E-mail addresses and URLs, spoken sign by sign."""
    text = re.sub(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", lambda m: _say_dots(m[0]), text)

    def url(match: re.Match[str]) -> str:
        body = match[0].rstrip(".,;:!?)'\"")
        tail = match[0][len(body) :]
        return _say_dots(re.sub(r"^[a-z]+://", "", body, flags=re.I).rstrip("/")).replace("www", "w w w") + tail

    text = re.sub(r"\b(?:https?|ftp)://[^\s\"<>]+|\bwww\.[^\s\"<>]+", url, text, flags=re.I)
    return re.sub(r"\b[a-z0-9-]{2,63}\.(?:com|org|net|io|gov|edu|ai|dev)\b(?:/[\w./-]*\w)?", url, text, flags=re.I)


def _abbreviations(text: str) -> str:
    for pattern, words in ABBREVIATIONS:
        text = pattern.sub(words, text)

    def word(match: re.Match[str]) -> str:
        return WORD_ABBREVIATIONS[match[1].lower()]

    text = _WORD_ABBREVIATION.sub(word, text)
    # U.S.A. -> U S A; the last dot stays where a sentence may end.
    text = re.sub(r"\b(?:[A-Za-z]\.){2,20}(?=\s+[a-z]|['’,;:?!)\-])", lambda m: m[0].replace(".", " ").strip(), text)
    return re.sub(r"\b(?:[A-Za-z]\.){2,20}", lambda m: m[0][:-1].replace(".", " ") + ".", text)


_WORD_ABBREVIATION = re.compile(r"\b(" + "|".join(WORD_ABBREVIATIONS) + r")\.(?!\w)", re.I)


_SCALES = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion", "t": "trillion"}


def _money(text: str) -> str:
    def words(match: re.Match[str]) -> str:
        sign, amount, scale = match[1], match[2].replace(",", ""), (match[3] or "").strip()
        one, many, cent, cents = CURRENCIES[sign]
        whole, _, fraction = amount.partition(".")
        scale = _SCALES.get(scale.lower(), scale)
        if scale:
            return f" {n.number(amount)} {scale} {many} "
        if fraction and len(fraction) != 2:
            return f" {n.number(amount)} {many} "
        parts = []
        if int(whole or "0") or not int(fraction or "0"):
            parts.append(f"{n.cardinal(whole)} {one if whole.lstrip('0') == '1' else many}")
        if int(fraction or "0"):
            parts.append(f"{n.cardinal(fraction)} {cent if int(fraction) == 1 else cents}")
        return f" {' and '.join(parts)} "

    signs = "|".join(re.escape(s) for s in sorted(CURRENCIES, key=len, reverse=True))
    scale = r"(\s?(?:thousand|million|billion|trillion)\b|(?:[KkMmBbTt]|bn)\b)?"
    return re.sub(rf"({signs})\s?({_NUM}){scale}", words, text)


def _times(text: str) -> str:
    """10:30 a.m., 5pm, 14:05, 10:30:15."""

    def half(mark: str | None) -> str:
        return f" {mark[0].upper()} M" if mark else ""

    def clock(match: re.Match[str]) -> str:
        hour, minute, second, mark = match.groups()
        words = n.cardinal(hour)
        if int(minute):
            words += f" oh {n.cardinal(minute)}" if int(minute) < 10 else f" {n.cardinal(minute)}"
        elif not mark and not second:
            words += " o'clock" if 1 <= int(hour) <= 12 else " hundred"
        if second:
            words += f" and {n.cardinal(second)} second" + ("" if int(second) == 1 else "s")
        return words + half(mark)

    mark = r"(?:\s?\b([AaPp])\.?[Mm]\b(?:\.(?=\s+[a-z,;]))?)?"
    text = re.sub(r"\b([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:])" + mark.replace(r"\b([", "(["), clock, text)

    def hours(match: re.Match[str]) -> str:
        return f"{n.cardinal(match[1])} {match[2].upper()} M"

    text = re.sub(r"\b(1[0-2]|0?\d)\s?([AaPp])\.?[Mm]\b\.?(?=\s+[a-z,;])", hours, text)
    text = re.sub(r"\b(1[0-2]|0?\d)\s?([AaPp])\.?[Mm]\b", hours, text)
    # What is left is no time of day: a ratio or a score.
    return re.sub(r"(?<![\w:.,])(\d{1,3}):(\d{1,3})(?![\w:]|[.,]\d)", r"\1 to \2", text)


def _dates(text: str) -> str:
    """2024-03-15, 3/15/2024, March 15, 2024, 15 March 2024."""

    def say(year: str, month: int, day: str) -> str:
        return f"{_MONTH_NAMES[month - 1]} {n.ordinal(day)}, {n.year(year)}"

    def iso(match: re.Match[str]) -> str:
        month = int(match[2])
        return say(match[1], month, match[3]) if 1 <= month <= 12 and 1 <= int(match[3]) <= 31 else match[0]

    def slashed(match: re.Match[str]) -> str:
        month, day = (match[1], match[2]) if int(match[1]) <= 12 else (match[2], match[1])
        return say(match[3], int(month), day) if 1 <= int(month) <= 12 and 1 <= int(day) <= 31 else match[0]

    text = re.sub(r"\b(\d{4})[-/](\d{1,2})[-/](\d{1,2})\b", iso, text)
    text = re.sub(r"\b(\d{1,2})/(\d{1,2})/(\d{4})\b", slashed, text)
    text = re.sub(rf"\b({_MONTH})\.?\s+(\d{{1,2}})(?!\d|[:.]\d)(?:st|nd|rd|th)?\b", _month_day, text)
    return re.sub(rf"\b(?:(the)\s+)?(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTH})\b(?!\w)", _day_month, text)


_MONTH_NAMES = tuple(dict.fromkeys(MONTHS.values()))


def _month_day(match: re.Match[str]) -> str:
    return f"{MONTHS[match[1].lower()]} {n.ordinal(match[2])}"


def _day_month(match: re.Match[str]) -> str:
    if match[3].lower() in ("may", "march") and not match[3][0].isupper():
        return match[0]
    return f"{match[1] or 'the'} {n.ordinal(match[2])} of {MONTHS[match[3].lower()]}"


_NAMES = (
    "Henry|Louis|Elizabeth|George|Edward|Charles|James|William|Richard|Philip|Pius|Paul|Alexander|Nicholas|Napoleon|"
    "Catherine|Mary|Peter|Francis|Frederick|Gregory|Benedict|Leo|Ramses|Wilhelm|Ivan|Charlemagne|Otto|Sixtus|Clement"
)
_ROMAN_DIGITS = {"I": 1, "V": 5, "X": 10}


def _roman_numerals(text: str) -> str:
    """Henry VIII is the eighth, World War II is two; only after a capital word, and only up to XXXIX."""

    def words(match: re.Match[str]) -> str:
        values = [_ROMAN_DIGITS[c] for c in match[2]]
        total = sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))
        ruler = re.fullmatch(_NAMES, match[1])
        return f"{match[1]} {'the ' + n.ordinal(str(total)) if ruler else n.cardinal(str(total))}"

    text = re.sub(rf"\b({_NAMES})\s+(I|V|X)\b(?=[\s,.!?;:]|$)(?!\s+(?:am|was|will|have|had|'))", words, text)
    return re.sub(r"\b([A-Z][a-z]+)\s+((?:X{0,3})(?:IX|IV|V?I{1,3}|V)(?<=[IVX][IVX])|X{2,3})\b", words, text)


def _ranges(text: str) -> str:
    """3-5 and 1990–1995 between plain numbers are "to"; a dash between words is a pause."""
    text = re.sub(r"\b((?:\d{3}[-. ]){2}\d{4}|\d{3}-\d{4})\b", lambda m: _phone_number(m[0]), text)
    text = re.sub(rf"(?<![\d-])({_NUM})\s?[-—~]\s?({_NUM})(?![\d-])", r"\1 to \2", text)
    return re.sub(r"\s*(?:—|--+)\s*", ", ", text)


def _phone_number(text: str) -> str:
    return ", ".join(n.spell(part) for part in re.findall(r"\d+", text))


def _units(text: str) -> str:
    text = re.sub(r"(?<![\w.,'])(\d)'\s?(\d{1,2})(?:\"|'')", r"\1 foot \2", text)

    def words(match: re.Match[str]) -> str:
        amount, unit = match[1], match[2]
        one, many = UNITS[unit] if unit in UNITS else LETTER_UNITS[unit]
        return f"{amount} {one if amount == '1' else many}"

    text = re.sub(rf"({_NUM})\s?({_UNIT})(?![A-Za-z0-9²³])(?:\.(?=\s+[a-z]))?", words, text)
    return re.sub(rf"({_NUM})({_LETTER_UNIT})(?![A-Za-z0-9])", words, text)


_UNIT = "|".join(re.escape(u) for u in sorted(UNITS, key=len, reverse=True))
_LETTER_UNIT = "|".join(re.escape(u) for u in sorted(LETTER_UNITS, key=len, reverse=True))


def _symbols(text: str) -> str:
    text = re.sub(r"(?<![\w.,])[-−](?=\d|\.\d)", "negative ", text)
    text = re.sub(r"\s-+\s|\s-+$|^-+\s", ", ", text)
    text = re.sub(r"(?<=\d)\s?[x×*]\s?(?=\d)", " times ", text)
    text = re.sub(r"#(?=\s?\d)", " number ", text)
    for sign, word in SYMBOLS.items():
        text = text.replace(sign, f" {word} ")
    return text


def _fractions(text: str) -> str:
    def words(match: re.Match[str]) -> str:
        whole, top, bottom = match[1], match[2], match[3]
        if len(bottom) > 3 or len(top) > 3 or int(bottom) < 2:
            return match[0].replace("/", " over ")
        if (top, bottom) == ("24", "7"):
            return "twenty-four seven"
        if bottom in ("2", "4"):
            name = {"2": "half", "4": "quarter"}[bottom]
            name = name if top == "1" else {"2": "halves", "4": "quarters"}[bottom]
        else:
            name = n.ordinal(bottom) + ("" if top == "1" else "s")
        joined = f"{n.cardinal(whole)} and " if whole else ""
        lead = "a" if whole and top == "1" else n.cardinal(top)
        return f"{joined}{lead} {name}"

    text = re.sub(r"(?<![\d/.,])(?:(\d+)\s+)?(\d+)/(\d+)(?![\d/])", words, text)
    return re.sub(r"\s?/\s?", " slash ", text) if re.search(r"\d/\d", text) else text.replace("/", " ")


def _decades(text: str) -> str:
    text = re.sub(r"\b(1[1-9]\d0|20\d0)'?s\b", lambda m: n.plural(n.year(m[1])), text)
    return re.sub(r"(?<!\w)'?([2-9]0)'?s\b", lambda m: n.plural(n.cardinal(m[1])), text)


_NUMBERED = re.compile(r"\b(Room|Suite|Apartment|Flight|Gate|Route|Highway|Interstate) ([1-9])(\d\d)\b(?![.,]\d)")


def _numbered(match: re.Match[str]) -> str:
    """Room 101 and Flight 747 are read in two parts."""
    place, hundreds, rest = match.groups()
    if rest == "00":
        return match[0]
    return f"{place} {n.cardinal(hundreds)} {'oh ' if rest[0] == '0' else ''}{n.cardinal(rest)}"


def _plain_numbers(text: str) -> str:
    text = _NUMBERED.sub(_numbered, text)
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
    if len(digits) == 4 and 1000 < int(digits) < 3000:
        words = n.year(digits)
    elif len(digits) > 1 and digits[0] == "0":
        words = n.spell(digits)
    return f"{' ' if before.isalpha() else ''}{words}{' ' if after.isalpha() else ''}"


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
    _addresses,
    _times,
    _abbreviations,
    _roman_numerals,
    _dates,
    _decades,
    _money,
    _ranges,
    _units,
    _fractions,
    _symbols,
    _plain_numbers,
    _clean,
)


def normalize(text: str) -> str:
    """Text to words and the marks ``. , ? !``; linear in the length of the text."""
    for step in _STEPS:
        text = step(text)
    return text
