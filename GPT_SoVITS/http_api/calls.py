"""What every dialect makes of a request: one typed :class:`SpeechCall`.

Dialects rename keys; here values become numbers, names become voices, and paths become files in allowed folders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from audio_io import Audio
from errors import RequestError
from http_api.encoders import media_type
from http_api.engines import Weights
from http_api.paths import find_file, stem
from http_api.settings import ApiSettings
from text.language_names import mode_of
from TTS_infer_pack.conversion_request import ConversionRequest
from TTS_infer_pack.request import RANGES, SWITCHES, SynthesisRequest, drawn_seed
from TTS_infer_pack.voice_library import AUDIO_SUFFIXES, DEFAULT_VOICE, NamedVoice, VoiceLibrary

FIELDS = frozenset(field.name for field in fields(SynthesisRequest))
CONVERSION_FIELDS = frozenset(field.name for field in fields(ConversionRequest)) - {"recording"}
WEIGHT_SUFFIXES = (".ckpt", ".pth", ".safetensors")
LANGUAGE_KEYS = ("text_lang", "prompt_lang")
SAMPLE_RATES = (8000, 192_000)
TRUE_MODE = 1
"""What ``streaming_mode=true`` means in HTTP: segment by segment."""


@dataclass(frozen=True)
class SpeechCall:
    """One request to speak, in whatever dialect it came.

    Attributes:
        request: what to say, with a seed.
        weights: which loaded voice says it.
        media_type: a key of :data:`encoders.MEDIA_TYPES`.
        rate: of the answer in Hz; None: the voice's own.
        voice: name of the voice, for the answer's headers.
        dialect: for the metrics.
    """

    request: SynthesisRequest | ConversionRequest
    weights: Weights = Weights()
    media_type: str = "wav"
    rate: int | None = None
    voice: str = DEFAULT_VOICE
    dialect: str = "public"

    @property
    def whole(self) -> bool:
        """True where nothing is sent before all of it is ready."""
        return not self.request.streams

    def in_mode(self, streaming_mode: int) -> SpeechCall:
        """The same call with another streaming mode; a conversion has but one."""
        if not isinstance(self.request, SynthesisRequest):
            return self
        return replace(self, request=replace(self.request, streaming_mode=streaming_mode))


@dataclass(frozen=True)
class Defaults:
    """What speaks when a request names no voice, reference or weights: swapped as a whole.

    Attributes:
        weights: of requests that name no voice with weights of its own.
        reference: path, words and their language; "" for the pack's own clip.
    """

    weights: Weights = Weights()
    reference: str = ""
    text: str = ""
    lang: str = ""

    def request_values(self) -> dict[str, Any]:
        """What they bring to a request."""
        if not self.reference:
            return {}
        values = {"ref_audio_path": self.reference}
        return values | ({"prompt_text": self.text, "prompt_lang": self.lang or "auto"} if self.text else {})


class CallMaker:
    """Makes calls of the values that dialects hand over.

    Args:
        settings: which folders may be read.
        library: voices with names.
        language_models: names that a request may ask for; any other could be a folder of this computer, or be fetched.

    Attributes:
        defaults: swapped by those who set reference or weights; a request reads them once.
    """

    def __init__(
        self, settings: ApiSettings, library: VoiceLibrary, language_models: Callable[[], list[str]] = list
    ) -> None:
        self._settings, self.library, self._language_models = settings, library, language_models
        self.defaults = Defaults()

    def make(self, values: Mapping[str, Any], dialect: str = "public") -> SpeechCall:
        """A checked call.

        Args:
            values: keys of :class:`SynthesisRequest`, and ``voice``, ``media_type``, ``sample_rate``; values may be
                text. Other keys are passed over, as public servers do; None and "" count as not given.
            dialect: for the metrics.

        Raises:
            GSVError: a value, voice or path that cannot be used.
        """
        given = {name: value for name, value in values.items() if value is not None and value != ""}
        voice, given = self._voice(given)
        base = voice.request_values() if voice else self.defaults.request_values()
        if "ref_audio_path" in given:  # the words of another clip do not fit it
            base = {name: value for name, value in base.items() if not name.startswith("prompt_")}
        named = base | {name: value for name, value in given.items() if name in FIELDS}
        request = SynthesisRequest.from_dict(self._checked({"text_lang": "auto"} | named))
        return self._call(request, voice, given, dialect)

    def make_conversion(self, values: Mapping[str, Any], recording: Audio, dialect: str = "openai") -> SpeechCall:
        """A checked call to speak a recording in another voice.

        Args:
            values: ``voice`` or ``ref_audio_path`` with ``prompt_text`` and ``prompt_lang``: the wanted voice;
                ``text`` and ``text_lang``: the words of the recording; ``seed``, ``sample_steps``, ``cfg_rate``,
                ``media_type``, ``sample_rate``. Other keys are passed over; None and "" count as not given.
            recording: that is converted.
            dialect: for the metrics.

        Raises:
            GSVError: a value, voice or path that cannot be used.
        """
        given = {name: value for name, value in values.items() if value is not None and value != ""}
        voice, given = self._voice(given)
        base = voice.request_values() if voice else self.defaults.request_values()
        if "ref_audio_path" in given:
            base = {}
        named = {name: value for name, value in (base | given).items() if name in CONVERSION_FIELDS}
        request = ConversionRequest(recording, **self._checked(named))
        return self._call(request, voice, given, dialect)

    def _call(
        self,
        request: SynthesisRequest | ConversionRequest,
        voice: NamedVoice | None,
        given: Mapping[str, Any],
        dialect: str,
    ) -> SpeechCall:
        """``request`` with a seed and what ``given`` says of the answer's sound.

        Raises:
            GSVError: a media type or rate that cannot be had.
        """
        name = str(given.get("media_type", "wav")).lower()
        media_type(name)
        return SpeechCall(
            request=replace(request, seed=drawn_seed(request.seed)),
            weights=_weights_of(voice, self.defaults.weights),
            media_type=name,
            rate=_sample_rate(given.get("sample_rate")),
            voice=voice.name if voice else DEFAULT_VOICE,
            dialect=dialect,
        )

    def _voice(self, given: Mapping[str, Any]) -> tuple[NamedVoice | None, dict[str, Any]]:
        """The voice that is named, and the values with ``ref_audio_path`` resolved or taken out.

        A path whose file is not there may still name a voice: SillyTavern sends "./参考音频/<voice>.wav".
        """
        values = dict(given)
        name = str(values.pop("voice", "") or "")
        voice = None if not name or name.lower() == DEFAULT_VOICE else self.library.get(name)
        path = values.pop("ref_audio_path", None)
        if path is None:
            return voice, values
        found = find_file(str(path), self._settings.reference_roots, AUDIO_SUFFIXES)
        if found is not None:
            return voice, values | {"ref_audio_path": str(found)}
        by_path = voice or self._voice_of_path(str(path))
        if by_path is None and stem(str(path)).lower() != DEFAULT_VOICE:
            raise RequestError(
                f"ref_audio_path {stem(str(path))[:64]!r} is neither a file in an allowed folder nor a voice",
                "a voice that is listed, or a clip below voices/ or an --allow folder",
            )
        return by_path, values

    def _voice_of_path(self, path: str) -> NamedVoice | None:
        name = stem(path)
        return self.library.find(name) if name else None

    def reference(self, path: str) -> Path:
        """A reference clip that a client names.

        Raises:
            RequestError: not a file in an allowed folder.
        """
        found = find_file(path, self._settings.reference_roots, AUDIO_SUFFIXES)
        if found is not None:
            return found
        voice = self._voice_of_path(path)
        if voice is None:
            raise RequestError("there is no such reference clip", "a clip below voices/ or an --allow folder")
        return voice.reference

    def weights(self, path: str) -> str:
        """A weights file that a client names.

        Raises:
            RequestError: not a file in an allowed folder.
        """
        found = find_file(path, self._settings.weight_roots, WEIGHT_SUFFIXES)
        if found is None:
            raise RequestError("there are no such weights", "a file in a folder of weights or an --allow folder")
        return str(found)

    def _checked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values with numbers read, languages named as modes, paths resolved."""
        checked = {name: _typed(name, value) for name, value in values.items()}
        for name in LANGUAGE_KEYS:
            if isinstance(checked.get(name), str):
                checked[name] = mode_of(checked[name])
        others = checked.get("aux_ref_audio_paths") or ()
        others = (others,) if isinstance(others, str) else others
        if not isinstance(others, list | tuple):
            raise RequestError("aux_ref_audio_paths is no list", "a list of paths")
        if others:
            checked["aux_ref_audio_paths"] = tuple(str(self.reference(str(path))) for path in others if path)
        model = checked.get("qwen3_model_name")
        if model and model not in self._language_models():
            raise RequestError(
                f"there is no language model {str(model)[:64]!r} here", "one of " + ", ".join(self._language_models())
            )
        if checked.get("prompt_text") and not checked.get("prompt_lang"):
            checked["prompt_lang"] = "auto"
        return checked


