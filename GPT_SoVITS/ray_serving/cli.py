"""``python serve_ray.py``: starts or joins Ray, deploys the HTTP API with its replicas, serves until interrupted."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

from errors import ConfigError, GSVError, MissingDependencyError
from http_api.engines import Weights
from ray_serving.settings import RaySettings, read_ray_settings

logger = logging.getLogger(__name__)

APPLICATION = "gsv"


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted. Returns the exit code (2 for an error of the user's)."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings, weights = read_ray_settings(argv)
        handle = deploy(settings, weights)
    except GSVError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    api = settings.api
    logger.info("%s on http://%s:%d, %d to %d replicas", handle, api.host, api.port, settings.least, settings.most)
    if settings.address is not None:
        return 0  # the cluster serves on
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
    stop()
    return 0


def import_serve() -> Any:
    """Ray's package for serving.

    Raises:
        MissingDependencyError: the extra "ray" is not installed.
    """
    try:
        import ray
        from ray import serve
    except ImportError as error:
        raise MissingDependencyError(
            f"replicas need {error.name}, which is not installed", "the extra ray", 'pip install -e ".[api,ray]"'
        ) from error
    return ray, serve


def deploy(settings: RaySettings, weights: Weights = Weights()) -> Any:  # noqa: B008 - an immutable tuple
    """Run the application, or change the one that runs: replicas whose settings differ are replaced one by one, and
    where only the weights differ, they are loaded one replica after the other.

    Args:
        settings: of the replicas.
        weights: of the default voice, "" for those of the settings file.

    Returns:
        A handle of the front.

    Raises:
        MissingDependencyError: the extra "ray" is not installed.
    """
    ray, serve = import_serve()
    ray.init(address=settings.address, include_dashboard=False, log_to_driver=False, ignore_reinit_error=True)
    _start(serve, {"host": settings.api.host, "port": settings.api.port, "location": "HeadOnly"})
    return serve.run(application(settings, weights), name=APPLICATION, route_prefix="/")


def _start(serve: Any, http: dict[str, Any]) -> None:
    """Start Ray Serve. It waits one minute for its HTTP process, which is little on a machine that is busy."""
    for last in (False, False, True):
        try:
            serve.start(http_options=http)
            return
        except TimeoutError as error:
            if last:
                raise ConfigError(
                    f"Ray Serve does not listen on {http['host']} port {http['port']} ({error})",
                    "a free port, and a machine with time for it",
                    "see /tmp/ray/session_latest/logs/serve",
                ) from error
            logger.info("Ray Serve is slow to start; it is given another minute")


def application(settings: RaySettings, weights: Weights) -> Any:
    """The bound deployments."""
    from ray import serve
    from ray.serve.config import AutoscalingConfig

    from ray_serving.deployments import Front, Speech

    replicas: dict[str, Any] = {"num_replicas": settings.least}
    if settings.most > settings.least:
        # Ray's own values look back half a minute; a listener does not wait that long
        scaling = AutoscalingConfig(
            min_replicas=settings.least,
            max_replicas=settings.most,
            target_ongoing_requests=settings.target,
            metrics_interval_s=1.0,
            look_back_period_s=3.0,
            upscale_delay_s=1.0,
            downscale_delay_s=60.0,
        )
        replicas = {"autoscaling_config": scaling}
    speech = serve.deployment(
        Speech,
        name="speech",
        **replicas,
        ray_actor_options={"num_cpus": settings.cpus, "num_gpus": settings.gpus},
        max_ongoing_requests=settings.ongoing,
        max_queued_requests=settings.queue,
        user_config=weights._asdict(),
        health_check_period_s=2.0,
        graceful_shutdown_timeout_s=settings.api.limits.request_seconds,
    )
    front = serve.deployment(
        Front,
        name="front",
        ray_actor_options={"num_cpus": 0.1},
        max_ongoing_requests=4096,
    )
    return front.bind(speech.bind(settings.api), settings.api)


def stop() -> None:
    """End the application and the Ray processes that were started for it."""
    ray, serve = import_serve()
    serve.shutdown()
    ray.shutdown()
