"""Carry the voice pack's training to another machine in one file, and its results back in small ones.

    python tools/pack/bundle.py make --work work/pack --output work/bundle.tar.xz    # clips, lists, tokens, encoder
    python tools/pack/bundle.py make --without-clips --work work/pack --output training/gsv-tiny-1.tar.xz
    python tools/pack/bundle.py unpack work/bundle.tar.xz --work work/pack           # there: ready for train_all.py
    python tools/pack/bundle.py split work/pack/gsv-tiny/s2G.pth --megabytes 15      # s2G.pth.part1, ...
    python tools/pack/bundle.py join s2G.pth.part1 --output s2G.pth

The work folder is ``train_all.py``'s, with targets and encoder made. The other machine needs neither the corpus nor
Whisper nor a text frontend: it gets clips at 16 kHz (Opus), phones, tokens, alignments and the trained encoder, and
``train_all.py`` goes on there with SoVITS, AR and language model. A bundle without clips is for a machine that has the
corpora: it saves the teacher's pass, the alignment and the encoder's training. A name that ends with .xz is compressed.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile
import torch
from safetensors.torch import load_file
from tqdm import tqdm

from config import CONFIGS_ROOT
from errors import ConfigError, DatasetError, GSVError
from feature_extractor.training.teacher import RATE, load_16k
from prepare_datasets.audio import read_recording
from prepare_datasets.hubert_stage import wav_path, write_training_audio
from prepare_datasets.journal import atomic_file
from side_tables import ALIGNMENT_TABLE, SPEAKER_TABLE, TEXT_TABLE, TOKEN_TABLE, read_tokens

logger = logging.getLogger(__name__)

LIMIT = 45_000_000
"""Bytes of a bundle; what the machines to be lent take, with the checkout beside it."""
COMPRESSION = 0.95
"""libsndfile's for Opus: about 20 kbit/s at 16 kHz."""
ENCODED = f"sovits/{TOKEN_TABLE}"
"""Tokens that the trained encoder hears; where they are in a bundle, nothing has to be encoded."""
S2_CONFIG = CONFIGS_ROOT / "s2_gsv_tiny.json"
TABLES = (TEXT_TABLE, TOKEN_TABLE, ALIGNMENT_TABLE, SPEAKER_TABLE)


def make(work: Path, output: Path, clips: bool = True) -> int:
    """Write the bundle of a work folder, with or without its clips; returns its size in bytes.

    Raises:
        DatasetError: the folder lacks a part, or the bundle is larger than machines take.
    """
    parts = {f"targets/{name}": work / "targets" / name for name in TABLES}
    parts |= {f"ssl/hubert/{p.name}": p for p in sorted((work / "ssl" / "hubert").glob("*")) if p.is_file()}
    parts["ssl/quantizer.safetensors"] = work / "ssl" / "quantizer.safetensors"
    missing = [name for name, path in parts.items() if not path.is_file()]
    if missing or not (work / "ssl" / "hubert" / "config.json").is_file():
        found = ", ".join(missing) or "ssl/hubert"
        raise DatasetError(f"{work} lacks {found}", "a work folder of train_all.py", "run it up to its encoder")
    if (work / ENCODED).is_file():
        parts[ENCODED] = work / ENCODED
    output.parent.mkdir(parents=True, exist_ok=True)
    rows = [line.split("|", 3) for line in (work / "lists" / "train.list").read_text("utf-8").splitlines() if line]
    with tarfile.open(output, "w:xz" if output.suffix == ".xz" else "w") as archive:
        lines = []
        for source, speaker, language, text in tqdm(rows, desc="clips", unit="clip"):
            name = Path(source).name
            if clips:
                _add(archive, f"audio/{name}", _opus(Path(source)))
            lines.append("|".join((f"../audio/{name}", speaker, language, text)))
        _add(archive, "lists/train.list", ("\n".join(lines) + "\n").encode())
        for name, path in parts.items():
            archive.add(path, name)
    size = output.stat().st_size
    if size > LIMIT:
        raise DatasetError(f"{output} has {size / 1e6:.1f} MB", f"at most {LIMIT / 1e6:.0f}", "leave speakers out")
    return size


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _opus(path: Path) -> bytes:
    stream = io.BytesIO()
    samples = load_16k(path)
    soundfile.write(stream, samples, RATE, format="OGG", subtype="OPUS", compression_level=COMPRESSION)
    return stream.getvalue()


