"""Settings of s2 training, read once from the public JSON layout ``{train, data, model, ...}``.

Knows the keys, their defaults and what is wrong with a bad value; knows nothing about networks or data.
Every key of the public file keeps its name and meaning. Keys that this project adds have defaults under which
training behaves as the public recipe does. Unknown keys are refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from errors import ConfigError
from module.versions import VersionSpec, version_spec

T = TypeVar("T")

# Keys that public tools write and that this recipe has no use for; they are kept in saved configs.
LEGACY_TRAIN_KEYS = frozenset({"init_lr_ratio", "warmup_epochs", "eval_interval", "gpu_numbers"})
LEGACY_DATA_KEYS = frozenset(
    {"max_wav_value", "add_blank", "n_speakers", "cleaned_text", "training_files", "validation_files"}
)


@dataclass(frozen=True)
class TrainSettings:
    """The ``train`` section. Times are in minutes, sizes in samples or frames as named."""

    seed: int = 1234
    epochs: int = 100
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.8, 0.99)
    eps: float = 1e-9
    batch_size: int = 32
    fp16_run: bool = True
    lr_decay: float = 0.999875  # factor per epoch
    segment_size: int = 20480  # samples the waveform decoder is trained on at a time
    c_mel: float = 45.0
    c_kl: float = 1.0
    text_low_lr_rate: float = 0.4
    log_interval: int = 100
    pretrained_s2G: str = ""
    pretrained_s2D: str = ""
    if_save_latest: bool = True
    if_save_every_weights: bool = True
    save_every_epoch: int = 4
    lora_rank: int = 32  # of the adapter of v3 and later; public files may hold it as text
    grad_ckpt: bool = False  # v3 and later: less memory, more time
    # -- additions; the defaults are the public behaviour --
    max_steps: int = 0  # 0 = epochs alone decide
    max_minutes: float = 0.0  # 0 = no limit; counted for this run, not over resumed ones
    save_every_minutes: float = 10.0  # 0 = at epochs alone
    lr_warmup_steps: int = 0
    grad_clip: float = 0.0  # 0 = measured, not clipped
    acoustic_steps: int = 0  # first steps, without a waveform: tokens and phones to mel, see module/training/paths.py
    prior_path_steps: int = 0  # steps in which the decoder learns from the prior, see module/training/paths.py
    c_acoustic: float = 0.0  # weight of the mel head on the latent, on the acoustic and the prior path
    c_attention: float = 0.0  # weight of the guided attention to the phones that alignment.tsv names, same paths
    freeze_prior: bool = False  # on the prior path only the waveform decoder learns
    code_noise: float = 0.0  # share of the semantic tokens replaced by random ones on these paths
    warmup_stft_steps: int = 0  # steps with mel + STFT + KL losses and no discriminator
    c_stft: float = 0.0  # weight of the STFT loss in the warm-up
    c_stft_adversarial: float = 0.0  # and after it
    c_fm: float = 1.0
    c_adv: float = 1.0
    disc_every: int = 1  # the discriminators learn at every k-th step
    disc_first_steps: int = 0  # steps in which discriminators that know nothing yet learn alone
    disc_width: float = 1.0  # channel multiplier of the discriminators
    disc_periods: tuple[int, ...] = ()  # empty: those of the version
    ema_decay: float = 0.0  # 0 = off; else the saved small weights are the averaged ones
    max_frames: int = 0  # longer clips are cut at random to this many frames (0 = whole)
    cache_mb: int = 4096  # memory for audio and features; the rest is read again each time
    num_workers: int = 0
    torch_threads: int = 0  # 0 = torch's own choice
    channels_last: bool = False  # 1-D convolutions in (B, T, C) memory order: faster on CPU
    compile: bool = False
    # audio and 6-name2semantic.tsv (in place of 4-cnhubert) lie on the device, see module/training/on_device.py
    data_on_device: bool = False
    # share of a batch that is decoded from the prior on the posterior path, see module/training/paths.py
    prior_rows: float = 0.0
    c_mel_prior: float = 1.0  # weight of the mel loss of rows from the prior, beside c_mel, where others are exact
    # share of the slices whose latent is drawn to the recording's own mel, with freeze_prior and data_on_device
    exact_rows: float = 0.0
    low_bins: int = 0  # bins of the linear spectrogram that the mel head reads too, from the lowest on: they show pitch


@dataclass(frozen=True)
class DataSettings:
    """The ``data`` section: what a spectrogram is, and where the prepared data set lies."""

    sampling_rate: int = 32000
    filter_length: int = 2048
    hop_length: int = 640
    win_length: int = 2048
    n_mel_channels: int = 128
    mel_fmin: float = 0.0
    mel_fmax: float | None = None
    exp_dir: str = ""

    @property
    def spec_channels(self) -> int:
        """Bins of the linear spectrogram."""
        return self.filter_length // 2 + 1


@dataclass(frozen=True)
class S2Settings:
    """One training run. ``raw`` is the JSON as read; it goes into the saved weights unchanged."""

    train: TrainSettings
    data: DataSettings
    model: dict[str, Any]
    name: str
    exp_dir: Path  # the prepared data set
    state_dir: Path  # G_*.pth and D_*.pth
    log_dir: Path  # TensorBoard
    save_weight_dir: Path
    version: str
    raw: dict[str, Any] = field(repr=False, default_factory=dict)

    @property
    def spec(self) -> VersionSpec:
        """Row of the version table."""
        return version_spec(self.version)

    @property
    def segment_frames(self) -> int:
        """Length of a decoder slice in spectrogram frames."""
        return self.train.segment_size // self.data.hop_length


def _section(cls: type[T], values: Mapping[str, Any], legacy: frozenset[str], where: str) -> T:
    """Build ``cls`` from a JSON section; lists become tuples, unknown keys are an error."""
    known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known - legacy)
    if unknown:
        raise ConfigError(
            f"unknown key {', '.join(unknown)} in section '{where}'",
            f"one of {', '.join(sorted(known))}",
            "correct the spelling or remove the key",
        )
    kwargs = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known}
    return cls(**kwargs)


def _check(ok: bool, what: str, expected: str, fix: str = "correct the configuration file") -> None:
    if not ok:
        raise ConfigError(what, expected, fix)


def parse_settings(raw: Mapping[str, Any], root: Path) -> S2Settings:
    """Turn a public-layout dict into settings; relative folders are taken from ``root``.

    ``state_dir`` is an addition: where the training states lie, for several runs on one data set.

    Raises:
        ConfigError: a section is missing, a key or version is unknown, or values contradict each other.
    """
    for name in ("train", "data", "model"):
        _check(isinstance(raw.get(name), Mapping), f"the configuration has no section '{name}'", "train, data, model")
    train = _section(TrainSettings, {**raw["train"], **_rank(raw["train"])}, LEGACY_TRAIN_KEYS, "train")
    data = _section(DataSettings, raw["data"], LEGACY_DATA_KEYS, "data")
    model = dict(raw["model"])
    _check_values(train, data, model)
    name = str(raw.get("name") or (Path(data.exp_dir).name if data.exp_dir else ""))
    _check(bool(data.exp_dir), "data.exp_dir is not set", "the folder of the prepared data set, e.g. logs/my_voice")
    version = str(raw.get("version") or model.get("version") or "v2")
    model["version"] = version
    exp_dir = root / data.exp_dir
    spec = version_spec(version)
    adapter = f"_lora_{train.lora_rank}" if spec.trains_adapter else ""
    return S2Settings(
        train,
        data,
        model,
        name,
        exp_dir=exp_dir,
        state_dir=root / raw["state_dir"] if raw.get("state_dir") else exp_dir / f"logs_s2_{version}{adapter}",
        log_dir=root / (raw.get("s2_ckpt_dir") or exp_dir),
        save_weight_dir=root / (raw.get("save_weight_dir") or f"SoVITS_weights{spec.folder_suffix}"),
        version=version,
        raw=dict(raw),
    )


def _rank(train: Mapping[str, Any]) -> dict[str, int]:
    """``lora_rank`` as a number where it is given; the public pages write it as text."""
    word = train.get("lora_rank", TrainSettings.lora_rank)
    whole = str(word).isdecimal() and int(word) > 0
    _check(whole, f"train.lora_rank is {word!r}", "a whole number from 1, for example 32")
    return {"lora_rank": int(word)}


def _check_values(train: TrainSettings, data: DataSettings, model: Mapping[str, Any]) -> None:
    """Refuse values that could only fail later, and less clearly."""
    _check(train.batch_size >= 1, f"train.batch_size is {train.batch_size}", "at least 1")
    _check(train.epochs >= 1, f"train.epochs is {train.epochs}", "at least 1")
    _check(train.disc_every >= 1, f"train.disc_every is {train.disc_every}", "at least 1")
    _check(0.0 <= train.code_noise < 1.0, f"train.code_noise is {train.code_noise}", "a share from 0 to 1")
    _check(
        not train.acoustic_steps or train.c_acoustic > 0.0,
        f"train.acoustic_steps is {train.acoustic_steps}, train.c_acoustic {train.c_acoustic}",
        "a weight above 0, for example 45",
    )
    _check(0.0 <= train.prior_rows <= 1.0, f"train.prior_rows is {train.prior_rows}", "a share from 0 to 1")
    _check(0.0 <= train.exact_rows <= 1.0, f"train.exact_rows is {train.exact_rows}", "a share from 0 to 1")
    _check(
        not train.exact_rows or (train.freeze_prior and train.data_on_device),
        f"train.exact_rows is {train.exact_rows} where no latents are kept",
        "train.freeze_prior and train.data_on_device, or 0",
    )
    joint = train.prior_rows > 0 or max(train.acoustic_steps, train.prior_path_steps) >= (train.max_steps or 10**6)
    _check(
        joint or not train.data_on_device,
        "train.data_on_device is set for the posterior path alone",
        "train.prior_rows above 0, or acoustic_steps or prior_path_steps for the whole run",
    )
    bins = data.spec_channels
    _check(0 <= train.low_bins <= bins, f"train.low_bins is {train.low_bins}", f"0 to {bins}")
    _check(0.0 <= train.ema_decay < 1.0, f"train.ema_decay is {train.ema_decay}", "0 (off) or less than 1")
    _check(
        train.segment_size % data.hop_length == 0 and train.segment_size > 0,
        f"train.segment_size {train.segment_size} does not fit data.hop_length {data.hop_length}",
        "a multiple of the hop length",
    )
    product = 1
    for rate in model.get("upsample_rates", ()):
        product *= rate
    _check(
        product == data.hop_length,
        f"model.upsample_rates multiply to {product}, data.hop_length is {data.hop_length}",
        "equal numbers",
    )
    _check(
        not train.max_frames or train.max_frames * data.hop_length >= train.segment_size,
        f"train.max_frames {train.max_frames} is shorter than a segment of {train.segment_size} samples",
        f"at least {train.segment_size // data.hop_length} frames, or 0",
    )


def load_settings(path: Path, root: Path) -> S2Settings:
    """Read a JSON file in the public layout.

    Raises:
        ConfigError: the file is missing, is not JSON, or holds a wrong value.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", "a JSON file", "check --config") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}", "the layout of configs/s2.json", "correct it") from error
    _check(isinstance(raw, dict), f"{path} holds no object", "the layout of configs/s2.json")
    return parse_settings(raw, root)
