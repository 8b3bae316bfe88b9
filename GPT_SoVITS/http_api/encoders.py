"""Speech as one continuous stream of bytes in the format a client asked for, resampled on the way.

PCM and wav are made here; Ogg Vorbis by soundfile (FFmpeg's own Vorbis encoder is experimental, and players of games
read no other Ogg); mp3, opus, aac and flac by PyAV, whose streams begin with the first 160 ms of speech and carry no
header that would have to be written again at the end. docs/api.md has the measurements.

Shapes: T samples.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from errors import MissingDependencyError, RequestError

Samples = NDArray[np.float32]

UNKNOWN_SIZE = 0xFFFFFFFF
"""Sizes in the header of a wav stream whose length is not known yet; players read on to the end."""
OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
RATES = (8000, 192000)
VORBIS_QUALITY = 0.4


class Encoder(Protocol):
    """Turns int16 samples [T] into bytes of one stream."""

    def add(self, samples: NDArray[np.int16]) -> bytes:
        """Bytes that are ready after ``samples``; may be none yet."""
        ...

    def finish(self) -> bytes:
        """The rest of the stream."""
        ...


@dataclass(frozen=True)
class MediaType:
    """A format of answers.

    Attributes:
        content_type: of the HTTP answer.
        make: an encoder from (rate in Hz, whether the whole is sent at once, so that its length is known).
        rates: sample rates that the format has; () for any.
    """

    content_type: str
    make: Callable[[int, bool], Encoder]
    rates: tuple[int, ...] = ()

    def rate_for(self, rate: int) -> int:
        """The lowest rate of the format that keeps what ``rate`` can hold."""
        fitting = [one for one in self.rates if one >= rate]
        return fitting[0] if fitting else max(self.rates, default=rate)


class Pcm:
    """Samples as they are: 16-bit little-endian, mono."""

    def __init__(self, rate: int, whole: bool) -> None:
        pass

    def add(self, samples: NDArray[np.int16]) -> bytes:
        """The samples' bytes."""
        return samples.astype("<i2").tobytes()

    def finish(self) -> bytes:
        """Nothing."""
        return b""


class Wav:
    """A 44-byte header and the samples; of a whole, the header has its true size."""

    def __init__(self, rate: int, whole: bool) -> None:
        self._rate, self._whole = rate, whole
        self._kept: list[bytes] = []
        self._begun = False

    def add(self, samples: NDArray[np.int16]) -> bytes:
        """The samples' bytes, the header before the first; nothing yet of a whole."""
        data = samples.astype("<i2").tobytes()
        if self._whole:
            self._kept.append(data)
            return b""
        header = b"" if self._begun else wav_header(self._rate, None)
        self._begun = True
        return header + data

    def finish(self) -> bytes:
        """The whole, or nothing more."""
        if not self._whole:
            return b"" if self._begun else wav_header(self._rate, None)
        data = b"".join(self._kept)
        return wav_header(self._rate, len(data)) + data


def wav_header(rate: int, size: int | None) -> bytes:
    """The 44 bytes before 16-bit mono samples.

    Args:
        rate: Hz.
        size: bytes of the samples; None where nobody knows yet.
    """
    riff = UNKNOWN_SIZE if size is None else size + 36
    data = UNKNOWN_SIZE if size is None else size
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", riff, b"WAVE") + layout + struct.pack("<4sI", b"data", data)


