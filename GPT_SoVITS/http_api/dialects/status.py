"""How the server is: /health for people and load balancers, /ready, /metrics for Prometheus."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from http_api.guard import has_key
from http_api.paths import without_paths
from http_api.service import Service


def build_status(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["status"])

    @router.get("/health")
    @router.get("/v1/health", include_in_schema=False)
    async def health(request: Request) -> Response:
        """That the server lives; to who has the key, also what it does and why the language model fell."""
        return JSONResponse(details(service) if has_key(request.scope, service.settings) else {"status": "ok"})

    @router.get("/ready")
    async def ready() -> Response:
        """200 where the default voice is loaded, else 503."""
        if service.is_ready:
            return JSONResponse({"status": "ready"})
        failed = service.health.load_error
        content = {"status": "failed", "message": without_paths(failed)} if failed else {"status": "loading"}
        return JSONResponse(content, 503, headers={"Retry-After": "2"})

    @router.get("/metrics")
    async def metrics() -> Response:
        """Numbers in Prometheus' text form."""
        service.update_gauges()
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    return router


def details(service: Service) -> dict[str, Any]:
    """What the server does now."""
    health, loaded = service.health, service.pool.loaded()
    engine = service.pool.peek(service.calls.defaults.weights)
    last = health.last_fall
    return {
        "status": "ok",
        "ready": engine is not None,
        "uptime_seconds": round(time.time() - health.started, 1),
        "version": engine.configs.version if engine else None,
        "running": service.gate.running,
        "waiting": service.gate.waiting,
        "loaded_voices": len(loaded),
        "weights_bytes": sum(loaded.values()),
        "t2s": {
            "default": ("qwen3" if engine.configs.use_qwen3 else "ar") if engine else None,
            "falls": health.falls,
            "last_fallback": last and last | {"message": without_paths(last["message"])},
        },
    }
