"""English number words: integers, ordinals, years, decimals, digit strings. Knows nothing about sentences."""

from __future__ import annotations

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = "_ thousand million billion trillion quadrillion quintillion sextillion septillion octillion".split()
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
#: Longer digit strings are read digit by digit.
MAX_DIGITS = 3 * len(_SCALES)


def _below_thousand(number: int) -> str:
    words = []
    if number >= 100:
        words.append(f"{_ONES[number // 100]} hundred")
        number %= 100
    if number >= 20:
        tens, ones = divmod(number, 10)
        words.append(_TENS[tens] + (f"-{_ONES[ones]}" if ones else ""))
    elif number:
        words.append(_ONES[number])
    return " ".join(words)


def cardinal(digits: str) -> str:
    """ "1234567" -> "one million, two hundred thirty-four thousand, five hundred sixty-seven"."""
    digits = digits.lstrip("0")
    if not digits:
        return "zero"
    if len(digits) > MAX_DIGITS:
        return spell(digits)
    groups = [int(digits[max(0, end - 3) : end]) for end in range(len(digits), 0, -3)]
    parts = [
        _below_thousand(group) + (f" {_SCALES[level]}" if level else "") for level, group in enumerate(groups) if group
    ]
    return ", ".join(reversed(parts))


def spell(digits: str) -> str:
    """ "2024" -> "two zero two four"."""
    return " ".join(_ONES[int(d)] for d in digits)


def ordinal(digits: str) -> str:
    """ "21" -> "twenty-first"."""
    words = cardinal(digits)
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[cut:]
    if last in _ORDINALS:
        last = _ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return words[:cut] + last


def year(digits: str) -> str:
    """Four digits as a year: "1995" -> "nineteen ninety-five", "2005" -> "two thousand five", "1900", "1807"."""
    high, low = divmod(int(digits), 100)
    if high % 10 == 0 and low < 10:
        return cardinal(str(high * 100)) + (f" {_ONES[low]}" if low else "")
    if low == 0:
        return f"{_below_thousand(high)} hundred"
    return f"{_below_thousand(high)} " + (f"oh {_ONES[low]}" if low < 10 else _below_thousand(low))


def decimal(whole: str, fraction: str) -> str:
    """ "4", "05" -> "four point zero five"."""
    return f"{cardinal(whole or '0')} point {spell(fraction)}"


def number(text: str) -> str:
    """Plain number text with optional commas and one point, e.g. "1,234.5" or "42"."""
    whole, point, fraction = text.replace(",", "").partition(".")
    return decimal(whole, fraction) if point and fraction else cardinal(whole)


def plural(words: str) -> str:
    """Plural of number words for decades: "nineteen ninety" -> "nineteen nineties"."""
    return words[:-1] + "ies" if words.endswith("y") else words + ("es" if words.endswith("x") else "s")
