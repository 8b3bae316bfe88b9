"""What is evaluated: the recording itself, its re-synthesis from its tokens (s2 alone), and the whole pipeline.

The first gap (recording to re-synthesis) is the s2 stage's, the second (to full synthesis) the text-to-semantic
stage's. Every system speaks an :class:`Item`; none of them listens or counts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from audio_io import load_audio, resample
from errors import DatasetError, RequestError
from tools.evaluation.items import Item

if TYPE_CHECKING:
    from feature_extractor.cnhubert import CNHubert
    from TTS_infer_pack.TTS import TTS

logger = logging.getLogger(__name__)

NO_RECORDING = "no recording of this sentence"


@dataclass(frozen=True)
class Speech:
    """What a system made of a sentence.

    Attributes:
        samples: int16 or float32 mono [T].
        rate: in Hz.
        work_seconds: time it took; 0 for recordings.
        note: something the reader of the results should know, such as a fallback.
    """

    samples: np.ndarray
    rate: int
    work_seconds: float = 0.0
    note: str = ""


class System(Protocol):
    """Something that speaks sentences."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        ...

    def speak(self, item: Item) -> Speech:
        """Say the sentence; a GSVError means that it cannot."""
        ...


class Teacher:
    """The recordings themselves: the judge's own error rate."""

    name = "teacher"

    def speak(self, item: Item) -> Speech:
        """The recording of ``item``."""
        audio = load_audio(_recording(item))
        return Speech(audio.samples, audio.rate)


def _recording(item: Item) -> Path:
    if item.path is None:
        raise DatasetError(f"{NO_RECORDING}: {item.text!r}", "its path in the table", "check --audio-root")
    return item.path


@dataclass(frozen=True)
class Reference:
    """The clip that lends its voice, and its words (empty: spoken without them)."""

    path: Path
    text: str = ""
    language: str = "en"


class Resynthesis:
    """Recording -> HuBERT -> tokens -> s2 decoder with the voice of a reference clip.

    Args:
        s2_path: SoVITS checkpoint.
        hubert_path: HuBERT folder; None when ``tokens`` are given.
        reference: the voice; None takes each recording as its own reference.
        tokens: file name of the recording -> semantic ids, in place of HuBERT's.
        language: of the sentences.
        seed: the same seed gives the same audio.
    """

    name = "resynth"

    def __init__(
        self,
        s2_path: Path,
        hubert_path: Path | None,
        reference: Path | None,
        tokens: Mapping[str, list[int]] | None = None,
        language: str = "en",
        seed: int = 0,
    ) -> None:
        from TTS_infer_pack.models import Placement, load_hubert, load_vits

        place = Placement()
        self._vits, self._audio = load_vits(s2_path, place)
        self._hubert: CNHubert | None = None
        if tokens is None:
            if hubert_path is None:
                raise RequestError("re-synthesis needs a HuBERT folder or tokens", "--hubert or --tokens")
            self._hubert = load_hubert(hubert_path, place)
        self._tokens, self._language, self._seed = tokens, language, seed
        self._reference = None if reference is None else self._spectrogram(reference)

    def speak(self, item: Item) -> Speech:
        """The recording of ``item``, said again."""
        from text import cleaned_text_to_sequence
        from text.cleaner import clean_text

        path = _recording(item)
        version = self._vits.spec.name
        phones, _, _ = clean_text(item.text, self._language, version)
        ids = torch.tensor([cleaned_text_to_sequence(phones, version)])  # [1, T_ph]
        codes = self._codes(path)
        refer = self._spectrogram(path) if self._reference is None else self._reference
        generator = torch.Generator().manual_seed(self._seed + item.number)
        started = time.perf_counter()
        wave = self._vits.decode(codes, ids, refer, generator=generator)  # [1, 1, T]
        return Speech(wave[0, 0].float().numpy(), self._audio.sampling_rate, time.perf_counter() - started)

    def _codes(self, path: Path) -> Tensor:
        """Tokens [1, 1, T_sem] of a recording, at the level that the data set stage gives HuBERT."""
        from prepare_datasets.audio import read_recording, ssl_input

        if self._tokens is not None:
            if path.name not in self._tokens:
                raise DatasetError(f"no tokens of {path.name}", "a line in the file given as --tokens")
            return torch.tensor([[self._tokens[path.name]]])
        assert self._hubert is not None
        wave = torch.from_numpy(ssl_input(read_recording(path)))
        return self._vits.extract_latent(self._hubert(wave))

    def _spectrogram(self, path: Path) -> Tensor:
        """[1, F, T_spec] linear spectrogram of a reference clip."""
        from module.mel_processing import spectrogram_torch

        audio, settings = load_audio(path), self._audio
        wave = torch.from_numpy(np.ascontiguousarray(resample(audio.samples, audio.rate, settings.sampling_rate)))
        return spectrogram_torch(
            wave[None], settings.filter_length, settings.sampling_rate, settings.hop_length, settings.win_length
        )


class FullSynthesis:
    """The pipeline as users run it: ``TTS.run``.

    Args:
        tts: the loaded pipeline; several systems may share it.
        backend: "ar" for the original text-to-semantic model, "qwen3" for the language model.
        reference: the voice; None takes the pack's default.
        language: of the sentences.
        seed: sentence n is spoken with seed + n.
        request: more request values, for example ``{"top_k": 5}``.
        model_name: which language model; empty: the one in the settings.
    """

    def __init__(
        self,
        tts: TTS,
        backend: str,
        reference: Reference | None,
        language: str = "en",
        seed: int = 0,
        request: Mapping[str, Any] | None = None,
        model_name: str = "",
    ) -> None:
        if backend not in ("ar", "qwen3"):
            raise RequestError(f"backend {backend!r} is not known", "ar or qwen3")
        self.name = f"tts-{Path(model_name).name or backend}"
        self._tts, self._backend, self._seed, self._model_name = tts, backend, seed, model_name
        self._request: dict[str, Any] = {"text_lang": language, **(request or {})}
        if reference is not None:
            self._request |= {
                "ref_audio_path": str(reference.path),
                "prompt_text": reference.text,
                "prompt_lang": reference.language,
            }

    def speak(self, item: Item) -> Speech:
        """``item`` from its text alone; a fallback to the AR model is noted."""
        self._take_seat()
        started = time.perf_counter()
        chunks = list(self._tts.run({**self._request, "text": item.text, "seed": self._seed + item.number}))
        seconds = time.perf_counter() - started
        fallback = getattr(self._tts, "last_fallback", None)
        return Speech(
            np.concatenate([samples for _, samples in chunks]),
            chunks[0][0],
            seconds,
            f"fallback: {fallback}" if fallback else "",
        )

    def _take_seat(self) -> None:
        """Load what is to speak now, so that loading does not count as speaking."""
        settings, wanted = self._tts.configs, (self._backend == "qwen3", self._model_name)
        if (settings.use_qwen3, settings.qwen3_model_name if self._model_name else "") != wanted:
            self._tts.set_t2s(self._backend, self._model_name or None)


def read_tokens(path: Path) -> dict[str, list[int]]:
    """``6-name2semantic.tsv`` as a mapping from clip name to ids.

    Raises:
        DatasetError: no such file, or not in that form.
    """
    try:
        rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
        return {name: [int(word) for word in ids.split()] for name, ids in rows}
    except (OSError, ValueError) as error:
        raise DatasetError(f"tokens {path} cannot be read ({error})", "a 6-name2semantic.tsv") from error
