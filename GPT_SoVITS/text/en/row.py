"""English in the registry of languages."""

from __future__ import annotations

from text.language_row import ALONE, Language, Notation

_LETTERS = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\uff21-\uff3a\uff41-\uff5a"

ROW = Language(
    code="en",
    order=10,
    module="text.english",
    modes={"en": ALONE},
    letters=rf"[{_LETTERS}][{_LETTERS}\u0300-\u036f]*",
    reading=Notation(
        shape=r"(?=.*\d)[A-Z]{1,3}\d?(?: +[A-Z]{1,3}\d?)*",
        example="ARPAbet with stress digits, such as T AH0 M EY1 T OW2",
        before=r"[A-Za-z](?:[A-Za-z'’\-]*[A-Za-z])?$",
        fold_case=True,
    ),
)
