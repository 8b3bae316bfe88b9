"""Voice conversion over HTTP: a recording goes in, the same words in another voice come out. /v1/audio/conversions."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from audio_io import Audio
from errors import LimitError, RequestError
from http_api.dialects.openai import voice_name
from http_api.responses import answer_to
from http_api.service import Service
from TTS_infer_pack.conversion_request import read_recording

PATHS = ("/v1/audio/conversions", "/audio/conversions")
FORM = "multipart/form-data"
MAX_FIELD = 128 * 1024
RENAMED = {"response_format": "media_type", "language": "text_lang", "lang": "text_lang"}


def build_conversion(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["voice conversion"])

    async def convert(request: Request) -> Response:
        """Speak a recording in another voice (multipart: file, voice, text, language, response_format, seed)."""
        if not request.headers.get("content-type", "").startswith(FORM):
            raise RequestError("the body is no form", f"{FORM} with file and voice")
        async with request.form(max_files=1, max_fields=20, max_part_size=MAX_FIELD) as form:
            upload = form.get("file") or form.get("audio")
            if not isinstance(upload, UploadFile):
                raise RequestError("file is missing", "a recording")
            limit = service.settings.limits.upload_bytes
            data = await upload.read(limit + 1)
            values: dict[str, Any] = {
                RENAMED.get(name, name): value for name, value in form.items() if isinstance(value, str)
            }
        if len(data) > limit:
            raise LimitError(f"the recording has more than {limit} bytes", f"at most {limit}")
        recording = await service.in_thread(decoded, data)
        values["voice"] = voice_name(service, values.get("voice"))
        return answer_to(service, service.calls.make_conversion(values, recording))

    for path in PATHS:
        router.add_api_route(
            path, convert, methods=["POST"], include_in_schema=path.startswith("/v1"), summary=convert.__doc__
        )
    return router


def decoded(data: bytes) -> Audio:
    """An upload as audio. Errors as :func:`read_recording`."""
    handle, name = tempfile.mkstemp(prefix="recording-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        return read_recording(name)
    finally:
        Path(name).unlink(missing_ok=True)
