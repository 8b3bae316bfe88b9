"""What of the inference tab follows the loaded voice, on every open page: status, lists, cards, recommended values.

The voice is one for all visitors. What changes in it by one of them is seen by the others within seconds.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import gradio as gr

from pages.context import PageContext
from pages.controls import PACK_VALUES
from pages.lm_group import LMGroup, stage_values
from pages.model_lists import LOOK_SECONDS, ModelLists, listing, take_weights, updates
from pages.voice_cards import choices_of

LOOK_AGAIN_SECONDS = 0.3
RECOMMENDED: dict[str, Any] = {
    "top_k": 15,
    "top_p": 1,
    "temperature": 1,
    "repetition_penalty": 1.35,
    "text_split_method": "cut5",
    "speed_factor": 1,
}
"""Values of a voice that recommends none."""


@dataclass(frozen=True)
class Shown:
    """The widgets that follow the voice."""

    lists: ModelLists
    group: LMGroup
    status: gr.Markdown
    cards: gr.Radio

    def watched(self) -> list[Any]:
        """What is renewed while the page is open."""
        return [*self.lists.widgets(), self.status, *self.group.widgets(), self.cards]


def wire_models(context: PageContext, shown: Shown, widgets: dict[str, Any]) -> None:
    """What is loaded and what could be: at the opening of the page, on a choice, on refresh, and now and then."""
    versions = [widgets["sample_steps"], widgets["if_sr"], widgets["cfg_rate"]]
    recommended = [widgets[name] for name in PACK_VALUES.values()]
    lists, seen = shown.lists, gr.State([])
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}

    def opened() -> Iterator[list[Any]]:
        yield from open_page(context, len(versions) + len(recommended))

    gr.on(
        None,
        context.guard(opened),
        None,
        [shown.status, *lists.widgets(), *shown.group.widgets(), *versions, *recommended],
        concurrency_limit=None,
        **quiet,
    )

    def look(names: list[Any], card: str | None, on: bool) -> list[Any]:
        return renewed(context, names, card, on)

    gr.Timer(LOOK_SECONDS).tick(
        context.guard(look),
        [seen, shown.cards, shown.group.on],
        [seen, *shown.watched()],
        concurrency_limit=None,
        **quiet,
    )
    lists.refresh.click(
        context.guard(lambda: renewed(context, None)),
        None,
        [seen, *shown.watched()],
        api_visibility="private",
        concurrency_limit=1,
    )
    kinds: tuple[tuple[Literal["gpt", "sovits"], gr.Dropdown], ...] = (("gpt", lists.gpt), ("sovits", lists.sovits))
    for kind, widget in kinds:

        def take(path: str, kind: Literal["gpt", "sovits"] = kind) -> tuple[Any, ...]:
            taken = take_weights(context, path, kind)
            return (*taken, *_version_updates(context), *recommended_values(context))

        take.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter("path", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
        )
        widget.input(
            context.guard(take),
            widget,
            [*lists.widgets(), shown.status, *versions, *recommended],
            api_name=f"set_{kind}_weights",
            concurrency_limit=1,
            concurrency_id="weights",
        )

    def status_text() -> str:
        context.voice.load()
        return context.voice.status(context.say)

    gr.api(context.guard(status_text), api_name="status", concurrency_limit=None)


def recommended_values(context: PageContext) -> list[Any]:
    """What the loaded voice recommends, or the usual values, in the order of ``PACK_VALUES``."""
    speaker = context.voice.speaker
    if speaker is None:
        return [gr.skip()] * len(PACK_VALUES)
    return [speaker.configs.sampling.get(name, RECOMMENDED[name]) for name in PACK_VALUES]


def open_page(context: PageContext, others: int) -> Iterator[list[Any]]:
    """For a page that was just opened: what is loading, and then everything that depends on the loaded voice.

    Yields the status line, both model lists, the language model's checkbox and list, and ``others`` further values.
    """
    voice = context.voice
    voice.load_in_background()
    said = ""
    while voice.speaker is None and voice.state.stage != "failed":
        if said != (now := voice.status(context.say)):
            said = now
            yield [now, *updates(context), *[gr.skip()] * (2 + others)]
        time.sleep(LOOK_AGAIN_SECONDS)
    speaker = voice.speaker
    if speaker is None:
        yield [voice.status(context.say), *updates(context), *[gr.skip()] * (2 + others)]
        return
    values = [*_version_updates(context), *recommended_values(context)]
    yield [voice.status(context.say), *updates(context), *stage_values(context, speaker), *values]


def _version_updates(context: PageContext) -> tuple[Any, Any, Any]:
    """Show sample steps, super-resolution and guidance where the loaded version has them, at the version's values."""
    from module.versions import VERSIONS  # late: it comes with torch

    speaker = context.voice.speaker
    spec = VERSIONS.get(speaker.configs.version) if speaker else None
    mel = spec.mel if spec else None
    if mel is None:
        return gr.update(visible=False), gr.update(visible=False), gr.update(visible=False)
    guidance = mel.flow.guidance
    return (
        gr.update(visible=True, value=mel.flow.steps),
        gr.update(visible=mel.sampling_rate < 32000),
        gr.update(visible=guidance is not None, value=guidance or 0),
    )


def renewed(context: PageContext, known: list[Any] | None, card: str | None = "", on: bool = False) -> list[Any]:
    """What is seen now, then the two lists, the status line, the language model's checkbox and list, and the cards;
    only where something is not as the page shows it.

    Args:
        context: the page's.
        known: what the page shows, None to show it in any case.
        card: that is chosen.
        on: what the checkbox shows.
    """
    speaker = context.voice.speaker
    if speaker is None:
        return [gr.skip()] * 7
    cards, status = choices_of(context), context.voice.status(context.say)
    now = [listing(context), status, bool(speaker.configs.use_qwen3), [list(choice) for choice in cards]]
    if now == known:
        return [gr.skip()] * 7
    checkbox, name = stage_values(context, speaker)
    old = known if known and len(known) == len(now) else [None] * len(now)
    chosen = card if any(card == value for _, value in cards) else ""
    return [
        now,
        *updates(context),
        status,
        gr.skip() if checkbox == on else checkbox,
        name,
        gr.skip() if now[3] == old[3] else gr.Radio(cards, value=chosen),
    ]
