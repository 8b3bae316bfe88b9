"""What the plugin remembers in a process: settings, words, the voice's codebook, the loaded model, what was logged."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from AR.fallback import FallbackInfo, info_of
from AR.models.lm_folder import codebook_fingerprint

from .language_model import Holder
from .settings import DEFAULTS, Wish, read_all, wish_of
from .words import Words

logger = logging.getLogger(__name__)


class Voice:
    """The synthesiser that was built last: its quantizer decides what semantic tokens mean."""

    def __init__(self) -> None:
        self._synthesiser: Any = None
        self._known: tuple[tuple[int, int], str] | None = None

    def note(self, synthesiser: Any) -> None:
        """Remember it, without keeping it alive."""
        self._synthesiser = weakref.ref(synthesiser)

    def codebook(self) -> str:
        """Fingerprint of its codebook; empty where there is none, so that nothing is compared."""
        synthesiser: Any = self._synthesiser() if self._synthesiser is not None else None
        try:
            entries = synthesiser.quantizer.vq.layers[0]._codebook.embed
        except (AttributeError, IndexError, TypeError):
            return ""
        stamp = (entries.data_ptr(), entries._version)
        if self._known is None or self._known[0] != stamp:
            self._known = (stamp, codebook_fingerprint(entries))
        return self._known[1]


@dataclass
class Plugin:
    """One per process.

    Attributes:
        home: root of the checkout.
        environment: settings that environment variables gave at the start.
        start_variables: environment variables as they were then, where a script of the host overwrites them.
        page: the page's choice, empty before the first.
    """

    home: Path
    environment: Mapping[str, Any] = field(default_factory=dict)
    start_variables: Mapping[str, str | None] = field(default_factory=dict)
    page: dict[str, Any] = field(default_factory=dict)
    words: Words = field(default_factory=Words)
    voice: Voice = field(default_factory=Voice)
    holder: Holder = field(default_factory=Holder)
    logged: set[tuple[str, str]] = field(default_factory=set)
    last_fallback: FallbackInfo | None = None
    bypass: threading.local = field(default_factory=threading.local)

    def wish(self, config: Any = None) -> Wish:
        """What is wanted, with a ``TTS_Config`` of the host or without one."""
        attributes = {name: vars(config)[name] for name in DEFAULTS if config is not None and name in vars(config)}
        return wish_of(self.page, read_all(attributes, "TTS_Config"), self.environment)

    def fell(self, error: BaseException, wish: Wish, owner: Any) -> None:
        """Tell why the AR model speaks: in the log once a cause, on the page, and on the host's ``TTS`` object.

        Raises:
            RuntimeError: in strict mode, with the reason.
        """
        info = info_of(error, wish.model_name)
        self.last_fallback = info
        if owner is not None:
            owner.last_fallback = info
        cause = (info.reason, info.message)
        if cause not in self.logged:
            self.logged.add(cause)
            logger.warning("%s: %s", info.reason, info.message)
        if wish.strict:
            raise RuntimeError(f"{info.reason}: {error}") from error
        self.warn(info.message)

    def warn(self, message: str) -> None:
        """On the page, where there is one and a visitor waits for this."""
        gradio = sys.modules.get("gradio")
        if gradio is not None and self.page:
            with contextlib.suppress(Exception):
                gradio.Warning(message)

    @contextlib.contextmanager
    def variables_as_at_start(self) -> Iterator[None]:
        """Environment variables that a script of the host has overwritten, as the user had set them."""
        now = {name: os.environ.get(name) for name in self.start_variables}
        _set_variables(self.start_variables)
        try:
            yield
        finally:
            _set_variables(now)


def _set_variables(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
