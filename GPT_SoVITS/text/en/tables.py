"""Tables of the English normaliser: abbreviations, units, currencies, signs, months. Data only."""

from __future__ import annotations

import re

MONTHS: dict[str, str] = {}
for _name in "January February March April May June July August September October November December".split():
    MONTHS[_name.lower()] = _name
    MONTHS[_name[:3].lower()] = _name
MONTHS["sept"] = "September"

#: Days of the week as they are shortened.
DAYS: dict[str, str] = {
    short: day
    for day, shorts in {
        "Monday": "Mon",
        "Tuesday": "Tue Tues",
        "Wednesday": "Wed Weds",
        "Thursday": "Thu Thur Thurs",
        "Friday": "Fri",
        "Saturday": "Sat",
        "Sunday": "Sun",
    }.items()
    for short in shorts.split()
}

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
    "govt": "government",
    "est": "established",
    "avg": "average",
    "tel": "telephone",
    "hwy": "Highway",
    "rd": "Road",
    "ln": "Lane",
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
        (r"(?<=[a-z] )Dr\.(?=\s*$)", "Drive."),
        (r"(?<=[a-z] )Dr\.?(?!\w)", "Drive"),
        (r"\bFt\.(?=\s+[A-Z])", "Fort"),
        (r"\bSt\.?(?=\s+[A-Z][a-z])", "Saint"),
        (r"(?<=[A-Za-z] )St\.(?=\s*$)", "Street."),
        (r"(?<=[A-Za-z] )St\.?(?!\w)", "Street"),
        (r"\b[Nn]o\.\s?(?=\d)", "number "),
        (r"\b[Nn]os\.\s?(?=\d)", "numbers "),
        (r"\b[Pp]p\.\s?(?=\d)", "pages "),
        (r"\b[Pp]\.\s?(?=\d)", "page "),
        (r"\b[Vv]ol\.\s?(?=\d)", "volume "),
        (r"\b[Ff]ig\.\s?(?=\d)", "figure "),
        (r"\b[Cc]h\.\s?(?=\d)", "chapter "),
        (r"\b[Ee]xt\.?\s?(?=\d)", "extension "),
        (r"\b[Ss]ec\.\s?(?=\d)", "section "),
        (r"\b[Ee]q\.\s?(?=\d)", "equation "),
        (r"\bca?\.\s?(?=1?\d{3}\b)", "circa "),
        (r"\b[Aa]pprox\.?(?=\s+(?!\d|one\b|two\b|three\b|half\b)[a-z])", "approximate"),
        (r"\b[Ss]q\.? ?(ft|in|mi|yd|km|m)\b\.(?!\s*$)", r"sq \1"),
        (r"\b[Ss]q\.? ?(ft|in|mi|yd|km|m)\b", r"sq \1"),
        (r"\b[Aa]\.[Kk]\.[Aa]\.(?!\w)|\baka\b", "A K A"),
        (r"\bCtrl\b\s?\+?", "Control "),
        (r"\bCmd\b\s?\+?", "Command "),
        (r"\b(Control|Command|Alt|Shift) ?\+ ?(?=\w)", r"\1 "),
        (r"\b[Tt]hx\b", "thanks"),
        (r"\b[Pp]l[sz]\b", "please"),
        (r"\b[Bb]/c\b", "because"),
        (r"\b[Ww]/(?=\s)", "with"),
        (r"\bvs\b(?!\.)", "versus"),
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
    "A$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "AU$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "C$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "CA$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "NZ$": ("New Zealand dollar", "New Zealand dollars", "cent", "cents"),
    "HK$": ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
    "NT$": ("Taiwan dollar", "Taiwan dollars", "", ""),
    "S$": ("Singapore dollar", "Singapore dollars", "cent", "cents"),
    "R$": ("real", "reals", "centavo", "centavos"),
    "₺": ("lira", "lira", "", ""),
    "₴": ("hryvnia", "hryvnias", "", ""),
    "₫": ("dong", "dong", "", ""),
    "฿": ("baht", "baht", "", ""),
    "₱": ("peso", "pesos", "centavo", "centavos"),
    "₪": ("shekel", "shekels", "", ""),
    "₿": ("bitcoin", "bitcoins", "", ""),
}
_DOLLARS = ("cent", "cents")
#: Codes of currencies, before or after the number.
CURRENCY_CODES: dict[str, tuple[str, str, str, str]] = {
    "USD": ("U S dollar", "U S dollars", *_DOLLARS),
    "CAD": ("Canadian dollar", "Canadian dollars", *_DOLLARS),
    "AUD": ("Australian dollar", "Australian dollars", *_DOLLARS),
    "NZD": ("New Zealand dollar", "New Zealand dollars", *_DOLLARS),
    "HKD": ("Hong Kong dollar", "Hong Kong dollars", *_DOLLARS),
    "SGD": ("Singapore dollar", "Singapore dollars", *_DOLLARS),
    "EUR": ("euro", "euros", *_DOLLARS),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "JPY": ("yen", "yen", "", ""),
    "CNY": ("yuan", "yuan", "", ""),
    "RMB": ("yuan", "yuan", "", ""),
    "KRW": ("won", "won", "", ""),
    "INR": ("rupee", "rupees", "paisa", "paise"),
    "CHF": ("Swiss franc", "Swiss francs", "", ""),
    "SEK": ("Swedish krona", "Swedish kronor", "", ""),
    "NOK": ("Norwegian krone", "Norwegian kroner", "", ""),
    "DKK": ("Danish krone", "Danish kroner", "", ""),
    "PLN": ("zloty", "zlotys", "", ""),
    "BRL": ("real", "reals", "", ""),
    "MXN": ("Mexican peso", "Mexican pesos", "", ""),
}

