"""What is evaluated: the recording itself, its re-synthesis from its tokens (s2 alone), and the whole pipeline.

The first gap (recording to re-synthesis) is the s2 stage's, the second (to full synthesis) the text-to-semantic
stage's. Every system speaks an :class:`Item`; none of them listens or counts. Models are loaded when first needed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from audio_io import load_audio, resample, to_int16
from errors import AudioError, DatasetError, RequestError
from tools.evaluation.items import Item
from tools.evaluation.retries import counted_retries
from tools.evaluation.store import content_key
from tools.evaluation.voices import Reference, VoiceUnderTest

if TYPE_CHECKING:
    from AR.fallback import FallbackInfo

__all__ = ["FullSynthesis", "Reference", "Resynthesis", "Speech", "System", "Teacher"]

NO_RECORDING = "no recording of this sentence"
TEACHER, RESYNTH, TTS_MODE = "teacher", "resynth", "tts"


@dataclass(frozen=True)
class Speech:
    """What a system made of a sentence.

    Attributes:
        samples: int16 or float32 mono [T].
        rate: in Hz.
        work_seconds: time it took; 0 for recordings.
        note: something the reader of the results should know, such as a fallback.
        falls: how often the AR model stepped in for the language model.
        retries: how often a segment was begun again with another seed.
        cut_off: segments that had no end of their own.
    """

    samples: np.ndarray
    rate: int
    work_seconds: float = 0.0
    note: str = ""
    falls: int = 0
    retries: int = 0
    cut_off: int = 0


class System(Protocol):
    """Something that speaks sentences."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    @property
    def mode(self) -> str:
        """teacher, resynth or tts; only systems of one mode are compared."""

    @property
    def seeded(self) -> bool:
        """False where every seed gives the same speech."""

    def facts(self, item: Item, seed: int) -> Mapping[str, Any]:
        """All that the speech follows from; the same facts, the same speech."""

    def voice(self, item: Item) -> Path | None:
        """The clip whose voice is wanted, or None."""

    def speak(self, item: Item, seed: int) -> Speech:
        """Say the sentence; a GSVError means that it cannot."""


class Teacher:
    """The recordings themselves: the judge's own error rate.

    Args:
        voice: whose voice similarity is measured against; None: of nobody.
    """

    name = mode = TEACHER
    seeded = False

    def __init__(self, voice: Path | None = None) -> None:
        self._voice = voice

    def facts(self, item: Item, seed: int) -> Mapping[str, Any]:
        """The recording's content."""
        return {"recording": content_key([_recording(item)])}

    def voice(self, item: Item) -> Path | None:
        """The voice that the other systems want."""
        return self._voice

    def speak(self, item: Item, seed: int = 0) -> Speech:
        """The recording of ``item``."""
        audio = load_audio(_recording(item))
        return Speech(audio.samples, audio.rate)


def _recording(item: Item) -> Path:
    if item.path is None:
        raise DatasetError(f"{NO_RECORDING}: {item.text!r}", "its path in the table", "check --audio-root")
    return item.path


class Resynthesis:
    """Recording -> HuBERT -> tokens -> s2 decoder with the voice of a reference clip.

    Args:
        under_test: weights and reference.
        own_voice: each recording is its own reference.
        tokens: file name of the recording -> semantic ids, in place of HuBERT's.

    Raises:
        RequestError: no reference clip.
    """

    mode = RESYNTH
    seeded = True

    def __init__(
        self, under_test: VoiceUnderTest, own_voice: bool = False, tokens: Mapping[str, list[int]] | None = None
    ) -> None:
        if under_test.reference is None and not own_voice:
            raise RequestError("re-synthesis needs a reference clip", "--ref CLIP, or --ref self")
        self.name = under_test.named(RESYNTH)
        self._under_test, self._own_voice, self._tokens = under_test, own_voice, tokens

    def facts(self, item: Item, seed: int) -> Mapping[str, Any]:
        """Weights, recording or its tokens, text and seed."""
        path = _recording(item)
        given = self._tokens.get(path.name) if self._tokens is not None else None
        own = {"own_voice": self._own_voice, "tokens": given, "recording": content_key([path])}
        return {"mode": RESYNTH, **self._under_test.sound_facts, **own, **_said(item, seed)}

    def voice(self, item: Item) -> Path | None:
        """The reference clip."""
        reference = self._under_test.reference
        return item.path if self._own_voice or reference is None else reference.path

    def speak(self, item: Item, seed: int = 0) -> Speech:
        """The recording of ``item``, said again; sentence n with seed + n."""
        from text import cleaned_text_to_sequence
        from text.cleaner import clean_text

        path = _recording(item)
        vits, audio = self._vits
        version = vits.spec.name
        phones, _, _ = clean_text(item.text, item.language, version)
        ids = torch.tensor([cleaned_text_to_sequence(phones, version)])  # [1, T_ph]
        codes = self._codes(path)
        refer = self._spectrogram(path) if self._own_voice else self._reference
        generator = torch.Generator().manual_seed(seed + item.number)
        started = time.perf_counter()
        with torch.inference_mode():
            wave = vits.decode(codes, ids, refer, generator=generator)  # [1, 1, T]
        return Speech(wave[0, 0].float().numpy(), audio.sampling_rate, time.perf_counter() - started)

    @cached_property
    def _vits(self) -> Any:
        from TTS_infer_pack.models import Placement, load_vits

        return load_vits(self._under_test.config.vits_weights_path, Placement())

    @cached_property
    def _hubert(self) -> Any:
        from TTS_infer_pack.models import Placement, load_hubert

        return load_hubert(self._under_test.config.cnhuhbert_base_path, Placement())

    @cached_property
    def _reference(self) -> Tensor:
        reference = self._under_test.reference
        assert reference is not None
        return self._spectrogram(reference.path)

    def _codes(self, path: Path) -> Tensor:
        """Tokens [1, 1, T_sem] of a recording, at the level that the data set stage gives HuBERT."""
        from prepare_datasets.audio import read_recording, ssl_input

        if self._tokens is not None:
            if path.name not in self._tokens:
                raise DatasetError(f"no tokens of {path.name}", "a line in the file given as --tokens")
            return torch.tensor([[self._tokens[path.name]]])
        wave = torch.from_numpy(ssl_input(read_recording(path)))
        codes: Tensor = self._vits[0].extract_latent(self._hubert(wave))
        return codes

    def _spectrogram(self, path: Path) -> Tensor:
        """[1, F, T_spec] linear spectrogram of a reference clip."""
        from module.mel_processing import spectrogram_torch

        audio, settings = load_audio(path), self._vits[1]
        wave = torch.from_numpy(np.ascontiguousarray(resample(audio.samples, audio.rate, settings.sampling_rate)))
        return spectrogram_torch(
            wave[None], settings.filter_length, settings.sampling_rate, settings.hop_length, settings.win_length
        )


