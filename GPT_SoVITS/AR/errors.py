"""Errors of the text-to-semantic stage. Callers outside AR/ turn them into the project's own kinds."""

from __future__ import annotations

from typing import Literal

FallbackReason = Literal[
    "transformers_missing",
    "weights_missing",
    "download_failed",
    "no_adapter",
    "adapter_mismatch",
    "codebook_mismatch",
    "out_of_memory",
    "numerical_error",
    "degenerate_output",
    "engine_unreachable",
    "engine_refused",
    "engine_slow",
    "engine_full",
    "runtime_error",
]
"""Why a language model cannot serve; docs/qwen3.md says what to do about each."""


class T2SError(ValueError):
    """A configuration, checkpoint, request or data set that this stage cannot use; the text is one plain line."""


class LMUnavailable(T2SError):  # noqa: N818 - it says what is the matter, "Error" would not add to it
    """The language model cannot speak.

    Args:
        reason: one of the fallback reasons.
        message: one line that a person can act on.
    """

    def __init__(self, reason: FallbackReason, message: str) -> None:
        super().__init__(" ".join(message.split()))
        self.reason: FallbackReason = reason


class EngineFull(T2SError):  # noqa: N818 - as above
    """More requests wait than the engine's queue holds; the same request may be sent again later."""


class EngineClosed(T2SError):  # noqa: N818 - as above
    """The engine was closed while it had the request, or before."""
