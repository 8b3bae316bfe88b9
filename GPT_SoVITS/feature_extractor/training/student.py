"""The small HuBERT student: network, augmentation, batches and losses.

The last hidden state must carry what is said (phone classes) and how (teacher features), not who says it: the losses
ask for the first two, the augmentation (speed with pitch and formants, spectral tilt, noise) makes the third useless.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from feature_extractor.training.teacher import RATE, frames_of

IGNORE = -100


@dataclass(frozen=True)
class StudentConfig:
    """Sizes of the encoder. The front end has HuBERT's seven convolutions (stride 320 at 16 kHz: 50 frames a second).

    Attributes:
        hidden: width of the features, ``ssl_dim`` of everything downstream.
        layers: transformer layers.
        heads: attention heads.
        feed_forward: inner width.
        conv: channels of the seven convolutions; few where the rate is high, which is where the time goes.
    """

    hidden: int = 192
    layers: int = 5
    heads: int = 4
    feed_forward: int = 576
    conv: tuple[int, ...] = (32, 48, 64, 96, 128, 160, 192)


def build_hubert(config: StudentConfig) -> nn.Module:
    """A transformers ``HubertModel`` of these sizes, randomly initialised."""
    from transformers import HubertConfig, HubertModel

    return HubertModel(
        HubertConfig(
            hidden_size=config.hidden,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=config.feed_forward,
            conv_dim=list(config.conv),
            num_conv_pos_embeddings=32,
            num_conv_pos_embedding_groups=8,
            hidden_dropout=0.0,
            attention_dropout=0.0,
            activation_dropout=0.0,
            feat_proj_dropout=0.0,
            layerdrop=0.0,
            mask_time_prob=0.03,
            mask_time_length=5,
        )
    )


def start_from(model: nn.Module, folder: Path) -> int:
    """Take over what fits of an encoder in ``folder`` (transformers layout); returns how many tensors that were.

    A network with more layers than the old one keeps its own beginnings in the others.
    """
    from safetensors.torch import load_file

    own, old = model.state_dict(), load_file(folder / "model.safetensors")
    taken = {name: t.float() for name, t in old.items() if name in own and own[name].shape == t.shape}
    model.load_state_dict({**own, **taken})
    return len(taken)


class Student(nn.Module):
    """HuBERT with two training heads: phone classes and teacher features."""

    def __init__(self, config: StudentConfig, classes: int, teacher_dims: int) -> None:
        super().__init__()
        self.hubert = build_hubert(config)
        self.phone_head = nn.Linear(config.hidden, classes)
        self.teacher_head = nn.Linear(config.hidden, teacher_dims)

    def forward(self, wave: Tensor, samples: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) waves and their lengths -> phone logits (B, frames, classes), teacher features (B, frames, D)."""
        steps = torch.arange(wave.shape[1])
        mask = (steps[None] < samples[:, None]).long()
        hidden = self.hubert(wave, attention_mask=mask).last_hidden_state
        return self.phone_head(hidden), self.teacher_head(hidden)


@dataclass(frozen=True)
class Clip:
    """One training clip: wave (T,), phone class per frame (frames,) with -100 for unknown, teacher (frames, D)."""

    wave: np.ndarray
    labels: np.ndarray
    teacher: np.ndarray


@dataclass(frozen=True)
class Batch:
    """Padded clips: wave (B, T), samples (B,), labels (B, frames), teacher (B, frames, D)."""

    wave: Tensor
    samples: Tensor
    labels: Tensor
    teacher: Tensor


def augment(clip: Clip, rng: np.random.Generator) -> Clip:
    """Half the time speed (with pitch and formants) by 0.88-1.14; tilt, noise at 15-45 dB, gain; targets follow."""
    speed = float(np.exp(rng.uniform(np.log(0.88), np.log(1.14)))) if rng.random() < 0.5 else 1.0
    count = int(len(clip.wave) / speed)
    wave = np.interp(np.arange(count) * speed, np.arange(len(clip.wave)), clip.wave).astype(np.float32)
    frames = frames_of(count)
    source = np.minimum((np.arange(frames) * speed).round().astype(int), len(clip.labels) - 1)
    tilt = rng.uniform(-0.4, 0.6)
    wave[1:] -= tilt * wave[:-1]
    level = float(np.sqrt(np.mean(wave**2))) + 1e-6
    if rng.random() < 0.5:
        noise = rng.standard_normal(count).astype(np.float32)
        wave = wave + noise * level * 10 ** (-rng.uniform(15, 45) / 20)
    wave = wave * (10 ** (rng.uniform(-12, 6) / 20))
    return Clip(wave, clip.labels[source], clip.teacher[source])


def collate(clips: Sequence[Clip]) -> Batch:
    """Pad clips to the longest."""
    pad = nn.utils.rnn.pad_sequence
    waves = [torch.from_numpy(c.wave) for c in clips]
    return Batch(
        pad(waves, batch_first=True),
        torch.tensor([len(w) for w in waves]),
        pad([torch.from_numpy(c.labels) for c in clips], batch_first=True, padding_value=IGNORE),
        pad([torch.from_numpy(c.teacher.astype(np.float32)) for c in clips], batch_first=True),
    )


def batches(clips: Sequence[Clip], seconds: float, rng: np.random.Generator) -> Iterator[list[Clip]]:
    """One epoch of batches of about ``seconds`` of audio, clips of like length together."""
    order = np.argsort([len(c.wave) * rng.uniform(0.9, 1.1) for c in clips])
    groups: list[list[Clip]] = [[]]
    total = 0.0
    for index in order:
        length = len(clips[index].wave) / RATE
        if groups[-1] and total + length > seconds:
            groups.append([])
            total = 0.0
        groups[-1].append(clips[index])
        total += length
    for position in rng.permutation(len(groups)):
        yield groups[position]


@dataclass(frozen=True)
class Losses:
    """Losses of a batch and the share of frames whose phone is right."""

    total: Tensor
    phone: float
    teacher: float
    accuracy: float


def losses(student: Student, batch: Batch, teacher_weight: float = 1.0) -> Losses:
    """Cross-entropy over phones plus mean squared error to the teacher (its features have unit variance)."""
    logits, guess = student(batch.wave, batch.samples)
    frames = min(logits.shape[1], batch.labels.shape[1])
    labels = batch.labels[:, :frames]
    known = labels != IGNORE
    phone = F.cross_entropy(logits[:, :frames][known], labels[known], label_smoothing=0.05)
    teacher = F.mse_loss(guess[:, :frames][known], batch.teacher[:, :frames][known])
    right = (logits[:, :frames].argmax(-1) == labels)[known].float().mean()
    return Losses(phone + teacher_weight * teacher, float(phone.detach()), float(teacher.detach()), float(right))
