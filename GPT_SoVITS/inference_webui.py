"""The inference page (port 9872): a text and a reference clip go in, speech comes out."""

from __future__ import annotations

import sys

from pages.serve import start
from script_interface import change_gpt_weights, change_sovits_weights, get_tts_wav

__all__ = ["change_gpt_weights", "change_sovits_weights", "get_tts_wav"]
"""What scripts import from here."""

if __name__ == "__main__":
    sys.exit(start("webui_port_infer_tts", main_page=False))
