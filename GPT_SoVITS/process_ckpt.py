"""Every checkpoint layout of the public project, read and written: the one file that knows headers, kinds and versions.

It knows file layouts; it knows nothing about networks (a module is only asked for its ``state_dict``) or synthesis.

* Reading is safe, and writing never leaves half a file: see :mod:`checkpoint_io`.
* Every failure is a :class:`errors.CheckpointError` that names the path, what the file seems to be, and what was
  expected.
* The version is read off the content (tensor names and shapes, then the two-byte header and the configuration where
  names and shapes are the same), never off the file size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from AR import key_report
from AR.key_report import KeyReport
from checkpoint_io import PathLike, read_checkpoint, to_plain, write_atomic
from errors import CheckpointError, GSVError
from module.versions import VERSIONS, VersionSpec
from safetensors_io import SUFFIX, read_safetensors, read_safetensors_header


class SovitsVersion(NamedTuple):
    """What a SoVITS file is: phone symbol set, model version, and whether it is a LoRA adapter that needs its base."""

    symbol_version: str
    model_version: str
    is_lora: bool


def _row(spec: VersionSpec, is_lora: bool = False) -> SovitsVersion:
    return SovitsVersion(spec.symbols, spec.name, is_lora)


HEADERS: dict[bytes, SovitsVersion] = {
    header: _row(spec, is_lora)
    for spec in VERSIONS.values()
    for header, is_lora in ((spec.marks.whole, False), (spec.marks.lora, True))
    if header
}
"""The two bytes that stand in the place of ``PK`` in some public files, and what they mean when read."""

HEADERS_WRITTEN: dict[tuple[str, bool], bytes] = {
    (version.model_version, version.is_lora): header
    for header, version in HEADERS.items()
    if version.is_lora or VERSIONS[version.model_version].marks.is_written
}
"""The headers that the public training writes; every other file keeps ``PK``."""

KNOWN_BASES: dict[str, SovitsVersion] = {
    md5: _row(spec) for spec in VERSIONS.values() for md5 in (spec.published.head_md5, spec.published.marked_md5) if md5
}
"""MD5 of the first 8192 bytes of the published base generators."""

S1_MAX_SECONDS = 54
"""``config.data.max_sec`` of the published GPT files; other GPT-SoVITS trees refuse a file without it."""
S1_CONFIG_KEYS = ("embedding_dim", "hidden_dim", "head", "n_layer", "vocab_size", "phoneme_vocab_size")
POSTERIOR_PREFIX = "enc_q."
"""Names of the posterior encoder: training needs it, inference files leave it out."""
TIME_PREFIX, STEP_PREFIX = "cfm.estimator.time_embed.", "cfm.estimator.d_embed."
"""Names of the time embedding, which each whole model that makes a mel has, and of the step size's, which some lack."""
CODEBOOK_KEY = "quantizer.vq.layers.0._codebook.embed"
"""Entries of the quantiser in a SoVITS file."""
USAGE_COUNTS = ("_codebook.cluster_size", "_codebook.embed_avg")
"""Ends of the names of the codebook's running sums, which speaking never reads: other tools write them in half
precision, where large ones become infinite."""
HALF_MAX = float(torch.finfo(torch.float16).max)


# -- what a file is ----------------------------------------------------------------------------------------------------


def describe(checkpoint: Any) -> str:
    """In a few words, what a loaded checkpoint seems to be (for error messages)."""
    if not isinstance(checkpoint, Mapping):
        return f"a bare {type(checkpoint).__name__}"
    weight = checkpoint.get("weight")
    if isinstance(weight, Mapping):
        if _is_s1(weight):
            return "a GPT (s1, text to semantic) checkpoint"
        if _is_s2(weight):
            return "a SoVITS (s2, semantic to waveform) checkpoint"
        if any(str(name).startswith("discriminators.") for name in weight):
            return "a SoVITS discriminator (s2D) checkpoint"
        return "weights of another model"
    if "model" in checkpoint and "iteration" in checkpoint:
        return "a training state (G_*.pth or D_*.pth), not an exported model"
    if "state_dict" in checkpoint:
        return "a Lightning training state, not an exported model"
    if checkpoint and all(isinstance(value, Tensor) for value in checkpoint.values()):
        return "a bare state dict without its configuration"
    return "of an unknown kind (keys: " + ", ".join(map(str, list(checkpoint)[:5])) + ")"


