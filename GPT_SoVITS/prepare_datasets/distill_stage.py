"""Stage 4, distillation: the AR model, or a language model, speaks a text list; writes ``2-name2text.txt``,
``6-name2semantic.tsv``, ``speakers.tsv`` and, for Chinese with its features, ``3-bert/`` as recordings would give them,
and ``alignment.tsv`` where a language model speaks whose attention tells which phone it is at. No audio is made.
Collapsed results are dropped and counted. Of several takes of a text the first that did not collapse is kept, or the
best by the ears of a judge (``tools/teaching/speak.py``).

The method is sequence-level distillation (Kim and Rush 2016): what a model draws is easier to learn than recordings.

A run that was interrupted goes on where it stopped: what is in the files is not spoken again.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
from prepare_datasets.semantic_stage import NAME2SEMANTIC
from side_tables import ALIGNMENT_TABLE, SPEAKER_TABLE, TEXT_TABLE, TOKEN_TABLE
from text import symbols_for
from TTS_infer_pack.stage_request import Phones, Prompt, t2s_request
from TTS_infer_pack.TTS import TTS, TTS_Config

logger = logging.getLogger(__name__)
TAKE_STEP = 104_729
"""Between the seeds of two takes; the retries within a take are nearer."""


@dataclass(frozen=True)
class NamedPrompt:
    """A speaker's name, the words and tokens of a reference clip to go on from (None: reference-free), and the clip."""

    name: str
    prompt: Prompt | None
    path: str = ""


Judge = Callable[[NamedPrompt, Phones, torch.Tensor], float]
"""How far spoken tokens [T_sem] are from their text: errors a word, 0 for none."""


@dataclass(frozen=True)
class Distillation:
    """Settings of a run.

    Attributes:
        folder: where the files go.
        language: language mode of the texts.
        seeds: every text is spoken once with each of them.
        batch: texts that are spoken together.
        sampling: how tokens are drawn; its seed is replaced.
        takes: a text is spoken anew at most so often for one seed, and the best is kept.
        most_errors: what a judge finds more in, in errors a word, is dropped.
    """

    folder: Path
    language: str = "en"
    seeds: Sequence[int] = (1,)
    batch: int = 16
    sampling: SamplingParams = SamplingParams()
    takes: int = 1
    most_errors: float = 0.5


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
    default = recommended.default_reference
    if list_path is None and recommended.reference_free:
        return [NamedPrompt("default", None, str(default.path) if default else "")]
    if list_path is None:
        if default is None:
            raise DatasetError("no reference clips given, and the voice has none of its own", "--references")
        rows = [("default", default.path, default.text, default.lang)]
    else:
        clips, _ = read_list(list_path)
        rows = [(clip.speaker, str(clip.path), clip.text, clip.language) for clip in clips]
    return [NamedPrompt(speaker, tts.prompt_of(path, text, lang), str(path)) for speaker, path, text, lang in rows]


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
        judge: listens to each take; None: what did not collapse is good.
    """

    def __init__(
        self, tts: TTS, run: Distillation, language_model: Qwen3T2SModel | None = None, judge: Judge | None = None
    ) -> None:
        self.tts, self.run, self.language_model, self.judge = tts, run, language_model, judge
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
        told = ", ".join(f"{count} {why}" for why, count in self.reasons.most_common() if count) or "nothing"
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
        best = self._best([(text, voice) for _, text, voice in good], seed)
        kept = [(*one, spoken) for one, spoken in zip(good, best, strict=True) if spoken is not None]
        alignments = self._align([spoken for *_, spoken in kept])
        for (n, text, voice, spoken), alignment in zip(kept, alignments, strict=True):
            phones = " ".join(self.phone_names[i] for i in text.ids.tolist())
            tokens = " ".join(map(str, spoken.tokens.tolist()))
            yield Result(_name(n, seed), phones, " ".join(text.text.split()), tokens, voice.name, alignment, text.bert)

    def _best(self, rows: Sequence[tuple[Phones, NamedPrompt]], seed: int) -> list[Spoken | None]:
        """The best take of each text; None where every one collapsed, or had too many errors for the judge."""
        requests = [t2s_request(text, voice.prompt) for text, voice in rows]
        best: list[tuple[float, Spoken] | None] = [None] * len(rows)
        for take in range(self.run.takes):
            todo = [at for at, found in enumerate(best) if found is None or found[0] > 0]
            if not todo:
                break
            sampling = replace(self.run.sampling, seed=seed + take * TAKE_STEP)
            results = decode_checked(self.backend, [requests[at] for at in todo], sampling)
            for at, result in zip(todo, results, strict=True):
                if why_collapsed(requests[at], result) is not None:
                    continue
                text, voice = rows[at]
                errors = self.judge(voice, text, result.tokens) if self.judge else 0.0
                found = best[at]
                if found is None or errors < found[0]:
                    best[at] = errors, Spoken(requests[at], result.tokens)
        self.reasons["collapsed"] += sum(found is None for found in best)
        self.reasons["misheard"] += sum(found is not None and found[0] > self.run.most_errors for found in best)
        return [found[1] if found and found[0] <= self.run.most_errors else None for found in best]

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
    path = folder / TOKEN_TABLE
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
        TEXT_TABLE: [f"{row.name}\t{row.phones}\tNone\t{row.words}\n" for row in rows],
        SPEAKER_TABLE: [f"{row.name}\t{row.speaker}\n" for row in rows],
        ALIGNMENT_TABLE: [f"{row.name}\t{row.alignment}\n" for row in rows if row.alignment],
        TOKEN_TABLE: [f"{row.name}\t{row.tokens}\n" for row in rows],
    }
    if not (folder / TOKEN_TABLE).exists():
        lines[TOKEN_TABLE].insert(0, f"{NAME2SEMANTIC.header}\n")
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
    parser.add_argument("--takes", type=int, default=1, help="a text is spoken anew at most so often (default: 1)")
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
    return run_stage(build_parser().parse_args(argv))


def run_stage(args: argparse.Namespace, judge_of: Callable[[TTS], Judge] | None = None) -> int:
    """Speak what a command line asks for; ``judge_of`` makes a judge for the voice. Returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    folder = Path(args.exp) if "/" in args.exp else REPO_ROOT / "logs" / args.exp
    try:
        weights = {"t2s_weights_path": args.gpt_model, "vits_weights_path": args.sovits_model}
        tts = TTS(TTS_Config(args.config, **weights, use_qwen3=False))
        sampling = tts.voice.recommended.sampling
        known = {name: sampling.get(name) for name in ("top_k", "top_p", "temperature", "repetition_penalty")}
        given = {name: getattr(args, name) for name in known if getattr(args, name) is not None}
        values = {name: value for name, value in (known | given).items() if value is not None}
        run = Distillation(folder, args.language, args.seeds, args.batch, SamplingParams(**values), max(1, args.takes))
        speaker = _language_model(tts, args.lm) if args.lm else None
        judge = judge_of(tts) if judge_of else None
        Distiller(tts, run, speaker, judge).speak(read_texts(args.texts), read_voices(tts, args.references))
    except GSVError as error:
        logger.error("%s", error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
