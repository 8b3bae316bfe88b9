"""The saved voices as cards: choosing one fills in its reference, a reference becomes one, one is removed."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from errors import GSVError, RequestError
from pages.context import PageContext
from pages.controls import PACK_VALUES
from pages.guard import plain, sentence
from pages.uploads import usable_upload
from TTS_infer_pack.voice_library import NamedVoice

OWN = ""
"""The card of the voice pack's own clip, or of what is uploaded below."""


@dataclass(frozen=True)
class VoiceCards:
    """The widgets; ``asked`` is the voice whose removal a second press confirms."""

    cards: gr.Radio
    name: gr.Textbox
    save: gr.Button
    remove: gr.Button
    asked: gr.State


def build_voice_cards(context: PageContext) -> gr.Radio:
    """Adds the cards to the container that is open."""
    t = context.t
    return gr.Radio(
        [(t("cards.own"), OWN)], value=OWN, label=t("cards.title"), elem_id="voice-cards", info=t("cards.info")
    )


def build_card_buttons(context: PageContext, cards: gr.Radio) -> VoiceCards:
    """Adds what saves and removes a voice to the container that is open."""
    t = context.t
    with gr.Row(equal_height=True):
        name = gr.Textbox(label=t("cards.name"), max_length=64, scale=3, min_width=140, elem_id="voice-name")
        save = gr.Button(t("cards.save"), scale=2, min_width=110, elem_id="voice-save")
        remove = gr.Button(t("cards.remove"), visible=False, scale=2, min_width=110, elem_id="voice-remove")
    return VoiceCards(cards, name, save, remove, gr.State(""))


def choices_of(context: PageContext) -> list[tuple[str, str]]:
    """The cards: the pack's own clip, then every saved voice with its language."""
    own = (context.say("cards.own"), OWN)
    return [own, *((label_of(context, voice), voice.name) for voice in context.library().voices())]


def label_of(context: PageContext, voice: NamedVoice) -> str:
    """A voice on its card."""
    return f"{voice.name} · {context.say(f'languages.{voice.lang}')}"


def fill(context: PageContext, name: str) -> list[Any]:
    """For a chosen card: the reference's clip, text and language, the voice's name, its recommended values, the button
    that removes it.

    Raises:
        GSVError: the voice is gone, or its weights cannot be used.
    """
    if not name:
        return [None, "", "auto", "", *[gr.skip()] * len(PACK_VALUES), gr.Button(visible=False)]
    voice = context.library().get(name)
    take_weights(context, voice)
    recommended = [voice.defaults.get(key, gr.skip()) for key in PACK_VALUES]
    clip = copied(context, voice)
    return [str(clip), voice.text, voice.lang, voice.name, *recommended, gr.Button(visible=True)]


def copied(context: PageContext, voice: NamedVoice) -> Path:
    """The clip under the voice's name, where the page may show it."""
    folder = Path(tempfile.mkdtemp(dir=context.uploads))
    return Path(shutil.copyfile(voice.reference, folder / f"{voice.name}{voice.reference.suffix.lower()}"))


def take_weights(context: PageContext, voice: NamedVoice) -> None:
    """Load the weights and the stage that a voice brings; both are for all visitors of the page."""
    speaker = context.voice.load()
    if voice.gpt and voice.sovits:
        speaker.load_voice(str(voice.gpt), str(voice.sovits))
    elif voice.gpt or voice.sovits:
        context.voice.take_weights("gpt" if voice.gpt else "sovits", str(voice.gpt or voice.sovits))
    if voice.t2s:
        speaker.set_t2s(voice.t2s, voice.qwen3_model_name)


def save(context: PageContext, name: str, clip: str | None, text: str, lang: str) -> NamedVoice:
    """Make a saved voice of the reference.

    Raises:
        GSVError: no reference, or a name or clip that cannot be used.
    """
    if not clip:
        raise RequestError(context.say("cards.no_clip"))
    path = usable_upload(clip, context.say)
    return context.library().add(name or "", Path(path).read_bytes(), text or "", lang or "auto")


def wire_voice_cards(context: PageContext, made: VoiceCards, widgets: dict[str, Any]) -> None:
    """Choosing, saving and removing; ``widgets`` are the tab's inputs by name."""
    reference = [widgets[name] for name in ("ref_wav_path", "prompt_text", "prompt_language", "voice")]
    filled = [*reference, *(widgets[name] for name in PACK_VALUES.values()), made.remove]
    quiet: dict[str, Any] = {"api_visibility": "private"}

    def choose(name: str) -> list[Any]:
        return fill(context, name)

    def keep(name: str, clip: str | None, text: str, lang: str) -> list[Any]:
        voice = save(context, name, clip, text, lang)
        gr.Info(plain(context.say("cards.saved", name=voice.name)))
        return [gr.Radio(choices_of(context), value=voice.name), "", voice.name, gr.Button(visible=True)]

    def drop(name: str, asked: str) -> list[Any]:
        if asked != name:
            gr.Warning(plain(context.say("cards.ask_remove", name=name)), title=context.say("cards.remove"))
            return [name, *[gr.skip()] * (1 + len(filled))]
        try:
            context.library().remove(name)
        except GSVError as error:
            gr.Warning(plain(sentence(context.say, error)), title=context.say("page.error_title"))
        return ["", gr.Radio(choices_of(context), value=OWN), *fill(context, OWN)]

    made.cards.input(context.guard(choose), made.cards, filled, **quiet)
    made.save.click(
        context.guard(keep), [made.name, *reference[:3]], [made.cards, made.name, reference[3], made.remove], **quiet
    )
    made.remove.click(context.guard(drop), [made.cards, made.asked], [made.asked, made.cards, *filled], **quiet)
