"""The HTTP API (port 9880): ``python api_v2.py -a 127.0.0.1 -p 9880 -c GPT_SoVITS/configs/tts_infer.yaml``."""

from __future__ import annotations

import sys

from http_api.server import main

if __name__ == "__main__":
    sys.exit(main())
