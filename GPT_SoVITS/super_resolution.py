"""What raises the rate of finished speech (24 to 48 kHz for v3): the slot, and how what fills it is found.

None comes with the project. An installed package offers one by an entry point of the group :data:`GROUP`, whose name is
the rate it reads and whose value makes it:

    [project.entry-points."gpt_sovits.super_resolution"]
    24000 = "my_package:load"

Knows waveforms and installed packages; knows nothing of models or requests.
"""

from __future__ import annotations

import logging
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

from torch import Tensor

from errors import MissingDependencyError

logger = logging.getLogger(__name__)

GROUP = "gpt_sovits.super_resolution"


@runtime_checkable
class SuperResolution(Protocol):
    """What raises the rate of a waveform.

    Attributes:
        sampling_rate: Hz of what it gives.
    """

    sampling_rate: int

    def enhance(self, wav: Tensor, sampling_rate: int) -> Tensor:
        """Waveform [T] at ``sampling_rate`` -> the same at its own, higher rate [T']."""
        ...


def not_found(rate: int) -> MissingDependencyError:
    """The error that says what to install to raise speech of ``rate`` Hz."""
    return MissingDependencyError(
        f"nothing that is installed raises the rate of {rate} Hz speech",
        f"a package with the entry point {rate} in the group {GROUP}",
        "pip install one and load the voice again (docs/use.md, Super-resolution), or leave super_sampling off",
    )


def load_super_resolution(rate: int) -> SuperResolution:
    """What raises speech of ``rate`` Hz, made by the first package that offers it.

    Raises:
        MissingDependencyError: there is none, or it cannot be made.
    """
    for point in entry_points(group=GROUP, name=str(rate)):
        try:
            made = point.load()()
        except Exception as error:  # noqa: BLE001 - it is foreign code; whatever is wrong with it, speech goes on
            raise MissingDependencyError(
                f"{point.value} ({GROUP}) cannot be used ({type(error).__name__}: {str(error)[:200]})",
                f"what raises {rate} Hz speech",
                "mend or uninstall the package, or leave super_sampling off",
            ) from error
        if not isinstance(made, SuperResolution) or made.sampling_rate <= rate:
            raise MissingDependencyError(
                f"{point.value} ({GROUP}) gives {type(made).__name__}, which does not raise {rate} Hz speech",
                "sampling_rate above it, and enhance(wav, sampling_rate)",
                "mend or uninstall the package, or leave super_sampling off",
            )
        return made
    raise not_found(rate)


def find_super_resolution(rate: int) -> SuperResolution | None:
    """As :func:`load_super_resolution`; None where there is none, and a log line where one cannot be used."""
    if not entry_points(group=GROUP, name=str(rate)):
        return None
    try:
        return load_super_resolution(rate)
    except MissingDependencyError as error:
        logger.warning("%s", error)
        return None
