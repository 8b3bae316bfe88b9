"""What the plugin counts on in the host: names and parameters, one row a place. Imports nothing of it.

The installer compares the host's source with these rows, the plugin the loaded classes; a place that does not fit is
left alone, and only what needs it is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SAMPLING = ("top_k", "top_p", "early_stop_num", "temperature", "repetition_penalty")
DECODE = ("x", "x_lens", "prompts", "bert_feature", *SAMPLING)


@dataclass(frozen=True)
class Place:
    """A function of the host.

    Attributes:
        part: what is lost without it.
        module: dotted, below ``GPT_SoVITS/``.
        owner: its class, empty for a function of the module.
        name: of the function.
        parameters: names that it must have, ``self`` left out.
    """

    part: str
    module: str
    owner: str
    name: str
    parameters: tuple[str, ...]

    @property
    def label(self) -> str:
        """For messages: "TTS.init_t2s_weights"."""
        return f"{self.owner}.{self.name}" if self.owner else self.name


DECODER = "AR.models.t2s_model"
CONSTRUCTOR = Place(
    "speaking", "AR.models.t2s_lightning_module", "Text2SemanticLightningModule", "__init__", ("config", "is_train")
)
VARIANTS = tuple(
    Place("speaking", DECODER, "Text2SemanticDecoder", name, DECODE)
    for name in ("infer_panel_batch_infer", "infer_panel_naive_batched", "infer_panel_naive", "infer_panel")
)
GRAPH = Place("CUDA graph decoding", "AR.models.t2s_model_cudagraph", "CUDAGraphRunner", "generate", ("request",))
LOAD = Place("settings", "TTS_infer_pack.TTS", "TTS", "init_t2s_weights", ("weights_path",))
CONFIG = Place("settings", "TTS_infer_pack.TTS", "TTS_Config", "__init__", ("configs",))
CONFIG_WRITE = Place("settings", "TTS_infer_pack.TTS", "TTS_Config", "update_configs", ())
CLEAN = Place("words", "text.cleaner", "", "clean_text", ("text", "language", "version"))
SEGMENT = Place(
    "words",
    "TTS_infer_pack.TextPreprocessor",
    "TextPreprocessor",
    "segment_and_extract_feature_for_text",
    ("text", "language"),
)
PLACES = (CONSTRUCTOR, *VARIANTS, GRAPH, LOAD, CONFIG, CONFIG_WRITE, CLEAN, SEGMENT)
OPTIONAL = frozenset({GRAPH})
"""Places that older hosts do not have and do not miss."""


def missing(place: Place, have: Sequence[str]) -> list[str]:
    """Parameters that a function with the parameters ``have`` lacks."""
    return [name for name in place.parameters if name not in have]
