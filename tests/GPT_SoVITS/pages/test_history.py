"""Whose speeches the page lists: those of the browser that asks, over reloads too, and of nobody else."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("gradio", reason="the page is an extra")

from gradio.context import LocalContext  # noqa: E402

from pages.browser_key import COOKIE, KEY, key_of, new_cookie  # noqa: E402
from pages.context import PageContext  # noqa: E402
from pages.guard import owner  # noqa: E402
from pages.inference_tab import history_of  # noqa: E402
from pages.speaking import speak, stop  # noqa: E402
from tests.GPT_SoVITS.pages.test_inference_page import values  # noqa: E402
from tests.GPT_SoVITS.pages.test_speech_parts import controls  # noqa: E402

SECRET = "The treasure lies below the oak."


@pytest.fixture(scope="module")
def context(new_toy: Any, toy_context: Any, tmp_path_factory: pytest.TempPathFactory) -> PageContext:
    made: PageContext = toy_context(new_toy(), tmp_path_factory.mktemp("page"))
    return made


@pytest.fixture(scope="module")
def url(context: PageContext, served: Any) -> Iterator[str]:
    with served(context) as address:
        yield address


@pytest.fixture
def browser_of() -> Iterator[Any]:
    """``browser_of(key, user, page)``: what is handled next is an event of this browser, login and open page."""
    before = LocalContext.request.get(None)

    def handle(key: str = "", user: str | None = None, page: str = "page") -> None:
        request: Any = SimpleNamespace(cookies={COOKIE: key}, username=user, session_hash=page, headers={})
        LocalContext.request.set(request)

    yield handle
    LocalContext.request.set(before)


def opened(url: str, cookie: str = "") -> str:
    """The Set-Cookie header of the page; "" where there is none."""
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Cookie": cookie})) as answer:
        return str(answer.headers.get("Set-Cookie") or "")


def listed(url: str, cookie: str, session: str) -> str:
    """The list of speeches as a page shows it that has just been opened."""
    with urllib.request.urlopen(f"{url}config") as answer:
        config = json.load(answer)
    history = next(one["id"] for one in config["components"] if one["props"].get("elem_id") == "history")
    event = next(one for one in config["dependencies"] if one["outputs"] == [history] and not one["queue"])
    body = json.dumps({"data": [], "fn_index": event["id"], "session_hash": session}).encode()
    headers = {"Content-Type": "application/json", "Accept-Language": "en-US", "Cookie": cookie}
    with urllib.request.urlopen(urllib.request.Request(f"{url}gradio_api/run/predict", body, headers)) as answer:
        return str(json.load(answer)["data"][0])


def test_a_browser_gets_a_key_that_no_script_reads_and_keeps_it(url: str) -> None:
    first, second = opened(url), opened(url)
    assert first and "HttpOnly" in first and "SameSite=Lax" in first and first != second
    cookie = first.split(";")[0]
    assert opened(url, cookie) == ""
    assert opened(url, f"{COOKIE}=1").startswith(COOKIE), "one that could be guessed is replaced"
    assert "Secure" in new_cookie(secure=True) and "Secure" not in first
    with urllib.request.urlopen(f"{url}config") as answer:
        assert answer.headers.get("Set-Cookie") is None


@pytest.mark.parametrize("value", ["", "x", "a" * 31, "a" * 33, "é" * 32, "a/b" + "c" * 29])
def test_only_keys_of_this_page_count(value: str) -> None:
    assert key_of({COOKIE: value}) == "" == key_of({})
    made = new_cookie(False).split(";")[0].partition("=")[2]
    assert KEY.fullmatch(made) and key_of({COOKIE: made}) == made


def test_speeches_are_there_after_a_reload_and_for_nobody_else(
    url: str, context: PageContext, visitor: type[Any]
) -> None:
    mine, other = (opened(url).split(";")[0] for _ in range(2))
    someone = visitor(url, mine)
    someone.call("get_tts_wav", *values(text=SECRET))
    again = listed(url, mine, "the page after a reload")
    assert SECRET in again
    for cookie in (other, "", f"{COOKIE}=", f"{COOKIE}=browser"):
        assert SECRET not in listed(url, cookie, "another page"), cookie
        assert SECRET not in listed(url, cookie, someone.session), "its page's session alone opens nothing"
    name = re.findall(r'data-speech="([\w-]+\.wav)"', again)[0]
    (context.uploads / "speeches" / name).unlink()  # as it goes when it is too old, or one too many
    assert SECRET not in listed(url, mine, "one more page")


def test_a_client_without_a_key_sees_its_own_session(url: str, visitor: type[Any]) -> None:
    program = visitor(url)
    program.call("get_tts_wav", *values(text="Read by a program."))
    assert "Read by a program." in listed(url, "", program.session)
    assert "Read by a program." not in listed(url, "", "another one")


def test_logins_of_one_browser_see_their_own(context: PageContext, browser_of: Any) -> None:
    key = "k" * 32
    browser_of(key, "anna")
    list(speak(context, *controls(text="Said by Anna.")))
    assert "Said by Anna." in history_of(context)
    browser_of(key, "ben")
    assert "Said by Anna." not in history_of(context)
    browser_of(key)
    assert "Said by Anna." not in history_of(context)
    names = set()
    for user, page, used in (("a", "p", key), ("b", "p", key), (None, "p", key), (None, "p", ""), (None, "q", "")):
        browser_of(used, user, page)
        names.add(owner())
    assert len(names) == 5


def test_the_stop_button_gives_the_speech_of_its_own_page(
    context: PageContext, browser_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another page of the browser has something spoken meanwhile: that is not what was stopped here."""
    key = "t" * 32

    def stop_slowly(stops: Any, visitor: str, seconds: float = 0.0) -> None:
        browser_of(key, page="second")
        list(speak(context, *controls(text="one two")))
        browser_of(key, page="first")

    monkeypatch.setattr(type(context.stops), "stop", stop_slowly)
    browser_of(key, page="first")
    assert stop(context)[0] == "Stopped"
    assert "one two" in history_of(context)
