"""What a client sent, as a dict: query keys, JSON or a form, within the limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from errors import RequestError

MAX_KEYS = 200
LIST_KEYS = frozenset({"aux_ref_audio_paths", "inp_refs"})
"""Query keys that may be repeated."""


def query_values(request: Request) -> dict[str, Any]:
    """Keys of the query; a key that is repeated counts last, but for lists."""
    return _joined(request.query_params.multi_items())


async def body_values(request: Request) -> dict[str, Any]:
    """Keys of a JSON object, whatever type it is announced as (clients announce anything), or of a form.

    Raises:
        RequestError: neither.
    """
    body = await request.body()
    if not body.strip():
        return {}
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        if not body.lstrip().startswith(b"{"):
            return _joined(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=MAX_KEYS))
    return json_object(body)


def json_object(body: bytes | str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        RequestError: anything else.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError("the body is not JSON", "a JSON object in UTF-8") from error
    if not isinstance(content, dict):
        raise RequestError(f"the body is a JSON {type(content).__name__}", "a JSON object")
    return content


async def all_values(request: Request) -> dict[str, Any]:
    """Query and body; the body counts more."""
    values = query_values(request)
    return values if request.method == "GET" else values | await body_values(request)


def renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """``values`` with the keys of a dialect in their own names; a key that is there already stays."""
    found = {names[key]: value for key, value in values.items() if key in names and value not in (None, "")}
    return found | {key: value for key, value in values.items() if key not in names}


def _joined(items: list[tuple[str, str]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in items[:MAX_KEYS]:
        if key in LIST_KEYS:
            values.setdefault(key, []).extend([value] if value else [])
        else:
            values[key] = value
    return values
