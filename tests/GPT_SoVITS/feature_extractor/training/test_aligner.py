"""Frame alignment: what a user of alignment.tsv relies on."""

import numpy as np

from feature_extractor.training import aligner


def script(*phones: str) -> tuple[aligner.Transcript, list[str]]:
    classes = aligner.phone_classes([phones])
    return aligner.transcript(phones, classes), classes


def emissions(names: list[str], classes: list[str]) -> np.ndarray:
    """Log scores that strongly favour the given class at each frame."""
    scores = np.full((len(names), len(classes)), -9.0)
    scores[np.arange(len(names)), [classes.index(n) for n in names]] = 0.0
    return scores


def test_stress_is_dropped_and_punctuation_is_silence() -> None:
    assert aligner.plain_phone("AH0") == "AH"
    assert aligner.plain_phone(",") == aligner.SILENCE
    assert aligner.phone_classes([["AH0", "T", "."], ["AH1"]]) == ["SIL", "AH", "T"]


def test_path_follows_the_sounds() -> None:
    states, classes = script("T", "AH0", "T", ".")
    heard = ["SIL", "T", "AH", "AH", "AH", "T", "SIL"]
    path = aligner.viterbi(emissions(heard, classes), states)
    assert path is not None
    assert [classes[c] for c in states.classes[path]] == heard
    assert list(states.source[path]) == [-1, 0, 1, 1, 1, 2, 3]


def test_optional_silence_is_skipped_where_none_is_heard() -> None:
    states, classes = script("T", ",", "AH1")
    path = aligner.viterbi(emissions(["T", "AH", "AH"], classes), states)
    assert path is not None
    assert list(states.source[path]) == [0, 2, 2]


def test_repeated_phones_keep_their_order() -> None:
    states, classes = script("AH0", "AH1")
    path = aligner.viterbi(emissions(["AH"] * 4, classes), states)
    assert path is not None
    assert list(np.unique(states.source[path])) == [0, 1]


def test_clip_shorter_than_its_phones_has_no_path() -> None:
    states, classes = script("T", "AH0", "T", "AH0")
    assert aligner.viterbi(emissions(["T", "AH"], classes), states) is None


def test_alignment_is_learned_from_unaligned_phones() -> None:
    rng = np.random.default_rng(0)
    names = ["AA1", "B", "K", "S"]
    vectors = rng.standard_normal((5, 12)) * 3
    features, energies, phones, truth = [], [], [], []
    for _ in range(160):
        order = rng.integers(0, 4, size=rng.integers(3, 6))
        lengths = rng.integers(3, 8, size=len(order))
        labels = np.concatenate([[0, 0], np.repeat(order + 1, lengths), [0, 0]])
        features.append((vectors[labels] + 0.3 * rng.standard_normal((len(labels), 12))).astype(np.float32))
        energies.append(np.where(labels > 0, -10.0, -80.0))
        phones.append([names[i] for i in order])
        truth.append(labels)
    found = aligner.align(features, energies, phones, epochs=8, rounds=1)
    order_of = {name: found.classes.index(aligner.plain_phone(name)) for name in names}
    right = total = 0
    for labels, states, path in zip(truth, found.scripts, found.paths, strict=True):
        assert path is not None
        wanted = np.array([0, *(order_of[n] for n in names)])[labels]
        right += int((states.classes[path] == wanted).sum())
        total += len(wanted)
    assert right / total > 0.85
