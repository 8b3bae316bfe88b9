"""An engine elsewhere that speaks tokens: a stage that tools/export_lm.py has exported, served by vLLM or the like.

Rows are made here, with the stage's tokenizer, so that words and phones mean what they mean locally; the engine sees
token ids alone. What it does not do as ``local.py`` does: seeds are not sent (each request is drawn anew), top-p is
applied after top-k and keeps the token that crosses its border, repetition-aware sampling is not there, and the row
does not end where EOS is likeliest but something else was drawn. docs/scale.md has the list.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import torch

from AR.backend import EOS, SamplingParams, T2SRequest, default_max_tokens
from AR.engine.circuit import Circuit
from AR.engine.completions import CompletionsClient, CompletionStream
from AR.engine.tokens import FinishReason, SpokenTokens
from AR.errors import LMUnavailable
from AR.models.lm_manifest import LMManifest
from AR.models.lm_rows import request_row

MOST = 64
"""Requests under way at one engine; what comes on top is spoken elsewhere."""
UNWELL = ("engine_unreachable", "engine_slow", "engine_refused", "adapter_mismatch")
"""Reasons after which an engine is not asked until it is well again."""


class RemoteEngine:
    """One engine; see :class:`~AR.engine.tokens.T2SEngine`. Safe for several threads.

    Args:
        client: asks it.
        manifest: what the ids mean.
        tokenizer: of the stage's backbone.
        most: requests under way at once.
    """

    def __init__(self, client: CompletionsClient, manifest: LMManifest, tokenizer: Any, most: int = MOST) -> None:
        self.client, self.manifest, self._tokenizer, self._most = client, manifest, tokenizer, most
        self._lock, self._verifying = threading.Lock(), threading.Lock()
        self._load = 0
        self._known = False
        self._circuit = Circuit(str(client.address), self.verify)

    @property
    def name(self) -> str:
        """Name of the stage."""
        return self.client.address.name

    @property
    def load(self) -> int:
        """Requests under way."""
        return self._load

    @property
    def trouble(self) -> LMUnavailable | None:
        """Why it is not asked at present; None where it is."""
        return self._circuit.trouble

    def verify(self) -> None:
        """See that the engine is well and serves this stage.

        Raises:
            LMUnavailable: ``engine_unreachable``, ``engine_refused``; ``adapter_mismatch`` where ids mean other things.
        """
        names, name = self.client.names(), self.name
        if name not in names:
            raise self.client.trouble("engine_refused", "serves no model of that name")
        marked = [other for other in names if other.startswith(f"{name}@")]
        if marked and f"{name}@{self.manifest.fingerprint}" not in marked:
            what = f"serves another export ({marked[0]}) than is described here ({self.manifest.fingerprint})"
            raise self.client.trouble("adapter_mismatch", what)
        self._known = True

    def stream(self, request: T2SRequest, sampling: SamplingParams) -> Iterator[SpokenTokens]:
        """As :class:`~AR.engine.tokens.T2SEngine`, without a queue: an engine that is full raises ``LMUnavailable``.

        Raises:
            LMUnavailable: the engine is not asked at present, full, or cannot be reached. Later troubles come from the
                iterator.
            T2SError: a request that cannot be read.
        """
        self._circuit.check()
        row = self.manifest.prompt_ids(request_row(request, self._tokenizer, self.manifest))
        limit = sampling.max_tokens or default_max_tokens(request)
        with self._lock:
            if self._load >= self._most:
                raise self.client.trouble("engine_full", f"has {self._load} requests under way")
            self._load += 1
        try:
            if not self._known:
                with self._verifying:
                    self._circuit.check()
                    if not self._known:
                        self.verify()
            stream = self.client.open(self._body(row, sampling, limit))
        except BaseException as error:
            self.ended(error)
            raise
        return RemoteStream(self, stream, limit)

    def release(self) -> None:
        """Nothing is kept for later requests."""

    def ended(self, error: BaseException | None = None) -> None:
        """A request is under way no more (its stream calls it once)."""
        with self._lock:
            self._load -= 1
        if isinstance(error, LMUnavailable) and error.reason in UNWELL:
            self._known = False
            self._circuit.open(error)

    def _body(self, row: list[int], sampling: SamplingParams, limit: int) -> dict[str, Any]:
        greedy = sampling.top_k == 1
        return {
            "prompt": row,
            "max_tokens": limit,
            "min_tokens": min(sampling.min_tokens, limit),
            "stop_token_ids": [self.manifest.eos],
            "return_token_ids": True,
            "detokenize": False,
            "add_special_tokens": False,
            "temperature": 0.0 if greedy else max(sampling.temperature, 1e-2),
            "top_k": -1 if greedy or sampling.top_k <= 0 else sampling.top_k,
            "top_p": 1.0 if greedy else min(sampling.top_p, 1.0),
            "repetition_penalty": sampling.repetition_penalty,
        }


class RemoteStream(Iterator[SpokenTokens]):
    """What :meth:`RemoteEngine.stream` returns. Belongs to one consumer; closing or losing it cancels the request."""

    def __init__(self, engine: RemoteEngine, events: CompletionStream, limit: int) -> None:
        self._engine, self._events, self._limit = engine, events, limit
        self._count = 0
        self._ended = False

    def __next__(self) -> SpokenTokens:
        """New tokens, at least one or the end.

        Raises:
            LMUnavailable: what is the matter with the engine.
        """
        if self._ended:
            raise StopIteration
        try:
            part = self._next_part()
        except BaseException as error:
            self._end(error)
            raise
        if part.finish_reason is not None:
            self._end(None)
        return part

    def _next_part(self) -> SpokenTokens:
        client, manifest = self._engine.client, self._engine.manifest
        event = next(self._events, None)
        if event is None:
            raise client.trouble("engine_unreachable", "ended without a reason")
        said: list[int] = []
        reason: FinishReason | None = None
        for served in event.ids:
            token = manifest.token_of(served)
            if token is None:
                raise client.trouble("degenerate_output", f"gave id {served}, which is no speech")
            if token == EOS:
                reason = "eos"
                break
            said.append(token)
        self._count += len(said)
        if self._count > self._limit:
            raise client.trouble("engine_refused", f"gave more than the {self._limit} tokens that were asked for")
        if event.finish_reason is not None and reason is None:
            if event.finish_reason not in ("stop", "length"):
                raise client.trouble("engine_unreachable", f"gave up after {self._count} tokens")
            reason = "length" if event.finish_reason == "length" else "eos"
        return SpokenTokens(torch.tensor(said, dtype=torch.int64), reason, stage=self._engine.name)

    def close(self) -> None:
        """Cancel the request: its connection is closed."""
        self._end(None)

    def _end(self, error: BaseException | None) -> None:
        if not self._ended:
            self._ended = True
            self._events.close()
            self._engine.ended(error)

    def __del__(self) -> None:
        self.close()
