"""The first public API (``api.py``) and what clients send to the root: legado, SillyTavern and its adapter.

Whose request it is shows in its keys: ``text_lang`` is the later API's, ``card_name`` or ``use_st_adapter`` the
adapter's, everything else the first API's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from errors import RequestError
from http_api.calls import SpeechCall
from http_api.dialects.public import COMMANDS, need_public, public_call
from http_api.incoming import all_values, renamed
from http_api.responses import answer_to
from http_api.service import Service
from text.language_names import mode_of

SUCCESS = {"code": 0, "message": "Success"}
LEGACY_NAMES = {
    "refer_wav_path": "ref_audio_path",
    "prompt_language": "prompt_lang",
    "text_language": "text_lang",
    "speed": "speed_factor",
    "inp_refs": "aux_ref_audio_paths",
    "if_sr": "super_sampling",
}
ADAPTER_KEYS = ("use_st_adapter", "card_name", "target_voice")
ACCEPTED = {"audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/aac": "aac", "audio/flac": "flac", "audio/opus": "opus"}
"""Formats that ``media_type: "auto"`` takes from an Accept header."""


def build_legacy(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["first API, SillyTavern"])

    @router.api_route("/", methods=["GET", "POST"])
    async def speak(request: Request) -> Response:
        """Speak a text; without any key, that the server is there (clients warm up so)."""
        values = await all_values(request)
        values.pop("api_key", None)
        if request.method == "GET" and not values:
            return JSONResponse({"message": "GPT-SoVITS", "docs": "/docs"})
        if values.get("command") in COMMANDS:
            raise RequestError("commands go to /control")
        return answer_to(service, root_call(service, values, request.headers.get("accept", "")))

    @router.api_route("/change_refer", methods=["GET", "POST"])
    async def change_refer(request: Request) -> Response:
        """Another reference clip, its words and their language, for requests that name none."""
        need_public(request, service)
        values = renamed(await all_values(request), LEGACY_NAMES)
        if not values.get("ref_audio_path"):
            raise RequestError("refer_wav_path is required")
        text, lang = str(values.get("prompt_text") or ""), mode_of(str(values.get("prompt_lang") or "auto"))
        await service.set_reference(str(values["ref_audio_path"]), text, lang)
        return JSONResponse(SUCCESS)

    @router.api_route("/set_model", methods=["GET", "POST"])
    async def set_model(request: Request) -> Response:
        """Other weights for requests that name no voice."""
        need_public(request, service)
        values = await all_values(request)
        gpt, sovits = str(values.get("gpt_model_path") or ""), str(values.get("sovits_model_path") or "")
        if not (gpt or sovits):
            raise RequestError("gpt_model_path and sovits_model_path are missing", "one of them, or both")
        await service.set_weights(gpt, sovits)
        return JSONResponse(SUCCESS)

    @router.get("/speakers")
    async def speakers() -> list[dict[str, Any]]:
        """The voices, as SillyTavern lists them."""
        return [{"name": name, "voice_id": name} for name in await service.in_thread(service.voice_names)]

    @router.get("/character_list")
    async def character_list() -> dict[str, list[str]]:
        """The voices and their moods, as GSVI lists them; there is one mood a voice."""
        return {name: ["default"] for name in await service.in_thread(service.voice_names)}

    return router


def root_call(service: Service, values: Mapping[str, Any], accept: str) -> SpeechCall:
    """The call behind a request to the root."""
    if any(key in values for key in ADAPTER_KEYS):
        return adapter_call(service, values, accept)
    if "text_lang" in values:
        return public_call(service, with_auto(values, accept), "tavern")
    return legacy_call(service, values)


def adapter_call(service: Service, values: Mapping[str, Any], accept: str) -> SpeechCall:
    """SillyTavern's adapter names a voice, or the card whose voice it is; a card without one speaks as the default."""
    own = dict(values)
    names = [str(own.get(key) or "") for key in ("target_voice", "card_name")]
    known = next((name for name in names if name and service.library.find(name) is not None), "")
    if names[0] and not known:
        service.library.get(names[0])
    own |= {"voice": known, "text_lang": own.get("text_lang") or own.get("text_language") or "auto"}
    return public_call(service, with_auto(own, accept), "tavern")


def with_auto(values: Mapping[str, Any], accept: str) -> dict[str, Any]:
    """``media_type: "auto"`` as what the client accepts, else wav."""
    if str(values.get("media_type") or "").lower() != "auto":
        return dict(values)
    accepted = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return {**values, "media_type": next((ACCEPTED[one] for one in accepted if one in ACCEPTED), "wav")}


def legacy_call(service: Service, values: Mapping[str, Any]) -> SpeechCall:
    """A request of the first API; its ``cut_punc`` names the marks to cut at."""
    own = renamed(values, LEGACY_NAMES)
    own["text_lang"] = mode_of(str(own.get("text_lang") or "auto"))
    marks = str(own.pop("cut_punc", "") or "")
    if marks and own.get("text"):
        own["text"] = cut_at(str(own["text"]), marks)
        own["text_split_method"] = "cut0"
    return public_call(service, own, "legacy")


def cut_at(text: str, marks: str) -> str:
    """``text`` with a line break after each of ``marks``."""
    return re.sub(f"([{re.escape(marks[:100])}])", r"\1\n", text)