def _is_s1(weight: Mapping[str, Any]) -> bool:
    return any(str(name).startswith("model.ar_") for name in weight)


def _is_s2(weight: Mapping[str, Any]) -> bool:
    return any(str(name).startswith(("enc_p.", "cfm.", "ref_enc.", "quantizer.")) for name in weight)


def version_from_content(
    checkpoint: Mapping[str, Any], hint: SovitsVersion | None = None, file: str = ""
) -> SovitsVersion:
    """The version of a loaded SoVITS checkpoint.

    Args:
        checkpoint: as :func:`load_sovits_new` gives it.
        hint: what the file's header or hash says; decides only where names and shapes do not (v3 against v4, v5dev
            against v5turbo).
        file: its name without the ending; that of a published file decides where nothing else does.
    """
    weight = checkpoint["weight"]
    is_lora = "lora_rank" in checkpoint or any(".lora_A." in name for name in weight)
    if is_lora or any(name.startswith("cfm.") for name in weight):
        rows = _mel_rows(weight)
    elif "sv_emb.weight" in weight:
        rows = [spec for spec in VERSIONS.values() if spec.needs_speaker_embedding]
    else:
        rows = [spec for spec in VERSIONS.values() if spec.mel is None and not spec.needs_speaker_embedding]
        hint = None  # of these the phone symbols tell
    published = [spec for spec in rows if file and Path(spec.published.s2g).stem == file]
    return _row(_chosen(rows, checkpoint, hint, published), is_lora)


def _mel_rows(weight: Mapping[str, Any]) -> list[VersionSpec]:
    """The versions that make a mel, as far as the step size's embedding tells; an adapter does not hold the time's."""
    rows = [(spec, spec.mel.flow.step_embedding) for spec in VERSIONS.values() if spec.mel is not None]
    if not any(name.startswith(TIME_PREFIX) for name in weight):
        return [spec for spec, _ in rows]
    told = any(name.startswith(STEP_PREFIX) for name in weight)
    return [spec for spec, has_it in rows if has_it == told]


def _chosen(
    rows: list[VersionSpec],
    checkpoint: Mapping[str, Any],
    hint: SovitsVersion | None,
    published: list[VersionSpec],
) -> VersionSpec:
    """Which of the versions whose tensors have the same names it is.

    As shapes tell, else as the file names itself, else the one that publishes a file of this name.
    """
    weight = checkpoint["weight"]
    embedding, generator = weight.get("enc_p.text_embedding.weight"), weight.get("dec.conv_pre.weight")
    if len({spec.symbol_count for spec in rows}) > 1:
        fitting = [spec for spec in rows if embedding is not None and spec.symbol_count == embedding.shape[0]]
        return (fitting or rows[-1:])[0]
    named = _named_version(checkpoint, hint)
    by_name = [spec for spec in rows if spec.name == named]
    wide = [spec for spec in rows if generator is not None and generator.shape[0] >= spec.generator_channels]
    widest = [spec for spec in wide if spec.generator_channels > rows[0].generator_channels]
    return (by_name or widest or published or rows)[0]


def _named_version(checkpoint: Mapping[str, Any], hint: SovitsVersion | None) -> str:
    """The version that the header, the hash or the configuration names; empty where none does."""
    config = checkpoint.get("config") or {}
    model = config.get("model") or {}
    return hint.model_version if hint else str(model.get("version") or config.get("version") or "")


def _header_hint(path: Path) -> SovitsVersion | None:
    """The version that the first bytes name: a known header, or the hash of a published base model."""
    if path.suffix == SUFFIX:
        return HEADERS.get(read_safetensors_header(path))
    with path.open("rb") as file:
        head = file.read(8192)
    return KNOWN_BASES.get(hashlib.md5(head, usedforsecurity=False).hexdigest()) or HEADERS.get(head[:2])


