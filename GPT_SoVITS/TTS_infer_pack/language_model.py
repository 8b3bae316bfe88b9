"""Language models as the text-to-semantic stage: which one a request wishes, loaded once, and why it cannot be.

The AR model stays with the voice: it speaks whenever the other cannot.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from AR.backend import T2SBackend
from AR.checked import local_engine
from AR.engine import T2SEngine
from AR.errors import LMUnavailable, T2SError
from AR.fallback import FallbackInfo, FallbackT2S, OnFall, reason_of
from AR.hardware import has_fast_bfloat16
from AR.lm_loader import LMPlaces, load_language_model, usable_stages
from AR.models import lm_half
from AR.models.lm_folder import ADAPTER_FILE, CONFIG_FILE, LMConfig
from AR.plausible import LearnedSpan
from config import PACK_DIR, REPO_ROOT
from errors import CheckpointError, RequestError
from TTS_infer_pack.model_names import groups_of, is_remote, shown_name
from TTS_infer_pack.remote_models import RemoteModels, remote_span

if TYPE_CHECKING:
    from AR.models.qwen3_t2s_model import Qwen3T2SModel
    from TTS_infer_pack.models import VoiceModels
    from TTS_infer_pack.request import SynthesisRequest
    from TTS_infer_pack.tts_config import TTS_Config

logger = logging.getLogger(__name__)

LM_ROOT = REPO_ROOT / "GPT_weights_qwen3"
PACK_STAGES = {"gsv-tiny": "lm"}
"""Language models of the voice pack: the name they are offered under, and their folder in the pack."""

MOST_MODELS = 2
"""Language models in memory at once, as requests may ask for different ones in turn."""
RETRY_SECONDS = 60.0
"""A model that could not be loaded is tried again by the first request after so many seconds."""


def places() -> LMPlaces:
    """Where trained language models lie: the pack's own, and GPT_weights_qwen3/."""
    return LMPlaces([LM_ROOT], {name: PACK_DIR / folder for name, folder in PACK_STAGES.items()})


def at_home(name: str) -> str:
    """A model's name; the path of a folder starts at the repository, like every path in the settings."""
    local = REPO_ROOT / name
    return str(local) if local.is_dir() else name


def learned_span(name: str) -> LearnedSpan:
    """The longest speech that a language model has learned, as its folder says; unknown where that says nothing."""
    if is_remote(name):
        return remote_span(name, places())
    folder = places().find(at_home(name))
    try:
        return LMConfig.read(folder).span if folder is not None else LearnedSpan()
    except LMUnavailable:  # why it cannot speak is reported when it is loaded
        return LearnedSpan()


def language_model_names() -> list[str]:
    """Names for a model list."""
    return usable_stages(places())


@dataclass(frozen=True)
class StageWish:
    """Which stage is to speak, as settings and request say together.

    Attributes:
        name: the language model, or engines and models that are asked one after the other (remote_models.py); None for
            the AR model alone.
        strict: an error instead of the AR model where the language model cannot speak.
        precision: of its weights, "auto" or "float32".
        key: shown to engines elsewhere.
    """

    name: str | None
    strict: bool = False
    precision: str = "auto"
    key: str = field(default="", repr=False)

    @classmethod
    def of(cls, configs: TTS_Config, request: SynthesisRequest | None = None) -> StageWish:
        """The request's wish where it has one, else that of the settings.

        Raises:
            RequestError: a language model is asked for where the settings allow none.
        """
        asked = request.t2s if request is not None else None
        if asked == "qwen3" and not configs.qwen3_enable_inference:
            raise RequestError("language models are turned off here", "t2s ar", "set qwen3_enable_inference")
        wanted = asked == "qwen3" if asked else configs.use_qwen3 and configs.qwen3_enable_inference
        if not wanted:
            return cls(None)
        own = request.qwen3_model_name if request is not None else None
        key = configs.qwen3_engine_key or ""
        return cls(own or configs.qwen3_model_name, configs.qwen3_strict, configs.qwen3_precision, key)