class _Sink:
    """A file that is written front to back only; what came since the last look is taken out."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._at = 0

    def write(self, data: Any) -> int:
        self._data += bytes(data)
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Nothing is held back."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Where it is; libsndfile asks for the end and comes back."""
        return self._at

    def take(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


class Vorbis:
    """Ogg Vorbis by libsndfile."""

    def __init__(self, rate: int, whole: bool) -> None:
        self._sink = _Sink()
        self._file = soundfile.SoundFile(
            self._sink, "w", rate, 1, format="OGG", subtype="VORBIS", compression_level=1 - VORBIS_QUALITY
        )

    def add(self, samples: NDArray[np.int16]) -> bytes:
        """The Ogg pages that are full."""
        self._file.write(samples)
        return self._sink.take()

    def finish(self) -> bytes:
        """The last pages."""
        self._file.close()
        return self._sink.take()


class Av:
    """What PyAV encodes.

    Args:
        container, codec: FFmpeg's names.
        rate: Hz.
        bit_rate: bits a second; 0 for a format without loss.
        whole: the length may be written into the header at the end.
    """

    def __init__(self, container: str, codec: str, rate: int, bit_rate: int, whole: bool) -> None:
        import av  # an extra

        self._av = av
        self._sink: Any = io.BytesIO() if whole else _Stream()
        options = {"fflags": "+bitexact"}  # the same speech gives the same bytes: no date, no random stream number
        if container == "mp3":
            options |= {"write_xing": str(int(whole)), "id3v2_version": "0"}
        if container == "ogg":
            options |= {"page_duration": "100000"}  # microseconds; players wait for a whole page
        self._out = av.open(self._sink, "w", format=container, options=options)
        self._stream: Any = self._out.add_stream(codec, rate=rate)
        self._stream.layout = "mono"
        if bit_rate:
            self._stream.bit_rate = bit_rate
        self._rate, self._pts, self._whole = rate, 0, whole
        self._convert = av.AudioResampler(format=self._stream.codec_context.format or "s16", layout="mono", rate=rate)

    def add(self, samples: NDArray[np.int16]) -> bytes:
        """What the encoder has finished; nothing yet of a whole."""
        if samples.size:
            frame = self._av.AudioFrame.from_ndarray(np.ascontiguousarray(samples)[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = self._rate, self._pts
            self._pts += samples.size
            self._encode(frame)
        return b"" if self._whole else self._sink.take()

    def _encode(self, frame: Any) -> None:
        for converted in self._convert.resample(frame):
            for packet in self._stream.encode(converted):
                self._out.mux(packet)

    def finish(self) -> bytes:
        """The rest, or the whole."""
        self._encode(None)
        for packet in self._stream.encode(None):
            self._out.mux(packet)
        self._out.close()
        return self._sink.getvalue() if self._whole else self._sink.take()


class _Stream:
    """The same as :class:`_Sink` for PyAV, which takes an object with ``seek`` for a file."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: Any) -> int:
        self._data += bytes(data)
        return len(data)

    def take(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


def _av(container: str, codec: str, bit_rate: int) -> Callable[[int, bool], Encoder]:
    return lambda rate, whole: Av(container, codec, rate, bit_rate, whole)


MEDIA_TYPES: dict[str, MediaType] = {
    "wav": MediaType("audio/wav", Wav),
    "raw": MediaType("audio/raw", Pcm),
    "pcm": MediaType("audio/pcm", Pcm),
    "ogg": MediaType("audio/ogg", Vorbis),
    "mp3": MediaType("audio/mpeg", _av("mp3", "libmp3lame", 64_000), MP3_RATES),
    "opus": MediaType("audio/ogg; codecs=opus", _av("ogg", "libopus", 32_000), OPUS_RATES),
    "aac": MediaType("audio/aac", _av("adts", "aac", 64_000), AAC_RATES),
    "flac": MediaType("audio/flac", _av("flac", "flac", 0)),
}
"""Every format by the name that requests use."""
PUBLIC_TYPES = ("wav", "raw", "ogg", "aac", "mp3", "flac", "opus")


def media_type(name: str) -> MediaType:
    """The format of a name.

    Raises:
        RequestError: an unknown one.
        MissingDependencyError: its encoder is not installed.
    """
    found = MEDIA_TYPES.get(name)
    if found is None:
        raise RequestError(f"media_type: {name[:32]} is not supported", "one of " + ", ".join(PUBLIC_TYPES))
    if name in ("mp3", "opus", "aac", "flac"):
        try:
            import av  # noqa: F401 - only whether it is there
        except ImportError as error:
            raise MissingDependencyError(
                f"media_type: {name} needs PyAV, which is not installed", "wav, raw or ogg", 'pip install -e ".[api]"'
            ) from error
    return found


class SpeechEncoder:
    """Float samples [T] of a model's rate to bytes of a format at its rate.

    Args:
        name: a key of :data:`MEDIA_TYPES`.
        rate: of the speech, Hz.
        target: rate of the answer; None: the speech's own, or the next that the format has.
        whole: all of it is sent at once.
    """

    def __init__(self, name: str, rate: int, target: int | None = None, whole: bool = False) -> None:
        kind = MEDIA_TYPES[name]
        self.rate = kind.rate_for(target or rate)
        self._encoder = kind.make(self.rate, whole)
        self._resampler = soxr.ResampleStream(rate, self.rate, 1, "float32") if self.rate != rate else None

    def add(self, samples: Samples) -> bytes:
        """Bytes that are ready after ``samples``."""
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples)
        return self._encoder.add(_int16(samples))

    def finish(self) -> bytes:
        """The rest of the stream."""
        rest = b""
        if self._resampler is not None:
            rest = self._encoder.add(_int16(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True)))
        return rest + self._encoder.finish()


def _int16(samples: Samples) -> NDArray[np.int16]:
    """Clipped, because resampling may overshoot a little."""
    return np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16)
