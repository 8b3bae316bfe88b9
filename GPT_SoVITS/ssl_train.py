"""Train a small HuBERT-layout SSL encoder on a transcribed list, with Whisper base as teacher.

    python GPT_SoVITS/ssl_train.py --list train.list --valid valid.list --work work/ssl --output work/ssl/hubert

Steps, each kept in the work folder and not repeated: phones of the transcripts, teacher features, frame alignment,
training. Killed at any moment, the same command goes on from its last checkpoint (one a minute).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from AR.hardware import has_fast_bfloat16, training_attention
from errors import DatasetError
from feature_extractor.training import aligner, codebook, prosody, student, teacher
from feature_extractor.training.student import Clip, Student, StudentConfig

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Everything the training reads: clips with their targets, and what is derived from them.

    Attributes:
        names: base name of every clip.
        clips: per clip wave (T,), class per frame, content targets (frames, D); training clips first.
        sources: per clip the index of the phone that each frame speaks, -1 where unknown.
        classes: names of the phone classes.
        codebook: (codes, D), k-means over the training clips' targets at 25 Hz.
        n_train: number of training clips.
    """

    names: list[str]
    clips: list[Clip]
    sources: list[np.ndarray]
    classes: list[str]
    codebook: np.ndarray
    n_train: int


class Row(NamedTuple):
    """A line of a ``vocal_path|speaker|language|text`` list."""

    path: Path
    speaker: str
    language: str
    text: str


def read_list(path: Path) -> list[Row]:
    """The lines of a list; paths are taken from its folder.

    Raises:
        DatasetError: no line has four fields.
    """
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split("|", 3)
        if len(fields) == 4:
            rows.append(Row((path.parent / fields[0]).resolve(), fields[1], fields[2].lower(), fields[3]))
    if not rows:
        raise DatasetError(f"{path} has no usable line", "vocal_path|speaker|language|text", "check the list file")
    return rows


