"""Stage 4, distillation: the AR model, or a language model, speaks a text list; writes ``2-name2text.txt``,
``6-name2semantic.tsv``, ``speakers.tsv`` and, for Chinese with its features, ``3-bert/`` as recordings would give them,
and ``alignment.tsv`` where a language model speaks whose attention tells which phone it is at. No audio is made.
Collapsed results are dropped and counted.

The method is sequence-level distillation (Kim and Rush 2016): what a model draws is easier to learn than recordings.

A run that was interrupted goes on where it stopped: what is in the files is not spoken again.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from AR.backend import SamplingParams, T2SBackend
from AR.checked import decode_checked, why_collapsed
from AR.errors import LMUnavailable
from AR.models.qwen3_t2s_model import Qwen3T2SModel
from AR.training.lm_alignment import Head, Spoken, align, find_head
from config import REPO_ROOT
from errors import DatasetError, GSVError, TextError
from prepare_datasets.bert_stage import bert_path
from prepare_datasets.journal import atomic_file
from prepare_datasets.list_file import read_list
from text import symbols_for
from TTS_infer_pack.stage_request import Phones, Prompt, t2s_request
from TTS_infer_pack.TTS import TTS, TTS_Config

logger = logging.getLogger(__name__)
HEADER = "item_name\tsemantic_audio"
TEXTS, SPEAKERS, ALIGNMENT, TOKENS = "2-name2text.txt", "speakers.tsv", "alignment.tsv", "6-name2semantic.tsv"


@dataclass(frozen=True)
class NamedPrompt:
    """A speaker's name, and the words and tokens of a reference clip to go on from (None: reference-free)."""

    name: str
    prompt: Prompt | None


@dataclass(frozen=True)
class Distillation:
    """Settings of a run.

    Attributes:
        folder: where the files go.
        language: language mode of the texts.
        seeds: every text is spoken once with each of them.
        batch: texts that are spoken together.
        sampling: how tokens are drawn; its seed is replaced.
    """

    folder: Path
    language: str = "en"
    seeds: Sequence[int] = (1,)
    batch: int = 16
    sampling: SamplingParams = SamplingParams()