def _said(item: Item, seed: int) -> dict[str, Any]:
    return {"text": item.text, "language": item.language, "seed": seed + item.number}


class FullSynthesis:
    """The pipeline as users run it.

    Args:
        under_test: weights and reference.
        backend: "ar" for the original text-to-semantic model, "qwen3" for the language model.
        request: more request values, for example ``{"top_k": 5}``.
        model_name: which language model; empty: the one in the settings.

    Raises:
        RequestError: another backend.
    """

    mode = TTS_MODE
    seeded = True

    def __init__(
        self,
        under_test: VoiceUnderTest,
        backend: str,
        request: Mapping[str, Any] | None = None,
        model_name: str = "",
    ) -> None:
        if backend not in ("ar", "qwen3"):
            raise RequestError(f"backend {backend!r} is not known", "ar or qwen3")
        self.name = under_test.named(f"tts-{Path(model_name).name or backend}")
        self._under_test, self._backend = under_test, backend
        self._model_name = under_test.model_name(model_name) if model_name else ""
        self._request: dict[str, Any] = dict(request or {})
        if (reference := under_test.reference) is not None:
            self._request |= {
                "ref_audio_path": str(reference.path),
                "prompt_text": reference.text,
                "prompt_lang": reference.language,
            }

    def facts(self, item: Item, seed: int) -> Mapping[str, Any]:
        """Weights, language model, request values, text and seed."""
        return {"mode": TTS_MODE, **self._under_test.facts, **self._model_facts, **_said(item, seed)}

    @cached_property
    def _model_facts(self) -> dict[str, Any]:
        request = {name: value for name, value in self._request.items() if name != "ref_audio_path"}
        facts: dict[str, Any] = {"backend": self._backend, "request": request}
        if self._backend == "qwen3":
            name = self._model_name or self._under_test.config.qwen3_model_name
            folder = self._under_test.model_folder(name)
            facts |= {"model": name, "model_weights": content_key([folder]) if folder else None}
        return facts

    def voice(self, item: Item) -> Path | None:
        """The reference clip."""
        reference = self._under_test.reference
        return reference.path if reference else None

    def speak(self, item: Item, seed: int = 0) -> Speech:
        """``item`` from its text alone, sentence n with seed + n; falls to the AR model and retries are counted.

        Raises:
            GSVError: a text that cannot be spoken.
        """
        from TTS_infer_pack.request import SynthesisRequest

        tts = self._under_test.tts
        self._load_stage(tts)
        falls: list[FallbackInfo] = []
        inputs = {"text_lang": item.language, **self._request, "text": item.text, "seed": seed + item.number}
        with counted_retries() as retries:
            started = time.perf_counter()
            chunks = list(tts.stream(SynthesisRequest.from_dict(inputs), on_fall=falls.append))
            seconds = time.perf_counter() - started
        if not chunks:
            raise AudioError(f"nothing was spoken of {item.text!r}", "at least one segment")
        samples = to_int16(np.concatenate([chunk.samples for chunk in chunks]))
        note = f"fallback: {falls[0].reason}: {falls[0].message}" if falls else ""
        cut_off = sum(chunk.finish_reason == "length" for chunk in chunks)
        return Speech(samples, chunks[0].sample_rate, seconds, note, len(falls), retries.count, cut_off)

    def _load_stage(self, tts: Any) -> None:
        """Load what is to speak now, so that loading does not count as speaking."""
        settings, wanted = tts.configs, (self._backend == "qwen3", self._model_name)
        if (settings.use_qwen3, settings.qwen3_model_name if self._model_name else "") != wanted:
            tts.set_t2s(self._backend, self._model_name or None)
