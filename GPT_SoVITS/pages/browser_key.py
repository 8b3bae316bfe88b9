"""Whose browser asks: a cookie with a secret of its own, by which a visitor's speeches are found again after a reload.

It says nothing about the visitor, no script reads it, and the server keeps no list of those that it gave out.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

COOKIE = "gsv-visitor"
KEY_BYTES = 24
KEY = re.compile(r"[\w-]{32}", re.ASCII)
"""A secret as :func:`new_cookie` makes it: what is shorter could be guessed, what is longer would fill memory."""
KEPT_SECONDS = 30 * 24 * 3600


def key_of(cookies: Mapping[str, str]) -> str:
    """The browser's secret; "" where it has none, or one that was not made here."""
    key = cookies.get(COOKIE) or ""
    return key if KEY.fullmatch(key) else ""


def new_cookie(secure: bool) -> str:
    """A Set-Cookie header with a fresh secret.

    Args:
        secure: the page is served by https, and the cookie is sent that way alone.
    """
    # Lax, not Strict: who follows a link to the page is to keep the secret that they have
    rest = f"; Path=/; Max-Age={KEPT_SECONDS}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
    return f"{COOKIE}={secrets.token_urlsafe(KEY_BYTES)}{rest}"