def cached(path: Path, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays from ``path`` (.npz), made and written atomically where absent."""
    if not path.is_file():
        arrays = make()
        partial = path.with_suffix(".tmp.npz")
        np.savez(partial, **arrays)  # type: ignore[arg-type]
        os.replace(partial, path)
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def pack_rows(rows: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Rows of different length as one array and their borders."""
    return {"data": np.concatenate(rows), "borders": np.cumsum([0, *(len(r) for r in rows)])}


def unpack_rows(arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Inverse of :func:`pack_rows`."""
    return np.split(arrays["data"], arrays["borders"][1:-1])


def frame_levels(wave: np.ndarray, frames: int) -> np.ndarray:
    """Level in dB per 20 ms frame, (frames,)."""
    padded = np.pad(wave, (0, max(0, (frames + 1) * teacher.FRAME - len(wave))))
    blocks = padded[: frames * teacher.FRAME].reshape(frames, teacher.FRAME)
    return 10 * np.log10(np.mean(blocks**2, axis=1) + 1e-10)


def prepare(train: Path, valid: Path, work: Path, threads: int) -> Corpus:
    """Waves, teacher features, frame labels and pitch of both lists."""
    from text.cleaner import clean_text

    train_rows, valid_rows = read_list(train), read_list(valid)
    rows = train_rows + valid_rows
    waves = [teacher.load_16k(row.path) for row in tqdm(rows, desc="audio", unit="clip")]
    with tqdm(total=len(rows), desc="teacher", unit="clip") as bar:

        def progress(done: int, _total: int) -> None:
            bar.update(done - bar.n)

        states = unpack_rows(
            cached(work / "teacher.npz", lambda: pack_rows(teacher.encode_corpus(waves, threads, progress)))
        )
        phones = [clean_text(r.text, r.language, "v2")[0] for r in tqdm(rows, desc="phones", unit="clip")]
    lengths = [len(s) for s in states]

    def make_pitch() -> dict[str, np.ndarray]:
        pairs = zip(waves, lengths, strict=True)
        return pack_rows([prosody.pitch_of(w, n) for w, n in tqdm(pairs, desc="pitch", unit="clip", total=len(waves))])

    pitches = unpack_rows(cached(work / "pitch.npz", make_pitch))
    levels = [frame_levels(w, n) for w, n in zip(waves, lengths, strict=True)]

    def make_alignment() -> dict[str, np.ndarray]:
        features = teacher.reduce_states(states)
        found = aligner.align(features, levels, phones)
        labels, sources = [], []
        for feature, script, path in zip(features, found.scripts, found.paths, strict=True):
            lost = np.full(len(feature), student.IGNORE)
            labels.append(lost if path is None else script.classes[path])
            sources.append(lost if path is None else script.source[path])
        packed = pack_rows(labels)
        return {
            **packed,
            "source": np.concatenate(sources),
            "classes": np.array(found.classes),
            "posteriors": np.concatenate(found.posteriors),
        }

    aligned = cached(work / "alignment.npz", make_alignment)
    labels = unpack_rows(aligned)
    sources = unpack_rows({"data": aligned["source"], "borders": aligned["borders"]})
    posteriors = unpack_rows({"data": aligned["posteriors"], "borders": aligned["borders"]})
    sounds = teacher.content_targets(states, labels, posteriors)
    melodies = prosody.prosody_targets(pitches, levels, [r.speaker for r in rows])
    targets = [
        np.concatenate([s, m.astype(s.dtype)], axis=1)[: min(len(s), len(m))]
        for s, m in zip(sounds, melodies, strict=True)
    ]
    n_train = len(train_rows)
    book = cached(work / "codebook.npz", lambda: {"centres": codebook.fit_codebook(targets[:n_train])})["centres"]
    clips = [Clip(w, y.astype(np.int64), f) for w, y, f in zip(waves, labels, targets, strict=True)]
    return Corpus([r.path.name for r in rows], clips, sources, [str(c) for c in aligned["classes"]], book, n_train)


def learning_rate(fraction: float, peak: float) -> float:
    """Linear warm-up over 4 % of the budget, then a half cosine to 2 % of the peak."""
    if fraction < 0.04:
        return peak * (0.05 + 0.95 * fraction / 0.04)
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, (fraction - 0.04) / 0.96))))


@torch.inference_mode()
def validate(model: Student, clips: Sequence[Clip]) -> tuple[float, float]:
    """Phone accuracy per frame and teacher error on held-out clips."""
    model.eval()
    results = [student.losses(model, student.collate(clips[i : i + 8])) for i in range(0, len(clips), 8)]
    model.train()
    return float(np.mean([r.accuracy for r in results])), float(np.mean([r.teacher for r in results]))


def save(path: Path, state: dict) -> None:
    """Write a checkpoint so that a kill leaves either the old or the new one."""
    partial = path.with_suffix(".tmp")
    torch.save(state, partial)
    os.replace(partial, path)


def fit(model: Student, corpus: Corpus, work: Path, minutes: float, batch_seconds: float, peak: float) -> dict:
    """Train for ``minutes`` of computing time in all (earlier runs included); returns the last figures."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, betas=(0.9, 0.98), weight_decay=0.01)
    spent, step, epoch = 0.0, 0, 0
    half = has_fast_bfloat16("cpu")
    checkpoint = work / "student.pt"
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        spent, step, epoch = state["spent"], state["step"], state["epoch"]
        logger.info("goes on from step %d, %.1f of %.1f minutes spent", step, spent / 60, minutes)
    budget = minutes * 60
    train, valid = corpus.clips[: corpus.n_train], corpus.clips[corpus.n_train :]
    last_saved, figures = time.monotonic(), {}
    torch.manual_seed(step)
    with tqdm(total=round(budget), initial=round(spent), desc="ssl", unit="s", mininterval=10) as bar:
        while spent < budget:
            rng = np.random.default_rng(epoch)
            for group in student.batches(train, batch_seconds, rng):
                started = time.monotonic()
                for setting in optimizer.param_groups:
                    setting["lr"] = learning_rate(spent / budget, peak)
                batch = student.collate([student.augment(c, rng) for c in group])
                with torch.autocast("cpu", torch.bfloat16, enabled=half), training_attention("cpu"):
                    result = student.losses(model, batch)
                optimizer.zero_grad()
                result.total.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
                step += 1
                spent += time.monotonic() - started
                bar.n = round(min(spent, budget))
                bar.set_postfix(
                    step=step,
                    phone=f"{result.phone:.2f}",
                    teacher=f"{result.teacher:.2f}",
                    right=f"{result.accuracy:.2f}",
                )
                if time.monotonic() - last_saved > 60 or spent >= budget:
                    save(
                        checkpoint,
                        {
                            "model": model.state_dict(),
                            "optimizer": optimizer.state_dict(),
                            "spent": spent,
                            "step": step,
                            "epoch": epoch,
                        },
                    )
                    last_saved = time.monotonic()
                if spent >= budget:
                    break
            epoch += 1
            accuracy, error = validate(model, valid)
            figures = {"epoch": epoch, "step": step, "phone_accuracy": accuracy, "teacher_error": error}
            logger.info(
                "epoch %d, step %d: held-out phone accuracy %.3f, teacher error %.3f", epoch, step, accuracy, error
            )
    return figures


@torch.inference_mode()
def check_codes(model: Student, corpus: Corpus) -> dict[str, float]:
    """How well held-out tokens tell phone and pitch, made of the targets and of what the encoder hears."""

    def coded(clips: Sequence[Clip], rows: Sequence[np.ndarray]) -> codebook.CodedSpeech:
        pairs = [codebook.pair_means(r) for r in rows]
        prosodies = [codebook.pair_means(c.teacher[:, -3:].astype(np.float32)) for c in clips]
        labels = [c.labels[: 2 * len(p) : 2] for c, p in zip(clips, pairs, strict=True)]
        codes = np.concatenate([codebook.assign(p, corpus.codebook) for p in pairs])
        pitch, voiced, _ = np.concatenate([s[: len(p)] for s, p in zip(prosodies, pairs, strict=True)]).T
        return codebook.CodedSpeech(codes, np.concatenate(labels), pitch, voiced >= voiced.max())

    model.eval()
    train, valid = corpus.clips[: corpus.n_train], corpus.clips[corpus.n_train :]
    meaning = codebook.meaning_of(coded(train, [c.teacher for c in train]))
    heard = []
    for clip in valid:
        batch = student.collate([clip])
        heard.append(model(batch.wave, batch.samples)[1][0].numpy())
    figures: dict[str, float] = {}
    for name, rows in (("targets", [c.teacher for c in valid]), ("encoder", heard)):
        right, pitch = codebook.agreement(meaning, coded(valid, rows))
        figures |= {f"{name}_phone": round(right, 3), f"{name}_pitch": round(pitch, 3)}
    return figures


def write_alignment(corpus: Corpus, path: Path) -> None:
    """``name TAB phone index per semantic token``: what guided attention of the AR stage reads (25 Hz)."""
    lines = []
    for name, source in zip(corpus.names, corpus.sources, strict=True):
        if (source >= 0).any():
            known = np.flatnonzero(source >= 0)
            nearest = known[np.abs(np.arange(len(source))[:, None] - known[None]).argmin(axis=1)]
            lines.append(name + "\t" + " ".join(map(str, source[nearest][: len(source) // 2 * 2 : 2])))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def export(model: Student, centres: np.ndarray, output: Path, quantizer: Path) -> None:
    """Write the encoder alone in transformers layout, and projection and codebook for the SoVITS quantiser."""
    from safetensors.torch import save_file

    output.mkdir(parents=True, exist_ok=True)
    model.hubert.save_pretrained(output)  # type: ignore[operator]
    extractor = {
        "do_normalize": False,
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "feature_size": 1,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": True,
        "sampling_rate": teacher.RATE,
    }
    (output / "preprocessor_config.json").write_text(json.dumps(extractor, indent=2) + "\n", encoding="utf-8")
    head = model.teacher_head
    width = head.weight.shape[1]
    save_file(codebook.quantizer_weights(head.weight.data, head.bias.data, centres, width), quantizer)


def main(argv: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", type=Path, required=True, help="training list: vocal_path|speaker|language|text")
    parser.add_argument("--valid", type=Path, required=True, help="held-out list")
    parser.add_argument("--work", type=Path, required=True, help="folder for intermediate files and checkpoints")
    parser.add_argument("--output", type=Path, required=True, help="folder for the finished encoder")
    parser.add_argument("--minutes", type=float, default=20.0, help="computing time of the training step")
    parser.add_argument("--batch-seconds", type=float, default=40.0)
    parser.add_argument("--learning-rate", type=float, default=1.5e-3)
    parser.add_argument("--prepare-only", action="store_true", help="stop before the training")
    parser.add_argument("--start-from", type=Path, help="folder of an encoder whose weights are the beginning")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    corpus = prepare(args.list, args.valid, args.work, args.threads)
    write_alignment(corpus, args.work / "alignment.tsv")
    if args.prepare_only:
        return
    torch.manual_seed(0)
    model = Student(StudentConfig(), len(corpus.classes), corpus.codebook.shape[1])
    if args.start_from is not None:
        logger.info("%d tensors of %s", student.start_from(model.hubert, args.start_from), args.start_from)
    figures = fit(model, corpus, args.work, args.minutes, args.batch_seconds, args.learning_rate)
    export(model, corpus.codebook, args.output, args.work / "quantizer.safetensors")
    figures |= check_codes(model, corpus)
    logger.info("encoder written to %s: %s", args.output, json.dumps(figures))


if __name__ == "__main__":
    main()