# -- the two model files -----------------------------------------------------------------------------------------------


def _load_kind(path: PathLike, kind: str, is_kind: Any, lazy: bool = False) -> dict[str, Any]:
    """Read a file of layout {weight, config, info} and check that it is of the kind asked for."""
    if Path(path).suffix == SUFFIX:
        checkpoint: Any = read_safetensors(path).content
    else:
        checkpoint = read_checkpoint(path, kind, lazy)
    weight = checkpoint.get("weight") if isinstance(checkpoint, Mapping) else None
    if not isinstance(weight, Mapping) or not is_kind(weight):
        raise CheckpointError(f"{path} is {describe(checkpoint)}", kind, "choose a file of the right kind")
    if not all(isinstance(value, Tensor) for value in weight.values()):
        raise CheckpointError(f"{path} holds weights that are not tensors", kind, "export it again")
    config = checkpoint.get("config")
    if not isinstance(config, Mapping) or not isinstance(config.get("model"), Mapping):
        raise CheckpointError(f"{path} holds no model configuration", f"{kind} with 'config.model'", "export it again")
    return {**checkpoint, "weight": dict(weight), "info": str(checkpoint.get("info", ""))}


def load_s1(path: PathLike) -> dict[str, Any]:
    """Read a GPT checkpoint: {"weight": name with prefix ``model.`` -> tensor, "config": dict, "info": str}.

    Raises:
        CheckpointError: not readable, not a GPT checkpoint, or a configuration without the model's sizes.
    """
    checkpoint = _load_kind(path, "a GPT (s1) checkpoint", _is_s1)
    missing = [key for key in S1_CONFIG_KEYS if key not in checkpoint["config"]["model"]]
    if missing:
        raise CheckpointError(f"{path} has no {', '.join(missing)} in its config.model", "a GPT (s1) checkpoint")
    return checkpoint


def load_sovits_new(path: PathLike) -> dict[str, Any]:
    """Read a SoVITS checkpoint of any public version: {"weight", "config", "info"[, "lora_rank"]}.

    ``config`` has the sections train, data and model as plain dicts.

    Raises:
        CheckpointError: not readable, not a SoVITS checkpoint, or without its configuration.
    """
    return _load_kind(path, "a SoVITS (s2) checkpoint", _is_s2)


def get_sovits_version_from_path_fast(path: PathLike) -> SovitsVersion:
    """(symbol set, model version, is LoRA) of a SoVITS file, without reading its tensors.

    Raises:
        CheckpointError: as :func:`load_sovits_new`.
    """
    return sovits_version(path, _load_kind(path, "a SoVITS (s2) checkpoint", _is_s2, lazy=True))


def sovits_version(path: PathLike, checkpoint: Mapping[str, Any]) -> SovitsVersion:
    """The version of a SoVITS ``checkpoint`` that was read from ``path``."""
    return version_from_content(checkpoint, _header_hint(Path(path)), Path(path).stem)


