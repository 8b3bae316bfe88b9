"""The plugin in a checkout of the public tree with the host's own packages, from text to sound and over its API:

    GSV_UPSTREAM=/path/to/GPT-SoVITS GSV_UPSTREAM_PYTHON=/its/environment/bin/python pytest -m upstream

``GSV_UPSTREAM_SITE`` as in test_upstream.py (another transformers, say). ``GSV_UPSTREAM_FULL=1`` uses the published
sizes (about 1.2 GB of files and 4 GB of memory) in place of a few layers of each network, and speaks in one way only.
``GSV_UPSTREAM_PICTURES`` names a folder for pictures of the pages.
"""

from __future__ import annotations

import json
import os
import time
import urllib.parse
import urllib.request
import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tools.host_plugin.public_files import REQUEST, STAGE, write_files, write_stage
from tests.tools.host_plugin.upstream import CHECKOUTS, checkout_copy, drive, free_port, need_own_packages, served
from tools.host_plugin.install import install, remove

pytestmark = pytest.mark.upstream
VERSION = "v2"
TINY = not os.environ.get("GSV_UPSTREAM_FULL")
MINE = "mine.yaml"
WAYS: dict[str, dict[str, Any]] = {
    "batched": {},
    "naive": {"parallel_infer": False},
    "fragments": {"parallel_infer": False, "return_fragment": True},
    "streaming": {"parallel_infer": False, "streaming_mode": True, "batch_size": 1},
}
if not TINY:
    WAYS = {"batched": {}}
# Without the clip's words its tokens are not gone on from: the pack's stage can speak, whatever random weights heard.
FREE = {"prompt_text": ""}
WAYS["reference-free"] = FREE
OFF = {"use_qwen3": False}
ON = {"use_qwen3": True, "qwen3_model_name": STAGE}
MISSING = {"use_qwen3": True, "qwen3_model_name": "/no/such/folder"}


def steps(**settings: Any) -> list[dict[str, Any]]:
    return [{"yaml": MINE, "request": {**REQUEST, **way}, "settings": settings} for way in WAYS.values()]


