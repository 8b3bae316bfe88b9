"""What a codebook's tokens tell of phones is learned by one command from a training folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from AR.read_back import ReadBack
from tests.tools.pack.test_build_pack import build
from text import cleaned_text_to_sequence
from tools.pack import read_back

PACK = Path(__file__).resolve().parents[3] / "GPT_SoVITS" / "pretrained_models" / "gsv-tiny"
PHONES = ("HH", "AH0", "L", "OW1", "W", "ER1", "D", "SH", "IY1", "N")


def write_folder(exp: Path, aligned: bool) -> Path:
    source = np.random.default_rng(0)
    exp.mkdir()
    text, tokens, places = [], ["item_name\tsemantic_audio"], []
    for number in range(60):
        phones = source.integers(0, len(PHONES), 12)
        spread = np.repeat(np.arange(12), source.integers(1, 5, 12))
        said = 50 * phones[spread] + source.integers(0, 50, len(spread))
        text.append(f"clip{number}\t{' '.join(PHONES[at] for at in phones)}\tNone\twords")
        tokens.append(f"clip{number}\t{' '.join(map(str, said))}")
        places.append(f"clip{number}\t{' '.join(map(str, spread))}")
    tables = {"2-name2text.txt": [*text, "target_clip0\tHH\tNone\tx"], "6-name2semantic.tsv": tokens}
    tables |= {"alignment.tsv": places} if aligned else {}
    for name, rows in tables.items():
        (exp / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return exp


@pytest.mark.parametrize("aligned", [True, False])
def test_a_folder_becomes_a_table(aligned: bool, tmp_path: Path) -> None:
    exp, out = write_folder(tmp_path / "exp", aligned), tmp_path / "new" / "table.safetensors"
    given = ["--exp", str(exp), "--s2", str(PACK / "s2G.pth"), "--output", str(out)]
    assert read_back.main([*given, "--rounds", "0" if aligned else "4"]) == 0
    table = ReadBack.load(out)
    assert table.codebook == read_back.codebook_of(PACK / "s2G.pth")[0] and 0 <= table.bound <= table.limit
    ids = cleaned_text_to_sequence(list(PHONES), "v2")
    assert sorted(ids) == table.ids.tolist()
    owners = table.ids[table.ratios.argmax(axis=0)[: 50 * len(PHONES)]]
    assert (owners == np.repeat(ids, 50)).mean() > (0.97 if aligned else 0.8)


def test_what_cannot_be_used_is_said_in_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    exp = write_folder(tmp_path / "exp", aligned=False)
    given = ["--s2", str(PACK / "s2G.pth"), "--output", str(tmp_path / "table.safetensors")]
    (exp / "6-name2semantic.tsv").write_text("item_name\tsemantic_audio\nother\t1 2\n", encoding="utf-8")
    assert read_back.main(["--exp", str(exp), *given]) == 2 and "no clip has phones and tokens" in caplog.text
    (exp / "6-name2semantic.tsv").unlink()
    assert read_back.main(["--exp", str(exp), *given]) == 2 and "6-name2semantic.tsv" in caplog.text
    wrong = ["--exp", str(exp), "--s2", str(PACK / "s1.ckpt"), "--output", given[-1]]
    assert read_back.main(wrong) == 2 and "SoVITS" in caplog.text
    assert not (tmp_path / "table.safetensors").exists()


def test_the_pack_knows_its_own_tokens(tmp_path: Path) -> None:
    pack = build(tmp_path, **{"read-back": PACK / "read_back.safetensors"})
    facts = json.loads((pack / "pack.json").read_text(encoding="utf-8"))
    table = ReadBack.load(pack / facts["files"]["read_back"])
    assert table.codebook == read_back.codebook_of(pack / "s2G.pth")[0]
    said = {"a": "o", "HH": "S"}
    for phone, other in said.items():  # one of each language
        one, two = (np.searchsorted(table.ids, cleaned_text_to_sequence([name], "v2"))[0] for name in (phone, other))
        assert table.ratios[one].argmax() != table.ratios[two].argmax()
