"""Frame-level phone labels for a transcribed corpus, from teacher features alone.

A small convolutional network learns phones with CTC (Graves et al. 2006), its peaks are stretched into a full
alignment by Viterbi, and a frame classifier trained on that alignment realigns it (embedded Viterbi training).
Punctuation and clip ends are optional silence. Knows features and phone names; knows nothing of audio or the student.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

logger = logging.getLogger(__name__)

SILENCE = "SIL"
PUNCTUATION = frozenset("!?…,.-'")
UNSPOKEN = frozenset(("[", "]", "UNK"))
"""Accent marks of Japanese, and its phrase borders, for which the alphabet has no symbol: they take no time."""


def plain_phone(phone: str) -> str:
    """Phone without its stress or tone digit; punctuation becomes silence."""
    return SILENCE if phone in PUNCTUATION else phone.rstrip("0123456789")


@dataclass(frozen=True)
class Transcript:
    """A clip's states in order: class per state, whether it may be skipped, and the phone it came from (-1: none)."""

    classes: np.ndarray
    optional: np.ndarray
    source: np.ndarray


def phone_classes(phones: Sequence[Sequence[str]]) -> list[str]:
    """All classes of a corpus; silence is class 0."""
    names = {plain_phone(p) for clip in phones for p in clip if p not in UNSPOKEN} - {SILENCE}
    return [SILENCE, *sorted(names)]


def transcript(phones: Sequence[str], classes: Sequence[str]) -> Transcript:
    """States of one clip: optional silence at both ends and at punctuation, one state per phone."""
    index = {name: i for i, name in enumerate(classes)}
    states: list[tuple[int, bool, int]] = [(0, True, -1)]
    for position, phone in enumerate(phones):
        if phone in UNSPOKEN:
            continue
        name = plain_phone(phone)
        if name == SILENCE:
            if states[-1][0] == 0:
                states[-1] = (0, True, position)
            else:
                states.append((0, True, position))
        else:
            states.append((index[name], False, position))
    if states[-1][0] != 0:
        states.append((0, True, -1))
    columns = [np.array(c) for c in zip(*states, strict=True)]
    return Transcript(columns[0], columns[1].astype(bool), columns[2])


def viterbi(emission: np.ndarray, script: Transcript) -> np.ndarray | None:
    """Best monotonic path.

    Args:
        emission: log scores, (T, classes).
        script: states of the clip.

    Returns:
        State index per frame, (T,), or None where the clip is shorter than its phones.
    """
    frames, states = len(emission), len(script.classes)
    if frames < int((~script.optional).sum()):
        return None
    scores = emission[:, script.classes]
    can_skip = np.zeros(states, bool)  # state s may be entered from s - 2 when s - 1 is optional
    can_skip[2:] = script.optional[1:-1]
    best = np.full(states, -np.inf)
    best[0] = scores[0, 0]
    if script.optional[0] and states > 1:
        best[1] = scores[0, 1]
    move = np.zeros((frames, states), np.int8)
    for t in range(1, frames):
        one = np.concatenate(([-np.inf], best[:-1]))
        two = np.where(can_skip, np.concatenate(([-np.inf, -np.inf], best[:-2])), -np.inf)
        options = np.stack((best, one, two))
        move[t] = options.argmax(axis=0)
        best = options.max(axis=0) + scores[t]
    last = states - 1
    if script.optional[-1] and states > 1 and best[-2] > best[-1]:
        last = states - 2
    if not np.isfinite(best[last]):
        return None
    path = np.empty(frames, np.int64)
    path[-1] = last
    for t in range(frames - 1, 0, -1):
        path[t - 1] = path[t] - move[t, path[t]]
    return path


class FrameNet(nn.Module):
    """Three convolutions over teacher features: (B, D, T) -> (B, classes, T)."""

    def __init__(self, dims: int, classes: int, width: int = 256) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(dims, width, 5, padding=2),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Conv1d(width, width, 5, padding=2),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Conv1d(width, classes, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features)


def _batches(features: Sequence[np.ndarray], size: int, rng: np.random.Generator) -> list[np.ndarray]:
    order = np.argsort([len(f) + rng.uniform(0, 20) for f in features])
    groups = [order[i : i + size] for i in range(0, len(order), size)]
    rng.shuffle(groups)
    return groups


def _pad(features: Sequence[np.ndarray]) -> Tensor:
    rows = [torch.from_numpy(f.astype(np.float32)) for f in features]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True).transpose(1, 2)


