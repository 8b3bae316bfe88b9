"""Put a trained voice pack together.

    python tools/pack/build_pack.py --hubert work/ssl/hubert --s2 SoVITS_weights_v2/gsv_tiny.pth \
        --s1 logs/gsv_tiny/logs_s1/s1-best.ckpt --references work/pack/references.list \
        --output GPT_SoVITS/pretrained_models/gsv-tiny

The reference list has the layout of a training list; its first line becomes the default reference. All weights
are read before the folder is touched. ``--quantizer`` replaces the
generator's projection and codebook (``ssl_train.py`` writes them), for a generator trained by ``early_start.py``.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import soundfile
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import process_ckpt
from AR.models.t2s_model import Text2SemanticDecoder
from audio_io import load_audio, resample
from errors import DatasetError
from feature_extractor.cnhubert import CNHubert
from TTS_infer_pack.pack import FILES, READ_BACK

logger = logging.getLogger(__name__)
REFERENCE_RATE = 24_000
FOLDER_SETTINGS = (
    ("data", "exp_dir"),
    ("train", "pretrained_s2G"),
    ("train", "pretrained_s2D"),
    ("", "s2_ckpt_dir"),
    ("", "state_dir"),
    ("", "save_weight_dir"),
)


def read_references(path: Path) -> list[tuple[Path, str, str]]:
    """(audio, language, text) per line.

    Raises:
        DatasetError: the list is empty.
    """
    rows = [line.split("|", 3) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not rows:
        raise DatasetError(f"{path} is empty", "one or two reference clips", "vocal_path|speaker|language|text")
    return [(path.parent / audio, language, text) for audio, _, language, text in rows]


def write_hubert(source: Path, target: Path) -> None:
    """Copy an encoder's folder, weights in half precision (they are used in whatever precision the reader asks for)."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    path = target / "model.safetensors"
    weights = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in load_file(path).items()
    }
    save_file(weights, path, metadata={"format": "pt"})
    path.chmod(0o644)


def write_references(rows: list[tuple[Path, str, str]], folder: Path) -> dict[str, str]:
    """Copy the clips as 16-bit WAV; returns the default reference as pack.json holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number, (audio, language, text) in enumerate(rows, start=1):
        target = folder / f"reference_{number}.wav"
        clip = load_audio(audio)
        soundfile.write(
            str(target), resample(clip.samples, clip.rate, REFERENCE_RATE), REFERENCE_RATE, subtype="PCM_16"
        )
        target.with_suffix(".txt").write_text(f"{language}|{text}\n", encoding="utf-8")
        entries.append({"path": f"{folder.name}/{target.name}", "text": text, "lang": language})
    return entries[0]


def write_lm(source: Path, target: Path) -> None:
    """Copy a trained language model stage, its weights in half precision."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    for path in target.rglob("*.safetensors"):
        with safe_open(path, "pt") as stream:
            facts = stream.metadata()
        weights = {name: t.half() if t.is_floating_point() else t for name, t in load_file(path).items()}
        save_file(weights, path, metadata=facts)
        path.chmod(0o644)


def read_state(source: Path, config: Path) -> dict[str, Any]:
    """A running training's ``G_*.pth`` as an s2 checkpoint: averaged weights where it keeps them."""
    state = torch.load(source, map_location="cpu", weights_only=True)
    weight = {**state["model"], **state.get("ema", {}).get("weights", {})}
    settings = json.loads(config.read_text(encoding="utf-8"))
    return {"weight": weight, "config": settings, "info": f"{state['iteration']}epoch_{state['step']}iteration"}


def write_generator(checkpoint: dict[str, Any], quantizer: Path | None, target: Path) -> None:
    """The s2 file in the public layout, with another projection and codebook where given."""
    weight = dict(checkpoint["weight"])
    if quantizer is not None:
        weight.update(load_file(quantizer))
    config = without_folders(checkpoint["config"])
    process_ckpt.save_s2(str(target), weight, config, checkpoint["info"], "v2")


def without_folders(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a training with the folders of the machine it ran on cut down to their names; others need not see."""
    kept: dict[str, Any] = {n: dict(value) if isinstance(value, Mapping) else value for n, value in config.items()}
    for section, name in FOLDER_SETTINGS:
        values: dict[str, Any] = kept.get(section, {}) if section else kept
        if isinstance(folder := values.get(name), str):
            values[name] = Path(folder).name
    return kept


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hubert", type=Path, required=True, help="folder of the SSL encoder")
    parser.add_argument("--s2", type=Path, required=True, help="trained generator, or G_*.pth with --s2-config")
    parser.add_argument("--s2-config", type=Path, help="settings of the training whose G_*.pth --s2 names")
    parser.add_argument("--s1", type=Path, required=True, help="trained AR model")
    parser.add_argument("--lm", type=Path, help="folder of the language model stage, offered under the pack's name")
    parser.add_argument("--quantizer", type=Path, help="safetensors with ssl_proj and codebook")
    parser.add_argument("--read-back", type=Path, help="what the tokens tell of phones, by read_back.py")
    parser.add_argument("--references", type=Path, required=True)
    parser.add_argument("--name", default="gsv-tiny")
    parser.add_argument("--languages", default="en", help="that it was trained for, such as en,ja")
    parser.add_argument("--reference-free", action="store_true", help="the AR model is asked without a prompt")
    parser.add_argument("--sampling", default="{}", help='recommended request values as JSON, e.g. {"top_k": 5}')
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_grad_enabled(False)
    CNHubert(str(args.hubert))
    span = Text2SemanticDecoder.from_checkpoint(process_ckpt.load_s1(str(args.s1))).span
    generator = read_state(args.s2, args.s2_config) if args.s2_config else process_ckpt.load_sovits_new(str(args.s2))
    references = read_references(args.references)
    args.output.mkdir(parents=True, exist_ok=True)
    write_hubert(args.hubert, args.output / "hubert")
    shutil.copyfile(args.s1, args.output / "s1.ckpt")
    if args.lm:
        write_lm(args.lm, args.output / "lm")
    write_generator(generator, args.quantizer, args.output / "s2G.pth")
    files = dict(FILES)
    if args.read_back:
        files[READ_BACK] = "read_back.safetensors"
        shutil.copyfile(args.read_back, args.output / files[READ_BACK])
    pack = {
        "name": args.name,
        "version": "v2",
        "languages": args.languages.split(","),
        "files": files,
        "default_reference": write_references(references, args.output / "reference"),
        "sampling": json.loads(args.sampling),
        "reference_free": args.reference_free,
        # What the AR model has learned, from its training; text is cut to it.
        **({"span": span._asdict()} if span.phones else {}),
    }
    (args.output / "pack.json").write_text(json.dumps(pack, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    size = sum(f.stat().st_size for f in args.output.rglob("*") if f.is_file())
    logger.info("%s: %.1f MB", args.output, size / 1e6)


if __name__ == "__main__":
    main()