@pytest.fixture(scope="module", params=CHECKOUTS or [None], ids=lambda path: Path(path).name if path else "none")
def checkout(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with weights and a configuration, without the plugin."""
    need_own_packages()
    root = checkout_copy(request.param, tmp_path_factory.mktemp("upstream"))
    write_files(root, VERSION, TINY)
    write_stage(root, VERSION)
    custom = {"device": "cpu", "is_half": False, "version": VERSION}
    (root / MINE).write_text(yaml.safe_dump({"custom": custom}), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def plain(checkout: Path) -> list[dict[str, Any]]:
    """Every way without the plugin, which is installed after that."""
    found, _ = drive(checkout, "drive_sound.py", *steps())
    install(checkout)
    return list(found["found"])


@pytest.fixture(scope="module")
def ran(checkout: Path, plain: list[dict[str, Any]]) -> tuple[dict[str, list[dict[str, Any]]], str]:
    """Off, fallen, on and off again in one process."""
    found, told = drive(checkout, "drive_sound.py", *steps(**OFF), *steps(**MISSING), *steps(**ON), *steps(**OFF))
    rows, size = found["found"], len(WAYS)
    names = ("off", "missing", "on", "off again")
    print(f"\n{checkout.parent.name} {found['versions']}", [round(row["seconds"], 1) for row in rows])
    return {name: rows[at * size : (at + 1) * size] for at, name in enumerate(names)}, told


Ran = tuple[dict[str, list[dict[str, Any]]], str]


def sound(rows: list[dict[str, Any]]) -> list[Any]:
    return [(row["hashes"], row["rate"]) for row in rows]


def test_off_and_fallen_the_sound_is_that_of_the_plain_host(ran: Ran, plain: list[dict[str, Any]]) -> None:
    """Sample for sample, in each way."""
    found, told = ran
    assert all(row["loudest"] > 0 for row in plain)
    assert sound(found["off"]) == sound(plain) == sound(found["off again"])
    assert sound(found["missing"]) == sound(plain)
    assert {row["reason"] for row in found["missing"]} == {"weights_missing"}
    assert told.count("AR model speaks") >= 1


COLLAPSES = pytest.mark.xfail(
    strict=False,
    reason="the pack's stage is given prompts that random weights made of the clip, and its speech collapses (seen on "
    "the tree of 2026-08-18): it needs public files whose tokens it has learned",
)


@COLLAPSES
def test_on_another_sound_comes_and_nothing_falls(ran: Ran, plain: list[dict[str, Any]]) -> None:
    for on, off in zip(ran[0]["on"], plain, strict=True):
        spoken_by_the_language_model(on, off)


def test_on_and_reference_free_the_language_model_is_what_is_heard(ran: Ran, plain: list[dict[str, Any]]) -> None:
    at = list(WAYS).index("reference-free")
    spoken_by_the_language_model(ran[0]["on"][at], plain[at])


def spoken_by_the_language_model(on: dict[str, Any], off: dict[str, Any]) -> None:
    """Nothing fell, and the sound is another than the plain host's."""
    assert on["reason"] is None
    assert on["hashes"] != off["hashes"] and on["loudest"] > 0
    assert sum(on["samples"]) > on["rate"]  # two sentences: more than a second


def test_the_api_speaks_with_the_language_model(checkout: Path, ran: Ran) -> None:
    """``api_v2.py`` over a socket: sound with the settings of its YAML, which a rewrite keeps."""
    path = checkout / "api.yaml"
    custom = {"device": "cpu", "is_half": False, "version": VERSION, **ON}
    path.write_text(yaml.safe_dump({"custom": custom}), encoding="utf-8")
    port = free_port()
    with served(checkout, ["api_v2.py", "-a", "127.0.0.1", "-p", str(port), "-c", str(path)], port) as log:
        query = urllib.parse.urlencode({**REQUEST, **FREE, "batch_size": 1})
        begin = time.perf_counter()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/tts?{query}", timeout=300) as answer:
            assert answer.headers["Content-Type"] == "audio/wav"
            content = answer.read()
        print(f"\napi_v2: {time.perf_counter() - begin:.1f} s")
        told = log.read_text(encoding="utf-8", errors="replace")
    with wave.open(BytesIO(content)) as spoken:
        assert spoken.getnframes() > spoken.getframerate()
    assert "AR model speaks" not in told
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["custom"]["qwen3_model_name"] == STAGE


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, as in the tests of our own pages."""
    from tests.tools.host_plugin.upstream import chromium

    yield from chromium()


PAGES = {"inference_webui.py": "functions of its own", "inference_webui_fast.py": "the pipeline"}
CHECKBOX = "使用Qwen3增强文本理解 (Use Qwen3 for enhanced text understanding)"
DROPDOWN = "语言模型 (Language model)"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_checkbox_and_list(checkout: Path, ran: Ran, browser: Any, page: str) -> None:
    """The list comes with the checkbox, and has the stage of the checkout."""
    port = free_port()
    variables = {"infer_ttswebui": str(port), "language": "en_US", "BROWSER": "true", "is_half": "False"}
    with served(checkout, [f"GPT_SoVITS/{page}"], port, **variables):
        tab = browser.new_page(viewport={"width": 1300, "height": 1500})
        tab.goto(f"http://127.0.0.1:{port}", timeout=120_000)
        box = tab.get_by_label(CHECKBOX)
        box.wait_for(timeout=120_000)
        assert not box.is_checked()
        assert not tab.get_by_label(DROPDOWN).is_visible()
        box.check()
        names = tab.get_by_label(DROPDOWN)
        names.wait_for(timeout=60_000)
        assert names.input_value() == STAGE
        if folder := os.environ.get("GSV_UPSTREAM_PICTURES"):
            box.scroll_into_view_if_needed()
            tab.screenshot(path=f"{folder}/{checkout.name}_{page}.png")
        tab.close()


def test_removing_leaves_the_plain_sound(checkout: Path, ran: Ran, plain: list[dict[str, Any]]) -> None:
    assert len(remove(checkout).restored) == 2
    found, _ = drive(checkout, "drive_sound.py", *steps()[:1])
    assert sound(found["found"]) == sound(plain[:1])
    assert json.loads((checkout / "GPT_weights_qwen3" / STAGE / "t2s_config.json").read_text(encoding="utf-8"))
