"""What a browser gets before the page's own server is there: a line that says so, and the page as soon as it can.

Importing gradio takes seconds on a small machine; a visitor who opens the address meanwhile is not turned away. Only
the standard library is used here.
"""

from __future__ import annotations

import html
import http.server
import socket
import threading

from config import LOOPBACK
from errors import ConfigError
from tools.i18n.translator import language_of, text_of

PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>GPT-SoVITS</title></head>
<body style="font-family:sans-serif;max-width:40em;margin:4em auto"><h1>GPT-SoVITS</h1><p id="antechamber">{line}</p>
<script>
const look = () => fetch("config").then((answer) => answer.status !== 503 && location.reload()).catch(() => 0);
setInterval(look, 300);
</script></body></html>"""


class _Handler(http.server.BaseHTTPRequestHandler):
    language = "auto"

    def do_GET(self) -> None:  # noqa: N802 - the library's name
        if self.path != "/":
            self.send_error(503)
            return
        language = language_of(self.headers.get("Accept-Language", "")) if self.language == "auto" else self.language
        body = PAGE.format(line=html.escape(text_of("page.antechamber", language))).encode("utf-8")
        self.send_response(200)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "SAMEORIGIN"),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing: the page's own server does the talking."""


class Antechamber:
    """Answers on an address until :meth:`close`.

    Args:
        host, port: the page's address; with port 0 the system chooses one, see :attr:`port`.
        language: of its line, "auto" for the visitor's own.

    Attributes:
        port: where it listens, and where the page shall.

    Raises:
        ConfigError: the port is taken, or there is no such address.
    """

    def __init__(self, host: str = LOOPBACK, port: int = 0, language: str = "auto") -> None:
        handler = type("Handler", (_Handler,), {"language": language})
        kind = type(
            "Server",
            (http.server.ThreadingHTTPServer,),
            {"address_family": socket.AF_INET6 if ":" in host else socket.AF_INET, "daemon_threads": True},
        )
        try:
            self._server = kind((host, port), handler)
        except OSError as error:
            raise ConfigError(
                f"port {port} cannot be opened on {host} ({error.strerror})",
                "a free port",
                "end the program that uses it or choose another with --port",
            ) from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the address free."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
