"""The host's decode variants with the language model in front: batched, single, streaming, and the CUDA graph class.

Each wrapper gives what the host's own gives: ``y`` ends with the new tokens and ``idx`` is their number. Off, or fallen
before anything was said, the host's own function is called with the arguments as they came. Its variants call each
other through the instance: while one of them runs for a fall, the wrappers of this thread step aside.

Shapes: B rows, T_ph phones, T_sem semantic tokens.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import logging
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .signatures import DECODE, GRAPH, VARIANTS, missing
from .speaking import Row, Speaker, find_speaker
from .state import Plugin

logger = logging.getLogger(__name__)

OWNER = "gsv_lm_owner"
"""Attribute of the host's decoder: a weak reference to the ``TTS`` object that it belongs to."""
V2_SYMBOLS = 732
"""Rows of the phone table from which on it is that of the v2 symbols."""


class Slot:
    """One decoder of the host and what stands before it."""

    def __init__(self, plugin: Plugin, decoder: Any) -> None:
        self.plugin = plugin
        self.decoder = weakref.ref(decoder)

    @property
    def owner(self) -> Any:
        """The host's ``TTS`` object, None in scripts that have none."""
        reference = vars(self.decoder() or object).get(OWNER)
        return reference() if reference is not None else None

    def speaker(self, device: torch.device) -> Speaker | None:
        """Who speaks in place of the decoder; None where the decoder itself does: it is off, or it fell.

        Raises:
            RuntimeError: strict, and the language model cannot.
        """
        if getattr(self.plugin.bypass, "on", False):
            return None
        owner = self.owner
        config = getattr(owner, "configs", None)
        wish = self.plugin.wish(config)
        if owner is not None:
            owner.last_fallback = None
        if not wish.on:
            return None
        symbols = symbols_of(self.decoder())
        try:
            return find_speaker(self.plugin, config, device, symbols)(wish)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the decoder speaks
            self.fell(error, None)
            return None

    def fell(self, error: Exception, speaker: Speaker | None) -> None:
        """Report a fall."""
        owner = self.owner
        wish = speaker.wish if speaker is not None else self.plugin.wish(getattr(owner, "configs", None))
        self.plugin.fell(error, wish, owner)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """The wrappers of this thread call the host's own functions."""
        before = getattr(self.plugin.bypass, "on", False)
        self.plugin.bypass.on = True
        try:
            yield
        finally:
            self.plugin.bypass.on = before

    def speak(self, rows: Sequence[Row]) -> Callable[[Mapping[str, Any]], list[list[int] | None]]:
        """A function from sampling values to tokens; rows that are None are the decoder's."""
        speaker = self.speaker(rows[0].phones.device)

        def tokens(values: Mapping[str, Any]) -> list[list[int] | None]:
            if speaker is None:
                return [None] * len(rows)
            try:
                found, error = speaker.speak(rows, values)
            except Exception as failure:  # noqa: BLE001 - as above
                found, error = [None] * len(rows), failure
            if error is not None:
                self.fell(error, speaker)
            return found

        return tokens


def symbols_of(decoder: Any) -> str:
    """Which phone symbols a decoder reads, "v1" or "v2"; empty where it does not say."""
    size = getattr(decoder, "phoneme_vocab_size", None)
    return "" if not isinstance(size, int) else "v2" if size >= V2_SYMBOLS else "v1"


def attach(plugin: Plugin, decoder: Any) -> list[str]:
    """Put the wrappers on a decoder; returns the names of those variants that could not be wrapped."""
    slot, strange = Slot(plugin, decoder), []
    for place in VARIANTS:
        own = getattr(type(decoder), place.name, None)
        if own is None:
            continue
        signature = inspect.signature(own)
        if missing(place, list(signature.parameters)):
            strange.append(place.name)
            continue
        several = place.name in ("infer_panel_batch_infer", "infer_panel_naive_batched")
        if several:
            wrapper = _batched(slot, own, signature)
        elif inspect.isgeneratorfunction(own):
            wrapper = _generator(slot, own, signature)
        else:
            wrapper = _single(slot, own, signature)
        setattr(decoder, place.name, functools.wraps(own)(wrapper))
    return strange