#: Units after a number, with or without a space between.
UNITS: dict[str, tuple[str, str]] = {
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "m/s": ("meter per second", "meters per second"),
    "mph": ("mile per hour", "miles per hour"),
    "m/s^2": ("meter per second squared", "meters per second squared"),
    "km/s": ("kilometer per second", "kilometers per second"),
    "kph": ("kilometer per hour", "kilometers per hour"),
    "mi/h": ("mile per hour", "miles per hour"),
    "ft/s": ("foot per second", "feet per second"),
    "km^2": ("square kilometer", "square kilometers"),
    "cm^2": ("square centimeter", "square centimeters"),
    "cm^3": ("cubic centimeter", "cubic centimeters"),
    "mm^2": ("square millimeter", "square millimeters"),
    "ft^2": ("square foot", "square feet"),
    "ft^3": ("cubic foot", "cubic feet"),
    "in^2": ("square inch", "square inches"),
    "sq ft": ("square foot", "square feet"),
    "sq in": ("square inch", "square inches"),
    "sq mi": ("square mile", "square miles"),
    "sq yd": ("square yard", "square yards"),
    "sq km": ("square kilometer", "square kilometers"),
    "sq m": ("square meter", "square meters"),
    "km2": ("square kilometer", "square kilometers"),
    "m^2": ("square meter", "square meters"),
    "m2": ("square meter", "square meters"),
    "m^3": ("cubic meter", "cubic meters"),
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
    "fl oz": ("fluid ounce", "fluid ounces"),
    "gal": ("gallon", "gallons"),
    "qt": ("quart", "quarts"),
    "pt": ("pint", "pints"),
    "tsp": ("teaspoon", "teaspoons"),
    "tbsp": ("tablespoon", "tablespoons"),
    "yd": ("yard", "yards"),
    "yds": ("yard", "yards"),
    "mi": ("mile", "miles"),
    "yrs": ("year", "years"),
    "yr": ("year", "years"),
    "wks": ("week", "weeks"),
    "mo": ("month", "months"),
    "mAh": ("milliamp hour", "milliamp hours"),
    "mA": ("milliamp", "milliamps"),
    "Ah": ("amp hour", "amp hours"),
    "Wh": ("watt hour", "watt hours"),
    "mW": ("milliwatt", "milliwatts"),
    "MW": ("megawatt", "megawatts"),
    "GW": ("gigawatt", "gigawatts"),
    "mV": ("millivolt", "millivolts"),
    "kV": ("kilovolt", "kilovolts"),
    "MP": ("megapixel", "megapixels"),
    "px": ("pixel", "pixels"),
    "fps": ("frame per second", "frames per second"),
    "rpm": ("R P M", "R P M"),
    "bpm": ("beat per minute", "beats per minute"),
    "psi": ("P S I", "P S I"),
    "hPa": ("hectopascal", "hectopascals"),
    "kPa": ("kilopascal", "kilopascals"),
    "Pa": ("pascal", "pascals"),
    "kJ": ("kilojoule", "kilojoules"),
    "kcal": ("kilocalorie", "kilocalories"),
    "mol": ("mole", "moles"),
    "mmol": ("millimole", "millimoles"),
    "mol/L": ("mole per liter", "moles per liter"),
    "mmol/L": ("millimole per liter", "millimoles per liter"),
    "cal": ("calorie", "calories"),
    "hp": ("horsepower", "horsepower"),
    "dB": ("decibel", "decibels"),
    "ha": ("hectare", "hectares"),
    "nm": ("nanometer", "nanometers"),
    "µm": ("micrometer", "micrometers"),
    "μm": ("micrometer", "micrometers"),
    "µg": ("microgram", "micrograms"),
    "μg": ("microgram", "micrograms"),
    "mcg": ("microgram", "micrograms"),
    "cl": ("centiliter", "centiliters"),
    "dl": ("deciliter", "deciliters"),
    "dL": ("deciliter", "deciliters"),
    "cL": ("centiliter", "centiliters"),
    "m/min": ("meter per minute", "meters per minute"),
    "g/L": ("gram per liter", "grams per liter"),
    "mg/L": ("milligram per liter", "milligrams per liter"),
    "mg/dL": ("milligram per deciliter", "milligrams per deciliter"),
    "kg/m^3": ("kilogram per cubic meter", "kilograms per cubic meter"),
    "mg/m^3": ("milligram per cubic meter", "milligrams per cubic meter"),
    "μg/m^3": ("microgram per cubic meter", "micrograms per cubic meter"),
    "THz": ("terahertz", "terahertz"),
    "MPa": ("megapascal", "megapascals"),
    "cc": ("C C", "C C"),
    "kbps": ("kilobit per second", "kilobits per second"),
    "Gbps": ("gigabit per second", "gigabits per second"),
    "MB/s": ("megabyte per second", "megabytes per second"),
    "GB/s": ("gigabyte per second", "gigabytes per second"),
    "PB": ("petabyte", "petabytes"),
    "MiB": ("mebibyte", "mebibytes"),
    "GiB": ("gibibyte", "gibibytes"),
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
    "t": ("ton", "tons"),
    "J": ("joule", "joules"),
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

#: Rulers: a Roman numeral after their names is an ordinal.
RULERS: tuple[str, ...] = tuple(
    "Henry Louis Elizabeth George Edward Charles James William Richard Philip Pius Paul Alexander Nicholas Napoleon "
    "Catherine Mary Peter Francis Frederick Gregory Benedict Leo Ramses Ramesses Wilhelm Ivan Charlemagne Otto Sixtus "
    "Clement Innocent Urban Ferdinand Alfonso Gustav Gustavus Christian Haakon Olav Leopold Albert Umberto Victor "
    "Emmanuel Ptolemy Thutmose Amenhotep Xerxes Darius Mehmed Murad Selim Philippe Margrethe Juliana Julius".split()
)
#: Words before a Roman numeral that is a plain number.
ROMAN_TITLES: tuple[str, ...] = (
    "World War", "Chapter", "Part", "Act", "Scene", "Volume", "Vol.", "Book", "Section", "Article", "Appendix", "Phase",
    "Class", "Type", "Stage", "Level", "Grade", "Title", "Super Bowl", "Final Fantasy", "Canto", "Psalm", "Figure",
    "Table", "Round", "Unit", "Lesson", "Episode", "Episodes", "Category", "Apollo", "WrestleMania", "Legion", "Mark",
)  # fmt: skip
#: Things with numbers, which are read in two parts: Room 101, Flight 747.
NUMBERED: tuple[str, ...] = ("Room", "Suite", "Apartment", "Flight", "Gate", "Route", "Highway", "Interstate", "Apt.")
#: Products whose numbers are versions.
VERSIONED: tuple[str, ...] = tuple(
    "version Version Python Node Java Ruby PHP Go Swift Kotlin Ubuntu Debian Fedora macOS iOS iPadOS Android Windows "
    "Linux Chrome Firefox Safari CUDA PyTorch TensorFlow Django release Release kernel Bluetooth USB HTTP TLS".split()
)
#: States of the USA before a zip code.
STATES: tuple[str, ...] = tuple(
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR "
    "PA RI SC SD TN TX UT VT VA WA WV WI WY DC".split()
)

#: Names as they are written, and as they are spelled.
SPELLED_NAMES: dict[str, str] = {
    "iOS": "i O S",
    "iPadOS": "I Pad O S",
    "macOS": "Mac O S",
    "IoT": "I O T",
    "PhD": "P H D",
    "PhDs": "P H D's",
    "eSIM": "e SIM",
    "mRNA": "M R N A",
    "LaTeX": "lah tech",
    "SQLite": "S Q Lite",
    "MySQL": "My S Q L",
}

#: Acronyms that are said as a word although all their letters are capitals.
SPOKEN_ACRONYMS: frozenset[str] = frozenset(
    "NATO UNESCO UNICEF OPEC AIDS NAFTA ASEAN SWAT RAM ROM "
    "FIFA UEFA LASER RADAR SCUBA COVID YOLO CAPTCHA NASDAQ GIF JPEG PIN SIM".split()
)
