"""What an engine that writes speech down gives, and what it is given."""

from __future__ import annotations

from typing import NamedTuple

ENGINE_RATE = 16000
"""Hz of the samples that engines are given."""


class Heard(NamedTuple):
    """What an engine heard, and the language code (as Whisper has it: en, zh, ja, ko, yue, ...)."""

    text: str
    language: str
