"""The FastAPI application: the guard in front, a router for each dialect, errors in the shape of each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from errors import GSVError
from http_api.answers import error_response, plain_error
from http_api.dialects.conversion import build_conversion
from http_api.dialects.legacy import build_legacy
from http_api.dialects.openai import build_openai
from http_api.dialects.public import build_public
from http_api.dialects.status import build_status
from http_api.dialects.websocket import build_websocket
from http_api.guard import Guard
from http_api.responses import EXPOSED
from http_api.service import Service

BUILDERS = (build_public, build_legacy, build_openai, build_conversion, build_websocket, build_status)


def create_app(service: Service) -> FastAPI:
    """The application over a service; its lifespan loads the default voice in the background."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.load_in_background()
        yield
        service.close()

    app = FastAPI(title="GPT-SoVITS", lifespan=lifespan, docs_url="/docs", redoc_url=None)
    for build in BUILDERS:
        app.include_router(build(service))
    app.add_exception_handler(GSVError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_refusal)
    app.add_exception_handler(Exception, _answer_error)
    if service.settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(service.settings.origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=list(EXPOSED),
        )
    app.add_middleware(Guard, service=service)
    return app


async def _answer_error(request: Request, error: Exception) -> Response:
    return error_response(request.url.path, error)


async def _answer_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return plain_error(request.url.path, error.status_code, str(error.detail), error.headers)
