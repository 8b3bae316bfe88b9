"""The completions API of an engine elsewhere: a request for tokens, its stream of events, the names it serves.

Plain ``http.client``: no redirect is followed, no proxy is asked, closing a stream closes its connection, which is how
such an engine is told to stop. Knows nothing of speech.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from AR.errors import FallbackReason, LMUnavailable, T2SError

MOST_BYTES = 1 << 20
"""Of one event, and of an answer that is no stream."""
STATUS_REASONS: dict[int, FallbackReason] = {429: "engine_full", 503: "engine_full", 400: "runtime_error"}


@dataclass(frozen=True)
class EngineAddress:
    """Where an engine is: ``http://host:port/NAME``, NAME being what it serves the model as.

    Attributes:
        scheme: "http" or "https".
        host, port: of the engine.
        prefix: path before ``/v1``, "" or "/..." without an end slash.
        name: of the model.
    """

    scheme: str
    host: str
    port: int
    prefix: str
    name: str

    @classmethod
    def parse(cls, text: str) -> EngineAddress:
        """From text.

        Raises:
            T2SError: it is no such address.
        """
        try:
            parts = urlsplit(text)
            port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        except (ValueError, KeyError) as error:
            raise T2SError(f"{text!r} is no engine's address; expected http://host:port/NAME") from error
        prefix, _, name = parts.path.rstrip("/").rpartition("/")
        if not parts.hostname or not name or parts.query or parts.fragment or parts.username is not None:
            shown = f"{parts.scheme}://{parts.hostname}{parts.path}"  # what may be a password stays out of it
            raise T2SError(f"{shown} is no engine's address; expected http://host:port/NAME without a key")
        return cls(parts.scheme, parts.hostname, port, prefix, name)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}{self.prefix}/{self.name}"


@dataclass(frozen=True)
class Timeouts:
    """How long an engine is waited for, in seconds.

    Attributes:
        connect: for a connection, and for answers that need no computation.
        first: for the first token.
        next: for each further one.
        rate: fewest tokens a second, counted while they are waited for; speech has 25.
        grace: waiting time before the rate is looked at.
    """

    connect: float = 2.0
    first: float = 5.0
    next: float = 3.0
    rate: float = 5.0
    grace: float = 5.0


class Event(NamedTuple):
    """New token ids, and why the stream ends, None where it goes on ("stop", "length", or an engine's own word)."""

    ids: list[int]
    finish_reason: str | None


@dataclass(frozen=True)
class CompletionsClient:
    """Asks one engine.

    Attributes:
        address: where it is.
        key: shown to it as a bearer token; "" for none.
        timeouts: how long it is waited for.
    """

    address: EngineAddress
    key: str = field(default="", repr=False)
    timeouts: Timeouts = field(default_factory=Timeouts)

    def names(self) -> list[str]:
        """What the engine serves; it has to be in good health.

        Raises:
            LMUnavailable: it cannot be reached, is ill, or refuses.
        """
        self._get("/health")
        answer = self._get("/v1/models")
        try:
            content = json.loads(answer)
            return [str(model["id"]) for model in content["data"]]
        except (ValueError, KeyError, TypeError) as error:
            raise self.trouble("engine_refused", "does not tell its models as the OpenAI API does") from error

    def _get(self, path: str) -> bytes:
        connection = self._connection()
        try:
            connection.request("GET", self.address.prefix + path, headers=self._headers())
            answer = connection.getresponse()
            content = answer.read(MOST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise self.unreachable(error) from error
        finally:
            connection.close()
        if answer.status == 503:
            raise self.trouble("engine_unreachable", "says that it is not well")
        self.check_status(answer.status)
        return content

    def open(self, body: Mapping[str, Any]) -> CompletionStream:
        """Send a request; its tokens are read from what is returned.

        Raises:
            LMUnavailable: ``engine_unreachable``.
        """
        connection = self._connection()
        try:
            payload = json.dumps({**body, "model": self.address.name, "stream": True})
            connection.request("POST", self.address.prefix + "/v1/completions", payload, self._headers())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self.unreachable(error) from error
        return CompletionStream(self, connection)

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self.address.scheme == "https" else http.client.HTTPConnection
        return kind(self.address.host, self.address.port, timeout=self.timeouts.connect)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "*/*"}
        return headers | {"Authorization": f"Bearer {self.key}"} if self.key else headers

    # ---- what goes wrong --------------------------------------------------------------------------------------------

    def trouble(self, reason: FallbackReason, what: str) -> LMUnavailable:
        """An error about this engine; its address stays out of messages, which clients may see."""
        return LMUnavailable(reason, f"the engine of {self.address.name} {what}")

    def unreachable(self, error: BaseException) -> LMUnavailable:
        """For an error of the connection; a timeout after it was made has a reason of its own."""
        return self.trouble("engine_unreachable", f"cannot be reached ({type(error).__name__})")

    def check_status(self, status: int) -> None:
        """Raise LMUnavailable for every HTTP status but 200; a redirect is refused like any other."""
        if status == 200:
            return
        reason = STATUS_REASONS.get(status, "engine_unreachable" if status >= 500 else "engine_refused")
        hint = {401: ": set qwen3_engine_key", 403: ": set qwen3_engine_key", 404: ": it serves no model of that name"}
        raise self.trouble(reason, f"answered HTTP {status}{hint.get(status, '')}")


class CompletionStream(Iterator[Event]):
    """The events of one request, as they come. Belongs to one consumer; closing it closes the connection."""

    def __init__(self, client: CompletionsClient, connection: http.client.HTTPConnection) -> None:
        self._client, self._connection = client, connection
        self._socket = connection.sock  # kept: the connection forgets it once the answer says that it will close
        self._answer: http.client.HTTPResponse | None = None
        self._ended = False
        self._count, self._waited = 0, 0.0

    def __next__(self) -> Event:
        """The next event with tokens or an end.

        Raises:
            LMUnavailable: the engine died, is slow or full, or sent what is no event.
        """
        while not self._ended:
            event = self._event_of(self._line())
            if event is not None and (event.ids or event.finish_reason):
                self._count += len(event.ids)
                self._ended = event.finish_reason is not None
                return event
        raise StopIteration

    def close(self) -> None:
        """End the request."""
        self._ended = True
        if self._answer is not None:
            self._answer.close()
        self._connection.close()

    def _line(self) -> bytes:
        """The next line; each is waited for as long as the timeouts say."""
        client, limits = self._client, self._client.timeouts
        begun = time.monotonic()
        try:
            self._socket.settimeout(limits.next if self._count else limits.first)
            if self._answer is None:
                self._answer = self._connection.getresponse()
            line = self._answer.readline(MOST_BYTES)
        except TimeoutError as error:
            raise client.trouble("engine_slow", f"gave no token for {time.monotonic() - begun:.1f} s") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise self._died() from error
        client.check_status(self._answer.status)
        self._waited += time.monotonic() - begun if self._count else 0.0
        if not line:
            raise self._died()
        if self._waited > limits.grace and self._count < limits.rate * self._waited:
            raise client.trouble("engine_slow", f"gave {self._count} tokens in {self._waited:.1f} s")
        return line

    def _died(self) -> LMUnavailable:
        return self._client.trouble("engine_unreachable", f"broke off after {self._count} tokens")

    def _event_of(self, line: bytes) -> Event | None:
        if not line.startswith(b"data:"):
            return None
        data = line[5:].strip()
        if data == b"[DONE]":  # after the end that a choice had reported
            raise self._died()
        try:
            content = json.loads(data)
            choices = content.get("choices")
            if choices:
                ids = [int(token) for token in choices[0].get("token_ids") or ()]
                return Event(ids, choices[0].get("finish_reason"))
            failed = bool(content.get("error"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._client.trouble("engine_refused", "does not stream token ids") from error
        if failed:
            raise self._client.trouble("engine_unreachable", f"reports a fault after {self._count} tokens")
        return None