@dataclass(frozen=True)
class _Asked:
    """What decides which model is loaded; a change of any of them loads again."""

    name: str
    device: str
    codebook: str
    symbols: str
    precision: str


Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class _Entry:
    """A model, or why there is none, as its folder was at that time.

    Attributes:
        stamp: of the folder; None where none was found.
        at: when it was tried, in seconds of the store's clock.
    """

    model: T2SBackend | None
    error: Exception | None
    stamp: Stamp | None
    at: float
    engine: T2SEngine | None = field(init=False)
    """Speaks with the model; all requests that ask for it share it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "engine", local_engine(self.model) if self.model is not None else None)


def folder_stamp(name: str) -> Stamp | None:
    """Changes when the trained folder that ``name`` stands for is written anew; None where there is no such folder."""
    folder = places().find(at_home(name))
    if folder is None:
        return None
    try:
        found = [(path.name, path.stat()) for path in (folder / CONFIG_FILE, folder / ADAPTER_FILE) if path.exists()]
    except OSError:  # it is being replaced
        return None
    return (*((name, stat.st_mtime_ns, stat.st_size) for name, stat in found),)


class LanguageModels:
    """The language models that were asked for last, loaded once each. Safe for several threads.

    What cannot be loaded is tried again after :data:`RETRY_SECONDS`, and at once where its folder has changed: memory
    and networks come back. A folder that was trained anew is loaded anew. Requests under way keep the model that they
    began with.

    Args:
        load: loads a model.
        clock: seconds.
    """

    def __init__(
        self, load: Callable[[_Asked], T2SBackend] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load or _load
        self._clock = clock
        self._lock, self._loading = threading.Lock(), threading.Lock()
        self._entries: OrderedDict[_Asked, _Entry] = OrderedDict()
        self._logged: set[tuple[str, str]] = set()
        self._remote = RemoteModels(places)

    @property
    def latest(self) -> T2SBackend | None:
        """The model that was asked for last, if it is loaded."""
        with self._lock:
            return next(reversed(self._entries.values())).model if self._entries else None

    def engine(self, wish: StageWish, models: VoiceModels, on_fall: OnFall, retry: bool = False) -> T2SEngine:
        """What speaks a request: the AR model alone, or the language models of the wish with the AR model behind them.

        Args:
            wish: which one.
            models: the voice.
            on_fall: called with every fall during the request, and with a failed load.
            retry: try again now what could not be loaded a moment ago.

        Raises:
            CheckpointError: in strict mode, why the language model cannot be loaded.
        """
        engine, strict = models.engine, wish.strict
        try:
            for group in reversed(groups_of(wish.name) if wish.name is not None else []):
                one = replace(wish, name=group[0], strict=strict)
                if is_remote(group[0]):
                    engine = self._elsewhere(group, one, models, engine, on_fall)
                else:
                    engine = self._here(one, models, engine, on_fall, retry)
                strict = False  # of several, only the last one's failure is an error
            return engine
        except LMUnavailable as reason:
            raise CheckpointError(
                str(reason), "a language model that can speak", "see docs/qwen3.md, or turn qwen3_strict off"
            ) from reason

    def _here(self, wish: StageWish, models: VoiceModels, behind: T2SEngine, on_fall: OnFall, retry: bool) -> T2SEngine:
        """A language model in this process, with ``behind`` behind it."""
        assert wish.name is not None
        asked = _asked(wish.name, models, wish.precision)
        entry = self._entry(asked, retry)

        def tell(info: FallbackInfo) -> None:
            if info.reason == "out_of_memory" and entry.error is None:
                self._drop_for_memory(asked)
            on_fall(info)

        return FallbackT2S(entry.engine, behind, wish.name, entry.error, wish.strict, tell, self._logged)

    def _elsewhere(
        self, addresses: tuple[str, ...], wish: StageWish, models: VoiceModels, behind: T2SEngine, on_fall: OnFall
    ) -> T2SEngine:
        """Engines elsewhere, with ``behind`` behind them."""
        engine, error = None, None
        try:
            engine = self._remote.engine(addresses, wish.key, models.codebook, models.spec.symbols)
        except T2SError as reason:
            error = reason if isinstance(reason, LMUnavailable) else LMUnavailable("weights_missing", str(reason))
        return FallbackT2S(engine, behind, shown_name(addresses[0]), error, wish.strict, on_fall, self._logged)

    def _entry(self, asked: _Asked, retry: bool) -> _Entry:
        stamp = folder_stamp(asked.name)
        found = self._known(asked, stamp, retry)
        if found is not None:
            return found
        with self._loading:  # one load at a time; whoever waits for it need not load again
            return self._known(asked, stamp, retry) or self._fresh(asked, stamp)

    def _known(self, asked: _Asked, stamp: Stamp | None, retry: bool) -> _Entry | None:
        """The entry if it still holds."""
        with self._lock:
            entry = self._entries.get(asked)
            if entry is None:
                return None
            # a folder that is not there this moment may be in the middle of being replaced
            same = stamp == entry.stamp or (stamp is None and entry.model is not None)
            fresh = entry.error is None or (not retry and self._clock() - entry.at < RETRY_SECONDS)
            if not (same and fresh):
                return None
            self._entries.move_to_end(asked)
            return entry

    def _fresh(self, asked: _Asked, stamp: Stamp | None) -> _Entry:
        """Load what is asked for; what it replaces goes first, so that both need not fit."""
        self._keep(lambda other: replace(other, precision=asked.precision) != asked, MOST_MODELS - 1)
        model, error = self._tried(asked)
        if error is not None and reason_of(error) == "out_of_memory" and self._keep(lambda other: False):
            logger.info("other language models are dropped to make room for %s", asked.name)
            model, error = self._tried(asked)
        entry = _Entry(model, error, stamp, self._clock())
        with self._lock:
            self._entries[asked] = entry
        return entry

    def _tried(self, asked: _Asked) -> tuple[T2SBackend | None, Exception | None]:
        try:
            model = self._load(asked)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the AR model speaks
            # only the line is kept: the frames of a traceback would keep all that was loaded so far
            error.__cause__ = error.__context__ = None
            return None, error.with_traceback(None)
        logger.info("language model %s is loaded", asked.name)
        return model, None

    def _keep(self, wanted: Callable[[_Asked], bool], at_most: int = MOST_MODELS) -> int:
        """Drop the models that are not ``wanted``, and the oldest of the others; returns how many went."""
        with self._lock:
            kept = [asked for asked in self._entries if wanted(asked)][-at_most:] if at_most else []
            gone = [asked for asked in self._entries if asked not in kept]
            engines = [self._entries.pop(asked).engine for asked in gone]
        held = [engine for engine in engines if engine is not None]
        for engine in held:
            engine.release()
        if held:
            del engines
            _free()
        return len(held)

    def _drop_for_memory(self, asked: _Asked) -> None:
        """After a model ran out of memory: it goes, and requests of the next minute get the reason."""
        what = f"{asked.name} ran out of memory and was dropped; choose a smaller one or shorter texts"
        with self._lock:
            stamp = self._entries[asked].stamp if asked in self._entries else folder_stamp(asked.name)
            error = LMUnavailable("out_of_memory", what)
            self._entries[asked] = _Entry(None, error, stamp, self._clock())
        _free()

    def release(self) -> None:
        """Free all language models' memory; the next request that asks for one loads it again."""
        self._keep(lambda other: False)


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def of_voice(name: str, models: VoiceModels, precision: str = "auto") -> Qwen3T2SModel:
    """A language model that speaks the tokens of a voice, for work beside speech.

    Raises:
        LMUnavailable: with the reason why there is none.
    """
    return _load(_asked(name, models, precision))


def _asked(name: str, models: VoiceModels, precision: str) -> _Asked:
    return _Asked(name, str(models.device), models.codebook, models.spec.symbols, precision)


def _load(asked: _Asked) -> Qwen3T2SModel:
    device = torch.device(asked.device)
    dtype, packed = weight_precision(device, asked.precision)
    return load_language_model(at_home(asked.name), places(), device, dtype, asked.codebook, asked.symbols, packed)


def weight_precision(device: torch.device, precision: str) -> tuple[torch.dtype, bool]:
    """(type of the backbone's weights, whether they are packed instead where that is worthwhile) on a device.

    Args:
        device: where it will speak.
        precision: "auto" or "float32", as ``qwen3_precision``.
    """
    if precision == "float32":
        return torch.float32, False
    if device.type == "cuda":
        return (torch.bfloat16 if has_fast_bfloat16(device) else torch.float16), False
    return torch.float32, device.type == "cpu" and lm_half.available()
