"""The inference page over a real socket, with a stand-in speaker: what API clients and browsers send and get."""

from __future__ import annotations

import json
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import soundfile

gr = pytest.importorskip("gradio")

from config import LOOPBACK  # noqa: E402
from errors import CheckpointError  # noqa: E402
from pages.controls import Controls  # noqa: E402
from pages.inference_models import _version_updates, open_page, renewed  # noqa: E402
from pages.lm_group import LM_LABEL  # noqa: E402
from pages.voice import Voice  # noqa: E402
from tools.i18n import PAGE_LANGUAGES  # noqa: E402
from tools.i18n.translator import texts  # noqa: E402

RATE = 16000
PUBLIC = [
    "ref_wav_path",
    "prompt_text",
    "prompt_language",
    "text",
    "text_language",
    "how_to_cut",
    "top_k",
    "top_p",
    "temperature",
    "ref_free",
    "speed",
    "if_freeze",
    "inp_refs",
    "sample_steps",
    "if_sr",
    "pause_second",
]
"""The order that users of the public page know."""
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
    "streaming_mode": 1,
    "cfg_rate": 0,
    "subtitles": False,
    "voice": "",
}


def values(**changes: Any) -> list[Any]:
    return list((GOOD | changes).values())


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    """The stand-in and the address of a page in each visitor's language: one server, since starting one takes long."""
    conftest = sys.modules[next(name for name in sys.modules if name.endswith("pages.conftest"))]
    toy = conftest.Toy(pause=0.02)
    with conftest.serving(conftest.make_toy_context(toy, tmp_path_factory.mktemp("page"), language="auto")) as url:
        yield toy, url


@pytest.fixture
def toy(speaker: tuple[Any, str]) -> Any:
    return speaker[0]


@pytest.fixture
def client(speaker: tuple[Any, str], visitor: Any) -> Any:
    return visitor(speaker[1])


