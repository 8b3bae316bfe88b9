"""The commands behind the data set tab, as jobs: cut, clean, write down, prepare. Argument lists only."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from config import REPO_ROOT
from pages.jobs import JobSpec
from pages.training_bases import Base
from pages.voice_folder import VoiceFolder
from tools.i18n import Message
from tools.recordings.slicing import SliceSettings

LANE = "data set"
DATASET_KINDS = ("separate", "slice", "denoise", "transcribe")
PREPARE_KIND = "prepare"


def python_command(script: str, *arguments: str) -> tuple[str, ...]:
    """A script of this project with arguments, run by the Python that runs the page."""
    return (sys.executable, str(REPO_ROOT / script), *arguments)


def environment(device: str = "") -> dict[str, str]:
    """Variables of a job: both import roots, and the one device it may use ("" leaves that open)."""
    roots = [str(REPO_ROOT), str(REPO_ROOT / "GPT_SoVITS")]
    variables = {"PYTHONPATH": os.pathsep.join([*roots, *filter(None, [os.environ.get("PYTHONPATH")])])}
    if device:
        kind, _, number = device.partition(":")
        variables["CUDA_VISIBLE_DEVICES"] = (number or "0") if kind == "cuda" else ""
    return variables


def _job(title: str, kind: str, voice: VoiceFolder, command: tuple[str, ...], after: str, device: str = "") -> JobSpec:
    said = Message(title, {"voice": voice.name})
    return JobSpec(said, kind, command, LANE, environment(device), after, facts={"voice": voice.name})


def slice_job(voice: VoiceFolder, recordings: Sequence[Path], settings: SliceSettings) -> JobSpec:
    """Cut ``recordings`` into ``sliced/``."""
    options = [f"--{name}={value}" for name, value in asdict(settings).items()]
    command = python_command("tools/slice_audio.py", *map(str, recordings), f"--output={voice.sliced}", *options)
    return _job("dataset.slice_job", "slice", voice, command, "")


def denoise_job(voice: VoiceFolder, strength: float, after: str) -> JobSpec:
    """Clean ``sliced/`` into ``denoised/``."""
    command = python_command(
        "tools/denoise.py", str(voice.sliced), f"--output={voice.denoised}", f"--strength={strength}"
    )
    return _job("dataset.denoise_job", "denoise", voice, command, after)


def transcribe_job(voice: VoiceFolder, source: Path, language: str, model: str, device: str, after: str) -> JobSpec:
    """Write down ``source`` (a folder of pieces) in the voice's list; the voice's name is the speaker."""
    command = python_command(
        "tools/transcribe.py",
        str(source),
        f"--list={voice.list_path}",
        f"--speaker={voice.name}",
        f"--language={language}",
        f"--model={model}",
        f"--device={device.partition(':')[0]}",
    )
    return _job("dataset.transcribe_job", "transcribe", voice, command, after, device)


def prepare_job(voice: VoiceFolder, list_path: Path, base: Base, device: str) -> JobSpec:
    """All stages of the data set, for training on top of ``base``."""
    command = python_command(
        "GPT_SoVITS/prepare_datasets/all.py",
        f"--list={list_path}",
        f"--out={voice.folder}",
        f"--version={base.version}",
        f"--hubert={base.hubert}",
        f"--s2={base.s2}",
        f"--device={device.partition(':')[0]}",
    )
    return _job("training.prepare_job", PREPARE_KIND, voice, command, "", device)
