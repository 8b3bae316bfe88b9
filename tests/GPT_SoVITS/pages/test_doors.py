"""Who may ask the page what, over real sockets: hosts, origins, paths, logins, and how much room uploads have."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from config import LOOPBACK, REPO_ROOT

pytest.importorskip("gradio", reason="the page is an extra")

from pages.context import PageSettings  # noqa: E402
from pages.doors import HEADERS, MAX_BODY, Names, is_open  # noqa: E402
from pages.jobs import JobRunner  # noqa: E402
from pages.login_delays import EVERYBODY_AFTER, LoginDelays  # noqa: E402
from pages.scratch import IN_USE_SECONDS, PREFIX, Scratch, open_folder, remove_left_over  # noqa: E402

LOGIN = ("me", "long enough")
JSON = {"Content-Type": "application/json"}
BOUNDARY = "limit"
UPLOAD_HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
ENTRIES = {"get_tts_wav", "convert", "set_t2s", "set_gpt_weights", "set_sovits_weights", "status"}
"""What the page's API offers, as docs/webui.md has it."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Ask = Callable[..., Answer]


def ask(
    url: str,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    host: str | None = None,
) -> Answer:
    """One request over a connection of its own, with any Host header."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or LOOPBACK, where.port, timeout=60)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", where.netloc if host is None else host)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def upload_of(size: int, name: str = "a.wav") -> bytes:
    """A form with one file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    return head.encode() + os.urandom(size) + f"\r\n--{BOUNDARY}--\r\n".encode()


def entry(url: str, name: str = "status", **more: Any) -> Answer:
    """Call an entry of the API."""
    body = json.dumps({"data": []}).encode()
    return ask(url, "POST", f"/gradio_api/call/{name}", body, JSON | more.pop("headers", {}), **more)


@pytest.fixture(scope="module")
def page(new_toy: Any, toy_context: Any, served: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A main page for this computer only, which proxy.example stands before as well."""
    folder = tmp_path_factory.mktemp("doors")
    context = toy_context(new_toy(), folder, names=("proxy.example",), exp_root=folder / "logs")
    context = replace(context, new_runner=lambda: JobRunner(folder / "logs" / "jobs"))
    with served(context, main_page=True) as url:
        yield url


@pytest.fixture(scope="module")
def locked(new_toy: Any, toy_context: Any, served: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with a login."""
    with served(toy_context(new_toy(), tmp_path_factory.mktemp("locked"), login=LOGIN)) as url:
        yield url


# -- by which name ----------------------------------------------------------------------------------------------------


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/config"), ("POST", "/gradio_api/queue/join"), ("POST", "/gradio_api/upload")],
)
@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "localhost.evil.example", "10.0.0.1", ""])
def test_a_foreign_host_is_refused_even_with_its_own_origin(page: str, method: str, path: str, host: str) -> None:
    host = host.format(port=port_of(page))
    answer = ask(page, method, path, b"{}" if method == "POST" else None, {"Origin": f"http://{host}"}, host)
    assert answer.status == 400 and b"--name" in answer.body


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "LocalHost", "proxy.example"])
def test_names_of_this_computer_and_configured_ones_are_answered(page: str, host: str) -> None:
    host = host.format(port=port_of(page))
    assert ask(page, "GET", "/config", host=host).status == 200
    assert entry(page, host=host, headers={"Origin": f"http://{host}"}).status == 200


def test_a_page_for_others_answers_under_addresses_and_its_own_names_only() -> None:
    names = Names.of(PageSettings(host="0.0.0.0", login=LOGIN, names=("Voice.Example",)))
    assert all(
        map(names.known, ("192.168.1.5", "[fe80::1]", "localhost", "voice.example", socket.gethostname().lower()))
    )
    assert not any(map(names.known, ("evil.example", "abc.gradio.live", "")))
    assert Names.of(PageSettings(share=True, login=LOGIN)).known("abc.gradio.live")
    assert not Names.of(PageSettings(share=True, login=LOGIN)).known("gradio.live.evil.example")


# -- from which page --------------------------------------------------------------------------------------------------

WRITES: dict[str, Callable[..., Answer]] = {
    "an entry": lambda url, headers: entry(url, headers=headers),
    "the queue": lambda url, headers: ask(url, "POST", "/gradio_api/queue/join", b"{}", JSON | headers),
    "an upload": lambda url, headers: ask(url, "POST", "/gradio_api/upload", upload_of(9), UPLOAD_HEADERS | headers),
    "a cancel": lambda url, headers: ask(url, "POST", "/gradio_api/cancel", b"{}", JSON | headers),
    "a run": lambda url, headers: ask(url, "POST", "/gradio_api/run/status", b'{"data": []}', JSON | headers),
    "a login": lambda url, headers: ask(url, "POST", "/login", b"username=a&password=b", headers),
}


@pytest.mark.parametrize("what", WRITES)
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1"])
def test_another_pages_writing_is_refused(page: str, what: str, origin: str) -> None:
    assert WRITES[what](page, {"Origin": origin}).status == 403


