"""Tables of the English normaliser: abbreviations, units, currencies, signs, months. Data only."""

from __future__ import annotations

import re

MONTHS: dict[str, str] = {}
for _name in "January February March April May June July August September October November December".split():
    MONTHS[_name.lower()] = _name
    MONTHS[_name[:3].lower()] = _name
MONTHS["sept"] = "September"

#: Abbreviations that end in a dot, by lower-case form. A dot that follows is taken away with them.
WORD_ABBREVIATIONS: dict[str, str] = {
    "mr": "Mister",
    "mrs": "Missis",
    "ms": "Miz",
    "messrs": "Messers",
    "prof": "Professor",
    "gen": "General",
    "col": "Colonel",
    "capt": "Captain",
    "lt": "Lieutenant",
    "sgt": "Sergeant",
    "gov": "Governor",
    "sen": "Senator",
    "rev": "Reverend",
    "hon": "Honorable",
    "pres": "President",
    "jr": "Junior",
    "sr": "Senior",
    "vs": "versus",
    "dept": "department",
    "approx": "approximately",
    "ave": "Avenue",
    "blvd": "Boulevard",
    "mt": "Mount",
    "inc": "Incorporated",
    "corp": "Corporation",
    "ltd": "Limited",
    "bros": "Brothers",
}

#: Abbreviations that need context, in order.
ABBREVIATIONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"\b[Ii]\.\s?[Ee]\.(?!\w)", "that is"),
        (r"\b[Ee]\.\s?[Gg]\.(?!\w)", "for example"),
        (r"\betc\.(?=\s+[a-z(])", "et cetera"),
        (r"\betc\.(?=[,;:?!)])", "et cetera"),
        (r"\betc\b", "et cetera"),
        (r"\bet al\b\.?", "et al"),
        (r"\bDr\.?(?=\s+[A-Z])", "Doctor"),
        (r"(?<=[a-z] )Dr\.?(?!\w)", "Drive"),
        (r"\bFt\.(?=\s+[A-Z])", "Fort"),
        (r"\bSt\.?(?=\s+[A-Z][a-z])", "Saint"),
        (r"(?<=[A-Za-z] )St\.?(?!\w)", "Street"),
        (r"\b[Nn]o\.\s?(?=\d)", "number "),
        (r"\b[Nn]os\.\s?(?=\d)", "numbers "),
        (r"\b[Pp]p\.\s?(?=\d)", "pages "),
        (r"\b[Pp]\.\s?(?=\d)", "page "),
        (r"\b[Vv]ol\.\s?(?=\d)", "volume "),
        (r"\b[Ff]ig\.\s?(?=\d)", "figure "),
        (r"\b[Cc]h\.\s?(?=\d)", "chapter "),
        (r"\bPh\.?\s?D\b\.?(?!\w)", "P H D"),
        (r"\b([AaPp])\.\s?[Mm]\.(?=\s+[a-z])|\b([AaPp])\.\s?[Mm]\.(?=[,;:?!])", r"\1\2 M"),
        (r"\b([AaPp])\.\s?[Mm]\.(?!\w)", r"\1 M."),
        (r"\bMr(?=\s+[A-Z])", "Mister"),
        (r"\bMrs(?=\s+[A-Z])", "Missis"),
        (r"\bMs(?=\s+[A-Z])", "Miz"),
        (r"\b([Ww])/o\b", "without"),
    )
)

#: sign: (one, many, one hundredth, many hundredths)
CURRENCIES: dict[str, tuple[str, str, str, str]] = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "US$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
}

#: Units after a number, with or without a space between.
UNITS: dict[str, tuple[str, str]] = {
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "m/s": ("meter per second", "meters per second"),
    "mph": ("mile per hour", "miles per hour"),
    "km²": ("square kilometer", "square kilometers"),
    "km2": ("square kilometer", "square kilometers"),
    "m²": ("square meter", "square meters"),
    "m2": ("square meter", "square meters"),
    "m³": ("cubic meter", "cubic meters"),
    "m3": ("cubic meter", "cubic meters"),
    "km": ("kilometer", "kilometers"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "kg": ("kilogram", "kilograms"),
    "mg": ("milligram", "milligrams"),
    "ml": ("milliliter", "milliliters"),
    "mL": ("milliliter", "milliliters"),
    "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"),
    "Hz": ("hertz", "hertz"),
    "kW": ("kilowatt", "kilowatts"),
    "kWh": ("kilowatt hour", "kilowatt hours"),
    "TB": ("terabyte", "terabytes"),
    "GB": ("gigabyte", "gigabytes"),
    "MB": ("megabyte", "megabytes"),
    "KB": ("kilobyte", "kilobytes"),
    "kB": ("kilobyte", "kilobytes"),
    "Mbps": ("megabit per second", "megabits per second"),
    "ms": ("millisecond", "milliseconds"),
    "hrs": ("hour", "hours"),
    "hr": ("hour", "hours"),
    "mins": ("minute", "minutes"),
    "min": ("minute", "minutes"),
    "secs": ("second", "seconds"),
    "sec": ("second", "seconds"),
    "lbs": ("pound", "pounds"),
    "lb": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "ft": ("foot", "feet"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "° C": ("degree Celsius", "degrees Celsius"),
    "° F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "℃": ("degree Celsius", "degrees Celsius"),
    "℉": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"),
    "%": ("percent", "percent"),
    "‰": ("per mille", "per mille"),
    "¢": ("cent", "cents"),
}

#: One-letter units, only when they touch the number.
LETTER_UNITS: dict[str, tuple[str, str]] = {
    "m": ("meter", "meters"),
    "g": ("gram", "grams"),
    "l": ("liter", "liters"),
    "L": ("liter", "liters"),
    "h": ("hour", "hours"),
    "V": ("volt", "volts"),
    "W": ("watt", "watts"),
    "in": ("inch", "inches"),
    "s": ("second", "seconds"),
}

#: Signs that are read as a word wherever they stand.
SYMBOLS: dict[str, str] = {
    "&": "and",
    "+": "plus",
    "=": "equals",
    "%": "percent",
    "@": "at",
    "°": "degrees",
    "$": "dollars",
    "£": "pounds",
    "€": "euros",
    "×": "times",
    "÷": "divided by",
    "±": "plus or minus",
    "≈": "approximately",
    "≤": "less than or equal to",
    "≥": "greater than or equal to",
    "<": "less than",
    ">": "greater than",
}

#: Acronyms that are said as a word although all their letters are capitals.
SPOKEN_ACRONYMS: frozenset[str] = frozenset(
    "NATO UNESCO UNICEF OPEC AIDS NAFTA ASEAN SWAT RAM ROM LASER RADAR SCUBA COVID YOLO NASDAQ GIF JPEG PIN SIM".split()
)
