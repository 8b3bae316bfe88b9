"""The split never leaks a test sentence into training and is the same every time."""

from pathlib import Path

from tools.pack import split_corpus


def make(folder: Path, reverse: bool = False) -> None:
    rows = [f"audio/{s}/en_{i}.opus|{s}|en|Number {i} of list {s} has enough words" for s in "ab" for i in range(30)]
    rows += [f"audio/a/ja_{i}.opus|a|ja|こんにちは{i}" for i in range(10)]
    rows.append("audio/b/en_99.opus|b|en|Number 3 of list a has enough words")  # a test sentence, another speaker
    (folder / "corpus.list").write_text("\n".join(rows[::-1] if reverse else rows) + "\n", encoding="utf-8")
    tests = "".join(f"audio/a/en_{i}.opus\ta\tNumber {i} of list a has enough words\n" for i in range(5))
    (folder / "test.tsv").write_text("path\tspeaker\ttext\n" + tests, encoding="utf-8")


def run(folder: Path, *more: str) -> dict[str, list[str]]:
    out = folder / "out"
    languages = ["--languages", "en,ja", "--test", str(folder / "test.tsv"), "--valid-items", "4"]
    split_corpus.main(["--corpus", str(folder), "--out", str(out), *languages, *more])
    return {n: (out / f"{n}.list").read_text(encoding="utf-8").splitlines() for n in ("train", "valid", "test")}


def test_parts_are_disjoint_and_complete(tmp_path: Path) -> None:
    make(tmp_path)
    parts = run(tmp_path)
    assert [len(parts[n]) for n in ("train", "valid", "test")] == [57, 8, 6]
    assert len({line for part in parts.values() for line in part}) == 71


def test_a_test_sentence_is_kept_out_whoever_speaks_it(tmp_path: Path) -> None:
    make(tmp_path)
    parts = run(tmp_path)
    assert sum("en_99.opus" in line for line in parts["test"]) == 1


def test_order_of_the_list_does_not_matter(tmp_path: Path) -> None:
    make(tmp_path)
    first = run(tmp_path)
    make(tmp_path, reverse=True)
    second = run(tmp_path)
    assert {n: set(p) for n, p in first.items()} == {n: set(p) for n, p in second.items()}


def test_a_speaker_can_be_limited(tmp_path: Path) -> None:
    make(tmp_path)
    spoken = [line for line in run(tmp_path, "--limit", "b=7")["train"] if "|b|" in line]
    assert len(spoken) == 7
