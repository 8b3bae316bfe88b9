"""Symbol tables: the public order by hash, ids, and versions."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from errors import TextError
from text import cleaned_text_to_sequence, symbol_version, symbols_for
from text.symbols import symbols as v1
from text.symbols2 import symbols as v2
from tools.bench.text_speed import import_seconds

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "symbols.json"
REPO = Path(__file__).resolve().parents[3]


@pytest.mark.golden
@pytest.mark.parametrize(("version", "table"), [("v1", v1), ("v2", v2)])
def test_tables_equal_the_public_ones(version: str, table: list[str]) -> None:
    expected = json.loads(GOLDEN.read_text(encoding="utf-8"))[version]
    assert len(table) == expected["length"]
    assert table == expected["symbols"]
    assert hashlib.sha256("\n".join(table).encode()).hexdigest() == expected["sha256"]


def test_v2_begins_with_v1_and_has_no_doubles() -> None:
    assert v2[:322] == v1
    assert len(set(v2)) == 732


def test_ids_are_positions_and_unknown_phones_are_unk() -> None:
    assert cleaned_text_to_sequence(["HH", "AH0", "#"], "v2") == [v2.index("HH"), v2.index("AH0"), v2.index("UNK")]
    assert cleaned_text_to_sequence(["["], "v1") == [v1.index("UNK")]


@pytest.mark.parametrize("version", ["v2", "v2Pro", "v2ProPlus", "v3", "v4"])
def test_later_versions_use_the_v2_table(version: str) -> None:
    assert symbols_for(version) is v2


def test_unknown_version_is_named() -> None:
    with pytest.raises(TextError, match="v9"):
        symbol_version("v9")


def test_importing_text_loads_no_frontend() -> None:
    code = "import sys, text; print([m for m in sys.modules if m.startswith(('text.en', 'torch', 'numpy'))])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPO / "GPT_SoVITS", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_importing_text_is_quick() -> None:
    assert import_seconds() < 0.3
