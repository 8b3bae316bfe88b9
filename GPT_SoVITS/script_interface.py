"""Functions that third-party scripts import from the public ``inference_webui``, as thin adapters over ``TTS``.

The voice is loaded at the first call. Languages and cuts may be given by codes or by the labels of the public page.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import RequestError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from TTS_infer_pack.TTS import TTS

LANGUAGES = {
    "中文": "all_zh",
    "粤语": "all_yue",
    "英文": "en",
    "日文": "all_ja",
    "韩文": "all_ko",
    "中英混合": "zh",
    "粤英混合": "yue",
    "日英混合": "ja",
    "韩英混合": "ko",
    "多语种混合": "auto",
    "多语种混合(粤语)": "auto_yue",
    "Chinese": "all_zh",
    "Cantonese": "all_yue",
    "English": "en",
    "Japanese": "all_ja",
    "Korean": "all_ko",
}
"""Labels of the public page, and what they mean."""
CUTS = {
    "不切": "cut0",
    "凑四句一切": "cut1",
    "凑50字一切": "cut2",
    "按中文句号。切": "cut3",
    "按英文句号.切": "cut4",
    "按标点符号切": "cut5",
}


@functools.lru_cache(maxsize=1)
def voice() -> TTS:
    """The voice that the functions below speak with.

    Raises:
        GSVError: settings or checkpoints that cannot be used.
    """
    from TTS_infer_pack.TTS import TTS, TTS_Config

    return TTS(TTS_Config())


def change_gpt_weights(gpt_path: str | Path) -> None:
    """Load another GPT file. Errors as ``TTS.init_t2s_weights``."""
    voice().init_t2s_weights(gpt_path)


def change_sovits_weights(
    sovits_path: str | Path, prompt_language: str | None = None, text_language: str | None = None
) -> None:
    """Load another SoVITS file; the languages, which the public page hands in for its own lists, change nothing here.

    Errors as ``TTS.init_vits_weights``.
    """
    voice().init_vits_weights(sovits_path)


def get_tts_wav(  # noqa: PLR0913 - the public signature
    ref_wav_path: str,
    prompt_text: str,
    prompt_language: str,
    text: str,
    text_language: str,
    how_to_cut: str = "不切",
    top_k: int = 20,
    top_p: float = 0.6,
    temperature: float = 0.6,
    ref_free: bool = False,
    speed: float = 1,
    if_freeze: bool = False,
    inp_refs: Sequence[Any] | None = None,
    sample_steps: int = 8,
    if_sr: bool = False,
    pause_second: float = 0.3,
    use_cuda_graph: bool = False,
) -> Iterator[tuple[int, NDArray[np.int16]]]:
    """Speak a text; yields (sample rate, int16 samples [T]) once. ``if_freeze`` and ``use_cuda_graph`` change nothing.

    Raises:
        GSVError: a clip, text or value that cannot be used.
    """
    inputs: dict[str, Any] = {
        "text": text,
        "text_lang": _code(LANGUAGES, text_language, "text_language"),
        "ref_audio_path": ref_wav_path,
        "prompt_text": "" if ref_free else prompt_text,
        "text_split_method": _code(CUTS, how_to_cut, "how_to_cut"),
        "top_k": top_k,
        "top_p": top_p,
        "temperature": temperature,
        "speed_factor": speed,
        "aux_ref_audio_paths": [str(getattr(one, "name", one)) for one in inp_refs or ()],
        "sample_steps": sample_steps,
        "super_sampling": if_sr,
        "fragment_interval": pause_second,
    }
    if inputs["prompt_text"]:
        inputs["prompt_lang"] = _code(LANGUAGES, prompt_language, "prompt_language")
    yield from voice().run(inputs)


def _code(labels: dict[str, str], given: str, name: str) -> str:
    """The code that a label stands for; codes stay as they are."""
    if given in labels.values():
        return given
    if given not in labels:
        raise RequestError(f"{name} is {given!r}", ", ".join((*labels, *dict.fromkeys(labels.values()))))
    return labels[given]