def _weights_of(voice: NamedVoice | None, defaults: Weights) -> Weights:
    if voice is None or not (voice.gpt or voice.sovits):
        return defaults
    return Weights(str(voice.gpt or ""), str(voice.sovits or ""))


def _sample_rate(value: Any) -> int | None:
    if value is None:
        return None
    low, high = SAMPLE_RATES
    try:
        rate = int(str(value))
    except ValueError:
        rate = 0
    if not low <= rate <= high:
        raise RequestError(f"sample_rate={str(value)[:32]!r} cannot be used", f"a whole number from {low} to {high}")
    return rate


def _typed(name: str, value: Any) -> Any:
    """A value that may have come as text, as the kind that its field has.

    Raises:
        RequestError: no number, or text with half of a character.
    """
    if name == "streaming_mode":
        return _mode(value)
    if name in RANGES and isinstance(value, str):
        kind = RANGES[name][0]
        try:
            return kind(value.strip())
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            raise RequestError(f"{name}={value[:32]!r} cannot be used", what) from None
    if name in SWITCHES and isinstance(value, str):
        return value.strip()
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise RequestError(f"{name} holds half of a character", "text in UTF-8") from error
    return value


def _mode(value: Any) -> Any:
    """``streaming_mode`` as a number: true and false come as words too."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("true", "yes"):
            return TRUE_MODE
        if word in ("false", "no"):
            return 0
        if not word.isdecimal():
            raise RequestError(f"streaming_mode={value[:32]!r} cannot be used", "0 to 3, true or false")
        return int(word)
    return int(value) if isinstance(value, bool) else value
