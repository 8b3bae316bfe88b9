"""Names that third-party scripts take from the public ``TTS_Config`` and its module, as thin adapters over ours."""

from __future__ import annotations

from typing import Any, ClassVar

from config import MODEL_VERSIONS
from errors import RequestError
from module.versions import version_spec
from published import HUBERT, ROBERTA, S1, S2G, place


class NO_PROMPT_ERROR(RequestError):  # noqa: N801, N818 - the public name
    """The words of the reference clip are missing for a version that cannot speak without them."""


def default_configs() -> dict[str, dict[str, Any]]:
    """The settings of every version's published weights, as the sections of the public YAML."""
    return {
        version: {
            "device": "cpu",
            "is_half": False,
            "version": version,
            "t2s_weights_path": str(place(S1[version])),
            "vits_weights_path": str(place(S2G[version])),
            "cnhuhbert_base_path": str(place(HUBERT)),
            "bert_base_path": str(place(ROBERTA)),
        }
        for version in MODEL_VERSIONS
    }


class PublicConfigNames:
    """Members of the public ``TTS_Config`` that ours does not need itself.

    Attributes:
        default_configs: settings of every version, by version.
    """

    default_configs: ClassVar[dict[str, dict[str, Any]]] = default_configs()
    version: str

    def update_version(self, version: str) -> None:
        """Set the version; loading weights sets it by itself.

        Raises:
            ConfigError: an unknown version.
        """
        self.version = version_spec(version).name

    def update_configs(self) -> dict[str, Any]:
        """The settings as they are now, as the ``custom`` section of a YAML file holds them."""
        return self.as_dict()

    def as_dict(self) -> dict[str, Any]:
        """The settings by name."""
        raise NotImplementedError