def _values(signature: inspect.Signature, decoder: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """The arguments of a call by name, those behind ``**kwargs`` included."""
    bound = signature.bind(decoder, *args, **kwargs)
    bound.apply_defaults()
    named = dict(bound.arguments)
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            named.update(named.pop(parameter.name))
    return named


def _with_prompt(row: Row, tokens: list[int]) -> Tensor:
    """[T_sem] prompt and new tokens of a row, where the host keeps them."""
    new = torch.tensor(tokens, dtype=torch.int64, device=row.phones.device)
    return new if row.prompt is None else torch.cat((row.prompt.to(new), new))


def _batched(slot: Slot, own: Any, signature: inspect.Signature) -> Callable[..., Any]:
    """Rows together: ([y of each row], [idx of each row])."""

    def infer(*args: Any, **kwargs: Any) -> Any:
        decoder = slot.decoder()
        values = _values(signature, decoder, args, kwargs)
        prompts = values["prompts"]
        rows = [Row(x, None if prompts is None else prompts[n]) for n, x in enumerate(values["x"])]
        tokens = slot.speak(rows)(values)
        left = [n for n, one in enumerate(tokens) if one is None]
        if len(left) == len(rows):
            with slot.aside():
                return own(decoder, *args, **kwargs)
        ys: list[Any] = [None if one is None else _with_prompt(row, one) for row, one in zip(rows, tokens, strict=True)]
        counts: list[Any] = [None if one is None else len(one) for one in tokens]
        if left:
            with slot.aside():
                spoken, lengths = own(decoder, **_some_rows(values, left))
            for n, y, count in zip(left, spoken, lengths, strict=True):
                ys[n], counts[n] = y, count
        return ys, counts

    return infer


def _some_rows(values: Mapping[str, Any], rows: Sequence[int]) -> dict[str, Any]:
    """The arguments of a call for some of its rows."""
    named = {name: value for name, value in values.items() if name != "self"}
    named["x"] = [values["x"][n] for n in rows]
    named["bert_feature"] = [values["bert_feature"][n] for n in rows]
    named["x_lens"] = values["x_lens"][list(rows)]
    if values["prompts"] is not None:
        named["prompts"] = values["prompts"][list(rows)]
    return named


def _row(values: Mapping[str, Any]) -> Row:
    """The one row of a call: x [1, T_ph], prompts [1, T_sem] or None."""
    prompts = values["prompts"]
    return Row(values["x"][0], None if prompts is None else prompts[0])


def _single(slot: Slot, own: Any, signature: inspect.Signature) -> Callable[..., Any]:
    """One row: (y [1, T_sem], idx)."""

    def infer(*args: Any, **kwargs: Any) -> Any:
        decoder = slot.decoder()
        values = _values(signature, decoder, args, kwargs)
        row = _row(values)
        tokens = slot.speak([row])(values)[0]
        if tokens is None:
            with slot.aside():
                return own(decoder, *args, **kwargs)
        return _with_prompt(row, tokens)[None], len(tokens)

    return infer


def _generator(slot: Slot, own: Any, signature: inspect.Signature) -> Callable[..., Any]:
    """One row as a generator: (y, idx) once, or (tokens [1, n] or None, is_final) while they come."""

    def infer(*args: Any, **kwargs: Any) -> Iterator[Any]:
        if getattr(slot.plugin.bypass, "on", False):  # asked for a fall of another variant
            return iter(own(slot.decoder(), *args, **kwargs))
        return speak(args, kwargs)

    def speak(args: Any, kwargs: Any) -> Iterator[Any]:
        decoder = slot.decoder()
        values = _values(signature, decoder, args, kwargs)
        row = _row(values)
        if not values.get("streaming_mode", False):
            tokens = slot.speak([row])(values)[0]
            if tokens is not None:
                yield _with_prompt(row, tokens)[None], len(tokens)
                return
            yield from _aside(slot, own(decoder, *args, **kwargs))
            return
        speaker = slot.speaker(row.phones.device)
        said: list[int] = []
        if speaker is not None:
            try:
                yield from _chunks(speaker, row, values, said)
                return
            except Exception as error:  # noqa: BLE001 - as in Slot.speaker
                slot.fell(error, speaker)
        if said:  # what was given out is heard: the decoder goes on from there
            values = {name: value for name, value in values.items() if name != "self"}
            values["prompts"] = _with_prompt(row, said)[None]
            yield from _aside(slot, own(decoder, **values))
            return
        yield from _aside(slot, own(decoder, *args, **kwargs))

    return infer


def _aside(slot: Slot, items: Iterator[Any]) -> Iterator[Any]:
    """A generator of the host, run with the wrappers stepping aside; between its items they do not."""
    while True:
        with slot.aside():
            item = next(items, items)
        if item is items:
            return
        yield item


def _chunks(
    speaker: Speaker, row: Row, values: Mapping[str, Any], said: list[int]
) -> Iterator[tuple[Tensor | None, bool]]:
    """Tokens in chunks as the host's streaming wants them; ``said`` gets what was given out."""
    pending: list[int] = []
    for token in itertools.chain.from_iterable(speaker.stream(row, values)):
        pending.append(token)
        if len(pending) >= int(values["chunk_length"]) and _quiet(pending, values):
            said += pending
            yield _chunk(pending, row), False
            pending = []
    said += pending
    yield (_chunk(pending, row) if pending else None), True


def _chunk(tokens: list[int], row: Row) -> Tensor:
    return torch.tensor([tokens], dtype=torch.int64, device=row.phones.device)


def _quiet(pending: Sequence[int], values: Mapping[str, Any]) -> bool:
    """True where a chunk may end: always, or at two tokens that resemble silence where the host gives resemblances."""
    silence = values.get("mute_emb_sim_matrix")
    if silence is None:
        return True
    border = float(values.get("chunk_split_thershold", 0.3))
    return all(float(silence[token]) >= border for token in pending[-2:])


def wrap_graph_class(plugin: Plugin, module: Any) -> None:
    """The class that decodes by CUDA graphs: the language model answers its requests where it is on."""
    runner = getattr(module, GRAPH.owner, None)
    own = getattr(runner, GRAPH.name, None)
    if own is None or missing(GRAPH, list(inspect.signature(own).parameters)):
        logger.warning("CUDA graph decoding: %s has another form; the AR model speaks there", GRAPH.label)
        return

    @functools.wraps(own)
    def generate(self: Any, request: Any) -> Any:
        slot = Slot(plugin, getattr(self, "decoder_model", self))
        rows = [Row(x, request.prompts[n]) for n, x in enumerate(request.x)]
        values = {name: getattr(request, name) for name in DECODE}
        tokens = slot.speak(rows)(values)
        spoken = [one for one in tokens if one is not None]
        if len(spoken) < len(rows):
            return own(self, request)
        device = rows[0].phones.device
        return module.T2SResult(result=[torch.tensor(one, dtype=torch.int64, device=device) for one in spoken])

    setattr(runner, GRAPH.name, generate)