def fetch(url: str, language: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept-Language": language})) as answer:
        return answer.read().decode("utf-8")


def test_inputs_keep_the_public_places() -> None:
    names = [field.name for field in fields(Controls)]
    assert names[:16] == PUBLIC and list(GOOD) == names


@pytest.mark.parametrize(
    ("version", "steps", "guidance"), [("v2", None, None), ("v4", 32, None), ("v5dev", 32, 1.3), ("v5turbo", 4, 0.0)]
)
def test_steps_and_guidance_show_the_values_of_the_version(
    version: str, steps: int | None, guidance: float | None
) -> None:
    speaker = SimpleNamespace(configs=SimpleNamespace(version=version))
    context: Any = SimpleNamespace(voice=SimpleNamespace(speaker=speaker))
    for_steps, _, for_guidance = _version_updates(context)
    assert for_steps["visible"] == (steps is not None) and for_guidance["visible"] == (guidance is not None)
    if steps is not None:
        assert for_steps["value"] == steps and for_guidance["value"] == (guidance or 0)


def test_a_python_client_gives_text_and_language_alone(speaker: tuple[Any, str], toy: Any) -> None:
    """The example of docs/webui.md."""
    gradio_client = pytest.importorskip("gradio_client")
    page = gradio_client.Client(speaker[1], verbose=False)
    sound, summary, picture, _ = page.predict(text="Hello there.", text_language="en", api_name="/get_tts_wav")
    assert Path(sound).read_bytes()[:4] == b"RIFF" and "s of speech in" in summary and picture


def test_a_client_speaks(client: Any, toy: Any) -> None:
    assert client.url.startswith(f"http://{LOOPBACK}:")
    sound, summary, picture, _ = client.call("get_tts_wav", *values(text="one two three"))
    samples, rate = soundfile.read(client.fetch(sound), dtype="int16")
    assert (rate, len(samples), set(samples.tolist())) == (RATE, 3 * RATE // 10, {7})
    assert "0.3 s" in summary and "seed 7" in summary and "AR model" in summary and picture["path"].endswith(".png")


def test_the_words_of_the_public_page_are_understood(client: Any, toy: Any) -> None:
    client.call("get_tts_wav", *values(text_language="中英混合", how_to_cut="凑50字一切"))
    assert (toy.requests[-1].text_lang, toy.requests[-1].text_split_method) == ("zh", "cut2")


def test_an_error_is_its_sentence_and_the_page_goes_on(client: Any) -> None:
    with pytest.raises(RuntimeError, match="a.wav is silent; expected speech; fix: record again"):
        client.call("get_tts_wav", *values(text="refuse"))
    with pytest.raises(RuntimeError, match="server's log") as bug:
        client.call("get_tts_wav", *values(text="crash"))
    assert "secret" not in str(bug.value)
    assert client.call("get_tts_wav", *values())[1]


def test_the_stage_changes_between_two_sentences(client: Any) -> None:
    on, name, status = client.call("set_t2s", True, "gsv-tiny")
    assert on and "gsv-tiny" in status and name["visible"]
    assert "gsv-tiny" in client.call("get_tts_wav", *values())[1]
    client.call("set_t2s", True, "Qwen/Qwen2-7B")
    assert "no trained adapter" in client.call("status")[0]
    assert "no trained adapter" in client.call("get_tts_wav", *values())[1]
    client.call("set_t2s", False, "")
    assert "AR model (original)" in client.call("status")[0]


def test_stopping_closes_the_speaker(client: Any, toy: Any) -> None:
    toy.closed.clear()
    event, steps = client.begin("get_tts_wav", *values(text="word " * 2000))
    next(steps)
    next(steps)
    client.cancel("get_tts_wav", event)
    assert toy.closed.wait(60)


def test_each_visitor_gets_their_language(client: Any) -> None:
    for language in PAGE_LANGUAGES:
        shown = json.dumps(json.loads(fetch(f"{client.url}config", language.replace("_", "-"))), ensure_ascii=False)
        assert "@@" not in shown and texts(language)["inference.how_to_cut"] in shown
        assert LM_LABEL in shown and texts(language)["cuts.cut1"] in shown
    assert "@@" not in fetch(client.url, "ja")


def test_speech_is_heard_while_it_is_made(client: Any, toy: Any) -> None:
    toy.pause = 0.2
    _, steps = client.begin("get_tts_wav", *values(text="a b c d e f g h"))
    name = next(steps)[3].split('src="')[1].split('"')[0]
    with urllib.request.urlopen(client.url + name) as answer:
        first = answer.read(44 + 100)
        assert first[:4] == b"RIFF" and "Sentence" in next(steps)[1]
        rest = answer.read()
    toy.pause = 0.02
    assert len(first) + len(rest) == 44 + 8 * RATE // 10 * 2
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{client.url}speech/guessed")


def test_two_visitors_get_their_own_voices(client: Any, visitor: Any) -> None:
    found: dict[int, set[int]] = {}

    def visit(seed: int) -> None:
        own = visitor(client.url)
        sound = own.call("get_tts_wav", *values(text="a b c d", seed=seed))[0]
        found[seed] = set(soundfile.read(own.fetch(sound), dtype="int16")[0].tolist())

    visitors = [threading.Thread(target=visit, args=(seed,)) for seed in (3, 9)]
    for thread in visitors:
        thread.start()
    for thread in visitors:
        thread.join()
    assert found == {3: {3}, 9: {9}}


def test_a_login_is_asked_for(toy_context: Any, served: Any, visitor: Any, toy: Any, tmp_path: Path) -> None:
    with served(toy_context(toy, tmp_path, login=("me", "long enough"))) as url:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}config")
        assert refused.value.code == 401
        form = urllib.parse.urlencode({"username": "me", "password": "long enough"}).encode()
        with urllib.request.urlopen(f"{url}login", form) as answer:
            cookie = "; ".join(line.split(";")[0] for line in answer.headers.get_all("set-cookie"))
        assert "toy.ckpt" in visitor(url, cookie).call("status")[0]


def test_the_page_says_what_is_loading_then_fills_itself(context: Any, toy: Any) -> None:
    steps = threading.Event()

    def factory(tell: Any) -> Any:
        from pages.voice import LoadState

        tell(LoadState("weights", "s1.ckpt"))
        assert steps.wait(20)
        return toy

    object.__setattr__(context, "voice", Voice(factory))
    opening = open_page(context, 3 + 6)
    said = [next(opening)[0]]
    while "s1.ckpt" not in said[-1]:
        said.append(next(opening)[0])
    steps.set()
    last = list(opening)[-1]
    assert "toy.ckpt" in last[0] and len(last) == 5 + 9 and last[-6] == 5 and last[-2] == "cut2"


def test_missing_weights_are_told_and_tried_again(context: Any, toy: Any) -> None:
    answers: list[Any] = [CheckpointError("s1.ckpt is missing"), toy]

    def factory(tell: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    object.__setattr__(context, "voice", Voice(factory))
    assert "s1.ckpt is missing" in list(open_page(context, 8))[-1][0]
    assert "toy.ckpt" in list(open_page(context, 8))[-1][0]


def test_a_voice_is_loaded_once(toy: Any) -> None:
    made: list[Any] = []

    def factory(tell: Any) -> Any:
        time.sleep(0.05)
        made.append(toy)
        return toy

    voice = Voice(factory)
    threads = [threading.Thread(target=voice.load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_new_weights_appear_by_themselves(context: Any, tmp_path: Path) -> None:
    first = renewed(context, None)
    known = first[0]
    assert renewed(context, known) == [gr.skip()] * 7
    for folder, name in (("GPT_weights_v2", "me-e15.ckpt"), ("SoVITS_weights_v2Pro", "me_e8.pth")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(b"")
    (tmp_path / "lm" / "mine").mkdir(parents=True)
    (tmp_path / "lm" / "mine" / "t2s_config.json").write_text("{}")
    now, gpt, sovits, *_ = renewed(context, known)
    assert set(now[0]) - set(known[0]) >= {"mine"}
    assert any("me-e15.ckpt" in name for name, _ in gpt.choices)
    assert any("me_e8.pth" in name for name, _ in sovits.choices)
