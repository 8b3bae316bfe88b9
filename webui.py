"""The main page (port 9874). Today it holds inference; data set and training tabs will be built beside it."""

from __future__ import annotations

import sys

from inference_webui import start

if __name__ == "__main__":
    sys.exit(start("webui_port_main"))
