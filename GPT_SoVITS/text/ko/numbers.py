"""Korean number words: Sino-Korean and native numbers, digit strings. Knows nothing about sentences."""

from __future__ import annotations

_SINO = "영일이삼사오육칠팔구"
_NATIVE_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_NATIVE_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")


def spell(digits: str) -> str:
    """Digits one by one."""
    return "".join(_SINO[int(d)] for d in digits)


def sino(digits: str) -> str:
    """A whole number in Sino-Korean words ("2024" -> 이천이십사); more than 20 digits are spelled."""
    digits = digits.lstrip("0")
    if not digits:
        return "영"
    if len(digits) > 20:
        return spell(digits)
    head = len(digits) % 4 or 4
    groups = [digits[:head], *(digits[i : i + 4] for i in range(head, len(digits), 4))]
    out = ""
    for at, group in enumerate(groups):
        words = "".join(
            ("" if d == "1" and power else _SINO[int(d)]) + ("", "십", "백", "천")[power]
            for d, power in zip(group, range(len(group) - 1, -1, -1), strict=True)
            if d != "0"
        )
        scale = ("", "만", "억", "조", "경")[len(groups) - at - 1]
        if words:
            out += ("" if words == "일" and scale == "만" and not out else words) + scale
    return out


def native(digits: str) -> str:
    """A number below one hundred in native words, as before a counter ("20" -> 스무); others in Sino-Korean."""
    number = int(digits) if len(digits) < 3 else 100
    if not 1 <= number <= 99:
        return sino(digits)
    return "스무" if number == 20 else _NATIVE_TENS[number // 10] + _NATIVE_ONES[number % 10]


def number(text: str) -> str:
    """A number with thousands commas and decimal places."""
    whole, _, places = text.replace(",", "").partition(".")
    return sino(whole) + (f" 점 {spell(places)}" if places else "")


def has_coda(word: str) -> bool:
    """Whether a word's last syllable ends in a consonant, for the choice of particles (은 or 는)."""
    return (ord(word[-1]) - 0xAC00) % 28 != 0
