"""The teaching group without a browser: what its button starts, and what it refuses."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio")

from config import REPO_ROOT  # noqa: E402
from errors import RequestError  # noqa: E402
from pages import teaching_group  # noqa: E402
from pages.context import PageContext  # noqa: E402
from pages.teaching_group import opened, start_teaching  # noqa: E402
from pages.teaching_jobs import TEACH_KIND, text_languages  # noqa: E402
from tests.GPT_SoVITS.pages.conftest import NoRunner  # noqa: E402
from tools.teach import build_parser, wish_of  # noqa: E402


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(teaching_group, "devices", lambda: ["cpu"])
    monkeypatch.setattr(teaching_group.gr, "Info", lambda text: None)
    return NoRunner()


@pytest.fixture
def given(context: PageContext) -> dict[str, Any]:
    """Fields as the page sends them, with files where a visitor's uploads lie."""
    for name in ("me.ckpt", "me.pth", "clips.list", "mine.txt"):
        (context.uploads / name).write_text("x\n", encoding="utf-8")
    return {
        "gpt": str(context.uploads / "me.ckpt"),
        "sovits": str(context.uploads / "me.pth"),
        "backbone": "Qwen/Qwen3-0.6B",
        "name": "",
        "language": "yue",
        "device": "cpu",
        "hours": 2.5,
        "epochs": 3,
        "minutes": 10,
        "takes": 2,
        "texts": "",
        "references": str(context.uploads / "clips.list"),
    }


def test_the_button_starts_the_command_that_a_terminal_would(
    context: PageContext, runner: Any, given: dict[str, Any]
) -> None:
    start_teaching(context, runner, given)
    [spec] = runner.specs
    assert spec.kind == TEACH_KIND and spec.lane == "cpu" and spec.environment["CUDA_VISIBLE_DEVICES"] == ""
    assert spec.command[:2] == (sys.executable, str(REPO_ROOT / "tools" / "teach.py"))
    args = build_parser().parse_args(spec.command[2:])
    wish = wish_of(args)
    assert Path(wish.gpt).name == "me.ckpt" and Path(wish.references).name == "clips.list" and not wish.texts
    assert (wish.name, wish.language, wish.hours, wish.epochs) == ("me-qwen3-0.6b", "yue", 2.5, 3)
    assert (wish.minutes, wish.takes, args.plan) == (10.0, 2, False)


def test_the_other_button_only_tells(context: PageContext, runner: Any, given: dict[str, Any]) -> None:
    start_teaching(context, runner, given | {"name": "my lm"}, plan_only=True)
    assert build_parser().parse_args(runner.specs[0].command[2:]).plan
    assert runner.specs[0].facts["weights"] == "my lm"


@pytest.mark.parametrize(
    "wrong",
    [
        {"gpt": ""},
        {"sovits": "/etc/passwd"},
        {"backbone": "../.."},
        {"name": "../up"},
        {"language": "auto"},
        {"device": "cuda:7"},
        {"hours": 0},
        {"takes": 99},
        {"epochs": None},
        {"references": "no/such.list"},
    ],
)
def test_what_cannot_be_is_refused(
    context: PageContext, runner: Any, given: dict[str, Any], wrong: dict[str, Any]
) -> None:
    with pytest.raises(RequestError):
        start_teaching(context, runner, given | wrong)
    assert not runner.specs


def test_another_language_with_texts_of_ones_own(context: PageContext, runner: Any, given: dict[str, Any]) -> None:
    start_teaching(context, runner, given | {"language": "auto", "texts": str(context.uploads / "mine.txt")})
    assert any(word.endswith("mine.txt") for word in runner.specs[0].command)


def test_lists_are_those_of_this_computer(context: PageContext, runner: Any) -> None:
    assert text_languages() == ["en", "ja", "ko", "yue", "zh"]
    gpt, sovits, device = opened(context)
    assert device.value == "cpu"
    assert all(Path(path).is_file() for _, path in (*gpt.choices, *sovits.choices))
