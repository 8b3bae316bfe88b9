"""Chinese number words from digit strings; any length, no int or float in between, so nothing is rounded."""

from __future__ import annotations

DIGITS = "零一二三四五六七八九"
_SMALL = ("", "十", "百", "千")
_LARGE = ("", "万", "亿", "万亿", "亿亿")
_MAX_DIGITS = 4 * len(_LARGE)


def spell(digits: str, one: str = "一") -> str:
    """Digit by digit ("2008" -> 二零零八); ``one`` is 幺 for telephone numbers."""
    return "".join(one if d == "1" else DIGITS[int(d)] for d in digits)


def _group(digits: str) -> str:
    """Up to four digits, without leading or trailing zeros."""
    out, zero = "", False
    for at, digit in enumerate(digits):
        power = len(digits) - at - 1
        if digit == "0":
            zero = bool(out)
            continue
        out += ("零" if zero else "") + DIGITS[int(digit)] + _SMALL[power]
        zero = False
    return out


def cardinal(digits: str) -> str:
    """A whole number ("1234" -> 一千二百三十四); digits without a scale name (more than 20) are spelled."""
    digits = digits.lstrip("0") or "0"
    if digits == "0":
        return "零"
    if len(digits) > _MAX_DIGITS:
        return spell(digits)
    head = len(digits) % 4 or 4
    groups = [digits[:head], *(digits[i : i + 4] for i in range(head, len(digits), 4))]
    out = ""
    gap = False
    for at, group in enumerate(groups):
        words = _group(group)
        scale = _LARGE[len(groups) - at - 1]
        if not words:
            gap = bool(out)
            continue
        if out and (gap or group[0] == "0"):
            out += "零"
        gap = False
        # 20000, 2000 0000: 两 before 万 and 亿 as people say it; 二百 and 二十 stay.
        words = "两" if words == "二" and scale else words
        words = "两" + words[1:] if words.startswith("二千") and not out else words
        out += words + scale
    return "十" + out[2:] if out.startswith("一十") else out


def number(text: str) -> str:
    """A number with an optional sign, thousands commas and decimal places ("-1,234.50" -> 负一千二百三十四点五零)."""
    text = text.replace(",", "").replace("，", "")
    sign = "负" if text[:1] in "-−" and len(text) > 1 else ""
    whole, _, places = text.lstrip("-−+").partition(".")
    return sign + cardinal(whole or "0") + ("点" + spell(places) if places else "")
