"""The main page (port 9874): inference, data set, training."""

from __future__ import annotations

import sys

from pages.serve import start

if __name__ == "__main__":
    sys.exit(start("webui_port_main", main_page=True))
