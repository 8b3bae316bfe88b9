"""OpenAI's speech API, as its own packages and other programs call it: /v1/audio/speech, voices, models.

All of it is there without /v1 as well, because some clients are given the bare address. Sound comes at 24 kHz, as such
clients take for granted; ``sample_rate`` changes that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, Response

from errors import LimitError, RequestError
from http_api.calls import SpeechCall
from http_api.incoming import body_values
from http_api.responses import answer_to
from http_api.service import Service
from TTS_infer_pack.request import PIECES, SEGMENTS, WHOLE
from TTS_infer_pack.voice_library import DEFAULT_VOICE, MAX_CLIP_BYTES, NamedVoice

FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
STREAM_FORMATS = ("audio", "sse")
MAX_INPUT = 4096
RATE = 24_000
OPENAI_VOICES = frozenset("alloy ash ballad coral echo fable nova onyx sage shimmer verse marin cedar".split())
"""Names that clients send unasked: voices whose alias they are, else the default one."""
OWN_MODELS = ("gpt-sovits", "tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""Names of the model that speaks as the settings say; any name but a language model's does."""
PREFIXES = ("/v1", "")


def build_openai(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["OpenAI"])
    for prefix in PREFIXES:
        shown = prefix == "/v1"
        add = router.add_api_route
        for name, handler, method in (
            ("/audio/speech", speech, "POST"),
            ("/audio/voices", list_voices, "GET"),
            ("/audio/voices", add_voice, "POST"),
            ("/audio/voices/{name}", delete_voice, "DELETE"),
            ("/models", list_models, "GET"),
        ):
            add(
                prefix + name,
                _with(service, handler),
                methods=[method],
                include_in_schema=shown,
                summary=handler.__doc__,
            )
    router.add_api_route("/v1", _with(service, root), methods=["GET"], include_in_schema=False)
    router.add_api_route("/v1/", _with(service, root), methods=["GET"], include_in_schema=False)
    return router


def _with(service: Service, handler: Any) -> Any:
    async def handle(request: Request) -> Response:
        return await handler(service, request)

    return handle


async def root(service: Service, request: Request) -> Response:
    """That the server is there."""
    return JSONResponse({"object": "list", "models": "/v1/models"})


async def speech(service: Service, request: Request) -> Response:
    """Speak ``input``."""
    values = await body_values(request)
    as_events = _choice(values, "stream_format", STREAM_FORMATS, "audio") == "sse"
    call = openai_call(service, values, as_events)
    if call.request.subtitles and not as_events:  # JSON, which is whole
        call = call.in_mode(WHOLE)
    return answer_to(service, call, as_events)


def openai_call(service: Service, values: Mapping[str, Any], as_events: bool = False) -> SpeechCall:
    """The call behind a request; keys of the public API are understood beside OpenAI's.

    Raises:
        GSVError: a value that cannot be used.
    """
    text = values.get("input")
    if not isinstance(text, str) or not text.strip():
        raise RequestError("input is required", "the text to speak")
    if len(text) > MAX_INPUT:
        raise LimitError(f"input has {len(text)} characters", f"at most {MAX_INPUT}", "send it in several requests")
    kind = _choice(values, "response_format", FORMATS, "mp3")
    own = {name: value for name, value in values.items() if name not in ("voice", "speed")}
    own |= stage_of(service, str(values.get("model") or ""))
    own |= {
        "text": text,
        "text_lang": values.get("text_lang") or values.get("language"),
        "voice": voice_name(service, values.get("voice")),
        "media_type": kind,
        "speed_factor": _speed(values.get("speed", values.get("speed_factor"))),
        "sample_rate": values.get("sample_rate") or RATE,
    }
    if values.get("streaming_mode") is None:
        own["streaming_mode"] = PIECES if kind == "pcm" or as_events else SEGMENTS
    return service.calls.make(own, "openai")


def voice_name(service: Service, voice: Any) -> str:
    """The name of a voice that is given as text or as ``{"id": ...}``; OpenAI's own names are the default's."""
    if isinstance(voice, Mapping):
        voice = voice.get("id") or voice.get("name")
    if voice is None or voice == "":
        return DEFAULT_VOICE
    if not isinstance(voice, str):
        raise RequestError("voice is no name", "a name, or an object with an id")
    if voice.lower() in OPENAI_VOICES and service.library.find(voice) is None:
        return DEFAULT_VOICE
    return voice


def stage_of(service: Service, model: str) -> dict[str, Any]:
    """The text-to-semantic stage that a model's name asks for; {} for the one in the settings."""
    if model.lower() == "ar":
        return {"t2s": "ar"}
    if model.lower() == "qwen3":
        return {"t2s": "qwen3"}
    return {"t2s": "qwen3", "qwen3_model_name": model} if model in service.language_models() else {}


def _choice(values: Mapping[str, Any], name: str, known: tuple[str, ...], default: str) -> str:
    value = str(values.get(name) or default).lower()
    if value not in known:
        raise RequestError(f"{name}: {value[:32]} is not supported", "one of " + ", ".join(known))
    return value


def _speed(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise RequestError("speed is no number", "0.25 to 4") from None


# -- voices and models ----------------------------------------------------------------------------------------------


async def list_voices(service: Service, request: Request) -> Response:
    """All voices."""
    voices = await service.in_thread(service.library.voices)
    default = {"id": DEFAULT_VOICE, "name": DEFAULT_VOICE, "aliases": sorted(OPENAI_VOICES)}
    return JSONResponse({"voices": [default, *map(_voice, voices)]})


def _voice(voice: NamedVoice) -> dict[str, Any]:
    return {
        "id": voice.name,
        "name": voice.name,
        "text": voice.text,
        "language": voice.lang,
        "aliases": list(voice.aliases),
        "own_weights": bool(voice.gpt or voice.sovits),
        "t2s": voice.t2s,
    }


async def add_voice(service: Service, request: Request) -> Response:
    """Make a voice of a recording (multipart: name, audio_sample, text, language)."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise RequestError("the body is no form", "multipart/form-data with name and audio_sample")
    async with request.form(max_files=1, max_fields=20, max_part_size=64 * 1024) as form:
        clip = form.get("audio_sample") or form.get("file")
        if not isinstance(clip, UploadFile):
            raise RequestError("audio_sample is missing", "a recording of 3 to 10 s")
        data = await clip.read(MAX_CLIP_BYTES + 1)
        name, text, lang = (
            next((str(form[key]) for key in keys if isinstance(form.get(key), str)), "")
            for keys in (("name",), ("text", "ref_text", "prompt_text"), ("language", "lang", "prompt_lang"))
        )
    voice = await service.add_voice(name, data, text, lang)
    return JSONResponse({"voice": _voice(voice)} | _voice(voice), 201)


async def delete_voice(service: Service, request: Request) -> Response:
    """Delete a voice."""
    name = await service.in_thread(service.library.remove, request.path_params["name"])
    return JSONResponse({"id": name, "deleted": True})


async def list_models(service: Service, request: Request) -> Response:
    """Names for ``model``: the stage in the settings, the AR model, and each language model that can speak."""
    names = (*OWN_MODELS, "ar", *service.language_models())
    created = int(service.health.started)
    return JSONResponse(
        {
            "object": "list",
            "data": [{"id": name, "object": "model", "created": created, "owned_by": "gpt-sovits"} for name in names],
        }
    )
