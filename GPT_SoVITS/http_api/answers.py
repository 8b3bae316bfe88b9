"""Errors as answers: the status of each kind, in the shape of the dialect that the client speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from errors import (
    AudioError,
    BusyError,
    CheckpointError,
    GSVError,
    LimitError,
    MissingDependencyError,
    OutputError,
    RequestError,
    TextError,
)
from http_api.admission import DeadlineError, QueueFullError, SlowBodyError
from http_api.paths import without_paths

OPENAI_PREFIXES = ("/v1", "/audio", "/models")
LEGACY_PATHS = ("/", "/change_refer", "/set_model")
STATUS_OF: tuple[tuple[type[GSVError], int], ...] = (
    (QueueFullError, 429),
    (BusyError, 503),
    (DeadlineError, 504),
    (SlowBodyError, 408),
    (LimitError, 413),
    (OutputError, 507),
    (MissingDependencyError, 400),
    (AudioError, 422),
    (TextError, 400),
    (RequestError, 400),
    (CheckpointError, 400),
    (GSVError, 400),
)
OPENAI_TYPES = {401: "authentication_error", 429: "rate_limit_error"}


class NotAllowedError(GSVError):
    """A request that is refused whatever it says: its key, origin, host or method.

    Attributes:
        status: of the answer.
    """

    def __init__(self, status: int, what: str, expected: str = "", fix: str = "") -> None:
        super().__init__(what, expected, fix)
        self.status = status


def status_of(error: Exception) -> int:
    """HTTP status of an error; 500 for what is no user's."""
    if isinstance(error, NotAllowedError):
        return error.status
    return next((status for kind, status in STATUS_OF if isinstance(error, kind)), 500)


def message_of(error: Exception) -> str:
    """What a client is told: the sentence of a user's error without server paths, the kind alone of a bug."""
    return without_paths(str(error)) if isinstance(error, GSVError) else f"internal error ({type(error).__name__})"


def headers_of(error: Exception) -> dict[str, str]:
    """Headers that go with an error."""
    if isinstance(error, BusyError):
        return {"Retry-After": str(error.retry_after)}
    return {"WWW-Authenticate": "Bearer"} if status_of(error) == 401 else {}


def body_of(path: str, status: int, message: str, param: str | None = None) -> dict[str, Any]:
    """JSON of an error, as clients of the dialect behind ``path`` read it."""
    if path.startswith(OPENAI_PREFIXES):
        kind = OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
        return {"error": {"message": message, "type": kind, "param": param, "code": str(status)}}
    if path in LEGACY_PATHS:
        return {"code": status, "message": message}
    return {"message": message}


def error_response(path: str, error: Exception) -> JSONResponse:
    """The answer to an error."""
    status, message = status_of(error), message_of(error)
    body = body_of(path, status, message)
    if path == "/tts" and isinstance(error, AudioError | CheckpointError):
        # found while speaking, and answered as the public API does
        status, body = 400, {"message": "tts failed", "Exception": message}
    return JSONResponse(body, status, headers=headers_of(error))


def plain_error(path: str, status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer to what the framework refused (no such path, wrong method)."""
    return JSONResponse(body_of(path, status, message), status, headers=dict(headers or {}))
