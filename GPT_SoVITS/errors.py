"""The project's own error kinds.

Every error a user can cause says three things in one line: what happened, what was expected, how to fix it.
Entry points (CLI, web page, HTTP API) catch :class:`GSVError` and show that line; anything else is a bug and stays
loud.
This file knows nothing about the rest of the project.
"""

from __future__ import annotations


class GSVError(Exception):
    """Base of every error that a user can cause and mend.

    Args:
        what: what happened, with the path or value concerned.
        expected: what would have been right.
        fix: what the user can do about it.
    """

    def __init__(self, what: str, expected: str = "", fix: str = "") -> None:
        self.what, self.expected, self.fix = what, expected, fix
        parts = [what]
        if expected:
            parts.append(f"expected {expected}")
        if fix:
            parts.append(f"fix: {fix}")
        super().__init__("; ".join(" ".join(p.split()) for p in parts))


class ConfigError(GSVError):
    """A setting, YAML file, environment variable or argument that cannot be used."""


class CheckpointError(GSVError):
    """A weight file that is missing, damaged, of another kind, or unsafe to read."""


class MismatchError(CheckpointError):
    """Weight files that can be used, but not together with those that are loaded."""


class AudioError(GSVError):
    """An audio file that is missing, unreadable, silent, or of an unusable length."""


class TextError(GSVError):
    """A text that holds nothing to speak, or is in a language that is not known."""


class RequestError(GSVError):
    """A synthesis request with a missing, unknown or out-of-range value."""


class DatasetError(GSVError):
    """A training list or a prepared data set that cannot be used."""


class TrainingError(GSVError):
    """A training run that cannot start or go on."""


class MissingDependencyError(GSVError):
    """An optional package that a feature needs is not installed; ``fix`` names the extra."""


class OutputError(GSVError):
    """An output file or folder that cannot be written."""


class DownloadError(GSVError):
    """Something that cannot be fetched: out of reach, refused, not there, or not what was announced."""
