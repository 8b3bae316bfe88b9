"""Latents of whole clips, made once where the prior is frozen: the decoder learns on slices of them.

A cut of a clip tells the prior less than the clip does (with cuts of 64 frames the mel that its latents stand for was
0.53 from the recording's, with whole clips 0.44), so a decoder that learned on cuts would hear in speaking what it had
never heard. Made once, whole clips cost nothing, and neither does the prior from then on.

A share of the slices is *exact*: the latent nearest to the prior's that the mel head reads as the recording's own mel.
There the decoder learns to render what the latent says; on the prior's own, whose pitch and timing are averages, the
discriminators say more than the mel loss, which rewards a blur. Both kinds lie in one space as the mel head is linear.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from module.training.dataset import Batch, SpokenLatents
from module.training.on_device import DeviceClips
from module.training.paths import TrainingForward
from module.training.settings import S2Settings
from module.training.steps import real_mel

logger = logging.getLogger(__name__)

HEAD_CLIPS = 300
"""Clips that a lost mel head is fitted to; half an hour of speech says all that 144 bands of 96 channels need."""
RIDGE = 0.02  # of the mean square of the head's columns: directions that hardly show in the mel stay the prior's


def towards(latent: Tensor, mel: Tensor, head: nn.Conv1d) -> Tensor:
    """The latent nearest to ``latent`` [B, C, T] that ``head``, a linear map, reads as ``mel`` [B, M, T].

    Least squares with a ridge; where the mel has more bands than the latent channels, as near as it gets.
    """
    weight = head.weight.detach()[..., 0].double()
    gram = weight.T @ weight
    ridge = RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    solve = torch.linalg.solve(gram + ridge, weight.T).to(latent.dtype)  # [C, M]
    return latent + solve @ (mel - head(latent))


@torch.no_grad()
def fit_mel_head(clips: DeviceClips, forward: TrainingForward, settings: S2Settings) -> float:
    """Give ``forward`` the mel head that reads its prior's latents best: least squares over :data:`HEAD_CLIPS` clips.

    For a frozen prior whose own head was not kept, such as that of a file that speaks.

    Returns:
        mean distance of what it reads from the recordings' mels.
    """
    channels, bands = forward.mel_head.in_channels, forward.mel_head.out_channels
    device = clips.device
    gram = torch.zeros(channels + 1, channels + 1, dtype=torch.float64, device=device)
    aims = torch.zeros(channels + 1, bands, dtype=torch.float64, device=device)
    numbers = torch.randperm(len(clips), generator=torch.Generator().manual_seed(settings.train.seed))[:HEAD_CLIPS]
    with _as_in_speaking(forward, settings):
        for _, batch in _whole_clips(clips, numbers.tolist(), settings):
            latents, mels = _latents_and_mels(batch, forward, settings)
            gram += latents.T @ latents
            aims += latents.T @ mels
    solved = torch.linalg.solve(gram + 1e-3 * torch.eye(len(gram), dtype=gram.dtype, device=device), aims)
    forward.mel_head.weight.copy_(solved[:-1].T[..., None])
    if forward.mel_head.bias is not None:
        forward.mel_head.bias.copy_(solved[-1])
    return float((latents @ solved - mels).abs().mean())  # of the last batch


@contextmanager
def _as_in_speaking(forward: TrainingForward, settings: S2Settings) -> Iterator[None]:
    """``forward`` without dropout, with noise that is the same after a restart; both are as before behind it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.train.seed)
        was_training = forward.training
        forward.eval()
        yield
        forward.train(was_training)


def _whole_clips(clips: DeviceClips, numbers: Iterable[int], settings: S2Settings) -> Iterator[tuple[list[int], Batch]]:
    """Whole clips by number in batches, the shortest first, so that little is padded."""
    order = sorted(numbers, key=lambda number: clips.frames[number])
    for first in range(0, len(order), settings.train.batch_size):
        chosen = order[first : first + settings.train.batch_size]
        yield chosen, clips.batch([(number, 0.0) for number in chosen], whole=True)


