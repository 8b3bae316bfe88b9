"""Explicit readings, the user's lexicon and pauses; and that ordinary text never triggers them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from errors import TextError
from text import clean_text, markup, user_lexicon
from TTS_infer_pack.TextPreprocessor import TextPreprocessor

for package in ("rjieba", "ToJyutping", "pyopenjtalk"):
    pytest.importorskip(package)


@pytest.fixture(autouse=True)
def no_lexicon() -> Iterator[None]:
    yield
    user_lexicon.use(None)


@pytest.mark.parametrize(
    ("text", "language", "phones"),
    [
        ("重[[chong2]]新", "zh", "ch ong2 x in1"),
        ("[[重庆|zhong4 qing4]]", "zh", "zh ong4 q ing4"),
        ("行[[hang2]]", "yue", "Yh Yang2"),
        ("I read[[R EH1 D]] it.", "en", "AY1 R EH1 D IH1 T ."),
        ("The [[C++|S IY1 P L AH1 S]] book", "en", "DH AH0 S IY1 P L AH1 S B UH1 K"),
        ("맛없다[[마싣따]]", "ko", "ㅁ ㅏ ㅅ ㅣ ㄷ ㄸ ㅏ"),
    ],
)
def test_explicit_readings(text: str, language: str, phones: str) -> None:
    assert clean_text(text, language)[0] == phones.split()


def test_japanese_reading_in_kana() -> None:
    phones = [p for p in clean_text("橋[[きょう]]です", "ja")[0] if p not in "[]"]
    assert phones[:3] == ["ky", "o", "o"]


def test_the_written_word_stays_in_the_text_and_keeps_its_characters() -> None:
    phones, word2ph, norm_text = clean_text("[[银行|yin2 xing2]]好", "zh")
    assert norm_text == "银行好" and word2ph == [2, 2, 2] and phones[3] == "ing2"


@pytest.mark.parametrize(
    "text", ["[[Page]] and [[A|B]]", "a[[0]] = b[[1]]", "[[你好]]", "[1] [pause] [pause x]", "[[", "]]"]
)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_ordinary_brackets_are_ordinary(text: str, language: str) -> None:
    marked = markup.read(text, language)
    assert marked.text == text and marked.given == {}
    assert [p.seconds for p in markup.split_pauses(text)] == [0.0]


def test_characters_of_private_use_in_the_text_are_no_markup() -> None:
    assert clean_text("好\U000f0000好", "zh")[2] == "好好"


def test_readings_work_in_mixed_text_and_through_cutting() -> None:
    frontend = TextPreprocessor()
    plain = frontend.preprocess("他在重庆。Tom read it.", "auto", "cut5")
    given = frontend.preprocess("他在[[重庆|zhong4 qing4]]。Tom [[read|R EH1 D]] it.", "auto", "cut5")
    assert [s["norm_text"] for s in given] == [s["norm_text"] for s in plain]
    assert [s["phones"] for s in given] != [s["phones"] for s in plain]
    assert [len(s["phones"]) for s in given] == [len(s["phones"]) for s in plain]


def test_pauses_cut_the_text_and_are_told() -> None:
    segments = TextPreprocessor().preprocess("Good morning[pause 0.5s] dear friends[PAUSE 250 ms]. Bye", "en", "cut0")
    assert [s.get("pause") for s in segments] == [0.5, 0.25, None]
    assert clean_text("Good morning[pause 1s] all", "en")[2] == "Good morning. all"


def test_a_pause_that_is_too_long_is_refused() -> None:
    with pytest.raises(TextError, match="10 s"):
        clean_text("wait [pause 60s]", "en")


def test_lexicon_file(tmp_path: Path) -> None:
    path = tmp_path / "words.tsv"
    path.write_text("# mine\nen\tSoVITS\tS OW1 V IY1 T S\nzh\t行长\thang2 zhang3\n\nja\t橋\tきょう\n", encoding="utf-8")
    user_lexicon.use(path)
    assert clean_text("sovits speaks", "en")[0][:6] == "S OW1 V IY1 T S".split()
    assert clean_text("行长", "zh")[0] == "h ang2 zh ang3".split()
    assert clean_text("The sovitses", "en")[0][2:5] != "S OW1 V".split()
    assert clean_text("行长[[xing2 zhang3]]", "zh")[0] == "x ing2 zh ang3".split()
    user_lexicon.use(None)
    assert clean_text("sovits speaks", "en")[0][:6] != "S OW1 V IY1 T S".split()


@pytest.mark.parametrize(
    ("language", "word", "given", "text"),
    [
        ("zh", "重", "chong2", "我重"),
        ("en", "read", "R EH1 D", "You read this."),
        ("ja", "橋", "きょう", "この橋です"),
        ("ko", "맛없다", "마싣따", "이것은 맛없다"),
        ("yue", "行", "hang2", "我行"),
    ],
)
def test_every_language_has_brackets_and_a_lexicon_and_both_say_the_same(
    tmp_path: Path, language: str, word: str, given: str, text: str
) -> None:
    plain = TextPreprocessor().preprocess(text, language, "cut5")
    bracketed = TextPreprocessor().preprocess(text.replace(word, f"{word}[[{given}]]"), language, "cut5")
    path = tmp_path / "words.tsv"
    path.write_text(f"{language}\t{word}\t{given}\n", encoding="utf-8")
    user_lexicon.use(path)
    listed = TextPreprocessor().preprocess(text, language, "cut5")
    assert [s["phones"] for s in listed] == [s["phones"] for s in bracketed] != [s["phones"] for s in plain]


def test_lexicon_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "words.tsv"
    path.write_text("zh\t行\thang4\n", encoding="utf-8")
    monkeypatch.setenv(user_lexicon.VARIABLE, str(path))
    assert clean_text("行", "zh")[0] == "h ang4".split()


@pytest.mark.parametrize("line", ["zh\t行长\thang2", "xx\ta\tb", "en\tword", "en\tword\tnot phones", "zh\t[行]\thang2"])
def test_wrong_lexicon_lines_are_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "words.tsv"
    path.write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(TextError, match="line 2"):
        user_lexicon.use(path)


def test_a_missing_lexicon_is_named(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="none.tsv"):
        user_lexicon.use(tmp_path / "none.tsv")