def read_texts(path: Path) -> list[str]:
    """One text a line; empty lines are passed over.

    Raises:
        DatasetError: missing, not UTF-8, or empty.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"text list {path} cannot be read ({error})", "a UTF-8 file, a text a line") from error
    texts = [line for line in lines if line]
    if not texts:
        raise DatasetError(f"text list {path} holds no text", "a text a line")
    return texts


def read_voices(tts: TTS, list_path: Path | None) -> list[NamedPrompt]:
    """The reference clips of a list (``path|speaker|language|text``), or what the voice itself goes on from.

    Raises:
        GSVError: a list or clip that cannot be used, or none at all.
    """
    recommended = tts.voice.recommended
    if list_path is None and recommended.reference_free:
        return [NamedPrompt("default", None)]
    if list_path is None:
        default = recommended.default_reference
        if default is None:
            raise DatasetError("no reference clips given, and the voice has none of its own", "--references")
        rows = [("default", default.path, default.text, default.lang)]
    else:
        clips, _ = read_list(list_path)
        rows = [(clip.speaker, str(clip.path), clip.text, clip.language) for clip in clips]
    return [NamedPrompt(speaker, tts.prompt_of(path, text, lang)) for speaker, path, text, lang in rows]


@dataclass(frozen=True)
class Result:
    """A text that was spoken: a line of each file, and its features.

    ``alignment`` is empty where it is not known, ``bert`` [1024, T_ph] None where the text has no features.
    """

    name: str
    phones: str
    words: str
    tokens: str
    speaker: str
    alignment: str = ""
    bert: torch.Tensor | None = None


class Distiller:
    """Speaks texts in a voice and appends the results to the files.

    Args:
        tts: the voice.
        run: settings.
        language_model: what speaks; None: the voice's AR model.
    """

    def __init__(self, tts: TTS, run: Distillation, language_model: Qwen3T2SModel | None = None) -> None:
        self.tts, self.run, self.language_model = tts, run, language_model
        self.backend: T2SBackend = language_model or tts.ar_model
        self.version = tts.voice.version
        self.head: Head | None = None
        self.head_sought = False
        self.phone_names: Sequence[str] = symbols_for(self.version)
        self.reasons: Counter[str] = Counter()

    def _read(self, text: str) -> Phones | None:
        try:
            phones = self.tts.phones_of(text, self.run.language)
        except TextError:
            self.reasons["text not readable"] += 1
            return None
        if not phones.ids.numel() or not any(character.isalnum() for character in phones.text):
            self.reasons["nothing to speak"] += 1
            return None
        return phones

    def speak(self, texts: Sequence[str], voices: Sequence[NamedPrompt]) -> int:
        """Speak all texts, each seed with the next voice in turn; returns how many results were kept.

        Raises:
            DatasetError: not one result could be kept.
        """
        self.run.folder.mkdir(parents=True, exist_ok=True)
        done = _known_names(self.run.folder)
        kept = len(done)
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))  # like lengths together: less padding
        for seed_index, seed in enumerate(self.run.seeds):
            for start in range(0, len(texts), self.run.batch):
                numbers = order[start : start + self.run.batch]
                todo = [n for n in numbers if _name(n, seed) not in done]
                rows = list(self._speak_batch(todo, texts, voices, seed_index, seed)) if todo else []
                _append(self.run.folder, rows)
                kept += len(rows)
                logger.info("seed %d, %d of %d texts, %d kept", seed, start + len(numbers), len(texts), kept)
        told = ", ".join(f"{count} {why}" for why, count in self.reasons.most_common()) or "nothing"
        logger.info("%d results kept; dropped: %s", kept, told)
        if not kept:
            raise DatasetError(f"no result could be kept: dropped {told}", "an AR model that speaks these texts")
        return kept

    def _speak_batch(
        self, todo: Sequence[int], texts: Sequence[str], voices: Sequence[NamedPrompt], turn: int, seed: int
    ) -> Iterator[Result]:
        """What came out well of a batch."""
        read = [(n, self._read(texts[n]), voices[(n + turn) % len(voices)]) for n in todo]
        good = [(n, text, voice) for n, text, voice in read if text is not None]
        if not good:
            return
        requests = [t2s_request(text, voice.prompt) for _, text, voice in good]
        results = decode_checked(self.backend, requests, replace(self.run.sampling, seed=seed))
        kept = [
            (*one, Spoken(request, result.tokens))
            for one, request, result in zip(good, requests, results, strict=True)
            if why_collapsed(request, result) is None
        ]
        self.reasons["collapsed"] += len(good) - len(kept)
        alignments = self._align([spoken for *_, spoken in kept])
        for (n, text, voice, spoken), alignment in zip(kept, alignments, strict=True):
            phones = " ".join(self.phone_names[i] for i in text.ids.tolist())
            tokens = " ".join(map(str, spoken.tokens.tolist()))
            yield Result(_name(n, seed), phones, " ".join(text.text.split()), tokens, voice.name, alignment, text.bert)

    def _align(self, rows: Sequence[Spoken]) -> list[str]:
        """Phone indices of each row as a line of ``alignment.tsv``; empty where no head of the model tells them."""
        model = self.language_model
        if model is None or not rows:
            return [""] * len(rows)
        if not self.head_sought:
            self.head, self.head_sought = find_head(model, rows), True
            logger.info("alignment is read off %s", self.head or "nothing: no head follows the text")
        if self.head is None:
            return [""] * len(rows)
        return [" ".join(map(str, path.tolist())) for path in align(model, rows, self.head)]


def _name(number: int, seed: int) -> str:
    return f"distilled_{number:06d}_{seed}"


def _known_names(folder: Path) -> set[str]:
    """Names whose tokens are written already."""
    path = folder / TOKENS
    if not path.is_file():
        return set()
    return {line.split("\t")[0] for line in path.read_text(encoding="utf-8").splitlines()[1:]}


def _append(folder: Path, rows: Sequence[Result]) -> None:
    """Append to the files; tokens come last, as they mark a text as done."""
    for row in rows:
        if row.bert is not None:
            with atomic_file(bert_path(folder, row.name)) as stream:
                torch.save(row.bert.clone(), stream)
    lines = {
        TEXTS: [f"{row.name}\t{row.phones}\tNone\t{row.words}\n" for row in rows],
        SPEAKERS: [f"{row.name}\t{row.speaker}\n" for row in rows],
        ALIGNMENT: [f"{row.name}\t{row.alignment}\n" for row in rows if row.alignment],
        TOKENS: [f"{row.name}\t{row.tokens}\n" for row in rows],
    }
    if not (folder / TOKENS).exists():
        lines[TOKENS].insert(0, f"{HEADER}\n")
    for name, content in lines.items():
        if content:
            with (folder / name).open("a", encoding="utf-8") as file:
                file.writelines(content)


def build_parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description="Let a model speak a text list; its tokens are training data.")
    parser.add_argument("--texts", type=Path, required=True, help="text list, a text a line, UTF-8")
    parser.add_argument("--exp", required=True, help="name below logs/, or a folder")
    parser.add_argument(
        "--references",
        type=Path,
        help="list of reference clips, path|speaker|language|text a line (default: the voice's own clip)",
    )
    parser.add_argument("--language", default="en", help="language mode of the texts (default: en)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="every text is spoken once with each")
    parser.add_argument("--batch", type=int, default=16, help="texts spoken together (default: 16)")
    parser.add_argument("--config", help="settings of the voice (YAML)")
    parser.add_argument("--lm", help="a language model speaks in place of the AR model: its name or folder")
    parser.add_argument("--gpt_model", help="GPT weights (.ckpt)")
    parser.add_argument("--sovits_model", help="SoVITS weights (.pth)")
    for name, kind in (("top_k", int), ("top_p", float), ("temperature", float), ("repetition_penalty", float)):
        parser.add_argument(f"--{name}", type=kind, help="sampling of semantic tokens (default: the voice's)")
    return parser


def _language_model(tts: TTS, name: str) -> Qwen3T2SModel:
    try:
        return tts.language_model(name)
    except LMUnavailable as error:
        raise DatasetError(
            str(error), "a trained language model", "see the table of reasons in docs/qwen3.md"
        ) from error


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage; 0 when it ended well, 2 after an error of the user's."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    args = build_parser().parse_args(argv)
    folder = Path(args.exp) if "/" in args.exp else REPO_ROOT / "logs" / args.exp
    try:
        weights = {"t2s_weights_path": args.gpt_model, "vits_weights_path": args.sovits_model}
        tts = TTS(TTS_Config(args.config, **weights, use_qwen3=False))
        sampling = tts.voice.recommended.sampling
        known = {name: sampling.get(name) for name in ("top_k", "top_p", "temperature", "repetition_penalty")}
        given = {name: getattr(args, name) for name in known if getattr(args, name) is not None}
        values = {name: value for name, value in (known | given).items() if value is not None}
        run = Distillation(folder, args.language, args.seeds, args.batch, SamplingParams(**values))
        speaker = _language_model(tts, args.lm) if args.lm else None
        Distiller(tts, run, speaker).speak(read_texts(args.texts), read_voices(tts, args.references))
    except GSVError as error:
        logger.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
