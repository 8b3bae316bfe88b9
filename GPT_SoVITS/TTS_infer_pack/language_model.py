"""The language model in the text-to-semantic seat, as the settings ask for it: loaded once, told why where it cannot.

The seat keeps at most one language model. The AR model stays with the voice: it speaks whenever the other cannot.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from AR.backend import T2SBackend
from AR.checked import local_engine
from AR.engine import T2SEngine
from AR.errors import LMUnavailable
from AR.fallback import FallbackInfo, FallbackT2S
from AR.lm_loader import LMPlaces, load_language_model, usable_stages
from AR.models import lm_half
from AR.models.lm_folder import codebook_fingerprint
from AR.precision import has_bfloat16
from config import PACK_DIR, REPO_ROOT
from errors import CheckpointError

if TYPE_CHECKING:
    from AR.models.qwen3_t2s_model import Qwen3T2SModel
    from TTS_infer_pack.models import VoiceModels
    from TTS_infer_pack.tts_config import TTS_Config

logger = logging.getLogger(__name__)

LM_ROOT = REPO_ROOT / "GPT_weights_qwen3"
PACK_STAGES = {"gsv-tiny": "lm", "smollm2-135m": "lm-smollm2"}
"""Language models of the voice pack: the name they are offered under, and their folder in the pack."""

OnFall = Callable[[FallbackInfo], None]


def places() -> LMPlaces:
    """Where trained language models lie: the pack's own, and GPT_weights_qwen3/."""
    return LMPlaces([LM_ROOT], {name: PACK_DIR / folder for name, folder in PACK_STAGES.items()})


def at_home(name: str) -> str:
    """A model's name; the path of a folder starts at the repository, like every path in the settings."""
    local = REPO_ROOT / name
    return str(local) if local.is_dir() else name


def language_model_names() -> list[str]:
    """Names for a model list."""
    return usable_stages(places())


@dataclass(frozen=True)
class _Asked:
    """What decides which model is loaded; a change of any of them loads again."""

    name: str
    device: str
    codebook: str
    symbols: str
    precision: str


class LanguageModelSeat:
    """Holds the language model that was asked for last. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: _Asked | None = None
        self._model: T2SBackend | None = None
        self._engine: T2SEngine | None = None
        self._error: LMUnavailable | Exception | None = None
        self._told: set[tuple[str, str]] = set()

    def engine(self, configs: TTS_Config, models: VoiceModels, on_fall: OnFall) -> T2SEngine:
        """What speaks a request: the AR model alone, or the language model with the AR model behind it.

        Args:
            configs: settings as they are now.
            models: the voice.
            on_fall: told of every fall during the request, and of a failed load.

        Raises:
            CheckpointError: in strict mode, why the language model cannot be loaded.
        """
        if not (configs.use_qwen3 and configs.qwen3_enable_inference):
            return models.engine
        asked = _asked(configs.qwen3_model_name, models, configs.qwen3_precision)
        with self._lock:
            if asked != self._asked:
                self._load(asked)
            engine, error = self._engine, self._error
        try:
            return FallbackT2S(engine, models.engine, asked.name, error, configs.qwen3_strict, on_fall, self._told)
        except LMUnavailable as reason:
            raise CheckpointError(
                str(reason), "a language model that can speak", "see docs/qwen3.md, or turn qwen3_strict off"
            ) from reason

    def _load(self, asked: _Asked) -> None:
        """Load what is asked for; what was loaded before goes first, so that both need not fit."""
        self._drop()
        self._asked = asked
        try:
            self._model = _load(asked)
            self._engine = local_engine(self._model)
            logger.info("language model %s is in the text-to-semantic seat", asked.name)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the AR model speaks
            self._error = error

    def _drop(self) -> None:
        self._asked = self._model = self._engine = self._error = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def release(self) -> None:
        """Free the language model's memory; the next request that asks for it loads it again."""
        with self._lock:
            self._drop()


def of_voice(name: str, models: VoiceModels, precision: str = "auto") -> Qwen3T2SModel:
    """A language model that speaks the tokens of a voice, for work that the seat does not do.

    Raises:
        LMUnavailable: with the reason why there is none.
    """
    return _load(_asked(name, models, precision))


def _asked(name: str, models: VoiceModels, precision: str) -> _Asked:
    codebook = codebook_fingerprint(models.vits.quantizer.codebook.embed)
    return _Asked(name, str(models.device), codebook, models.spec.symbols, precision)


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
        return (torch.bfloat16 if has_bfloat16() else torch.float16), False
    return torch.float32, device.type == "cpu" and lm_half.available()
