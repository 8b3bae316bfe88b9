"""Japanese: what is written out before Open JTalk reads, and its phones with pitch marks."""

from __future__ import annotations

import pytest

pytest.importorskip("pyopenjtalk")

from text import clean_text  # noqa: E402


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("1,980円", "1980円"),
        ("2024/3/15", "2024年3月15日"),
        ("10:30", "10時半"),
        ("3/4", "4分の3"),
        ("10〜20人", "10から20人"),
        ("-5℃", "マイナス5度"),
        ("￥500", "500円"),
        ("98％", "98パーセント"),
        ("3.14", "3.14"),
        ("03-1234-5678", "ゼロサン、イチニーサンヨン、ゴーロクナナハチ"),
        ("ﾊﾝｶｸ", "ハンカク"),
        ("5km", "5キロメートル"),
        ("時速50km/hと50km/h", "時速50キロメートルと時速50キロメートル"),
        ("10⁵", "10の5乗"),
        ("m²と5m²", "mの2乗と5平方メートル"),
        ("渡邉、髙木、葛\U000e0100飾、﨑", "渡辺、高木、葛飾、崎"),
        ("5/3（土）、3/4、1/15", "5月3日土曜日、4分の3、15分の1"),
        ("千代田区1-2-3", "千代田区1の2の3"),
        ("77°F", "華氏77度"),
        ("番号は4071、4071円", "番号はヨンゼロナナイチ、4071円"),
    ],
)
def test_reads_as_a_person_would(text: str, read: str) -> None:
    assert clean_text(text, "ja")[2] == read


def test_pitch_marks_and_phrase_marks() -> None:
    phones = clean_text("箸を持って橋の端を渡る。", "ja", "v2")[0]
    assert " ".join(phones).startswith("h a ] sh i o UNK m o ] cl t e UNK h a [ sh i ] n o")
    assert set(clean_text("箸を持つ", "ja", "v1")[0]).isdisjoint("[]")


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("2.5キロ", "niiteNgokiro"),
        ("0.5秒", "reeteNgobyoo"),
        ("110番に", "hyakutoobaNni"),
        ("午前0時に", "gozeNreejini"),
        ("𠮷野家で", "yoshinoyade"),
        ("彼女らしくない", "kanojorashikunai"),
        ("3対2で", "saNtainide"),
    ],
)
def test_sounds_without_pitch(text: str, sounds: str) -> None:
    assert "".join(p for p in clean_text(text, "ja")[0] if p not in ("[", "]", "UNK")) == sounds