def test_the_pages_own_writing_and_that_of_programs_is_done(page: str) -> None:
    own = f"http://{urlsplit(page).netloc}"
    for headers in ({"Origin": own}, {}, {"Origin": own, "Sec-Fetch-Site": "same-origin"}):
        assert entry(page, headers=headers).status == 200
        assert WRITES["an upload"](page, headers).status == 200


def test_behind_a_proxy_the_origin_may_have_the_configured_name(page: str) -> None:
    assert entry(page, headers={"Origin": "https://proxy.example"}).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_page_embeds_is_refused_and_its_link_is_followed(page: str, site: str) -> None:
    headers = {"Sec-Fetch-Site": site}
    assert ask(page, "GET", "/logout", headers=headers).status == 403
    assert ask(page, "GET", "/config", headers=headers).status == 403
    assert ask(page, "GET", "/", headers=headers).status == 200


def test_every_answer_says_how_browsers_shall_treat_it(page: str) -> None:
    answers = [
        ask(page, "GET", "/"),
        ask(page, "GET", "/config"),
        ask(page, "GET", "/speech/none"),
        ask(page, "GET", "/monitoring"),
        ask(page, "GET", "/", host="evil.example"),
        entry(page),
    ]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


# -- what for ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/monitoring"),
        ("GET", "/monitoring/summary"),
        ("GET", "/monitoring/"),
        ("GET", "/gradio_api/deep_link?session_hash=a"),
        ("GET", "/gradio_api/token"),
        ("GET", "/gradio_api/dev/reload"),
        ("GET", "/gradio_api/runs"),
        ("GET", "/gradio_api/proxy=https://evil.example"),
        ("GET", "/gradio_api/file=https://evil.example"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/vibe-edit/"),
        ("GET", "/docs"),
    ],
)
def test_paths_that_the_page_does_not_need_are_not_there(page: str, method: str, path: str) -> None:
    assert ask(page, method, path, b"{}" if method == "POST" else None).status == 404


def test_the_api_has_the_entries_of_the_documents_and_no_left_over_ones(page: str) -> None:
    config = json.loads(ask(page, "GET", "/config").body)
    assert {one["api_name"] for one in config["dependencies"] if one["api_visibility"] == "public"} == ENTRIES
    info = json.loads(ask(page, "GET", "/gradio_api/info").body)
    assert {name.strip("/") for name in info["named_endpoints"]} == ENTRIES
    assert not info["unnamed_endpoints"]


def test_paths_of_the_browser_are_open() -> None:
    assert all(map(is_open, ("/", "/config/", "/assets/index.js", "/gradio_api/file=/tmp/a.wav", "/gradio_api/run/x")))


# -- how often --------------------------------------------------------------------------------------------------------


def log_in(url: str, password: str, **headers: str) -> Answer:
    body = f"username={LOGIN[0]}&password={password.replace(' ', '+')}".encode()
    return ask(url, "POST", "/login", body, {"Content-Type": "application/x-www-form-urlencoded"} | headers)


def test_after_a_wrong_login_the_next_one_waits_and_longer_each_time(locked: str) -> None:
    waits = []
    for _ in range(3):
        assert log_in(locked, "a wrong one").status == 400
        held = log_in(locked, LOGIN[1])  # even the right one
        assert held.status == 429
        waits.append(int(held.headers["retry-after"]))
        time.sleep(waits[-1])
    assert waits == [1, 2, 4]
    assert log_in(locked, LOGIN[1]).status == 200
    assert log_in(locked, LOGIN[1]).status == 200


