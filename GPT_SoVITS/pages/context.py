"""What every tab of the page is given: texts, settings, the speaker, the folders of weights, and how jobs are made.

A tab is a function ``build_<name>_tab(context: PageContext) -> None``, called inside an open ``gr.Blocks``. It builds
widgets and wires them to functions of the context; it holds no state of its own. Nothing here loads a model or imports
gradio.

Texts: a label, a choice or a heading is ``context.t("section.name")``; a sentence that a handler says while it runs is
``context.say("section.name", path=...)``, in the language of the visitor who caused it. Both read
``tools/i18n/locale/<language>/<section>.json``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from config import LOOPBACK, REPO_ROOT, resolve_path
from errors import RequestError
from pages.history import History
from pages.live import LiveStore
from pages.scratch import QUOTA
from pages.stops import Stops
from tools.i18n import Translator
from TTS_infer_pack.voice_library import VoiceLibrary, project_voices

if TYPE_CHECKING:
    from pages.jobs import JobRunner
    from pages.voice import Voice

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True)
class WeightRoots:
    """Folders in which trained weights lie; what is written there shows up in the model lists within seconds.

    Attributes:
        root: folder of ``GPT_weights*/`` (``*.ckpt``) and ``SoVITS_weights*/`` (``*.pth``), one each per version.
        lm: folder of trained language models, a subfolder each.
    """

    root: Path = REPO_ROOT
    lm: Path = REPO_ROOT / "GPT_weights_qwen3"


@dataclass(frozen=True)
class PageSettings:
    """How the page is served, parsed once.

    Attributes:
        host, port: address to listen on; port 0 takes a free one.
        share: a public link of gradio's; only together with ``login``.
        login: user name and password, or None on the loopback address.
        allow: folders outside the project in which paths typed by a visitor may lie.
        language: a page language, or "auto" for each visitor's own.
        exp_root: folder of training runs.
        names: further names under which browsers reach the page.
        quota: bytes of all uploads and speeches together.
    """

    host: str = LOOPBACK
    port: int = 9874
    share: bool = False
    login: tuple[str, str] | None = None
    allow: tuple[Path, ...] = ()
    language: str = "auto"
    exp_root: Path = REPO_ROOT / "logs"
    names: tuple[str, ...] = ()
    quota: int = QUOTA


@dataclass(frozen=True)
class PageContext:
    """One page's surroundings, shared by its tabs.

    Attributes:
        settings: how the page is served.
        translator: texts of the page; see :meth:`t` and :meth:`say`.
        voice: the speaker, loaded on first use.
        uploads: temporary folder for what visitors upload or tabs produce; gone when the page ends.
        weights: where trained weights lie.
        live: speech that is being made, for the page's player.
        stops: the same, for the stop button.
        history: what each visitor has had spoken.
        library: the saved voices.
        new_runner: makes a JobRunner; None on a page without training.
    """

    settings: PageSettings
    translator: Translator
    voice: Voice
    uploads: Path
    weights: WeightRoots = field(default_factory=WeightRoots)
    live: LiveStore = field(default_factory=LiveStore)
    stops: Stops = field(default_factory=Stops)
    history: History = field(default_factory=History)
    library: Callable[[], VoiceLibrary] = project_voices
    new_runner: Callable[[], JobRunner] | None = None

    def t(self, key: str) -> str:
        """Text of a widget (label, info, placeholder, choice, heading), for use while the page is built."""
        return self.translator.label(key)

    def say(self, key: str, **values: object) -> str:
        """A sentence for the visitor whose event is being handled; ``{name}`` in it becomes ``values["name"]``."""
        return self.translator.say(key, **values)

    def path(self, text: str, must_exist: bool = True) -> Path:
        """A path that a visitor typed or a client sent, resolved; relative ones start at the repository root.

        Links are followed first, so that none leads out of the allowed folders.

        Raises:
            RequestError: outside the project, the temporary folder and the ``--allow`` folders; or not there.
        """
        if not text.strip() or "\0" in text:
            raise RequestError(self.say("page.path_empty"))
        try:
            path = resolve_path(text.strip().strip("\"'"))
            there = path.exists()
        except OSError as error:  # a name that no file system takes
            raise RequestError(self.say("page.path_missing", path=f"{text.strip()[:80]} …")) from error
        roots = (REPO_ROOT, self.uploads, self.settings.exp_root, self.weights.root, *self.settings.allow)
        if not any(path.is_relative_to(root.resolve()) for root in roots):
            raise RequestError(self.say("page.path_outside", path=path))
        if must_exist and not there:
            raise RequestError(self.say("page.path_missing", path=path))
        return path

    def guard(self, handler: Handler) -> Handler:
        """``handler`` (function or generator function) as gradio may call it: no traceback reaches the page.

        A GSVError becomes its sentence as gr.Error, anything else is logged with its traceback and becomes one line.
        """
        from pages.guard import guarded  # late: it imports gradio

        return guarded(handler, self.say)
