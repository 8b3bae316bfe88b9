"""What a speech leaves behind: files under names that can be found again, the list of each visitor, stops, warnings."""

from __future__ import annotations

import io
import wave
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("gradio")

import gradio as gr  # noqa: E402

from config import PACK_DIR  # noqa: E402
from errors import AudioError, GSVError, RequestError  # noqa: E402
from pages import voice_cards  # noqa: E402
from pages.context import PageContext  # noqa: E402
from pages.guard import readable, sentence  # noqa: E402
from pages.history import KEPT, History, Spoken, history_html, title_of  # noqa: E402
from pages.inference_models import renewed  # noqa: E402
from pages.inference_tab import EXAMPLE_ENGLISH, example_of  # noqa: E402
from pages.lines import MAX_LINES, speak_lines  # noqa: E402
from pages.live import KEPT_FILES, LiveStore, player, wav_bytes  # noqa: E402
from pages.lm_models import LMEntry  # noqa: E402
from pages.speaking import speak, stop  # noqa: E402
from pages.warnings_of import language_note, reference_note  # noqa: E402
from tests.GPT_SoVITS.pages.test_speech_parts import controls  # noqa: E402

RATE = 16000


def clip(path: Path, seconds: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(int(RATE * seconds)) / RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 150 * t), RATE)
    return path


def kept(context: PageContext) -> list[Spoken]:
    return context.history.of("")  # outside of gradio there is one visitor without a name


