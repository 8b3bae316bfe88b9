"""A page of another origin in a real browser: it may ask where it is named, and hears nothing where it is not."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytestmark = pytest.mark.ui
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

SPEAK = """async ([url, headers]) => {
  try {
    const speakers = await (await fetch(url + '/speakers', {headers})).json();
    const answer = await fetch(url + '/', {method: 'POST', headers: {'Content-Type': 'application/json', ...headers},
      body: JSON.stringify({text: 'Hello there.', ref_audio_path: './参考音频/Bob.wav', text_lang: 'en',
        prompt_lang: 'en', prompt_text: 'A voice.', text_split_method: 'cut5', batch_size: 1, media_type: 'ogg',
        streaming_mode: 'true'})});
    const data = await answer.arrayBuffer();
    const sound = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(data);
    return {status: answer.status, names: speakers.map(one => one.name), type: answer.headers.get('content-type'),
      voice: answer.headers.get('x-voice'), seconds: sound.duration};
  } catch (error) { return {error: String(error)}; }
}"""
TALK = """async ([url, key]) => new Promise(resolve => {
  const socket = new WebSocket(url.replace('http', 'ws') + '/v1/audio/speech/stream' + key);
  let bytes = 0;
  socket.binaryType = 'arraybuffer';
  socket.onerror = () => resolve({error: 'refused'});
  socket.onopen = () => {
    socket.send(JSON.stringify({type: 'input.text', text: 'Hello there. '}));
    socket.send(JSON.stringify({type: 'input.done'}));
  };
  socket.onmessage = event => {
    if (event.data instanceof ArrayBuffer) bytes += event.data.byteLength;
    else if (JSON.parse(event.data).type === 'session.done') { socket.close(); resolve({bytes}); }
  };
})"""


class Page(BaseHTTPRequestHandler):
    """An empty page."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>a chat program</title>")

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    site = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{site.server_port}"
    site.shutdown()


@pytest.fixture(scope="module")
def page(origin: str) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing: make setup-dev")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no chromium on this machine; fix: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page()
        tab.goto(origin)
        yield tab
        browser.close()


def test_a_named_origin_asks_with_and_without_a_key(serve: Callable[..., Any], page: Any, origin: str) -> None:
    for key in (None, "a-key-for-the-browser"):
        running = serve(origins=(origin,), key=key)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        got = page.evaluate(SPEAK, [running.url, headers])
        assert got["status"] == 200 and got["type"] == "audio/ogg" and got["voice"] == "Bob", got
        assert "Alice" in got["names"] and got["seconds"] > 0.3
        assert page.evaluate(TALK, [running.url, f"?api_key={key}" if key else ""])["bytes"] > 5000


def test_another_origin_is_refused(serve: Callable[..., Any], page: Any) -> None:
    running = serve()
    assert "error" in page.evaluate(SPEAK, [running.url, {}])
    assert page.evaluate(TALK, [running.url, ""]) == {"error": "refused"}
    assert running.service.gate.running == 0
