"""Which symbol table a model version uses, and phones as ids of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from errors import TextError
from module.versions import VERSIONS


def symbol_version(version: str) -> str:
    """The symbol table ("v1" or "v2") that a model version uses.

    Raises:
        TextError: for a version that is not known.
    """
    if version not in VERSIONS:
        known = ", ".join(VERSIONS)
        raise TextError(f"model version {version!r} is not known", f"one of {known}", "correct the version")
    return VERSIONS[version].symbols


@lru_cache(maxsize=2)
def _ids(table: str) -> dict[str, int]:
    return {name: i for i, name in enumerate(symbols_for(table))}


def symbols_for(version: str) -> list[str]:
    """All phone names of a model version, in id order (322 for v1, 732 for the others)."""
    if symbol_version(version) == "v1":
        from text.symbols import symbols
    else:
        from text.symbols2 import symbols
    return symbols


def cleaned_text_to_sequence(cleaned_text: Iterable[str], version: str = "v2") -> list[int]:
    """Phones to ids; a phone that the version's table lacks becomes UNK.

    Args:
        cleaned_text: phones as ``clean_text`` gives them.
        version: model version, see :func:`symbol_version`.

    Returns:
        One id per phone.
    """
    ids = _ids(symbol_version(version))
    unknown = ids["UNK"]
    return [ids.get(phone, unknown) for phone in cleaned_text]
