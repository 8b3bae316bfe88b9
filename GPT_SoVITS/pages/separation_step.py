"""Before cutting: the voice taken out of recordings with music, as a job of the data set tab."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pages.dataset_jobs import LANE, environment, python_command
from pages.jobs import JobSpec
from pages.voice_folder import VoiceFolder
from tools.i18n import Message

KIND = "separate"


def separated(voice: VoiceFolder) -> Path:
    """Where the voices of the recordings lie."""
    return voice.folder / "separated"


def separate_job(voice: VoiceFolder, recordings: Sequence[Path]) -> JobSpec:
    """Take the voice out of ``recordings`` into :func:`separated`.

    Args:
        voice: whose recordings they are.
        recordings: whole ones, before they are cut.
    """
    command = python_command("tools/separate.py", *map(str, recordings), f"--output={separated(voice)}")
    title = Message("dataset.separate_job", {"voice": voice.name})
    return JobSpec(title, KIND, command, LANE, environment(), "", facts={"voice": voice.name})
