"""Arguments of the stage scripts. What is not given comes from the public environment variables, then from defaults."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config import PACK_DIR, REPO_ROOT, parse_bool
from errors import ConfigError
from published import HUBERT as PUBLISHED_HUBERT
from published import ROBERTA, S2G, SPEAKER, place


@dataclass(frozen=True)
class Option:
    """One setting: its flag, the environment variable of the public scripts, and its help text."""

    flag: str
    variable: str
    help: str

    @property
    def key(self) -> str:
        """Attribute name in the parsed arguments."""
        return self.flag.removeprefix("--").replace("-", "_")


LIST = Option("--list", "inp_text", "list of recordings, vocal_path|speaker|language|text a line")
WAV_DIR = Option("--wav-dir", "inp_wav_dir", "folder of the recordings (default: the paths in the list)")
EXP = Option("--exp", "exp_name", "name of the training; its folder is logs/<exp>")
OUT = Option("--out", "opt_dir", "folder to write to, in place of logs/<exp>")
PART = Option("--part", "i_part", "number of this worker, from 0 (default: 0)")
PARTS = Option("--parts", "all_parts", "number of workers (default: 1)")
VERSION = Option("--version", "version", "model version, which decides the phone symbols (default: v2)")
BERT = Option("--bert", "bert_pretrained_dir", "chinese-roberta folder, for Chinese clips (default: the published one)")
HUBERT = Option("--hubert", "cnhubert_base_dir", "HuBERT folder (default: the published one, or the voice pack's)")
SV = Option("--sv", "sv_path", "weights of the speaker network (default: the published ones)")
S2 = Option(
    "--s2",
    "pretrained_s2G",
    "SoVITS generator whose quantizer makes the tokens (default: the version's published one, or the voice pack's)",
)
S2_CONFIG = Option("--s2-config", "s2config_path", "s2 configuration in place of the checkpoint's own")
HALF = Option("--half", "is_half", "true or false: half precision on a GPU (default: false)")
DEVICE = Option("--device", "device", "cpu or cuda (default: cuda where there is one)")

COMMON = (LIST, WAV_DIR, EXP, OUT, PART, PARTS, VERSION)
TEXT_OPTIONS = (*COMMON, BERT, DEVICE)
HUBERT_OPTIONS = (*COMMON, HUBERT, HALF, DEVICE)
SEMANTIC_OPTIONS = (*COMMON, S2, S2_CONFIG, DEVICE, HALF)
SV_OPTIONS = (*COMMON, SV, HALF, DEVICE)
ALL_OPTIONS = (*COMMON, BERT, HUBERT, HALF, DEVICE, S2, S2_CONFIG, SV)


@dataclass(frozen=True)
class Settings:
    """Everything the stages can be told, checked. Paths are as given, relative to the working directory."""

    list: Path
    wav_dir: Path | None
    folder: Path
    part: int
    parts: int
    version: str
    hubert: Path
    s2: Path
    s2_config: Path | None
    half: bool
    device: str
    sv: Path
    bert: Path


def _parse_int(word: str, name: str) -> int:
    try:
        return int(word)
    except ValueError as error:
        raise ConfigError(f"{name} is {word!r}", "a whole number") from error


def default_hubert() -> Path:
    """The published encoder where it is on disk, else the embedded pack's."""
    published = place(PUBLISHED_HUBERT)
    return published if published.is_dir() else PACK_DIR / "hubert"


def default_s2(version: str) -> Path:
    """The published generator of a version where it is on disk, else the embedded pack's."""
    published = place(S2G[version]) if version in S2G else None
    return published if published is not None and published.is_file() else PACK_DIR / "s2G.pth"


def default_device() -> str:
    """ "cuda" where a GPU can be used, else "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def parse(
    options: Sequence[Option],
    description: str,
    argv: Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Read the arguments of one script.

    Args:
        options: those that the script takes.
        description: first line of its help.
        argv: arguments (default: the process's).
        environment: variables (default: the process's).

    Raises:
        ConfigError: something needed is missing or has no meaning.
    """
    variables = os.environ if environment is None else environment
    parser = argparse.ArgumentParser(description=description)
    for option in options:
        parser.add_argument(option.flag, help=f"{option.help} [environment: {option.variable}]")
    arguments = vars(parser.parse_args(argv))

    def value(option: Option) -> str | None:
        given = arguments.get(option.key)
        return given if given is not None else (variables.get(option.variable) or None)

    def path(option: Option) -> Path | None:
        given = value(option)
        return Path(given) if given else None

    list_path, exp, out = path(LIST), value(EXP), path(OUT)
    if list_path is None:
        raise ConfigError("no list of recordings is named", "--list FILE or the variable inp_text")
    if out is None and (not exp or exp in (".", "..") or "/" in exp or "\\" in exp):
        raise ConfigError(f"training name is {exp!r}", "--exp NAME (a plain folder name) or --out FOLDER")
    version = value(VERSION) or "v2"
    return Settings(
        list=list_path,
        wav_dir=path(WAV_DIR),
        folder=out or REPO_ROOT / "logs" / str(exp),
        part=_parse_int(value(PART) or "0", "--part"),
        parts=_parse_int(value(PARTS) or "1", "--parts"),
        version=version,
        hubert=path(HUBERT) or default_hubert(),
        s2=path(S2) or default_s2(version),
        s2_config=path(S2_CONFIG),
        half=parse_bool("is_half", value(HALF) or "false"),
        device=(value(DEVICE) or default_device()) if DEVICE in options else "cpu",
        sv=path(SV) or place(SPEAKER),
        bert=path(BERT) or place(ROBERTA),
    )
