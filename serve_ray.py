"""The HTTP API with replicas on Ray Serve: ``python serve_ray.py --replicas 2 --gpus 0.5``; see docs/scale.md."""

from __future__ import annotations

import sys

from ray_serving.cli import main

if __name__ == "__main__":
    sys.exit(main())