def unpack(bundle: Path, work: Path, corpora: Sequence[Path] = ()) -> None:
    """Lay a bundle out as a work folder in which all is over that the bundle holds.

    Args:
        bundle: what :func:`make` wrote.
        work: the folder to make.
        corpora: folders with ``corpus.list``, where the clips are that the bundle lacks.

    Raises:
        DatasetError: no bundle, one with paths that lead out of the folder, or clips that are nowhere.
    """
    try:
        with tarfile.open(bundle) as archive:
            archive.extractall(work, filter="data")  # refuses absolute paths, links and .. that lead outside
    except (OSError, tarfile.TarError) as error:
        raise DatasetError(f"{bundle} cannot be unpacked ({error})", "what bundle.py make wrote") from error
    sources = _find_clips(work, corpora)
    for name in tqdm(read_tokens(work / "targets" / TOKEN_TABLE), desc="clips", unit="clip"):
        if not wav_path(work / "sovits", name).is_file():
            write_training_audio(work / "sovits", name, read_recording(sources[name]))
    # a whole checkpoint of the quantiser alone: tokens are made with it, and the language model is told whose they are
    weights, config = load_file(work / "ssl" / "quantizer.safetensors"), json.loads(S2_CONFIG.read_text("utf-8"))
    torch.save({"weight": weights, "config": config, "info": "quantiser"}, work / "targets" / "s2_init.pth")
    over = ("lists", "targets", "encoder", *(["tokens"] if (work / ENCODED).is_file() else []))
    state = {name: {"seconds": 0.0, "over": True} for name in over}
    (work / "state.json").write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")


def _find_clips(work: Path, corpora: Sequence[Path]) -> dict[str, Path]:
    """Where each clip of the list is, by name; the list is written anew with these paths."""
    known = {path.name: path for corpus in corpora for path in (corpus / "audio").rglob("*") if path.is_file()}
    known |= {path.name: path for path in (work / "audio").glob("*")}
    train = work / "lists" / "train.list"
    rows = [line.split("|", 3) for line in train.read_text("utf-8").splitlines() if line]
    missing = [row[0] for row in rows if Path(row[0]).name not in known]
    if missing:
        raise DatasetError(f"{len(missing)} clips are nowhere, {missing[0]} among them", "a corpus that has them")
    found = {Path(row[0]).name: known[Path(row[0]).name].resolve() for row in rows}
    lines = ["|".join((str(found[Path(path).name]), *rest)) for path, *rest in rows]
    train.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return found


def split(path: Path, megabytes: float) -> list[Path]:
    """Cut a file into ``<name>.part1``, ``.part2`` ... of at most ``megabytes`` (10^6 bytes) each.

    Raises:
        ConfigError: no size.
    """
    if megabytes <= 0:
        raise ConfigError(f"parts of {megabytes:g} MB", "more than 0")
    written: list[Path] = []
    with path.open("rb") as stream:
        while content := stream.read(int(megabytes * 1e6)):
            written.append(path.with_name(f"{path.name}.part{len(written) + 1}"))
            written[-1].write_bytes(content)
    return written


def parts_of(first: Path) -> Iterator[Path]:
    """``first`` and the parts after it, in order."""
    stem = first.name.removesuffix(".part1")
    number = 1
    while (path := first.with_name(f"{stem}.part{number}")).is_file():
        yield path
        number += 1


def join(first: Path, output: Path) -> None:
    """Put the parts that :func:`split` wrote together again.

    Raises:
        DatasetError: ``first`` is no first part.
    """
    found = list(parts_of(first)) if first.name.endswith(".part1") else []
    if not found:
        raise DatasetError(f"{first} is no first part", "a file whose name ends with .part1")
    with atomic_file(output) as stream:
        for path in found:
            stream.write(path.read_bytes())


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry; 2 for what a person can mend."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("make")
    one.add_argument("--work", type=Path, required=True)
    one.add_argument("--output", type=Path, required=True)
    one.add_argument("--without-clips", action="store_true", help="for a machine that has the corpora")
    two = commands.add_parser("unpack")
    two.add_argument("bundle", type=Path)
    two.add_argument("--work", type=Path, required=True)
    two.add_argument("--corpus", type=Path, action="append", default=[], help="where clips are that it lacks")
    three = commands.add_parser("split")
    three.add_argument("file", type=Path)
    three.add_argument("--megabytes", type=float, default=15.0)
    four = commands.add_parser("join")
    four.add_argument("first", type=Path)
    four.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if args.command == "make":
            logger.info("%s: %.1f MB", args.output, make(args.work, args.output, not args.without_clips) / 1e6)
        elif args.command == "unpack":
            unpack(args.bundle, args.work, args.corpus)
        elif args.command == "split":
            logger.info("%s", ", ".join(str(path) for path in split(args.file, args.megabytes)))
        else:
            join(args.first, args.output)
    except GSVError as error:
        logger.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
