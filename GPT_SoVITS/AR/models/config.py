"""Shape of the AR transformer, read from the ``model`` section of the public configuration layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from AR.errors import T2SError

KNOWN_KEYS = frozenset(
    {
        "vocab_size",
        "phoneme_vocab_size",
        "embedding_dim",
        "hidden_dim",
        "head",
        "linear_units",
        "n_layer",
        "dropout",
        "position_dropout",
        "EOS",
        "random_bert",
        "saving_path",
        "resume_checkpoint",
    }
)
"""Keys of the ``model`` section; random_bert, saving_path and resume_checkpoint are public leftovers without effect."""


@dataclass(frozen=True)
class T2SModelConfig:
    """Sizes of the network.

    Attributes:
        hidden_dim: width C of the transformer (the public ``embedding_dim`` has to be the same).
        head: attention heads; has to divide ``hidden_dim``.
        linear_units: width of the feed-forward layers.
        n_layer: transformer layers.
        vocab_size: semantic codes and EOS.
        phoneme_vocab_size: rows of the phone table (512 in v1 files, 732 in later ones).
        dropout: in the transformer layers while training.
        position_dropout: after the position code while training.
    """

    hidden_dim: int
    head: int
    linear_units: int
    n_layer: int
    vocab_size: int = 1025
    phoneme_vocab_size: int = 732
    dropout: float = 0.0
    position_dropout: float = 0.1

    @classmethod
    def from_dict(cls, config: Mapping[str, Any], strict: bool = False) -> T2SModelConfig:
        """From a whole configuration ({"model": {...}, ...}).

        Args:
            config: public layout. Old public files carry many keys without effect, which are passed over.
            strict: unknown keys are an error (for configurations that a person writes).

        Raises:
            T2SError: no model section, an unknown or missing key, or sizes that do not fit together.
        """
        section = config.get("model")
        if not isinstance(section, Mapping):
            raise T2SError("the configuration has no 'model' section")
        unknown = sorted(set(section) - KNOWN_KEYS)
        if unknown and strict:
            raise T2SError(f"unknown model keys {unknown}; known are {sorted(KNOWN_KEYS)}")
        try:
            made = cls(
                hidden_dim=int(section["hidden_dim"]),
                head=int(section["head"]),
                linear_units=int(section.get("linear_units", 4 * int(section["hidden_dim"]))),
                n_layer=int(section["n_layer"]),
                vocab_size=int(section.get("vocab_size", 1025)),
                phoneme_vocab_size=int(section.get("phoneme_vocab_size", 512)),
                dropout=float(section.get("dropout", 0.0)),
                position_dropout=float(section.get("position_dropout", 0.1)),
            )
        except KeyError as error:
            raise T2SError(f"the model section lacks the key {error}") from error
        made._check(int(section.get("embedding_dim", made.hidden_dim)), int(section.get("EOS", made.vocab_size - 1)))
        return made

    def _check(self, embedding_dim: int, eos: int) -> None:
        if embedding_dim != self.hidden_dim:
            raise T2SError(f"embedding_dim {embedding_dim} and hidden_dim {self.hidden_dim} have to be equal")
        if self.hidden_dim % self.head or self.hidden_dim % 2:
            raise T2SError(f"hidden_dim {self.hidden_dim} must be even and divisible by head {self.head}")
        if eos != self.vocab_size - 1:
            raise T2SError(f"EOS {eos} has to be the last id of the vocabulary ({self.vocab_size - 1})")
