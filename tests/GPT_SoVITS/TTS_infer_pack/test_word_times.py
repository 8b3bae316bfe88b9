"""Words of the original text and when they are heard: a path that never goes back, and every spoken character."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from AR import plausible
from text.language import MODES
from TTS_infer_pack.subtitles import SpeechClock
from TTS_infer_pack.TextPreprocessor import TextPreprocessor
from TTS_infer_pack.TTS import TTS, SynthesisRequest
from TTS_infer_pack.word_times import SpokenWord, monotonic_path, word_groups, words_of

TEXTS = {
    "en": ("It costs $5.50, isn't that 20% more? Yes & no.", ["It", "costs", "$5.50", "isn't", "that", "20%"]),
    "zh": ("今天天气很好，我们去散步。", list("今天天气很好我们去散步")),
    "ja": ("今日は、友達と駅で会う。", []),
}


@pytest.fixture(autouse=True)
def early_ends_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The random voice ends by chance; what is done about that is tested elsewhere."""
    monkeypatch.setattr(plausible, "MIN_TOKENS_PER_PHONE", 0.5)


def sure(phones: list[int], count: int) -> np.ndarray:
    """Scores of a head that is sure of each frame's phone [T_spec, T_ph]."""
    scores = np.full((len(phones), count), -8.0)
    scores[np.arange(len(phones)), phones] = -0.01
    return scores


def test_a_path_never_goes_back_and_may_leave_out_marks_only() -> None:
    skip = np.array([-3.0, -3.0, 0.0, -3.0, 0.0])
    heard = [0, 0, 1, 1, 3, 3, 3]
    assert monotonic_path(sure(heard, 5), skip).tolist() == heard
    confused = sure([0, 3, 0, 1, 1, 0, 3, 4], 5)
    path = monotonic_path(confused, skip)
    assert (np.diff(path) >= 0).all() and path[-1] == 4 and set(path) >= {0, 1, 3}


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 40])
def test_a_path_reaches_the_end_whatever_was_heard(frames: int) -> None:
    scores = np.log(np.random.default_rng(frames).dirichlet(np.ones(9), frames))
    path = monotonic_path(scores, np.full(9, -3.0))
    assert len(path) == frames and (np.diff(path) >= 0).all() and path.max() <= 8


def test_pauses_belong_to_no_word() -> None:
    text, spans = "hi, you", [(0, 2), (0, 2), (2, 3), (4, 7), (4, 7)]
    words = words_of(text, spans, sure([0, 0, 1, 2, 2, 2, 3, 4, 4, 4], 5)[None], 1.0)
    assert [(w.text, round(w.start, 3), round(w.end, 3)) for w in words] == [("hi", 0, 0.3), ("you", 0.6, 1.0)]
    assert [text[w.first : w.last] for w in words] == ["hi", "you"]


def test_a_reading_that_is_written_beside_a_word_is_no_word() -> None:
    text = "Take the lead[[L EH1 D]] pipe."
    segment = TextPreprocessor().preprocess(text, "en", "cut0")[0]
    assert [text[g.first : g.last] for g in word_groups(text, segment["spans"])] == ["Take", "the", "lead", "pipe"]


@pytest.mark.parametrize("lang", TEXTS)
def test_every_spoken_character_is_in_one_word(lang: str) -> None:
    text, wanted = TEXTS[lang]
    if lang == "ja":
        pytest.importorskip("pyopenjtalk")
    assert lang in MODES
    segments = TextPreprocessor().preprocess(text, lang, "cut5")
    groups = [group for segment in segments for group in word_groups(text, segment["spans"])]
    assert all(a.last <= b.first for a, b in pairwise(groups))
    covered = {at for group in groups for at in range(group.first, group.last)}
    assert {at for at, character in enumerate(text) if character.isalnum()} <= covered
    assert [text[group.first : group.last] for group in groups][: len(wanted)] == wanted


def words_in(tts: TTS, **values: object) -> Iterator[tuple[SpokenWord, ...]]:
    clock = SpeechClock()
    request = SynthesisRequest.from_dict({"text_lang": "en", "seed": 3, "subtitles": True} | values)
    for chunk in tts.stream(request):
        yield clock.add(chunk)


@pytest.mark.parametrize("speed", [1.0, 1.5])
def test_streamed_and_whole_subtitles_are_the_same(shared_tts: TTS, speed: float) -> None:
    ask = {"text": TEXTS["en"][0], "text_split_method": "cut4", "speed_factor": speed}
    whole: list[SpokenWord] = []
    request = SynthesisRequest.from_dict(ask | {"text_lang": "en", "seed": 3, "subtitles": True})
    speech = shared_tts.synthesize(request, on_words=whole.extend)
    assert [w.text for w in whole] == ["It", "costs", "$5.50", "isn't", "that", "20%", "more", "Yes", "&", "no"]
    assert all(w.start <= w.end for w in whole) and all(a.end <= b.start for a, b in pairwise(whole))
    assert 0 <= whole[0].start and whole[-1].end <= speech.seconds
    for mode in (1, 2, 3):
        parts = list(words_in(shared_tts, **ask, streaming_mode=mode))
        streamed = [word for part in parts for word in part]
        assert [(w.text, w.first, w.last) for w in streamed] == [(w.text, w.first, w.last) for w in whole]
        np.testing.assert_allclose([(w.start, w.end) for w in streamed], [(w.start, w.end) for w in whole], atol=1e-3)


def test_nobody_pays_who_does_not_ask(shared_tts: TTS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_tts.voice.models.vits, "looks", None)
    assert not any(words_in(shared_tts, text="Hello there.", subtitles=False))