def _fit(
    net: FrameNet,
    features: Sequence[np.ndarray],
    epochs: int,
    seed: int,
    loss_of: Callable[[Tensor, np.ndarray], Tensor],
) -> None:
    """Train ``net``; ``loss_of(logits (B, classes, T), indices) -> loss``."""
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-2)
    steps = epochs * len(_batches(features, 32, rng))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps + epochs)
    for epoch in range(epochs):
        total, count = 0.0, 0
        for group in _batches(features, 32, rng):
            loss = loss_of(net(_pad([features[i] for i in group])), group)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            total, count = total + float(loss.detach()), count + 1
        logger.info("aligner epoch %d: loss %.3f", epoch + 1, total / count)


@torch.inference_mode()
def _emissions(net: FrameNet, features: Sequence[np.ndarray], drop_last: bool) -> list[np.ndarray]:
    net.eval()
    out = []
    for clip in features:
        logits = net(_pad([clip]))[0].T
        out.append(torch.log_softmax(logits[:, :-1] if drop_last else logits, -1).numpy())
    net.train()
    return out


def _quiet(energy: np.ndarray) -> np.ndarray:
    """Frames at least 35 dB below the clip's loudest, where silence is believed at first."""
    return energy < energy.max() - 35.0


def _align_all(emissions: Sequence[np.ndarray], scripts: Sequence[Transcript]) -> list[np.ndarray | None]:
    return [viterbi(e, s) for e, s in zip(emissions, scripts, strict=True)]


@dataclass(frozen=True)
class Alignment:
    """What :func:`align` found.

    Attributes:
        classes: class names, silence first.
        scripts: states per clip.
        paths: state index per frame, (T,), or None where a clip is shorter than its phones.
        posteriors: probability of each class per frame, (T, classes) float16.
    """

    classes: list[str]
    scripts: list[Transcript]
    paths: list[np.ndarray | None]
    posteriors: list[np.ndarray]


def align(
    features: Sequence[np.ndarray],
    energies: Sequence[np.ndarray],
    phones: Sequence[Sequence[str]],
    epochs: int = 7,
    rounds: int = 1,
) -> Alignment:
    """Align a corpus.

    Args:
        features: per clip (T, D).
        energies: per clip frame level in dB, (T,).
        phones: per clip phone names.
        epochs: CTC epochs (classifier rounds take half of it).
        rounds: realignments.

    """
    torch.manual_seed(0)
    classes = phone_classes(phones)
    scripts = [transcript(p, classes) for p in phones]
    labels = [torch.from_numpy(s.classes[s.classes > 0]) for s in scripts]
    blank = len(classes)
    net = FrameNet(features[0].shape[1], len(classes) + 1)

    def ctc(logits: Tensor, group: np.ndarray) -> Tensor:
        log_probs = torch.log_softmax(logits, 1).permute(2, 0, 1)
        lengths = torch.tensor([len(features[i]) for i in group])
        targets = [labels[i] for i in group]
        sizes = torch.tensor([len(t) for t in targets])
        return F.ctc_loss(log_probs, torch.cat(targets), lengths, sizes, blank=blank, zero_infinity=True)

    _fit(net, features, epochs, 0, ctc)
    emissions = _emissions(net, features, drop_last=True)
    for emission, energy in zip(emissions, energies, strict=True):  # CTC never saw silence: the level decides
        quiet = _quiet(energy)[: len(emission)]
        emission[:, 0] = np.where(quiet, 0.0, -12.0)
        emission[quiet, 1:] -= 4.0
    paths = _align_all(emissions, scripts)
    for turn in range(rounds):
        targets = [None if p is None else torch.from_numpy(s.classes[p]) for p, s in zip(paths, scripts, strict=True)]
        usable = [i for i, t in enumerate(targets) if t is not None]
        net = FrameNet(features[0].shape[1], len(classes))
        chosen = [features[i] for i in usable]

        def cross_entropy(logits: Tensor, group: np.ndarray, t: list = targets, u: list = usable) -> Tensor:
            wanted = nn.utils.rnn.pad_sequence([t[u[i]] for i in group], batch_first=True, padding_value=-100)
            return F.cross_entropy(logits, wanted, ignore_index=-100, label_smoothing=0.05)

        _fit(net, chosen, max(2, epochs // 2), turn + 1, cross_entropy)
        emissions = _emissions(net, features, drop_last=False)
        paths = _align_all(emissions, scripts)
    missing = sum(p is None for p in paths)
    logger.info("aligned %d of %d clips, %d classes", len(paths) - missing, len(paths), len(classes))
    return Alignment(classes, scripts, paths, [np.exp(e).astype(np.float16) for e in emissions])
