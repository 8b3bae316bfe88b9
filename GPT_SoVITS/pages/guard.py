"""Between handlers and the page: no traceback ever reaches a visitor, and what they send has limits."""

from __future__ import annotations

import functools
import html
import inspect
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import gradio as gr
from gradio.context import LocalContext

from config import REPO_ROOT
from errors import GSVError, TextError
from pages.browser_key import key_of
from tools.i18n.error_texts import told
from tools.i18n.translator import LANGUAGE_COOKIE
from TTS_infer_pack.request import MAX_TEXT

logger = logging.getLogger(__name__)

Handler = TypeVar("Handler", bound=Callable[..., Any])
Say = Callable[..., str]

MAX_UPLOAD = "50mb"
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
"""Uploads that a reference clip may be; what libsndfile reads everywhere."""


def accept_language() -> str:
    """The language that the visitor whose event is being handled has chosen, or their Accept-Language header; ""
    outside of events.
    """
    request = LocalContext.request.get(None)
    if request is None:
        return ""
    return str(request.cookies.get(LANGUAGE_COOKIE) or request.headers.get("accept-language") or "")


def visitor() -> str:
    """The open page whose event is being handled, by gradio's session; "" outside of events."""
    request = LocalContext.request.get(None)
    return str(request.session_hash or "") if request is not None else ""


def owner() -> str:
    """The browser whose event is being handled, over reloads and for each login by itself; "" outside of events.

    A client without the cookie of :mod:`pages.browser_key`, such as a program, is known by its session alone.
    """
    request = LocalContext.request.get(None)
    if request is None:
        return ""
    key = key_of(request.cookies)
    return f"browser/{request.username or ''}/{key}" if key else f"session/{visitor()}"


def plain(text: str) -> str:
    """``text`` for gradio's messages, which read HTML: names and errors with a "<" in them stay as they are."""
    return html.escape(text, quote=False)


def readable(text: str) -> str:
    """``text`` with the names of files as a person knows them: without the folders that uploads are put into, and
    below the project without its place.
    """
    uploads = {tempfile.gettempdir(), os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir()}
    for folder in sorted(uploads, key=len, reverse=True):
        text = re.sub(rf"{re.escape(folder)}/(?:[^/\s]+/)*", "", text)
    return text.replace(f"{REPO_ROOT}/", "")


def sentence(say: Say, error: GSVError) -> str:
    """An error as the visitor reads it: in their language, with names that they know."""
    return readable(told(say, error))


def guarded(handler: Handler, say: Say) -> Handler:
    """``handler`` (function or generator function) as gradio may call it.

    A GSVError becomes its sentence, in a gr.Error; anything else is logged with its traceback and becomes one line.
    """

    def answer(error: Exception) -> gr.Error:
        if isinstance(error, gr.Error):
            return error
        title = say("page.error_title")
        if isinstance(error, GSVError):
            return gr.Error(plain(sentence(say, error)), title=title, print_exception=False)
        logger.exception("page handler %s failed", getattr(handler, "__name__", handler), exc_info=error)
        return gr.Error(say("page.bug", kind=type(error).__name__), title=title, print_exception=False)

    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def steps(*values: Any, **named: Any) -> Iterator[Any]:
            try:
                yield from handler(*values, **named)
            except Exception as error:  # noqa: BLE001 - whatever it is, the visitor gets a sentence
                raise answer(error) from None

        return cast(Handler, steps)

    @functools.wraps(handler)
    def call(*values: Any, **named: Any) -> Any:
        try:
            return handler(*values, **named)
        except Exception as error:  # noqa: BLE001 - as above
            raise answer(error) from None

    return cast(Handler, call)


def check_text(text: str, say: Say) -> str:
    """``text``, if it is within :data:`MAX_TEXT`; the page counts too, but API clients do not.

    Raises:
        TextError: too long.
    """
    if len(text) > MAX_TEXT:
        raise TextError(say("page.text_too_long", length=len(text), limit=MAX_TEXT))
    return text
