"""The two deployments: ``Speech``, a replica of the whole HTTP application, and ``Front``, which picks one.

Shapes: an answer travels as ASGI messages; nothing of it is kept.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncGenerator
from typing import Any

from ray import serve
from ray.exceptions import RayActorError, RayError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Message

from errors import GSVError
from http_api.answers import NotAllowedError, body_of, error_response
from http_api.app import create_app
from http_api.guard import STATE_PATHS, check
from http_api.responses import event
from http_api.service import Service
from http_api.settings import ApiSettings
from ray_serving.messages import answer, plain_scope
from ray_serving.wanted import wanted_weights
from TTS_infer_pack.voice_library import VoiceLibrary

logger = logging.getLogger(__name__)

WEIGHTS_KEPT = 32
"""Sets of weights of one replica that the router remembers; how many stay in memory is ``--memory``."""
TRIES = 3
"""Replicas that a request is sent to, one after the other, as long as nothing of an answer has come."""


class Speech:
    """The HTTP application, in a process of its own.

    Args:
        settings: of the application; its address is not listened on.
    """

    def __init__(self, settings: ApiSettings) -> None:
        self._service = Service(settings)
        self._app = create_app(self._service)

    async def reconfigure(self, weights: dict[str, str]) -> None:
        """Load the default voice, or other weights for it; what is under way goes on with the old ones.

        Ray Serve calls it before the first request, and one replica after the other when the weights of an application
        that runs are changed.

        Args:
            weights: "gpt" and "sovits", paths; "" for those of the settings.

        Raises:
            GSVError: they cannot be used.
        """
        if any(weights.values()):
            await self._service.set_weights(weights.get("gpt", ""), weights.get("sovits", ""))
        else:
            await asyncio.wrap_future(self._service.load_in_background())

    def check_health(self) -> None:
        """Called by Ray Serve; a replica that raises is replaced.

        Raises:
            RuntimeError: the default voice is not there.
        """
        if not self._service.is_ready:
            raise RuntimeError(self._service.health.load_error or "the voice is not loaded")

    async def speak(self, scope: dict[str, Any], body: bytes, weights: str) -> AsyncGenerator[Message, None]:
        """Messages of an answer; closing it, as Ray does when the client goes away, ends the speech."""
        if weights:
            await self.loaded(weights)
        answering = answer(self._app, scope, body)
        try:
            async for message in answering:
                yield message
        finally:
            await answering.aclose()

    @serve.multiplexed(max_num_models_per_replica=WEIGHTS_KEPT)
    async def loaded(self, weights: str) -> str:
        """Let the router know that these weights are here from now on; they are loaded by the request itself."""
        return weights

    def process(self) -> int:
        """Id of the replica's process; for tests."""
        return os.getpid()

    def die(self) -> None:
        """End at once, as a machine that loses its power does; for tests."""
        os.kill(os.getpid(), signal.SIGKILL)


class Front:
    """Takes requests, passes each on to the replica that has its weights, and its answer back as it comes.

    Args:
        speech: handle of the ``Speech`` deployment.
        settings: of the application.
    """

    def __init__(self, speech: Any, settings: ApiSettings) -> None:
        self._speech, self._settings = speech, settings
        self._library = VoiceLibrary(settings.voices, settings.weight_roots)

    async def __call__(self, request: Request) -> Response:
        """Answer a request, or say why nobody can."""
        try:
            check(request.scope, self._settings)  # before anything is read of it
        except NotAllowedError as error:
            return error_response(request.url.path, error)
        if request.url.path in STATE_PATHS:
            return refusal(409, "weights are changed for all replicas at once, see docs/scale.md")
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._settings.limits.upload_bytes:
            return refusal(413, f"the body has {length} bytes, at most {self._settings.limits.upload_bytes}")
        body = await request.body()
        if len(body) > self._settings.limits.upload_bytes:
            return refusal(413, "the body is too large")
        weights = await asyncio.to_thread(self._wanted, request, body)
        return await self._passed_on(plain_scope(request.scope), body, weights)

    def _wanted(self, request: Request, body: bytes) -> str:
        try:
            return wanted_weights(request.url.query, request.headers.get("content-type", ""), body, self._library)
        except GSVError:  # the replica tells what is wrong with the voice
            return ""

    async def _passed_on(self, scope: dict[str, Any], body: bytes, weights: str) -> Response:
        """The answer of the first replica that begins one."""
        handle = self._speech.options(stream=True, method_name="speak", multiplexed_model_id=weights)
        for left in reversed(range(TRIES)):
            messages = handle.remote(scope, body, weights)
            try:
                first = await anext(messages)
            except BackPressureError:
                return refusal(503, "too many requests wait; try again later", {"Retry-After": "1"})
            except (RayActorError, DeploymentUnavailableError) as error:
                if not left:
                    logger.error("no replica answers: %s", error)
                    return refusal(503, "no replica answers; try again later", {"Retry-After": "1"})
                logger.warning("a replica went away before it answered; the request goes to another one")
                continue
            headers = Headers(raw=first["headers"])
            answered = StreamingResponse(parts_of(messages, headers.get("content-type", "")), first["status"])
            answered.raw_headers = [(bytes(name), bytes(value)) for name, value in first["headers"]]
            return answered
        raise AssertionError("a try more than there are")


async def parts_of(messages: Any, content_type: str) -> AsyncGenerator[bytes, None]:
    """The bytes of an answer that has begun. If its replica dies, events end with one that says so; sound breaks off.

    Closing it is what a client that goes away is: the replica is told.

    Args:
        messages: of the answer, from the second on.
        content_type: of the answer.

    Raises:
        RayError: the replica died, and the answer cannot say so in its own form.
    """
    ended = False
    try:
        async for message in messages:
            if message.get("body"):
                yield bytes(message["body"])
        ended = True
    except RayError as error:
        ended = True
        logger.warning("a replica went away in the middle of an answer: %s", type(error).__name__)
        if not content_type.startswith("text/event-stream"):
            raise
        yield event("error", **body_of("/v1", 503, "the replica that spoke went away; ask again"))
    finally:
        if not ended:
            messages.cancel()


def refusal(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """An answer of the front's own."""
    return JSONResponse({"message": message}, status, headers)
