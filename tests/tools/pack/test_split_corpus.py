"""The split never leaks a test sentence into training and is the same every time."""

from pathlib import Path

from tools.pack import split_corpus


def make(folder: Path, reverse: bool = False) -> None:
    rows = [f"audio/{s}/en_{i}.opus|{s}|en|Number {i} of list {s} has enough words" for s in "ab" for i in range(30)]
    rows.append("audio/a/ja_1.opus|a|ja|こんにちは")
    (folder / "corpus.list").write_text("\n".join(rows[::-1] if reverse else rows) + "\n", encoding="utf-8")


def run(folder: Path) -> dict[str, list[str]]:
    out = folder / "out"
    split_corpus.main(
        ["--corpus", str(folder), "--out", str(out), "--test-speaker", "a", "--test-items", "5", "--valid-items", "4"]
    )
    return {n: (out / f"{n}.list").read_text(encoding="utf-8").splitlines() for n in ("train", "valid", "test")}


def test_parts_are_disjoint_and_complete(tmp_path: Path) -> None:
    make(tmp_path)
    parts = run(tmp_path)
    assert [len(parts[n]) for n in ("train", "valid", "test")] == [51, 4, 5]
    assert len({line for part in parts.values() for line in part}) == 60
    assert all("|a|en|" in line for line in parts["test"])


def test_order_of_the_list_does_not_matter(tmp_path: Path) -> None:
    make(tmp_path)
    first = run(tmp_path)
    make(tmp_path, reverse=True)
    assert run(tmp_path) == first
