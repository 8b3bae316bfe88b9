"""Conditional flow matching (Lipman et al. 2023): noise -> mel in few steps, whose size most networks are told (Frans
et al. 2024).

Knows the velocity network and the row of :class:`module.versions.FlowSpec`; knows nothing of tokens, phones or
waveforms.

Shapes: B batch, M mel bands, T mel frames, C condition channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from module.commons import sequence_mask
from module.dit import DiT
from module.model_config import DiTConfig
from module.versions import FlowSpec

T = TypeVar("T")

GUIDANCE_FLOOR = 1e-5
"""A guidance rate up to this is none."""
BOOTSTRAP_SHARE = 0.3
BOOTSTRAP_POWERS = (2, 8)
SMALLEST_STEP = 1e-2
DEFAULT_FLOW = FlowSpec()


@dataclass(frozen=True)
class FlowDraws:
    """The random draws of a training pass, where the caller wants them fixed.

    t: times [B] in 0..1; x0: noise [B, M, T]; bootstrap: whether the self-consistency branch is taken; base: its powers
    of two [B], 2 to 7; generator: source of the rest.
    """

    t: Tensor | None = None
    x0: Tensor | None = None
    bootstrap: bool | None = None
    base: Tensor | None = None
    generator: torch.Generator | None = None


class CFM(nn.Module):
    """Public name ``cfm``.

    Args:
        config: sizes of the network.
        flow: how the version is sampled and trained.
    """

    def __init__(self, config: DiTConfig, flow: FlowSpec = DEFAULT_FLOW) -> None:
        super().__init__()
        told = flow.step_embedding if config.step_size_embedding is None else config.step_size_embedding
        self.flow = replace(flow, step_embedding=told)
        self.estimator = DiT(config, told)

    @torch.no_grad()
    def inference(
        self,
        mu: Tensor,
        prompt: Tensor,
        n_timesteps: int,
        temperature: float = 1.0,
        inference_cfg_rate: float = 0.0,
        generator: torch.Generator | None = None,
        noise: Tensor | None = None,
    ) -> Tensor:
        """Mel of a condition, going on from a prompt.

        Args:
            mu: condition feature [B, C, T], that of the prompt first.
            prompt: normalised mel [B, M, T_prompt] of the first frames.
            n_timesteps: network steps.
            temperature: spread of the start noise, beside the version's own.
            inference_cfg_rate: guidance; 0 for none.
            generator: source of the noise.
            noise: the start noise [B, M, T] itself, before temperature and the version's scale.

        Returns:
            normalised mel [B, M, T], zero in the prompt's frames.
        """
        batch, length, known = mu.size(0), mu.size(2), prompt.size(2)
        net = self.estimator
        shape = (batch, prompt.size(1), length)
        if noise is None:
            noise = torch.randn(shape, generator=generator, device=mu.device, dtype=mu.dtype)
        state = noise * (temperature * self.flow.noise_scale)
        state[..., :known] = 0
        padded = F.pad(prompt, (0, length - known))
        valid = torch.ones(batch, length, dtype=torch.bool, device=mu.device)
        text = net.embed_text(mu)
        guided = inference_cfg_rate > GUIDANCE_FLOOR
        blank = net.embed_text(torch.zeros_like(mu)) if guided and self.flow.drops_condition else text
        step = torch.full((batch,), 1 / n_timesteps, device=mu.device)
        for index in range(n_timesteps):
            time = net.embed_time(index * step, step)
            velocity = net(state, padded, text, time, valid)
            if guided:
                without = net(state, torch.zeros_like(padded), blank, time, valid)
                velocity = velocity + (velocity - without) * inference_cfg_rate
            state = state + velocity / n_timesteps
            state[..., :known] = 0
        return state

    def forward(
        self, x1: Tensor, x_lens: Tensor, prompt_lens: Tensor, mu: Tensor, draws: FlowDraws | None = None
    ) -> Tensor:
        """Training loss: mean squared error of the velocity behind the prompt, a scalar.

        Args:
            x1: normalised mel [B, M, T].
            x_lens: valid frames [B].
            prompt_lens: frames that are given as prompt [B].
            mu: condition feature [B, C, T].
            draws: fixed random draws, for tests and reproducible runs.
        """
        draws = draws or FlowDraws()
        net, source = self.estimator, draws.generator
        t = _given(draws.t, lambda: torch.rand(x1.size(0), generator=source, device=x1.device))
        x0 = _given(draws.x0, lambda: torch.randn(x1.shape, generator=source, device=x1.device, dtype=x1.dtype))
        known = sequence_mask(prompt_lens, x1.size(2))[:, None]
        valid = sequence_mask(x_lens, x1.size(2))
        prompt = x1 * known
        target = x1 - x0
        state = (x0 + t[:, None, None] * target) * ~known
        text = net.embed_text(mu)
        step = torch.zeros_like(t)
        if self.flow.step_embedding and _given(
            draws.bootstrap, lambda: bool(torch.rand((), generator=source, device=x1.device) < BOOTSTRAP_SHARE)
        ):
            base = _given(
                draws.base, lambda: torch.randint(*BOOTSTRAP_POWERS, t.shape, generator=source, device=x1.device)
            )
            half = 0.5 ** base.to(t.dtype)
            target = self._two_half_steps(state, prompt, text.detach(), (t, half), valid)
            step = 2 * half
        velocity = net(state, prompt, text, net.embed_time(t, step), valid)
        wanted = (valid[:, None] & ~known).to(x1.dtype)
        error = ((velocity - target).square() * wanted).sum((1, 2)) / (wanted.sum((1, 2)) * x1.size(1))
        return error.mean()

    @torch.no_grad()
    def _two_half_steps(
        self, state: Tensor, prompt: Tensor, text: Tensor, times: tuple[Tensor, Tensor], valid: Tensor
    ) -> Tensor:
        """What one whole step should do: the mean velocity of two half ones; ``times``: t and half step [B]."""
        t, half = times
        told = half.masked_fill(half < SMALLEST_STEP, 0.0)
        net = self.estimator
        first = net(state, prompt, text, net.embed_time(t, told), valid)
        middle = state + half[:, None, None] * first
        second = net(middle, prompt, text, net.embed_time(t + half, told), valid)
        return (first + second) / 2


def _given(value: T | None, make: Callable[[], T]) -> T:
    """``value``, or ``make()`` where it is None."""
    return make() if value is None else value
