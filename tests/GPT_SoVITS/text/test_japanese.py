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
    ],
)
def test_reads_as_a_person_would(text: str, read: str) -> None:
    assert clean_text(text, "ja")[2] == read


def test_pitch_marks_and_phrase_marks() -> None:
    phones = clean_text("箸を持って橋の端を渡る。", "ja", "v2")[0]
    assert " ".join(phones).startswith("h a ] sh i o UNK m o ] cl t e UNK h a [ sh i ] n o")
    assert set(clean_text("箸を持つ", "ja", "v1")[0]).isdisjoint("[]")
