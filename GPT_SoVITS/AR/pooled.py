"""Several engines of one stage as one: the least busy that is well is asked, and the next where it breaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from AR.backend import SamplingParams, T2SRequest
from AR.engine.tokens import SpokenTokens, T2SEngine
from AR.errors import LMUnavailable
from AR.fallback import FallbackT2S


class PoolMember(T2SEngine, Protocol):
    """An engine that tells how busy it is, and why it should not be asked."""

    @property
    def load(self) -> int:
        """Requests under way."""

    @property
    def trouble(self) -> LMUnavailable | None:
        """None where it can be asked."""


class PooledT2S:
    """An engine over several that serve the same stage. What one has begun and cannot end, the next begins anew.

    Args:
        members: at least one; of equally busy ones the first is asked.
    """

    def __init__(self, members: Sequence[PoolMember]) -> None:
        self._members = tuple(members)
        self._logged: set[tuple[str, str]] = set()

    @property
    def name(self) -> str:
        """Name of the stage."""
        return self._members[0].name

    def stream(self, request: T2SRequest, sampling: SamplingParams) -> Iterator[SpokenTokens]:
        """As :class:`~AR.engine.tokens.T2SEngine`; ``fall`` says why another engine goes on.

        Raises:
            LMUnavailable: no engine can be asked, with the reason of the first. Those of the last come from the
                iterator.
        """
        well = [member for member in self._members if member.trouble is None] or [self._members[0]]
        *others, last = sorted(well, key=lambda member: member.load)
        chain: T2SEngine = last
        for member in reversed(others):
            chain = FallbackT2S(member, chain, member.name, logged=self._logged)
        return chain.stream(request, sampling)

    def release(self) -> None:
        """As :class:`~AR.engine.tokens.T2SEngine`."""
        for member in self._members:
            member.release()
