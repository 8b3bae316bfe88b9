"""Token ids of an exported language model stage: one vocabulary for words, markers, phones and semantic tokens.

``[BPE | <sep> <semantic> | phones | 1024 semantic | EOS]``, padded to a multiple of 64. An engine that serves such a
folder (tools/export_lm.py writes it, plugins/vllm_gsv reads it) takes and gives these ids; ``gsv_manifest.json`` beside
the weights says where each kind begins. Knows no weights and no HTTP.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from AR.backend import EOS, VOCAB_SIZE
from AR.errors import LMUnavailable
from AR.models import lm_rows
from AR.models.lm_folder import LMConfig
from AR.plausible import LearnedSpan, span_in

MANIFEST_FILE = "gsv_manifest.json"
FORMAT = 1
START = 2048
"""Rotary position of the first semantic token in a folder with place codes; no row has more positions before it."""
LONGEST = 4096
"""Positions of a row that an exported folder is made for."""
PADDING = 64
CONTRACT = ("words", "phone_count", "text_mode", "symbols", "codebook")


@dataclass(frozen=True)
class LMManifest:
    """What client and engine have to agree on.

    Attributes:
        words: BPE ids are 0 to words - 1, as the backbone has them.
        phone_count, text_mode, symbols, codebook: as in ``t2s_config.json``.
        places: embeddings carry codes of the place in their own stream, so that the folder needs plugins/vllm_gsv.
        symbols_fingerprint: of the phone symbols in their order; empty where it is not known.
        training: facts about the training, with the learned span.
    """

    words: int
    phone_count: int
    text_mode: str = "bpe+phones"
    symbols: str = "v2"
    codebook: str = ""
    places: bool = True
    symbols_fingerprint: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_config(cls, config: LMConfig, places: bool = True, symbols_fingerprint: str = "") -> LMManifest:
        """For a trained stage; the backbone's vocabulary is in its fingerprint.

        Raises:
            LMUnavailable: ``adapter_mismatch`` where the folder does not say how large that is.
        """
        words = config.fingerprint.get("vocab_size")
        if not isinstance(words, int):
            raise LMUnavailable("adapter_mismatch", "t2s_config.json does not tell the size of the vocabulary")
        return cls(
            words,
            config.phone_count,
            config.text_mode,
            config.symbols,
            config.codebook,
            places,
            symbols_fingerprint,
            dict(config.training),
        )

    # ---- ids ----------------------------------------------------------------------------------------------------

    @property
    def markers(self) -> int:
        """Id of ``<sep>``; that of ``<semantic>`` follows."""
        return self.words

    @property
    def phones(self) -> int:
        """Id of the first phone."""
        return self.words + 2

    @property
    def semantic(self) -> int:
        """Id of semantic token 0."""
        return self.phones + self.phone_count

    @property
    def eos(self) -> int:
        """Id that ends a row."""
        return self.semantic + EOS

    @property
    def size(self) -> int:
        """Ids in all, padding included."""
        return -(-(self.semantic + VOCAB_SIZE) // PADDING) * PADDING

    @property
    def span(self) -> LearnedSpan:
        """The longest speech that the weights have learned."""
        return span_in(self.training)

    def prompt_ids(self, row: lm_rows.RowIds) -> list[int]:
        """Ids of a row in the one vocabulary.

        Raises:
            LMUnavailable: ``runtime_error`` where the row has more positions than the folder is made for.
        """
        begins = np.zeros(5, np.int64)
        begins[lm_rows.MARKER], begins[lm_rows.PHONE], begins[lm_rows.SEMANTIC] = (
            self.markers,
            self.phones,
            self.semantic,
        )
        if int((row.kinds != lm_rows.SEMANTIC).sum()) > START or len(row.ids) >= LONGEST:
            raise LMUnavailable("runtime_error", f"a segment of {len(row.ids)} positions is too long for the engine")
        ids: list[int] = (row.ids + begins[row.kinds]).tolist()
        return ids

    def token_of(self, served: int) -> int | None:
        """The semantic token, or ``EOS``, of an id that the engine gave; None where it is no speech."""
        token = served - self.semantic
        return token if 0 <= token <= EOS else None

    # ---- files --------------------------------------------------------------------------------------------------

    @property
    def fingerprint(self) -> str:
        """16 characters that differ where client and engine would mean different things by an id."""
        values = json.dumps([getattr(self, name) for name in CONTRACT])
        return hashlib.sha256(values.encode()).hexdigest()[:16]

    def write(self, folder: Path) -> None:
        """Write ``gsv_manifest.json``; the ids are in it for readers, and for engines of other makers."""
        ids = {"sep": self.markers, "speak": self.markers + 1, "phones": self.phones, "semantic": self.semantic}
        ids |= {"eos": self.eos, "size": self.size}
        content = {"format": FORMAT, "ids": ids, "start": START, "fingerprint": self.fingerprint}
        content |= dataclasses.asdict(self)
        (folder / MANIFEST_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> LMManifest:
        """From an exported folder, or from a trained one.

        Raises:
            LMUnavailable: ``no_adapter`` where it is neither, ``adapter_mismatch`` where it cannot be understood.
        """
        path = folder / MANIFEST_FILE
        if not path.is_file():
            return cls.of_config(LMConfig.read(folder))
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            known = {name.name for name in dataclasses.fields(cls)}
            if content.get("format") != FORMAT:
                raise ValueError(f"it is not of format {FORMAT}")
            manifest = cls(**{name: value for name, value in content.items() if name in known})
            if manifest.fingerprint != content.get("fingerprint"):
                raise ValueError("its fingerprint is not that of its values")
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise LMUnavailable("adapter_mismatch", f"{path} cannot be read ({error})") from error
        return manifest


def symbols_fingerprint(symbols: Sequence[str]) -> str:
    """16 characters for a list of phone symbols in their order."""
    return hashlib.sha256("\n".join(symbols).encode()).hexdigest()[:16]
