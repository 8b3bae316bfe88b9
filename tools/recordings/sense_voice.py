"""SenseVoice as an engine that writes speech down: Chinese, Cantonese, English, Japanese, Korean. Extra "sensevoice".

Run by sherpa-onnx from an ONNX file, so that no pickled weights are opened. The model is a folder that the user has,
with ``model.onnx`` or ``model.int8.onnx`` and ``tokens.txt``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from config import resolve_path
from errors import ConfigError, MissingDependencyError
from tools.recordings.heard import ENGINE_RATE, Heard

KNOWN = ("zh", "yue", "en", "ja", "ko")
MODEL_FILES = ("model.int8.onnx", "model.onnx")
TOKENS = "tokens.txt"
TAG = re.compile(r"<\|([^|]*)\|>")


class SenseVoice:
    """SenseVoice, one clip at a time.

    Args:
        model: folder with the ONNX file and its tokens.
        device: "cpu", "cuda" or "cuda:1".

    Raises:
        MissingDependencyError: sherpa-onnx is not installed.
        ConfigError: the folder holds no such model, or it cannot be loaded.
    """

    def __init__(self, model: str, device: str) -> None:
        try:
            import sherpa_onnx
        except ImportError as error:
            raise MissingDependencyError(
                "sherpa-onnx is not installed", "what runs SenseVoice", 'pip install -e ".[sensevoice]"'
            ) from error
        self._make = sherpa_onnx.OfflineRecognizer.from_sense_voice
        folder = resolve_path(model)
        self._model = next((folder / name for name in MODEL_FILES if (folder / name).is_file()), None)
        self._tokens = folder / TOKENS
        self._provider = device.partition(":")[0]
        if self._model is None or not self._tokens.is_file():
            raise ConfigError(
                f"{model} holds no SenseVoice model",
                f"a folder with {' or '.join(MODEL_FILES)}, and {TOKENS}",
                "fetch the ONNX form of SenseVoiceSmall and name its folder with --model",
            )
        self._by_language: dict[str, Any] = {}

    def transcribe(self, samples: Any, language: str | None) -> Heard:
        """See ``transcription.Transcriber``."""
        recogniser = self._of(language if language in KNOWN else "auto")
        stream = recogniser.create_stream()
        stream.accept_waveform(ENGINE_RATE, samples)
        recogniser.decode_stream(stream)
        found = TAG.search(getattr(stream.result, "lang", "") or "")
        return Heard(TAG.sub("", stream.result.text).strip(), language or (found.group(1) if found else ""))

    def _of(self, language: str) -> Any:
        """The recogniser that listens for a language; it is told when it is made."""
        if language not in self._by_language:
            try:
                self._by_language[language] = self._make(
                    model=str(self._model),
                    tokens=str(self._tokens),
                    language=language,
                    use_itn=True,
                    provider=self._provider,
                )
            except (RuntimeError, ValueError) as error:
                raise ConfigError(
                    f"the SenseVoice model {Path(self._tokens).parent} cannot be loaded ({error})"
                ) from error
        return self._by_language[language]
