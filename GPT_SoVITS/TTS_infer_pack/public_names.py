"""Methods that third-party scripts call on the public ``TTS``, as thin adapters over ours.

Unlike there, nothing is written to a settings file but by ``save_configs()``, or where ``save`` asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from audio_io import PathLike
from TTS_infer_pack.bert_features import load_bert
from TTS_infer_pack.job_builder import JobBuilder
from TTS_infer_pack.models import Placement
from TTS_infer_pack.TextPreprocessor import TextPreprocessor
from TTS_infer_pack.voice_holder import VoiceHolder

if TYPE_CHECKING:
    from TTS_infer_pack.models import LoadedVoice
    from TTS_infer_pack.tts_config import TTS_Config


class PublicTTSNames:
    """Methods of the public ``TTS`` that ours does not need itself."""

    configs: TTS_Config
    _holder: VoiceHolder
    _jobs: JobBuilder

    def init_bert_weights(self, base_path: PathLike) -> None:
        """Load another BERT folder for Chinese text.

        Raises:
            CheckpointError: the folder holds no such model; the one before stays.
        """
        bert, tokenizer = load_bert(str(base_path))
        self._jobs.text = TextPreprocessor(bert, tokenizer, device=torch.device("cpu"))
        self.configs.bert_base_path = str(base_path)

    def set_device(self, device: torch.device | str, save: bool = False) -> None:
        """Load the voice again on another device; speech under way ends where it began.

        Raises:
            ConfigError: a device that this machine does not have.
        """
        self.configs.device = str(device)
        self._load_again(save)

    def enable_half_precision(self, enable: bool = True, save: bool = False) -> None:
        """Load the voice again in half precision, on a device that has it, or in full precision."""
        self.configs.is_half = enable
        self._load_again(save)

    def _load_again(self, save: bool) -> None:
        place_of = Placement(self.configs.device, self.configs.is_half)
        self._holder = VoiceHolder(self._holder.voice.paths, place_of, self._publish)
        if save:
            self.configs.save_configs()

    def _publish(self, voice: LoadedVoice) -> None:
        """What is known of a new voice goes into the settings."""
        raise NotImplementedError
