"""How ``serve_ray.py`` is started: the HTTP API's own arguments, and how many replicas there are of what size."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from errors import ConfigError
from http_api.engines import Weights
from http_api.settings import ApiSettings, read_settings


@dataclass(frozen=True)
class RaySettings:
    """Replicas.

    Attributes:
        api: settings of the HTTP application in each replica.
        least, most: replicas; where they differ, their number follows the load.
        cpus, gpus: what each is given; a third of a GPU is 0.33.
        ongoing: requests that a replica has at once, waiting ones included; more are kept by the front.
        target: requests a replica above which there are more of them, where their number follows the load.
        queue: requests that wait at the front; more are answered 503.
        address: of a Ray cluster that is there; None: one on this machine, for as long as this process runs.
    """

    api: ApiSettings
    least: int = 1
    most: int = 1
    cpus: float = 1.0
    gpus: float = 0.0
    ongoing: int = 8
    target: float = 4.0
    queue: int = 256
    address: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ConfigError(f"{self.least} to {self.most} replicas", "at least 1, and not more than --max-replicas")
        if self.cpus < 0 or self.gpus < 0 or (self.gpus > 1 and self.gpus % 1):
            raise ConfigError(f"{self.cpus} CPUs and {self.gpus} GPUs a replica", "0 or more, whole ones above 1")
        if min(self.ongoing, self.queue) < 1 or self.target <= 0:
            raise ConfigError("--ongoing, --queue and --target have to be above 0", "a number above 0")


def read_ray_settings(argv: Sequence[str] | None = None) -> tuple[RaySettings, Weights]:
    """The command line and the environment as settings, and the weights of the default voice; what is no argument of
    Ray's is one of the HTTP API's.

    Raises:
        ConfigError: a value that cannot be used.
    """
    parser = argparse.ArgumentParser(
        description="The HTTP API of GPT-SoVITS with replicas on Ray Serve.",
        epilog="All other arguments are those of the HTTP API, see gsv api --help.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--replicas", type=int, default=1, metavar="N", help="replicas, at least (default: 1)")
    add("--max-replicas", type=int, metavar="N", help="let their number follow the load, up to N")
    add("--cpus", type=float, default=1.0, metavar="X", help="CPUs of a replica (default: 1)")
    add("--gpus", type=float, default=0.0, metavar="X", help="GPUs of a replica, such as 0.33 (default: 0)")
    add("--ongoing", type=int, default=8, metavar="N", help="requests that a replica has at once (default: 8)")
    add("--target", type=float, default=4.0, metavar="X", help="requests a replica before there are more (default: 4)")
    add("--front-queue", type=int, default=256, metavar="N", help="requests that wait for a replica (default: 256)")
    add("--gpt", default="", metavar="FILE", help="GPT weights of the default voice")
    add("--sovits", default="", metavar="FILE", help="SoVITS weights of the default voice")
    add("--ray", metavar="ADDRESS", help='a Ray cluster, "auto" for the one that this machine belongs to')
    own, rest = parser.parse_known_args(argv)
    most = max(own.replicas, own.max_replicas or 0)
    size = (own.cpus, own.gpus, own.ongoing, own.target, own.front_queue)
    return RaySettings(read_settings(rest), own.replicas, most, *size, own.ray), Weights(own.gpt, own.sovits)
