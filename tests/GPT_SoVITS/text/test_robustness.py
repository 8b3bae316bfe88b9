"""Any Unicode string gives phones or the project's own error, in time that is linear in its length."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errors import GSVError
from text import clean_text, symbols_for
from text.language import MODES, runs_for_mode
from TTS_infer_pack.TextPreprocessor import TextPreprocessor

for package in ("rjieba", "ToJyutping", "pyopenjtalk"):
    pytest.importorskip(package)

KNOWN = {version: frozenset(symbols_for(version)) for version in ("v1", "v2")}
PIECES = st.sampled_from(
    """重[[chong2]] [[ [[重庆|chong2]] [[HH|AH0]] ]] 3.14 -5℃ 2024/3/15 10:30 1,234 ￥100 你好 儿 不 一 得 地 着
    こんにちは 漢字 안녕 ㅋㅋ hello it's … ！！ 😀 👩‍👩‍👧 عربي 한 Ａ １ ½ ① km % a@b.co http://x.y/z ~ - —— | 𠮶 㗎 〇
    々 ー っ 007 0""".split()
    + ["[pause 0.5s]", "[pause 99s]", "\x00", "\u0301", "\u200f", "\n", "   ", "\U000f0001", "\ufffe"]
)
TEXTS = st.one_of(st.text(max_size=50), st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=12).map("".join))
FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@FEW
@given(TEXTS, st.sampled_from(["zh", "en", "ja", "ko", "yue"]), st.sampled_from(["v1", "v2"]))
def test_any_text_gives_known_phones_or_our_error(text: str, language: str, version: str) -> None:
    try:
        phones, word2ph, norm_text = clean_text(text, language, version)
    except GSVError:
        return
    assert set(phones) <= KNOWN[version]
    if word2ph is not None:
        assert len(word2ph) == len(norm_text) and sum(word2ph) == len(phones)


@FEW
@given(TEXTS, st.sampled_from(MODES), st.sampled_from([f"cut{i}" for i in range(6)]))
def test_any_text_gives_segments_or_our_error(text: str, mode: str, method: str) -> None:
    try:
        segments = TextPreprocessor().preprocess(text, mode, method)
    except GSVError:
        return
    for segment in segments:
        assert segment["phones"] and segment["bert_features"].shape == (1024, len(segment["phones"]))


@FEW
@given(st.text(max_size=80), st.sampled_from(MODES))
def test_runs_joined_are_the_text(text: str, mode: str) -> None:
    assert "".join(run.text for run in runs_for_mode(text, mode)) == text


@pytest.mark.slow
@pytest.mark.parametrize("language", ["zh", "en", "ja", "ko", "yue"])
def test_many_texts_give_known_phones_or_our_error(language: str) -> None:
    @settings(FEW, max_examples=400)
    @given(TEXTS)
    def check(text: str) -> None:
        try:
            phones = clean_text(text, language)[0]
        except GSVError:
            return
        assert set(phones) <= KNOWN["v2"]

    check()


SHORT = ["好的，今天是2024年3月15日。", "好", "1"]
LONG = [*SHORT, "a", "가 ", "-", "[[", "[[重|chong2]]", "1,", "https://a.b/", "3:", "儿", "一", "得", "あ", "a.", "'"]


def check_linear(language: str, piece: str, length: int) -> None:
    """Five times the length takes far less than the 25 times of a quadratic step."""

    def seconds(characters: int) -> float:
        text = piece * (characters // len(piece))
        start = time.process_time()
        clean_text(text, language)
        return time.process_time() - start

    seconds(1_000)
    assert seconds(length) < 12 * max(seconds(length // 5), 0.05)


@pytest.mark.parametrize("language", ["zh", "en", "ko", "yue"])
@pytest.mark.parametrize("piece", SHORT)
def test_long_text_is_read_whole(language: str, piece: str) -> None:
    phones, _, _ = clean_text(piece * (5_000 // len(piece)), language)
    spoken = language != "en" or piece.isascii()  # English leaves Chinese characters out, as the reference does
    assert len(phones) >= (5_000 // len(piece) if spoken else 0)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["zh", "en", "ja", "ko", "yue"])
@pytest.mark.parametrize("piece", LONG)
def test_a_hundred_thousand_characters_take_linear_time(language: str, piece: str) -> None:
    check_linear(language, piece, 100_000)


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["Hello there, 世界! ", "它", "'", "， "])
@pytest.mark.parametrize("method", ["cut0", "cut2", "cut5"])
def test_a_request_of_a_hundred_thousand_characters_is_prepared_in_linear_time(piece: str, method: str) -> None:
    def seconds(characters: int) -> float:
        start = time.process_time()
        try:
            TextPreprocessor().preprocess(piece * (characters // len(piece)), "auto", method)
        except GSVError:
            assert not any(c.isalnum() for c in piece)
        return time.process_time() - start

    seconds(1_000)
    assert seconds(100_000) < 12 * max(seconds(20_000), 0.05)
