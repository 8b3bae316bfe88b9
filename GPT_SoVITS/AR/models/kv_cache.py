"""Keys and values of past positions for a set of rows, each with a length of its own; shared by AR and language models.

Rows are filled from the left, so a position is also a column, and no row has padding. Rows 0 to n - 1 are live, the
ones behind them are free or being read. A ``View`` says which places a pass through the network writes and sees: one
new position in each live row (:class:`StepView`), or a stretch of one row (:class:`RowView`).

The device holds the lengths for the network, the host holds a copy of them, so that nothing waits for the device.

Shapes: R rows, n live rows, H key-value heads, S columns (the capacity), D channels per head.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

BLOCK = 256


def bucket(positions: int, block: int = BLOCK) -> int:
    """The smallest of ``block`` x 1, 2, 4, 8 ... that holds so many positions."""
    size = block
    while size < positions:
        size *= 2
    return size


class View(Protocol):
    """Which places of a cache one pass through a network writes and sees."""

    positions: Tensor
    """[B, L] int64: columns that are written, which are the rows' positions."""

    def update(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write [B, H, L, D]; returns all that can be seen, [B, H, columns, D] twice."""
        ...

    def mask(self, window: int | None = None) -> Tensor | None:
        """[B or 1, 1, L, columns] to add to the scores (0 or -inf); None where all is seen.

        ``window``: a position sees itself and the ``window`` - 1 before it.
        """
        ...


class KVCache:
    """Room for ``capacity`` positions in each of ``rows`` rows, for every layer."""

    BLOCK = BLOCK

    def __init__(self, layers: int, rows: int, heads: int, head_dim: int, like: Tensor, capacity: int) -> None:
        size = bucket(capacity, self.BLOCK)
        self.layers = [like.new_zeros(2, rows, heads, size, head_dim) for _ in range(layers)]
        self.lengths = torch.full((rows,), size - 1, device=like.device)
        """[R] int64: where each row writes next. A free row has the last column, which no live row ever reaches."""
        self.filled = [0] * rows
        """The same on the host; 0 for free rows."""

    @property
    def rows(self) -> int:
        """Rows there are."""
        return len(self.filled)

    @property
    def capacity(self) -> int:
        """Positions a row has room for."""
        return self.layers[0].shape[3]

    def make_room(self, rows: int, positions: int) -> bool:
        """Grow to at least so many rows of at least so many positions; True where anything moved in memory."""
        rows = max(rows, self.rows)
        capacity = max(bucket(positions + 1, self.BLOCK), self.capacity)  # one more: the column of free rows
        if rows == self.rows and capacity == self.capacity:
            return False
        before = self.capacity
        for index, old in enumerate(self.layers):  # layer by layer, so that little is held twice
            grown = old.new_zeros(2, rows, old.shape[2], capacity, old.shape[4])
            grown[:, : self.rows, :, :before] = old
            self.layers[index] = grown
        lengths = torch.full((rows,), capacity - 1, device=self.lengths.device)
        live = [row for row, filled in enumerate(self.filled) if filled]
        lengths[live] = self.lengths[live]
        self.filled += [0] * (rows - self.rows)
        self.lengths = lengths
        return True

    def set_length(self, row: int, length: int) -> None:
        """Say how many positions of a row are filled; 0 frees it."""
        self.filled[row] = length
        self.lengths[row] = length or self.capacity - 1

    def move(self, source: int, target: int) -> None:
        """Copy a row's content over another row, and free it."""
        length = self.filled[source]
        for layer in self.layers:
            layer[:, target, :, :length] = layer[:, source, :, :length]
        self.set_length(target, length)
        self.set_length(source, 0)

    def span(self, rows: int) -> int:
        """Columns that a step of the first ``rows`` rows looks at.

        On CPU just those that are filled; elsewhere a bucket, so that one captured step serves many lengths.
        """
        needed = max(self.filled[:rows]) + 1
        on_cpu = self.lengths.device.type == "cpu"
        return needed if on_cpu else min(bucket(needed, self.BLOCK), self.capacity)

    def count_step(self, rows: int) -> None:
        """Count one position more in each of the first ``rows`` rows, on the host."""
        for row in range(rows):
            if self.filled[row]:
                self.filled[row] += 1


class StepView:
    """One new position in each of the first ``rows`` rows."""

    def __init__(self, cache: KVCache, rows: int) -> None:
        self._cache, self._rows, self._span = cache, rows, cache.span(rows)
        # on other devices a captured step is run again with other lengths, so it always has a mask
        self._even = cache.lengths.device.type == "cpu" and min(cache.filled[:rows]) + 1 == self._span
        self._lengths = cache.lengths[:rows]
        self.positions = self._lengths[:, None].clone()
        self._places: Tensor | None = None
        self._masks: dict[int | None, Tensor | None] = {}

    def update(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """As :class:`View`; keys and values [n, H, 1, D]."""
        store = self._cache.layers[layer]
        seen = store[:, : self._rows, :, : self._span].unbind()
        if self._even:  # all in the last column that is seen
            for part, new in zip(seen, (keys, values), strict=True):
                part[:, :, -1:].copy_(new)
        else:
            if self._places is None:
                self._places = self._flat_places()
            size = store.shape[-1]
            for part, new in zip(store, (keys, values), strict=True):
                part.view(-1, size).index_copy_(0, self._places, new.reshape(-1, size))
        return seen[0], seen[1]

    def _flat_places(self) -> Tensor:
        """Index of each row's and head's new place in [R * H * S, D], so that one copy writes all of a layer."""
        heads, columns = self._cache.layers[0].shape[2:4]
        first = torch.arange(self._rows * heads, device=self.positions.device).view(-1, heads) * columns
        return (first + self.positions).flatten()

    def mask(self, window: int | None = None) -> Tensor | None:
        """As :class:`View`."""
        if window not in self._masks:
            self._masks[window] = self._make_mask(window)
        return self._masks[window]

    def _make_mask(self, window: int | None) -> Tensor | None:
        near = window is None or window >= self._span
        if self._even and near:
            return None
        columns = torch.arange(self._span, device=self.positions.device)
        allowed = columns <= self.positions
        if not near:
            allowed &= columns > self.positions - window  # type: ignore[operator]
        return additive(allowed, self._cache.layers[0].dtype)[:, None, None]

    def finish(self) -> None:
        """Count the new position on the device; all layers have written it. A free row stays in its last column."""
        self._lengths.add_(1).clamp_(max=self._cache.capacity - 1)


class RowView:
    """Positions ``start`` to ``stop`` of one row.

    Args:
        cache: with room for them.
        row: which row.
        start, stop: positions.
        prefix: the first so many positions are seen by all others, whatever comes before what.
    """

    def __init__(self, cache: KVCache, row: int, start: int, stop: int, prefix: int = 0) -> None:
        self._cache, self._row, self._start, self._stop, self._prefix = cache, row, start, stop, prefix
        self.positions = torch.arange(start, stop, device=cache.lengths.device)[None]
        self._masks: dict[int | None, Tensor | None] = {}

    def update(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """As :class:`View`; keys and values [1, H, stop - start, D]."""
        store, row = self._cache.layers[layer], slice(self._row, self._row + 1)
        store[0, row, :, self._start : self._stop] = keys
        store[1, row, :, self._start : self._stop] = values
        return store[0, row, :, : self._stop], store[1, row, :, : self._stop]

    def mask(self, window: int | None = None) -> Tensor | None:
        """As :class:`View`."""
        if window not in self._masks:
            columns = torch.arange(self._stop, device=self.positions.device)
            own = self.positions[0, :, None]
            allowed = (columns <= own) | (columns < self._prefix)
            if window is not None:
                allowed &= columns > own - window
            self._masks[window] = additive(allowed, self._cache.layers[0].dtype)[None, None]
        return self._masks[window]


class DecodeState:
    """All that decoding remembers of its rows: the cache, and how many semantic tokens each row has.

    Belongs to whoever decodes, never to a model.
    """

    def __init__(self, cache: KVCache) -> None:
        self.cache = cache
        self.spoken = torch.zeros_like(cache.lengths)
        """[R] semantic tokens of each row so far, the prompt's included."""

    def make_room(self, rows: int, positions: int) -> bool:
        """As :meth:`KVCache.make_room`."""
        moved = self.cache.make_room(rows, positions)
        missing = self.cache.rows - self.spoken.shape[0]
        if missing:
            self.spoken = torch.cat((self.spoken, self.spoken.new_zeros(missing)))
        return moved

    def open_row(self, row: int, length: int, spoken: int) -> None:
        """Make a row live whose ``length`` positions have been read, ``spoken`` of them semantic tokens."""
        self.cache.set_length(row, length)
        self.spoken[row] = spoken

    def free_row(self, row: int) -> None:
        """End a row."""
        self.open_row(row, 0, 0)

    def move(self, source: int, target: int) -> None:
        """Copy a row over another one, and free it."""
        self.spoken[target] = self.spoken[source]
        self.cache.move(source, target)

    def count_step(self, rows: int) -> None:
        """Count a step of the first ``rows`` rows on the host (``step`` of a backend does it by itself)."""
        self.cache.count_step(rows)

    def finish_step(self, view: StepView, rows: int) -> None:
        """After all layers of a step: count the new position, on the device and on the host."""
        view.finish()
        self.spoken[:rows].add_(1).clamp_(max=self.cache.capacity)
        self.count_step(rows)

    def device_state(self) -> list[Tensor]:
        """Small tensors that a step changes beside the cache."""
        return [self.cache.lengths, self.spoken]

    def host_state(self) -> Any:
        """What a step changes on the host, for :meth:`restore_host`."""
        return list(self.cache.filled)

    def restore_host(self, state: Any) -> None:
        """Undo what was counted on the host since :meth:`host_state`."""
        self.cache.filled[:] = state


def additive(allowed: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Bool mask -> scores to add: 0 where allowed, -inf elsewhere."""
    return torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill_(~allowed, float("-inf"))
