"""The SSL encoder of the pipeline: any HuBERT folder in transformers layout, read from disk and nowhere else.

It knows the folder layout and the frame rate that the quantizer is built for; it knows nothing of the quantizer,
of data sets, or of text. `transformers` is imported when an encoder is built, not when this module is imported.

Shapes: B batch, T samples at 16 kHz, frames = about T / 320 (50 a second).
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from errors import AudioError, CheckpointError, MissingDependencyError
from published import fetch_command

logger = logging.getLogger(__name__)

SAMPLE_RATE = 16000
SAMPLES_PER_FRAME = 320
# Only used for time masking while HuBERT itself is trained; folders saved for inference may lack it.
UNUSED_AT_INFERENCE = {"masked_spec_embed"}
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
FIX = f"{fetch_command('hubert')} fetches the published one; or name a folder with a HuBERT in transformers layout"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read ({error})", "a JSON file", FIX) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds no JSON object", "the settings of a HuBERT model", FIX)
    return content


def check_folder(base_path: str | Path) -> dict[str, Any]:
    """Check that ``base_path`` can be a HuBERT for this pipeline, without loading weights.

    Returns:
        The content of its ``config.json``.

    Raises:
        CheckpointError: no such folder, no config or weights, another model type, or not 50 frames a second at 16 kHz.
    """
    folder = Path(base_path)
    if not folder.is_dir():
        raise CheckpointError(f"HuBERT folder {folder} does not exist", "a folder with config.json and weights", FIX)
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"HuBERT folder {folder} has no config.json", "a transformers model folder", FIX)
    config = _read_json(folder / "config.json")
    if config.get("model_type") != "hubert":
        raise CheckpointError(f"{folder} holds a model of type {config.get('model_type')!r}", "type 'hubert'", FIX)
    if not any((folder / name).is_file() or (folder / f"{name}.index.json").is_file() for name in WEIGHT_FILES):
        raise CheckpointError(f"HuBERT folder {folder} has no weights", " or ".join(WEIGHT_FILES), FIX)
    stride = math.prod(config.get("conv_stride", [SAMPLES_PER_FRAME]))
    if stride != SAMPLES_PER_FRAME:
        raise CheckpointError(f"HuBERT in {folder} has a stride of {stride} samples", f"{SAMPLES_PER_FRAME}", FIX)
    preprocessor = folder / "preprocessor_config.json"
    rate = _read_json(preprocessor).get("sampling_rate", SAMPLE_RATE) if preprocessor.is_file() else SAMPLE_RATE
    if rate != SAMPLE_RATE:
        raise CheckpointError(f"HuBERT in {folder} was made for {rate} Hz", f"{SAMPLE_RATE} Hz", FIX)
    return config


def receptive_field(kernels: list[int], strides: list[int]) -> int:
    """Samples that one frame of a stack of unpadded convolutions sees, which is the shortest audio it can take."""
    field, step = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * step
        step *= stride
    return field


@contextlib.contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Keep transformers from drawing a bar for a load that takes less than a second."""
    from transformers.utils import logging as transformers_logging

    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


def _load_hubert(folder: Path) -> Any:
    try:
        from transformers import HubertModel
    except ImportError as error:
        raise MissingDependencyError(
            "the SSL encoder needs the package transformers", "", "pip install -r requirements.txt"
        ) from error
    try:
        # weights_only refuses pickled code in .bin files; the loading info is what makes the load strict below.
        with _no_progress_bar():
            model, info = HubertModel.from_pretrained(
                str(folder), local_files_only=True, weights_only=True, output_loading_info=True, dtype=torch.float32
            )
    except Exception as error:  # the loaders raise many kinds; all of them mean "this folder is no good"
        raise CheckpointError(f"HuBERT in {folder} cannot be loaded ({error})", "sound weights", FIX) from error
    missing = sorted(set(info["missing_keys"]) - UNUSED_AT_INFERENCE)
    mismatched = [str(item) for item in info.get("mismatched_keys", [])]
    if missing or mismatched:
        listed = ", ".join((missing + mismatched)[:5])
        raise CheckpointError(
            f"HuBERT weights in {folder} do not fit its config.json: {len(missing)} missing, "
            f"{len(mismatched)} of another shape ({listed})",
            "matching weights",
            FIX,
        )
    return model


class CNHubert(nn.Module):
    """HuBERT as the pipeline uses it: last hidden state, audio as it is (no mean or variance normalisation).

    Args:
        base_path: folder with ``config.json`` and ``model.safetensors`` or ``pytorch_model.bin``.

    Attributes:
        model: the transformers ``HubertModel``, in evaluation mode (the public name, used by third-party scripts).
        ssl_dim: channels of the features.
        min_samples: the shortest audio, in samples, that gives a frame.

    Raises:
        CheckpointError: see :func:`check_folder`; also damaged or incomplete weights.
        MissingDependencyError: `transformers` is not installed.
    """

    def __init__(self, base_path: str | Path) -> None:
        super().__init__()
        folder = Path(base_path)
        check_folder(folder)
        self.folder = folder
        self.model = _load_hubert(folder)
        self._full: list[Any] = []
        settings = self.model.config
        self.ssl_dim = int(settings.hidden_size)
        self.min_samples = receptive_field(list(settings.conv_kernel), list(settings.conv_stride))
        self.eval()
        self.requires_grad_(False)
        logger.info("HuBERT from %s: %d channels", folder, self.ssl_dim)

    def train(self, mode: bool = True) -> CNHubert:
        """Stay in evaluation mode: the encoder is frozen wherever the pipeline uses it."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, wav16k: torch.Tensor) -> torch.Tensor:
        """Content features of audio.

        Args:
            wav16k: float audio at 16 kHz, [B, T] or [T]; all rows are real audio (padding changes the result).

        Returns:
            [B, ssl_dim, frames], in the dtype and on the device of the model. Audio on which half precision overflows
            is done in full precision.

        Raises:
            AudioError: audio shorter than one frame (400 samples with the usual kernels), or of another shape.
        """
        if wav16k.dim() == 1:
            wav16k = wav16k.unsqueeze(0)
        if wav16k.dim() != 2 or wav16k.shape[1] < self.min_samples:
            raise AudioError(f"HuBERT got audio of shape {list(wav16k.shape)}", f"[batch, {self.min_samples} or more]")
        reference = next(self.model.parameters())
        hidden = self.model(wav16k.to(reference)).last_hidden_state  # [B, frames, ssl_dim]
        if reference.dtype == torch.float16 and not bool(hidden.isfinite().all()):
            hidden = self._in_full_precision(wav16k.to(reference.device)).to(reference.dtype)
        return hidden.transpose(1, 2)

    def _in_full_precision(self, wav16k: torch.Tensor) -> torch.Tensor:
        """Hidden states [B, frames, ssl_dim] in float32, of audio on which float16 overflows.

        The weights are read once more, and kept outside of the module, so that ``half()`` and ``to()`` pass them over.
        """
        if not self._full:
            logger.warning("HuBERT overflows in half precision on some audio; that is done in full precision")
            self._full.append(_load_hubert(self.folder).eval().requires_grad_(False))
        model = self._full[0].to(wav16k.device)
        return model(wav16k.float()).last_hidden_state  # type: ignore[no-any-return]
