"""The inference page over a real socket, with a stand-in speaker: what API clients and browsers send and get."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import soundfile

gr = pytest.importorskip("gradio")
gradio_client = pytest.importorskip("gradio_client")

from config import LOOPBACK  # noqa: E402
from errors import CheckpointError  # noqa: E402
from pages.controls import Controls  # noqa: E402
from pages.inference_tab import open_page, renewed  # noqa: E402
from pages.lm_group import LM_LABEL  # noqa: E402
from pages.voice import Voice  # noqa: E402
from tools.i18n import PAGE_LANGUAGES  # noqa: E402
from tools.i18n.translator import texts  # noqa: E402

RATE = 16000
PUBLIC = ["ref_wav_path", "prompt_text", "prompt_language", "text", "text_language", "how_to_cut", "top_k", "top_p",
          "temperature", "ref_free", "speed", "if_freeze", "inp_refs", "sample_steps", "if_sr", "pause_second"]
"""The order that users of the public page know."""
GOOD: dict[str, Any] = {
    "ref_wav_path": None, "prompt_text": "", "prompt_language": "en", "text": "Hello there.", "text_language": "en",
    "how_to_cut": "cut5", "top_k": 15, "top_p": 1, "temperature": 1, "ref_free": False, "speed": 1, "if_freeze": False,
    "inp_refs": None, "sample_steps": 32, "if_sr": False, "pause_second": 0.3, "repetition_penalty": 1.35, "seed": 7,
    "keep_random": False, "batch_size": 1, "streaming_mode": 1,
}


def values(**changes: Any) -> list[Any]:
    return list((GOOD | changes).values())


@pytest.fixture
def page(toy: Any, toy_context: Any, served: Any, tmp_path: Path) -> Iterator[tuple[Any, str]]:
    toy.pause = 0.02
    with served(toy_context(toy, tmp_path, language="auto")) as url:
        yield gradio_client.Client(url, verbose=False, analytics_enabled=False), url


def fetch(url: str, language: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept-Language": language})) as answer:
        return answer.read().decode("utf-8")


def test_inputs_keep_the_public_places() -> None:
    names = [field.name for field in fields(Controls)]
    assert names[:16] == PUBLIC and list(GOOD) == names


def test_clients_speak_stop_and_change_the_seat(page: tuple[Any, str], toy: Any) -> None:
    """One server for all of it: starting one takes a second."""
    client, url = page
    assert url.startswith(f"http://{LOOPBACK}:")
    # by position, and the whole sound first
    path, summary, picture, _ = client.predict(*values(text="one two three"), api_name="/get_tts_wav")
    samples, rate = soundfile.read(path, dtype="int16")
    assert (rate, len(samples), set(samples.tolist())) == (RATE, 3 * RATE // 10, {7})
    assert "0.3 s" in summary and "seed 7" in summary and "AR model" in summary and picture
    # by name, in the words of the public page
    client.predict(**(GOOD | {"text": "by name", "text_language": "中英混合", "how_to_cut": "凑50字一切"}),
                   api_name="/get_tts_wav")
    assert (toy.requests[-1].text_lang, toy.requests[-1].text_split_method) == ("zh", "cut2")
    # an error is its sentence, a bug is one line, and the page goes on
    with pytest.raises(Exception, match="a.wav is silent; expected speech; fix: record again"):
        client.predict(*values(text="refuse"), api_name="/get_tts_wav")
    with pytest.raises(Exception, match="server's log") as bug:
        client.predict(*values(text="crash"), api_name="/get_tts_wav")
    assert "secret" not in str(bug.value)
    # the seat
    on, _, status = client.predict(True, "gsv-tiny", api_name="/set_t2s")
    assert on and "gsv-tiny" in status
    assert "gsv-tiny" in client.predict(*values(), api_name="/get_tts_wav")[1]
    client.predict(True, "Qwen/Qwen2-7B", api_name="/set_t2s")
    assert "no trained adapter" in client.predict(api_name="/status")
    client.predict(False, "", api_name="/set_t2s")
    assert "AR model (original)" in client.predict(api_name="/status")
    # stop
    toy.closed.clear()
    job = client.submit(*values(text="word " * 500), api_name="/get_tts_wav")
    deadline = time.monotonic() + 60
    while len(job.outputs()) < 2 and not job.done() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not job.done()
    job.cancel()
    assert toy.closed.wait(20)


def test_each_visitor_gets_their_language(page: tuple[Any, str]) -> None:
    _, url = page
    for language in PAGE_LANGUAGES:
        config = json.loads(fetch(f"{url}config", language.replace("_", "-")))
        shown = json.dumps(config, ensure_ascii=False)
        assert "@@" not in shown and texts(language)["inference.how_to_cut"] in shown
        assert LM_LABEL in shown and texts(language)["cuts.cut1"] in shown
        assert "@@" not in fetch(url, language)


def test_speech_is_heard_while_it_is_made(page: tuple[Any, str], toy: Any) -> None:
    client, url = page
    toy.pause = 0.2
    job = client.submit(*values(text="a b c d e f g h"), api_name="/get_tts_wav")
    deadline = time.monotonic() + 60
    while not job.outputs() and time.monotonic() < deadline:
        time.sleep(0.02)
    name = job.outputs()[0][3].split('src="')[1].split('"')[0]
    with urllib.request.urlopen(url + name) as answer:
        first = answer.read(44 + 100)
        assert not job.done() and first[:4] == b"RIFF"
        rest = answer.read()
    assert len(first) + len(rest) == 44 + 8 * RATE // 10 * 2
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{url}speech/guessed")


def test_two_visitors_get_their_own_voices(page: tuple[Any, str], toy: Any) -> None:
    client, _ = page
    toy.pause = 0.1
    found: dict[int, set[int]] = {}

    def visit(seed: int) -> None:
        path = client.predict(*values(text="a b c d", seed=seed), api_name="/get_tts_wav")[0]
        found[seed] = set(soundfile.read(path, dtype="int16")[0].tolist())

    visitors = [threading.Thread(target=visit, args=(seed,)) for seed in (3, 9)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert found == {3: {3}, 9: {9}}


def test_a_login_is_asked_for(toy: Any, toy_context: Any, served: Any, tmp_path: Path) -> None:
    with served(toy_context(toy, tmp_path, login=("me", "long enough"))) as url:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}config")
        assert refused.value.code == 401
        client = gradio_client.Client(url, verbose=False, analytics_enabled=False, auth=("me", "long enough"))
        assert "toy.ckpt" in client.predict(api_name="/status")


def test_the_page_says_what_is_loading_then_fills_itself(context: Any, toy: Any) -> None:
    steps = threading.Event()

    def factory(tell: Any) -> Any:
        from pages.voice import LoadState

        tell(LoadState("weights", "s1.ckpt"))
        assert steps.wait(20)
        return toy

    object.__setattr__(context, "voice", Voice(factory))
    opening = open_page(context, 2 + 6)
    said = [next(opening)[0]]
    while "s1.ckpt" not in said[-1]:
        said.append(next(opening)[0])
    steps.set()
    last = list(opening)[-1]
    assert "toy.ckpt" in last[0] and len(last) == 5 + 8 and last[-6] == 5 and last[-2] == "cut2"


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
    assert renewed(context, known) == [gr.skip()] * 4
    for folder, name in (("GPT_weights_v2", "me-e15.ckpt"), ("SoVITS_weights_v2Pro", "me_e8.pth")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(b"")
    (tmp_path / "lm" / "mine").mkdir(parents=True)
    (tmp_path / "lm" / "mine" / "t2s_config.json").write_text("{}")
    names, gpt, sovits, _ = renewed(context, known)
    assert set(names) - set(known) >= {"mine"}
    assert any("me-e15.ckpt" in name for name, _ in gpt.choices)
    assert any("me_e8.pth" in name for name, _ in sovits.choices)
