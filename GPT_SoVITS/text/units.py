"""Symbols that stand at a number and are read with it: units, currencies, powers. One table for all languages.

Only what is written is here; how a symbol is said belongs to each language (its ``normalize`` and ``tables``). Every
language that can be spoken reads all of these at a number (``tests/GPT_SoVITS/text/test_units.py``), because a run of a
language takes them from the English words around them (``text.language``).
"""

from __future__ import annotations

import re

#: Units in Latin letters, by what they measure. A number may touch them or stand one space before them.
UNITS: tuple[str, ...] = (
    # length, area, volume
    *("km", "cm", "mm", "nm", "μm", "µm", "m", "km²", "cm²", "mm²", "m²", "km2", "cm2", "m2", "m³", "cm³", "m3", "ha"),
    # mass, capacity
    *("kg", "mg", "μg", "µg", "g", "t", "ml", "mL", "dl", "dL", "cl", "L", "l"),
    # amount of substance
    *("mol", "mmol", "mol/L", "mmol/L"),
    # speed and other rates
    *(
        "km/h",
        "m/s",
        "mph",
        "km/s",
        "m/min",
        "kg/m³",
        "mg/m³",
        "μg/m³",
        "g/L",
        "Mbps",
        "Gbps",
        "kbps",
        "MB/s",
        "rpm",
        "fps",
    ),
    # time
    *("h", "min", "s", "ms"),
    # energy, electricity, frequency, pressure, sound
    *("kcal", "cal", "kJ", "kWh", "kW", "MW", "W", "kV", "V", "mA", "mAh", "A"),
    *("THz", "GHz", "MHz", "kHz", "Hz", "hPa", "kPa", "MPa", "dB"),
    # data
    *("TB", "GB", "MB", "KB", "kB"),
    # imperial
    *("lb", "lbs", "oz", "ft", "mi", "yd", "gal"),
    # money, by its code
    *("USD", "EUR", "GBP", "JPY", "CNY", "HKD", "KRW"),
    # temperature
    *("°C", "°F", "℃", "℉"),
)

#: One-letter units that are also names (5A景区, 3D, iPhone 5s): they count only where no letter of any script follows.
NAMES_TOO = frozenset("A")

#: Signs of a currency in front of a number.
CURRENCIES: tuple[str, ...] = (
    *("US$", "HK$", "NT$", "CA$", "AU$", "A$", "C$", "S$", "R$", "RMB"),
    *("USD", "EUR", "GBP", "JPY", "CNY", "HKD", "KRW"),
    *("$", "＄", "€", "£", "￡", "¥", "￥", "₩", "￦", "₹", "₽", "฿", "₫", "₴", "₺", "₱", "₿"),
)

#: Powers that are written above the line.
SUPERSCRIPTS = "²³⁰¹⁴⁵⁶⁷⁸⁹"


def _longest_first(symbols: tuple[str, ...]) -> str:
    return "|".join(re.escape(symbol) for symbol in sorted(symbols, key=len, reverse=True))


_PLAIN = _longest_first(tuple(u for u in UNITS if u not in NAMES_TOO))
#: A unit after a number, or one per another (mg/L).
UNIT = (
    rf"(?:(?:{_PLAIN})(?:/(?:{_PLAIN}))?(?![A-Za-z0-9²³])"
    rf"|[{''.join(sorted(NAMES_TOO))}](?!\w))"
)
#: A currency before a number.
CURRENCY = rf"(?:(?<![A-Za-z])(?:{_longest_first(CURRENCIES)}))"
#: A power after a number or a letter: 10², 2^8, x^2.
POWER = rf"(?:[⁻]?[{SUPERSCRIPTS}]+|\^\s?[-−]?\d+)"