def test_a_speech_is_kept_with_text_seed_and_stage(context: PageContext) -> None:
    *_, (sound, _, _, _) = speak(context, *controls(voice="Anna"))
    [spoken] = kept(context)
    assert (spoken.text, spoken.seed, spoken.who) == ("one two three", 7, "AR model (original)")
    assert spoken.title == "Anna - one two three" and not spoken.partial
    with wave.open(str(context.uploads / "speeches" / f"{spoken.name}.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (RATE, len(sound[1]))
    row = history_html(context.say, [spoken])
    assert f'href="speech/{spoken.name}.wav" download="Anna - one two three.wav"' in row and "seed 7" in row


def test_what_was_spoken_until_a_stop_is_kept(context: PageContext, toy: Any) -> None:
    running = speak(context, *controls(text="a b c d"))
    for _ in range(3):
        next(running)
    running.close()  # as gradio does when the button cancels the event
    assert toy.closed.is_set()
    [spoken] = kept(context)
    assert spoken.seconds == pytest.approx(0.2) and (context.uploads / "speeches" / f"{spoken.name}.wav").is_file()


def test_the_stop_button_gives_the_part_and_a_silent_player(context: PageContext) -> None:
    assert stop(context)[0] == "Stopped"
    running = speak(context, *controls(text="a b c d"))
    next(running)
    next(running)
    context.stops.stop("")
    *_, last = running
    assert "Stopped after 0." in last[1] and kept(context)[0].partial and "autoplay" not in last[3]
    assert f"speech/{kept(context)[0].name}.wav" in last[3]


def test_each_visitor_has_a_list_of_the_last_ones() -> None:
    history = History()
    for number in range(KEPT + 3):
        history.add("a", Spoken(str(number), "t", "x", 1.0, number, "who"))
    assert [spoken.seed for spoken in history.of("a")] == list(range(KEPT + 2, 2, -1)) and history.of("b") == []


def test_texts_in_the_list_are_text(context: PageContext) -> None:
    row = history_html(
        context.say, [Spoken("n", 'a"b', "<script>x</script>", 1.0, 1, "<b>who</b>", ("wav", "srt"), True)]
    )
    assert "<script>" not in row and "<b>" not in row and 'a"b.wav' not in row and "stopped" in row and "n.srt" in row


@pytest.mark.parametrize(
    ("voice", "text", "title"),
    [
        ("anna", "Hello, [pause 0.5s] world! How/are\\you?", "anna - Hello world How are you"),
        ("", "你好，世界。", "你好 世界"),
        ("a/../b", "…", "a .. b"),
        ("", "word " * 50, "word word word word word word word word"),
    ],
)
def test_files_are_named_by_voice_and_text(voice: str, text: str, title: str) -> None:
    assert title_of(voice, text) == title


def test_old_files_go_when_there_are_too_many(tmp_path: Path) -> None:
    store = LiveStore(tmp_path)
    for number in range(KEPT_FILES + 5):
        store.keep(f"{number}.wav", b"x")
    names = {path.name for path in tmp_path.iterdir()}
    assert len(names) == KEPT_FILES and "4.wav" not in names and "5.wav" in names


def test_subtitles_stand_beside_the_speech(context: PageContext, toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from TTS_infer_pack.word_times import SpokenWord

    def stream(request: Any, should_stop: Any, on_fall: Any) -> Any:
        assert request.subtitles
        words = (SpokenWord("Hello", 0.0, 0.4, 0, 5), SpokenWord("there", 0.5, 0.9, 6, 11))
        yield SimpleNamespace(samples=np.zeros(RATE), sample_rate=RATE, index=0, again=False, warning="", words=words)

    monkeypatch.setattr(toy, "stream", stream)
    list(speak(context, *controls(text="Hello there.", subtitles=True)))
    [spoken] = kept(context)
    assert spoken.kinds == ("wav", "srt", "vtt")
    srt = (context.uploads / "speeches" / f"{spoken.name}.srt").read_text()
    assert "00:00:00,000 --> 00:00:00,900\nHello there." in srt


def test_the_player_is_one_and_silent_until_there_is_something() -> None:
    assert "src" not in player() and "autoplay" not in player()
    assert 'src="speech/x"' in player("x") and "autoplay" in player("x") and "autoplay" not in player("x", False)
    assert wav_bytes(RATE, np.zeros(10, np.int16))[:4] == b"RIFF"


# ---- many lines ------------------------------------------------------------------------------------------------------


def archive_of(context: PageContext) -> zipfile.ZipFile:
    [path] = (context.uploads / "speeches").glob("*.zip")
    return zipfile.ZipFile(io.BytesIO(path.read_bytes()))


def test_each_line_becomes_a_file(context: PageContext) -> None:
    *steps, (said, link) = speak_lines(context, *controls(text="one two\n\nrefuse this\nthree", voice="anna"))
    assert "Line 2 of 3" in steps[1][0] and said == "2 of 3 lines are in the archive; 1 could not be spoken."
    files = archive_of(context)
    assert files.namelist() == ["001 anna - one two.wav", "003 anna - three.wav", "errors.txt"]
    assert b"2: a.wav is silent" in files.read("errors.txt") and 'download="anna - one two.zip"' in link


def test_lines_stop_after_the_one_in_hand(context: PageContext) -> None:
    running = speak_lines(context, *controls(text="one\ntwo\nthree"))
    next(running)
    next(running)
    context.stops.stop("")
    said = list(running)[-1][0]
    assert said.startswith("1 of 3 lines")


@pytest.mark.parametrize(("text", "words"), [(" \n ", "no line"), ("x\n" * (MAX_LINES + 1), "200 at most")])
def test_too_few_and_too_many_lines(context: PageContext, text: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        list(speak_lines(context, *controls(text=text)))


# ---- warnings --------------------------------------------------------------------------------------------------------


def test_references_outside_of_3_to_10_seconds_are_warned_of(context: PageContext, tmp_path: Path) -> None:
    assert "short.wav lasts 2.0 s" in reference_note(context, str(clip(tmp_path / "short.wav", 2)))
    assert "lasts 12.0 s" in reference_note(context, str(clip(tmp_path / "long.wav", 12)))
    good = str(clip(tmp_path / "good.wav", 5))
    assert reference_note(context, good, "Hello there.") == "" == reference_note(context, None)
    assert "60 words for 5.0 s" in reference_note(context, good, "字" * 60)
    with pytest.raises(RequestError, match=r"19000 words for 5\.0 s"):  # it would take all the memory that there is
        reference_note(context, good, "字" * 19000)
    (tmp_path / "bad.wav").write_text("no sound")
    assert reference_note(context, str(tmp_path / "bad.wav")) == ""


def speaker_of(vits: Path, version: str = "v2") -> Any:
    return SimpleNamespace(configs=SimpleNamespace(vits_weights_path=str(vits), version=version))


def test_languages_that_the_voice_has_not_learned_are_warned_of(context: PageContext, tmp_path: Path) -> None:
    pack = speaker_of(PACK_DIR / "s2G.pth")
    note = language_note(context, pack, "auto", "Hello. 你好，世界。こんにちは。")
    assert "language: Chinese." in note and "It knows: English, Japanese" in note
    assert language_note(context, pack, "auto", "Hello there, 42!") == "" == language_note(context, pack, "auto")
    assert "Korean" in language_note(context, pack, "all_ko") and "Cantonese" in language_note(context, pack, "yue")
    published = speaker_of(tmp_path / "s2G.pth")
    assert language_note(context, published, "auto", "你好 안녕") == ""
    assert "Korean" in language_note(context, speaker_of(tmp_path / "s2G.pth", "v1"), "auto", "你好 안녕")
    for example, spoken in (("It was a morning.", True), ("よく晴れた朝。", True), ("那是早晨。", False)):
        page = SimpleNamespace(voice=SimpleNamespace(speaker=pack), say=lambda key, example=example, **_: example)
        assert example_of(page) == (example if spoken else EXAMPLE_ENGLISH)  # type: ignore[arg-type]


def test_a_model_without_adapter_is_not_said_to_fit(context: PageContext) -> None:
    label = LMEntry("Qwen/Qwen3-0.6B", False, 10**9, True).label(context.say)
    assert "cannot speak yet: teach it" in label and "fits" not in label
    assert "fits" in LMEntry("mine", True, 10**9, True).label(context.say)


def test_other_visitors_see_who_speaks(context: PageContext, toy: Any) -> None:
    now, *_ = renewed(context, [])
    assert all(value == gr.skip() for value in renewed(context, now))
    toy.set_t2s("qwen3", "Qwen/Qwen2-7B")
    seen, _, _, status, checkbox, name, _ = renewed(context, now)
    assert "Qwen/Qwen2-7B" in status and checkbox is True and name.value == "Qwen/Qwen2-7B" and seen != now


# ---- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en_US", "my clip.wav is silent; expected a recording of a voice; fix: choose a recording of 3 to 10 s"),
        ("zh_CN", "my clip.wav 是静音; 需要：人声录音; 解决办法：请选择 3 到 10 秒的录音"),
        ("ja_JP", "my clip.wav は無音です; 必要なもの：声の録音; 対処：3〜10 秒の録音を選んでください"),
        ("ko_KR", "my clip.wav은(는) 무음입니다; 필요한 것: 목소리 녹음; 해결: 3~10초 녹음을 선택하세요"),
    ],
)
def test_errors_are_told_in_the_pages_language_with_names_that_people_know(
    toy: Any, toy_context: Any, tmp_path: Path, language: str, words: str
) -> None:
    context = toy_context(toy, tmp_path, language=language)
    error = AudioError(
        "/tmp/gradio/0a1b2c/my clip.wav is silent", "a recording of a voice", "choose a recording of 3 to 10 s"
    )
    assert sentence(context.say, error) == words
    assert sentence(context.say, GSVError("something nobody has translated")) == "something nobody has translated"


def test_places_are_left_out_of_names() -> None:
    assert readable("/tmp/x/y z.wav and /etc/passwd") == "y z.wav and /etc/passwd"


# ---- saved voices ----------------------------------------------------------------------------------------------------


def test_a_reference_becomes_a_card_that_fills_the_form(context: PageContext, tmp_path: Path) -> None:
    assert [value for _, value in voice_cards.choices_of(context)] == [""]
    voice_cards.save(context, "Anna", str(clip(tmp_path / "up" / "x.wav", 4)), "Hello there.", "en")
    assert voice_cards.choices_of(context)[1] == ("Anna · English", "Anna")
    path, text, language, name, *recommended, remove = voice_cards.fill(context, "Anna")
    assert (Path(path).name, text, language, name) == ("Anna.wav", "Hello there.", "en", "Anna") and remove.visible
    assert Path(path).is_relative_to(context.uploads.resolve()) and all(isinstance(v, dict) for v in recommended)
    assert voice_cards.fill(context, "")[:4] == [None, "", "auto", ""]
    with pytest.raises(RequestError, match="no reference to save"):
        voice_cards.save(context, "Ben", None, "", "en")
    with pytest.raises(RequestError, match="already"):
        voice_cards.save(context, "anna", path, "", "en")
    context.library().remove("Anna")
    with pytest.raises(RequestError, match="no voice"):
        voice_cards.fill(context, "Anna")
