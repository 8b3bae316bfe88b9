"""The public API of GPT-SoVITS (``api_v2.py``): /tts, weights and reference switching, /control.

GSVI's shape of /tts (``cha_name``, ``text_language``) is read here as well, because it has the same path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from errors import RequestError
from http_api.answers import NotAllowedError
from http_api.calls import SpeechCall
from http_api.encoders import MEDIA_TYPES, PUBLIC_TYPES
from http_api.incoming import all_values, renamed
from http_api.responses import answer_to
from http_api.service import Service
from text.language import MODES
from text.language_names import mode_of
from TTS_infer_pack.text_segmentation_method import get_method_names

SUCCESS = {"message": "success"}
COMMANDS = ("restart", "exit")
GSVI_NAMES = {
    "cha_name": "voice",
    "character": "voice",
    "text_language": "text_lang",
    "format": "media_type",
    "stream": "streaming_mode",
    "speed": "speed_factor",
}
"""Keys of GSVI's requests, and ours."""


def check_public(values: Mapping[str, Any], has_reference: bool) -> None:
    """The checks of the public API, in its order, so that clients read the message that they know.

    Raises:
        RequestError: the first value that cannot be used.
    """
    names_voice = bool(values.get("ref_audio_path") or values.get("voice"))
    if not names_voice and not has_reference:
        raise RequestError("ref_audio_path is required")
    if not values.get("text"):
        raise RequestError("text is required")
    for name, required in (("text_lang", True), ("prompt_lang", bool(values.get("prompt_text")))):
        language = values.get(name)
        if not language and required and not (name == "prompt_lang" and names_voice and values.get("voice")):
            raise RequestError(f"{name} is required")
        if language and mode_of(str(language)) not in MODES:
            raise RequestError(f"{name}: {str(language)[:32]} is not supported")
    kind = str(values.get("media_type") or "wav").lower()
    if kind not in MEDIA_TYPES:
        raise RequestError(f"media_type: {kind[:32]} is not supported", "one of " + ", ".join(PUBLIC_TYPES))
    method = values.get("text_split_method")
    if method and method not in get_method_names():
        raise RequestError(f"text_split_method:{str(method)[:32]} is not supported")


def has_reference(service: Service) -> bool:
    """True where a request that names no reference can be spoken."""
    defaults = service.calls.defaults
    return bool(defaults.reference) or not any(defaults.weights)


def public_call(service: Service, values: Mapping[str, Any], dialect: str = "public") -> SpeechCall:
    """The call behind a request with the public API's keys. Errors as the public API orders them."""
    check_public(values, has_reference(service))
    return service.calls.make(values, dialect)


def is_gsvi(values: Mapping[str, Any]) -> bool:
    """True for keys that only GSVI's clients send to /tts."""
    return "text_lang" not in values and bool({"cha_name", "character", "text_language"} & set(values))


def need_public(request: Request, service: Service) -> None:
    """Refuse a GET that changes something, unless the server was started for such clients.

    Raises:
        NotAllowedError: 405.
    """
    if request.method == "GET" and not service.settings.public_compatible:
        raise NotAllowedError(
            405, "GET changes nothing here", "POST", "or start the server with --public-compatible for clients that GET"
        )


def build_public(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["GPT-SoVITS"])

    @router.api_route("/tts", methods=["GET", "POST"])
    async def tts(request: Request) -> Response:
        """Speak a text; keys as in docs/requests.md, and voice, media_type, sample_rate."""
        values = await all_values(request)
        if is_gsvi(values):
            return answer_to(service, gsvi_call(service, values))
        return answer_to(service, public_call(service, values))

    @router.api_route("/control", methods=["GET", "POST"])
    async def control(request: Request) -> Response:
        """End the server ("exit") or start it anew ("restart")."""
        need_public(request, service)
        command = (await all_values(request)).get("command")
        if command not in COMMANDS:
            raise RequestError("command is required", "restart or exit")
        if service.shut_down is None:
            raise RequestError("this server cannot be ended from here")
        service.shut_down(str(command))
        return JSONResponse(SUCCESS)

    @router.api_route("/set_gpt_weights", methods=["GET", "POST"])
    async def set_gpt_weights(request: Request) -> Response:
        """Other GPT weights for requests that name no voice."""
        return await change_weights(request, service, "gpt")

    @router.api_route("/set_sovits_weights", methods=["GET", "POST"])
    async def set_sovits_weights(request: Request) -> Response:
        """Other SoVITS weights for requests that name no voice."""
        return await change_weights(request, service, "sovits")

    @router.api_route("/set_refer_audio", methods=["GET", "POST"])
    async def set_refer_audio(request: Request) -> Response:
        """Another reference clip for requests that name none."""
        need_public(request, service)
        path = (await all_values(request)).get("refer_audio_path")
        if not path:
            raise RequestError("refer_audio_path is required")
        await service.set_reference(str(path))
        return JSONResponse(SUCCESS)

    return router


async def change_weights(request: Request, service: Service, kind: str) -> Response:
    """Load the weights that a request names."""
    need_public(request, service)
    path = (await all_values(request)).get("weights_path")
    if not path:
        raise RequestError(f"{kind} weight path is required")
    await service.set_weights(**{kind: str(path)})
    return JSONResponse(SUCCESS)


def gsvi_call(service: Service, values: Mapping[str, Any]) -> SpeechCall:
    """The call behind a request of a GSVI client."""
    own = renamed(values, GSVI_NAMES)
    own["text_lang"] = mode_of(str(own.get("text_lang") or "auto"))
    return public_call(service, own, "gsvi")