def _latents_and_mels(batch: Batch, forward: TrainingForward, settings: S2Settings) -> tuple[Tensor, Tensor]:
    """Latents of whole clips with a 1 behind them [T, C + 1], and what a mel head is to read there [T, M]."""
    expected = forward.expected(batch)
    valid = expected.mask[:, 0].bool()
    latents = expected.latent.transpose(1, 2)[valid].double()
    mels = real_mel(batch.spec, settings).transpose(1, 2)[valid].double()
    return torch.cat((latents, torch.ones_like(latents[:, :1])), dim=1), mels


class DecoderClips:
    """Slices of clips for the decoder alone, cut from latents that are made when this object is.

    Args:
        clips: all clips, on their device; their cuts play no part here.
        forward: the network with its frozen prior, and the mel head.
        settings: of the run; ``exact_rows`` is the share of exact slices.
    """

    def __init__(self, clips: DeviceClips, forward: TrainingForward, settings: S2Settings) -> None:
        self.clips, self.settings, self.frames = clips, settings, clips.frames
        self.size = settings.segment_frames
        offsets = torch.tensor([0, *clips.frames]).cumsum(0)
        self.offsets = offsets[:-1].to(clips.device)
        channels, total = forward.network.config.inter_channels, int(offsets[-1])
        self.prior = torch.empty(total, channels, dtype=torch.float16, device=clips.device)
        self.exact = torch.empty_like(self.prior[: total if settings.train.exact_rows else 0])
        self.style = torch.empty(len(clips), forward.network.config.gin_channels, device=clips.device)
        self._fill(forward)
        logger.info("latents of %d frames, %d MB", total, (self.prior.nbytes + self.exact.nbytes) // 10**6)

    def __len__(self) -> int:
        return len(self.clips)

    @torch.no_grad()
    def _fill(self, forward: TrainingForward) -> None:
        with _as_in_speaking(forward, self.settings):
            self._make(forward)

    def _make(self, forward: TrainingForward) -> None:
        for numbers, batch in _whole_clips(self.clips, range(len(self.clips)), self.settings):
            expected = forward.expected(batch)
            latents = [(self.prior, expected.latent)]
            if len(self.exact):
                mel = real_mel(batch.spec, self.settings)
                latents.append((self.exact, towards(expected.latent, mel, forward.mel_head)))
            for row, number in enumerate(numbers):
                start, length = int(self.offsets[number]), self.frames[number]
                for kept, made in latents:
                    kept[start : start + length] = made[row, :, :length].T.to(kept.dtype)
                self.style[number] = expected.style[row, :, 0]

    def batch(self, pairs: Sequence[tuple[int, float]]) -> Batch:
        """Slices by ``(clip, position)`` as the sampler names them."""
        numbers = [number for number, _ in pairs]
        first = [round(at * (self.frames[number] - self.size)) for number, at in pairs]
        device = self.clips.device
        rows, starts = torch.tensor(numbers, device=device), torch.tensor(first, device=device)
        wav, spec = self.clips.sound(rows, starts, self.size)
        index = (self.offsets[rows] + starts)[:, None] + torch.arange(self.size, device=device)
        exact = self._shares(pairs).to(device)
        latent = self.prior[index].float()
        if len(self.exact):
            latent = torch.lerp(latent, self.exact[index].float(), exact[:, None, None])
        none = rows.new_zeros(len(rows), 0)
        return Batch(
            ssl=spec.new_zeros(0),
            spec=spec,
            spec_lengths=torch.full_like(rows, self.size),
            wav=wav[:, None],
            text=none,
            text_lengths=torch.zeros_like(rows),
            alignment=none,
            latents=SpokenLatents(latent.transpose(1, 2), self.style[rows][..., None], exact),
        )

    def _shares(self, pairs: Sequence[tuple[int, float]]) -> Tensor:
        """How exact each row is: ``exact_rows`` of them wholly or in part, as many the one as the other, the rest not.

        Drawn from the batch itself, so a resumed run hears what an uninterrupted one would have heard.
        """
        source = torch.Generator().manual_seed(int(pairs[0][1] * 2**53))
        kind, part = torch.rand(2, len(pairs), generator=source)
        share = self.settings.train.exact_rows
        return torch.where(kind < share / 2, 1.0, torch.where(kind < share, part, 0.0))
