"""The plugin in a checkout of the public tree: ``GSV_UPSTREAM=/path pytest -m upstream``.

``GSV_UPSTREAM`` names one checkout or several (``:`` between them), ``GSV_UPSTREAM_PYTHON`` the interpreter with the
host's packages (default: ours), ``GSV_UPSTREAM_SITE`` a folder with packages that it lacks. The checkout is copied, and
only the copy is touched.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config import PACK_DIR
from tests.tools.host_plugin.standin import PROMPT_TEXT, TEXTS, phone_table
from tests.tools.host_plugin.upstream import CHECKOUTS, checkout_copy, drive
from tools.host_plugin.install import facts, install, remove

pytestmark = pytest.mark.upstream
SCRIPT = "drive_upstream.py"
WAYS = ["batched", "naive", "single", "reference_free", "streaming"]


def step(**more: Any) -> dict[str, Any]:
    table = phone_table()
    read = {text: [table["ids"][name] for name in phones] for text, (phones, _) in table["texts"].items()}
    rows = [read[PROMPT_TEXT] + read[text] for text in TEXTS]
    return {"phones": rows, "prompt": [(7 * n) % 1024 for n in range(60)], "seed": 3, "ways": WAYS, **more}


@pytest.fixture(scope="module", params=CHECKOUTS or [None], ids=lambda path: Path(path).name if path else "none")
def checkout(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = checkout_copy(request.param, tmp_path_factory.mktemp("upstream"))
    for folder in (root / "GPT_SoVITS").iterdir():  # folders without it would give way to our own installed packages
        if folder.is_dir():
            (folder / "__init__.py").touch()
    return root


@pytest.fixture(scope="module")
def plain(checkout: Path) -> dict[str, Any]:
    """What the checkout does without the plugin, which is installed after that."""
    before = drive(checkout, SCRIPT, step())[0]
    install(checkout, [PACK_DIR / "lm"])
    return before["found"][0]


@pytest.fixture(scope="module")
def ran(checkout: Path, plain: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Off, a model that is missing, the pack's model; settings from the YAML in the first and changed after that."""
    missing = {"use_qwen3": True, "qwen3_model_name": "/no/such/folder"}
    on = {"use_qwen3": True, "qwen3_model_name": "lm"}
    return drive(
        checkout,
        SCRIPT,
        step(yaml={"use_qwen3": False, "qwen3_model_name": "lm"}),
        step(settings=missing),
        step(settings=on, graph=True),
    )


def spoken(found: dict[str, Any]) -> list[Any]:
    return [found[name] for name in (*WAYS, "rng")]


def test_every_place_of_the_plugin_is_as_expected(checkout: Path, plain: dict[str, Any]) -> None:
    assert facts(checkout)["host_problems"] == []


def test_off_and_fallen_it_gives_what_the_plain_host_gives(
    ran: tuple[dict[str, Any], str], plain: dict[str, Any]
) -> None:
    off, missing, _ = ran[0]["found"]
    assert spoken(off) == spoken(plain)
    assert spoken(missing) == spoken(plain) and missing["reason"] == "weights_missing"


def test_on_the_language_model_speaks_in_every_variant(ran: tuple[dict[str, Any], str], plain: dict[str, Any]) -> None:
    on = ran[0]["found"][2]
    assert on["reason"] is None
    for way in WAYS:
        if plain[way] is None:
            assert on[way] is None  # no streaming in this host
            continue
        assert on[way] != plain[way]
        assert all(0 <= token < 1024 for row in on[way] for token in row)
        assert len(sum(on[way], [])) > 20
    assert on["batched"] == on["naive"] or len(on["naive"]) == 2
    assert on["graph"] is None or len(on["graph"][0]) > 20


def test_settings_survive_the_rewrite_of_the_yaml(ran: tuple[dict[str, Any], str]) -> None:
    assert ran[0]["yaml"]["qwen3_model_name"] == "lm" and ran[0]["yaml"]["use_qwen3"] is False


def test_removing_leaves_every_file_byte_for_byte(checkout: Path, ran: tuple[dict[str, Any], str]) -> None:
    done = remove(checkout, stages=True)
    assert len(done.restored) == 2 and not done.left
    source = Path(next(path for path in CHECKOUTS if (Path(path) / "GPT_SoVITS").is_dir()))
    for name in ("GPT_SoVITS/AR/__init__.py", "GPT_SoVITS/TTS_infer_pack/__init__.py"):
        assert (checkout / name).read_bytes() == (source / name).read_bytes()