def _halve(weight: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """CPU copies in half precision; values beyond its range (codebook usage counts) stop at its border."""

    def half(value: Tensor) -> Tensor:
        value = value.detach().cpu()
        return value.clamp(-HALF_MAX, HALF_MAX).half() if value.is_floating_point() else value.clone()

    return {name: half(value) for name, value in weight.items()}


def save_s1(path: PathLike, weight: Mapping[str, Tensor], config: Mapping[str, Any], info: str) -> None:
    """Write a GPT checkpoint in the public layout: half precision, every name with the prefix ``model.``.

    Args:
        path: target; its folder is made.
        weight: state dict of the network, names with or without the prefix.
        config: the s1 configuration (train, optimizer, data, model, inference); ``data.max_sec`` is always written.
        info: text such as ``GPT-e15``.
    """
    named = {name if name.startswith("model.") else f"model.{name}": value for name, value in weight.items()}
    data = {"max_sec": S1_MAX_SECONDS} | dict(config.get("data") or {})
    write_atomic(path, {"weight": _halve(named), "config": to_plain(dict(config) | {"data": data}), "info": info})


def save_s2(
    path: PathLike,
    weight: Mapping[str, Tensor],
    config: Mapping[str, Any],
    info: str,
    version: str,
    lora_rank: int | None = None,
) -> None:
    """Write a SoVITS checkpoint in the public layout: half precision, without the posterior encoder, version header.

    Args:
        path: target; its folder is made.
        weight: state dict of the generator (of the trainable part, for an adapter).
        config: the s2 configuration (train, data, model).
        info: text such as ``10epoch_200iteration``.
        version: model version; decides the header.
        lora_rank: rank of an adapter file; None for a whole model.
    """
    kept = {name: value for name, value in weight.items() if not name.startswith(POSTERIOR_PREFIX)}
    content: dict[str, Any] = {"weight": _halve(kept), "config": to_plain(dict(config)), "info": info}
    if lora_rank is not None:
        content["lora_rank"] = lora_rank
    write_atomic(path, content, HEADERS_WRITTEN.get((version, lora_rank is not None)))


# -- the public writers ------------------------------------------------------------------------------------------------


def my_save2(fea: Mapping[str, Any], path: PathLike, model_version: str) -> None:
    """As the public function: write ``fea`` as it is, with the header of a version.

    Raises:
        CheckpointError: a version whose files have no header.
    """
    headers = {version: header for (version, _), header in HEADERS_WRITTEN.items()}
    if model_version not in headers:
        raise CheckpointError(f"files of {model_version} have no header", ", ".join(headers), "use torch.save")
    write_atomic(path, to_plain(fea), headers[model_version])


def savee(
    ckpt: Mapping[str, Tensor],
    name: str,
    epoch: int,
    steps: int,
    hps: Any,
    model_version: str | None = None,
    lora_rank: int | None = None,
) -> str:
    """As the public function: :func:`save_s2` to ``hps.save_weight_dir``; "Success." or what went wrong."""
    values = hps if isinstance(hps, Mapping) else vars(hps)
    try:
        path = Path(str(values["save_weight_dir"])) / f"{name}.pth"
        save_s2(path, ckpt, _plain(values), f"{epoch}epoch_{steps}iteration", model_version or "v2", lora_rank)
    except (KeyError, OSError, GSVError) as error:
        return f"{type(error).__name__}: {error}"
    return "Success."


def _plain(value: Any) -> Any:
    """Configuration objects with attributes as dicts, so that the file can be read safely."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _plain(vars(value)) if hasattr(value, "__dict__") else value


# -- strict loading ----------------------------------------------------------------------------------------------------


def compare_keys(own: Mapping[str, Tensor], weight: Mapping[str, Tensor]) -> KeyReport:
    """How a file's weights fit a network; running sums of the codebook may be infinite (:data:`USAGE_COUNTS`)."""
    return key_report.compare_keys(own, weight, USAGE_COUNTS)


def load_strict(
    module: nn.Module, weight: Mapping[str, Tensor], path: PathLike, drop: tuple[str, ...] = (), assign: bool = False
) -> None:
    """Load ``weight`` into ``module`` (in place), strictly.

    Args:
        module: the network, already built from the file's configuration.
        weight: tensors by the network's own names.
        path: the file they came from, for the message.
        drop: name prefixes that neither side needs here (``("enc_q.",)`` when a network for inference is filled from a
            training file).
        assign: the network takes the tensors themselves, in single precision, in place of copies: for one that was
            built on the "meta" device and has no memory of its own.

    Raises:
        CheckpointError: with the path and the missing, unexpected and mismatched names; the module is unchanged then.
    """
    kept = {name: value for name, value in weight.items() if not name.startswith(drop)} if drop else dict(weight)
    report = compare_keys(module.state_dict(), kept)
    if not report.ok:
        raise CheckpointError(
            f"{path} does not fit its configuration: {report}",
            "the tensors of the public layout",
            "export it again, or choose the file that belongs to this configuration",
        )
    if assign:
        kept = {name: value.float() if value.is_floating_point() else value for name, value in kept.items()}
    module.load_state_dict(kept, assign=assign)
