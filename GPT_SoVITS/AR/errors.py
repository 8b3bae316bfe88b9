"""Errors of the text-to-semantic stage. Callers outside AR/ turn them into the project's own kinds."""

from __future__ import annotations


class T2SError(ValueError):
    """A configuration, checkpoint, request or data set that this stage cannot use; the text is one plain line."""
