"""Text frontends: text in a language goes in, phones and their ids come out; no model is needed or loaded.

``clean_text`` finds the frontend of a language (one module each, loaded on first use), ``cleaned_text_to_sequence``
turns its phones into ids. Importing this package loads only the symbol tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from text.symbol_tables import cleaned_text_to_sequence, symbol_version, symbols_for

if TYPE_CHECKING:
    from text.cleaner import clean_text as clean_text

__all__ = ["clean_text", "cleaned_text_to_sequence", "symbol_version", "symbols_for"]


def __getattr__(name: str) -> object:
    """``from text import clean_text`` without loading the frontend registry until it is asked for."""
    if name == "clean_text":
        from text.cleaner import clean_text

        return clean_text
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
