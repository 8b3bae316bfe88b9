"""Thirty and more wrong inputs: each is answered by a sentence that says what to do, none by a traceback."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

gr = pytest.importorskip("gradio")

from errors import RequestError  # noqa: E402
from pages.context import PageContext  # noqa: E402
from pages.controls import Controls  # noqa: E402
from pages.guard import MAX_TEXT, guarded, plain  # noqa: E402
from pages.lm_group import change_stage, checked_name  # noqa: E402
from pages.model_lists import take_weights  # noqa: E402
from pages.speaking import speak  # noqa: E402

GOOD: dict[str, Any] = {
    "ref_wav_path": None,
    "prompt_text": "",
    "prompt_language": "en",
    "text": "Hello there.",
    "text_language": "en",
    "how_to_cut": "cut5",
    "top_k": 15,
    "top_p": 1,
    "temperature": 1,
    "ref_free": False,
    "speed": 1,
    "if_freeze": False,
    "inp_refs": None,
    "sample_steps": 32,
    "if_sr": False,
    "pause_second": 0.3,
    "repetition_penalty": 1.35,
    "seed": 7,
    "keep_random": False,
    "batch_size": 1,
    "streaming_mode": 0,
    "cfg_rate": 0,
}
WRONG_SPEECH: list[dict[str, Any]] = [
    {"text": ""},
    {"text": "   "},
    {"text": "...!?"},
    {"text": "a" * (MAX_TEXT + 1)},
    {"text": None},
    {"text_language": "klingon"},
    {"text_language": ""},
    {"text_language": None},
    {"prompt_language": "xx"},
    {"how_to_cut": "cut99"},
    {"how_to_cut": None},
    {"top_k": -1},
    {"top_k": 2.5},
    {"top_k": "many"},
    {"top_p": 1.5},
    {"temperature": -1},
    {"temperature": float("nan")},
    {"repetition_penalty": 0},
    {"speed": 0},
    {"speed": 99},
    {"pause_second": -1},
    {"pause_second": 1e9},
    {"batch_size": 0},
    {"batch_size": 1000},
    {"sample_steps": 0},
    {"cfg_rate": -1},
    {"streaming_mode": 7},
    {"ref_wav_path": "/tmp/voice.exe"},
    {"ref_wav_path": "/etc/passwd"},
    {"inp_refs": ["/tmp/a.wav", "/tmp/b.txt"]},
    {"prompt_text": "p" * (MAX_TEXT + 1)},
    {"seed": 2**70},
    {"text": "please refuse"},
    {"text": "please crash"},
]
WRONG_PATHS = ["", "  ", "/etc/passwd", "../../etc/passwd", "~/.ssh/id_rsa", "no/such/file.ckpt", "a\0b", "/"]
WRONG_MODELS = [
    "",
    None,
    "   ",
    "/etc",
    "../../..",
    "a/b/c",
    "owner/model; rm -rf",
    "https://example.org/m",
    "x/" * 3000,
]


def sentence_of(context: PageContext, act: Callable[[], Any]) -> str:
    """What the visitor reads; the test fails where nothing is said."""

    def handler() -> Any:
        result = act()
        return list(result) if inspect.isgenerator(result) else result

    with pytest.raises(gr.Error) as told:
        guarded(handler, context.say)()
    error = told.value
    assert error.__cause__ is None and error.__suppress_context__ and not error.print_exception
    return str(error.message)


def check_sentence(sentence: str) -> None:
    assert 10 < len(sentence) < 1200 and "Traceback" not in sentence and 'File "' not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("wrong", WRONG_SPEECH, ids=lambda wrong: " ".join(map(str, *wrong.items()))[:30])
def test_wrong_speech_is_a_sentence(context: PageContext, wrong: dict[str, Any]) -> None:
    values = Controls(**(GOOD | wrong)).__dict__.values()
    sentence = sentence_of(context, lambda: speak(context, *values))
    check_sentence(sentence)
    assert "secret inner words" not in sentence


@pytest.mark.parametrize("path", WRONG_PATHS)
def test_wrong_paths_are_a_sentence(context: PageContext, path: str) -> None:
    check_sentence(sentence_of(context, lambda: context.path(path if path != "/" else "/usr")))


@pytest.mark.parametrize("name", WRONG_MODELS, ids=lambda name: str(name)[:20])
def test_wrong_model_names_are_a_sentence(context: PageContext, name: str | None) -> None:
    check_sentence(sentence_of(context, lambda: checked_name(context, name)))  # type: ignore[arg-type]


def test_links_do_not_lead_out_and_allowed_folders_are_open(toy: Any, toy_context: Any, tmp_path: Path) -> None:
    inside, outside = tmp_path / "uploads", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "link").symlink_to("/etc")
    (outside / "a.ckpt").write_bytes(b"")
    closed = toy_context(toy, inside)
    check_sentence(sentence_of(closed, lambda: closed.path(str(inside / "link" / "passwd"))))
    check_sentence(sentence_of(closed, lambda: closed.path(str(outside / "a.ckpt"))))
    opened = toy_context(toy, inside, allow=(outside,))
    assert opened.path(str(outside / "a.ckpt")) == (outside / "a.ckpt").resolve()


def test_a_wrong_choice_is_a_warning_and_leaves_things_as_they_are(
    context: PageContext, toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda message, **_: said.append(message))
    (tmp_path / "bad.ckpt").write_bytes(b"")
    before = toy.configs.t2s_weights_path
    take_weights(context, str(tmp_path / "bad.ckpt"), "gpt")
    take_weights(context, "/etc/passwd", "sovits")
    change_stage(context, True, "/etc")
    assert len(said) == 3 and toy.configs.t2s_weights_path == before and not toy.configs.use_qwen3
    for sentence in said:
        check_sentence(sentence)


def test_a_closed_generator_is_closed_within(context: PageContext, toy: Any) -> None:
    handler = guarded(lambda: None, context.say)
    assert handler() is None

    def steps() -> Any:
        yield from speak(context, *(GOOD | {"text": "a b c"}).values())

    running = guarded(steps, context.say)()
    next(running)
    next(running)
    running.close()
    assert toy.closed.wait(5)


def test_messages_are_no_html() -> None:
    """gradio's messages read HTML; "<urlopen error ...>" took the rest of its sentence with it."""
    assert plain("(URLError: <urlopen error>); 'a' & \"b\"") == "(URLError: &lt;urlopen error&gt;); 'a' &amp; \"b\""

    def fails() -> None:
        raise RequestError("<name>", "a name")

    with pytest.raises(gr.Error) as caught:
        guarded(fails, lambda key, **_: key)()
    assert "&lt;name&gt;" in str(caught.value)
