"""Which weights a raw HTTP request needs, so that it is sent where they are loaded. Reads requests, loads nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qs

from http_api.paths import stem
from TTS_infer_pack.voice_library import VoiceLibrary

VOICE_KEYS = ("voice", "cha_name", "speaker", "ref_audio_path", "refer_wav_path")
"""Keys of the dialects that may name a voice."""


def wanted_weights(query: str, content_type: str, body: bytes, library: VoiceLibrary) -> str:
    """A name for the weights that a request needs: "" for the settings' own, which every replica has.

    Voices of other recordings share the settings' weights; only those with weights of their own are told apart. A
    request that cannot be read gets "": the replica says what is wrong with it.
    """
    values = _first_values(query) | _values_of(content_type, body)
    for key in VOICE_KEYS:
        name = values.get(key)
        voice = library.find(stem(name) or name) if isinstance(name, str) and name else None
        if voice is not None:
            return "|".join(str(path or "") for path in (voice.gpt, voice.sovits)) if voice.gpt or voice.sovits else ""
    return ""


def _first_values(query: str) -> dict[str, object]:
    return {key: values[0] for key, values in parse_qs(query).items()}


def _values_of(content_type: str, body: bytes) -> Mapping[str, object]:
    try:
        if "urlencoded" in content_type:
            return _first_values(body.decode("utf-8"))
        content = json.loads(body) if body and "multipart" not in content_type else {}
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