class Clock:
    """Time that stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_tries_at_once_count_and_the_wait_is_a_minute_at_most() -> None:
    clock = Clock()
    delays = LoginDelays(clock)
    assert [delays.begin("a"), delays.begin("a")] == [0, 1]  # the first one is not answered yet
    assert delays.begin("b") == 0
    waits = []
    for _ in range(9):
        clock.now += 60
        assert delays.begin("a") == 0
        waits.append(delays.begin("a"))
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60, 60]
    clock.now += 1000
    assert [delays.begin("a"), delays.begin("a")] == [0, 1], "a quarter of an hour later all is forgotten"


def test_many_addresses_do_not_get_around_the_wait() -> None:
    clock = Clock()
    delays = LoginDelays(clock)
    looked_at = sum(delays.begin(f"address {number}") == 0 for number in range(1000))
    assert looked_at == EVERYBODY_AFTER + 1
    clock.now += 5
    assert delays.begin("another") == 0


def test_the_right_password_forgets_the_wrong_ones() -> None:
    clock = Clock()
    delays = LoginDelays(clock)
    delays.begin("a")
    delays.right("a")
    assert delays.begin("a") == 0


# -- how much ---------------------------------------------------------------------------------------------------------


def test_uploads_beyond_the_quota_are_refused_and_old_files_make_room(
    new_toy: Any, toy_context: Any, served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))
    context = replace(toy_context(new_toy(), tmp_path, quota=250_000), uploads=uploads)
    with served(context) as url:

        def send() -> int:
            return ask(url, "POST", "/gradio_api/upload", upload_of(100_000), UPLOAD_HEADERS).status

        assert [send(), send(), send()] == [200, 200, 507]
        assert size_of(uploads) <= 250_000
        for path in filter(Path.is_file, uploads.rglob("*")):
            age(path, IN_USE_SECONDS + 10)
        assert send() == 200
        assert size_of(uploads) <= 250_000


def test_a_body_without_a_length_or_beyond_all_measure_is_not_read(page: str) -> None:
    path = "/gradio_api/queue/join"
    assert ask(page, "POST", path, None, {"Transfer-Encoding": "chunked"}).status == 411
    too_long = {"Content-Length": str(MAX_BODY + 1)}
    assert ask(page, "POST", path, None, too_long).status == 413


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_files_go_when_they_are_old_and_the_oldest_first_beyond_the_quota(tmp_path: Path) -> None:
    ages = {"day-old": 90_000, "older": 5000, "old": 4000, "new": 10}
    for name, seconds in ages.items():
        path = tmp_path / name / "speech.wav"
        path.parent.mkdir()
        path.write_bytes(b"0" * 100)
        age(path, seconds)
    left = lambda: sorted(path.name for path in tmp_path.iterdir())  # noqa: E731
    Scratch(tmp_path, quota=1000).tidy()
    assert left() == ["new", "old", "older"]
    scratch = Scratch(tmp_path, quota=200)
    scratch.tidy()
    assert left() == ["new", "old"]
    assert not scratch.admits(150), "what is new stays, whatever comes"
    assert left() == ["new"]


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "scratch"
    outside.mkdir(), folder.mkdir()
    (outside / "mine.txt").write_text("mine")
    age(outside / "mine.txt", 10**7)
    (folder / "link").symlink_to(outside)
    Scratch(folder).tidy()
    assert (outside / "mine.txt").exists()


# -- what stays behind ------------------------------------------------------------------------------------------------

ROOTS = os.pathsep.join([str(REPO_ROOT), str(REPO_ROOT / "GPT_SoVITS")])


def start(code: str, folder: Path, **streams: Any) -> subprocess.Popen[str]:
    """Python with its temporary folder in ``folder``."""
    env = os.environ | {"PYTHONPATH": ROOTS, "TMPDIR": str(folder)}
    return subprocess.Popen([sys.executable, "-c", code], env=env, text=True, **streams)


def left_in(folder: Path) -> list[Path]:
    return list(folder.glob(f"{PREFIX}*"))


def test_the_folder_of_a_killed_server_is_removed_at_the_next_start_and_a_living_ones_is_not(tmp_path: Path) -> None:
    code = "import pages.scratch as s, time\nwith s.open_folder() as f: print(f, flush=True); time.sleep(600)"
    killed, living = (start(code, tmp_path, stdout=subprocess.PIPE) for _ in range(2))
    try:
        of_killed, of_living = (Path(one.stdout.readline().strip()) for one in (killed, living))  # type: ignore[union-attr]
        (of_killed / "speech").mkdir()
        (of_killed / "speech" / "a.wav").write_bytes(b"speech")
        killed.kill()
        killed.wait()
        with open_folder(tmp_path) as own:
            assert sorted(left_in(tmp_path)) == sorted([of_living, own])
        assert left_in(tmp_path) == [of_living]
    finally:
        for one in (killed, living):
            one.kill()
            one.communicate()


def test_folders_without_a_lock_are_removed_when_they_are_old(tmp_path: Path) -> None:
    for name, seconds in (("old", 7200), ("new", 5)):
        (tmp_path / f"{PREFIX}{name}").mkdir()
        age(tmp_path / f"{PREFIX}{name}", seconds)
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path)
    remove_left_over(tmp_path)
    assert {path.name for path in left_in(tmp_path)} == {f"{PREFIX}new", f"{PREFIX}link"}


@pytest.mark.parametrize("begun", ["address", "page"])
def test_a_stop_signal_during_the_start_leaves_nothing(tmp_path: Path, begun: str) -> None:
    """While gradio is being imported, and while the voice is being loaded."""
    argv = ["--port", "0"]
    code = f"import sys; from pages.serve import start; sys.exit(start('webui_port_main', False, {argv}))"
    server = start(code, tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert server.stderr is not None
    marks = {"address": "the page opens on", "page": "page: http"}
    said = ""
    for line in server.stderr:
        said += line
        if marks[begun] in line:
            break
    assert left_in(tmp_path), said
    server.send_signal(signal.SIGTERM)
    rest = server.communicate(timeout=60)[1]
    assert server.returncode == 0, rest
    assert "Traceback" not in rest
    assert not left_in(tmp_path)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_the_page_listens_on_the_ipv6_loopback_address(
    new_toy: Any, toy_context: Any, served: Any, tmp_path: Path
) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no ::1")
    with served(toy_context(new_toy(), tmp_path, host="::1")) as url:
        assert url.startswith("http://[::1]:")
        assert entry(url, headers={"Origin": url.rstrip("/")}).status == 200
