"""What a visitor has had spoken: the last speeches with text, seed and stage, to be heard again and downloaded.

The files lie with ``live``; here is what is said of them, by visitor, and how it is shown.
"""

from __future__ import annotations

import html
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

KEPT = 12
"""Speeches of a visitor."""
VISITORS = 200
SHOWN_TEXT = 90
NAME_TEXT = 40
Say = Callable[..., str]
PLAY = (
    "const a=document.querySelector('#live audio');"
    "a.onended=null;a.autoplay=false;a.src='speech/'+this.dataset.speech;a.play()"
)


@dataclass(frozen=True)
class Spoken:
    """One speech.

    Attributes:
        name: secret name of its files.
        title: what the files are called when they are downloaded, without ending.
        text: what was asked for.
        seconds: how long it is.
        seed, who: with which seed, and the stage in the visitor's words.
        kinds: endings of its files.
        partial: it was stopped before its end.
        page: the open page that asked for it, one of several of a visitor.
    """

    name: str
    title: str
    text: str
    seconds: float
    seed: int
    who: str
    kinds: tuple[str, ...] = ("wav",)
    partial: bool = False
    page: str = ""


class History:
    """The last speeches of each visitor, by :func:`pages.guard.owner`. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: OrderedDict[str, list[Spoken]] = OrderedDict()

    def add(self, visitor: str, spoken: Spoken) -> None:
        """Note a speech as the newest of ``visitor``."""
        with self._lock:
            self._of[visitor] = [spoken, *self._of.pop(visitor, [])][:KEPT]
            while len(self._of) > VISITORS:
                self._of.popitem(last=False)

    def of(self, visitor: str) -> list[Spoken]:
        """The speeches of ``visitor``, the newest first."""
        with self._lock:
            return list(self._of.get(visitor, ()))


def title_of(voice: str, text: str) -> str:
    """A name for a file that a person finds again: the voice, and how the text begins."""
    words = re.sub(r"[^\w' -]+", " ", re.sub(r"\[[^\]]*\]", " ", text))
    begin = " ".join(words.split())
    short = begin if len(begin) <= NAME_TEXT else begin[:NAME_TEXT].rsplit(" ", 1)[0]
    return " - ".join(part for part in (" ".join(re.sub(r"[^\w' .-]+", " ", voice).split()), short) if part)


def history_html(say: Say, speeches: list[Spoken]) -> str:
    """The list as it is shown; empty where there is nothing."""
    return "".join(_row(say, spoken) for spoken in speeches)


def _row(say: Say, spoken: Spoken) -> str:
    text = spoken.text if len(spoken.text) <= SHOWN_TEXT else spoken.text[:SHOWN_TEXT] + " …"
    facts = say("history.facts", seconds=f"{spoken.seconds:.1f}", seed=spoken.seed, who=spoken.who)
    if spoken.partial:
        facts = f"{say('history.partial')} · {facts}"
    links = " ".join(
        f'<a href="speech/{spoken.name}.{kind}" download="{html.escape(spoken.title)}.{kind}">{kind}</a>'
        for kind in spoken.kinds
    )
    return (
        f'<div class="speech-row"><button type="button" class="speech-play" data-speech="{spoken.name}.wav" '
        f'aria-label="{html.escape(say("history.play"))}" onclick="{PLAY}">▶</button>'
        f"<div><div>{html.escape(text)}</div><small>{html.escape(facts)} · {links}</small></div></div>"
    )
