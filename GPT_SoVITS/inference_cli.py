"""Speak a text from the command line.

    python GPT_SoVITS/inference_cli.py "Hello there." -o hello.wav
    python GPT_SoVITS/inference_cli.py --gpt_model a.ckpt --sovits_model b.pth --ref_audio clip.wav \
        --ref_text clip.txt --ref_language en --target_text text.txt --target_language en --output_path out/
    echo "Hello there." | gsv speak - --voice alice -o hello.wav

An error is one line on stderr and exit code 2; an output file appears whole or not at all.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from audio_io import check_place, check_writable, to_int16, write_audio
from errors import GSVError, RequestError
from text.language_names import mode_of
from TTS_infer_pack.request import MAX_TEXT, SynthesisRequest
from TTS_infer_pack.subtitles import format_of, write_subtitles
from TTS_infer_pack.voice_library import NamedVoice, project_voices
from TTS_infer_pack.word_times import SpokenWord

logger = logging.getLogger(__name__)

LIST_VOICES = "list"
MAX_STDIN = 4 * MAX_TEXT
"""Bytes that are read from standard input; more is no text that could be spoken."""


class _Parser(argparse.ArgumentParser):
    """Argument errors in one line, like every other error here."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; see --help\n")


def build_parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    parser = _Parser(description="Speak a text with the GPT-SoVITS pipeline.")
    parser.add_argument("text", nargs="?", help="the text to speak (or use --target_text); - reads it from stdin")
    parser.add_argument(
        "-o",
        "--output_path",
        default="output.wav",
        metavar="PATH",
        help="audio file (wav, flac, ogg, mp3), or a folder for output.wav (default: output.wav)",
    )
    parser.add_argument("--subtitles", metavar="FILE", help="when each word is spoken as well: a .srt, .vtt or .json")
    parser.add_argument("--target_text", metavar="TEXT", help="the text to speak, or a text file that holds it")
    parser.add_argument("--target_language", default="auto", metavar="LANG", help="its language mode (default: auto)")
    parser.add_argument("--voice", metavar="NAME", help="a voice of the folder voices/ (--voice list shows them)")
    parser.add_argument("--ref_audio", metavar="FILE", help="recording of the voice, 3 to 10 s (default: the pack's)")
    parser.add_argument("--ref_text", metavar="TEXT", help="the words of that recording, or a text file")
    parser.add_argument("--ref_language", default="auto", metavar="LANG", help="their language mode (default: auto)")
    parser.add_argument("--gpt_model", metavar="FILE", help="GPT weights (.ckpt)")
    parser.add_argument("--sovits_model", metavar="FILE", help="SoVITS weights (.pth)")
    parser.add_argument("--config", metavar="FILE", help="settings file (default: GPT_SoVITS/configs/tts_infer.yaml)")
    parser.add_argument("--device", help="auto, cpu, mps, cuda or cuda:N")
    parser.add_argument("--seed", type=int, default=-1, help="same seed, same speech (default: a new one each time)")
    parser.add_argument("--speed", type=float, help="above 1 speaks faster")
    parser.add_argument("--text_split_method", metavar="CUT", help="cut0 to cut5: how the text is cut into segments")
    for name, kind in (("top_k", int), ("top_p", float), ("temperature", float), ("repetition_penalty", float)):
        parser.add_argument(f"--{name}", type=kind, help="sampling of semantic tokens")
    parser.add_argument(
        "--t2s",
        choices=("ar", "qwen3"),
        help="what makes the semantic tokens: the AR model (default) or a language model",
    )
    parser.add_argument(
        "--lm",
        metavar="NAME",
        help="language model: a folder, a name in GPT_weights_qwen3/, or a hub id (implies --t2s qwen3)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="an error where the language model cannot speak, instead of the AR model"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is loaded and done")
    return parser


def read_text(name: str, value: str | None) -> str:
    """``value`` itself, or what is in the file that it names.

    Raises:
        RequestError: a text file that is missing or not UTF-8.
    """
    value = value or ""
    looks_like_file = value.endswith(".txt") and len(value.split()) == 1
    if not os.path.isfile(value) and not looks_like_file:
        return value
    try:
        return Path(value).read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{name} file {value} cannot be read ({error})", "a text file in UTF-8") from error


def output_file(path: str) -> Path:
    """The file to write: ``path`` itself, or output.wav in it where it is a folder or has no suffix."""
    target = Path(path).expanduser()
    if target.is_dir() or path.endswith(("/", os.sep)) or not target.suffix:
        target = target / "output.wav"
    return target


def subtitle_file(path: str) -> Path:
    """The subtitles to write.

    Raises:
        GSVError: a suffix that is no format, or a folder that cannot be written to.
    """
    target = Path(path).expanduser()
    format_of(target)
    check_place(target)
    return target


def read_request(args: argparse.Namespace, voice: NamedVoice | None = None) -> SynthesisRequest:
    """The arguments as a checked request.

    Args:
        args: of the command line.
        voice: the one with a name that is to speak; what it brings counts less than the arguments.

    Raises:
        GSVError: a text, language or value that cannot be used.
    """
    if args.text is not None and args.target_text is not None:
        raise RequestError("the text is given twice", "either TEXT or --target_text", "leave one out")
    if args.ref_text and not args.ref_audio:
        raise RequestError("--ref_text is given without --ref_audio", "both or neither", "name the recording as well")
    if voice is not None and args.ref_audio:
        raise RequestError("--voice and --ref_audio are given", "one of them", "leave one out")
    given = {
        "text": spoken_text(args),
        "text_lang": mode_of(args.target_language),
        "ref_audio_path": args.ref_audio,
        "prompt_text": read_text("--ref_text", args.ref_text) or None,
        "prompt_lang": mode_of(args.ref_language) if voice is None else None,
        "text_split_method": args.text_split_method,
        "top_k": args.top_k,
        "top_p": args.top_p,
        "temperature": args.temperature,
        "repetition_penalty": args.repetition_penalty,
        "speed_factor": args.speed,
        "seed": args.seed if args.seed != -1 else None,
        "subtitles": bool(args.subtitles) or None,
    }
    base = voice.request_values() if voice is not None else {}
    if args.t2s or args.lm:  # what the command line says of the stage counts more than what the voice says
        base = {name: value for name, value in base.items() if name not in ("t2s", "qwen3_model_name")}
    return SynthesisRequest.from_dict(base | {name: value for name, value in given.items() if value is not None})


def spoken_text(args: argparse.Namespace) -> str:
    """The text to speak: the argument, standard input for "-", or --target_text.

    Raises:
        RequestError: standard input that is not UTF-8, or a text file that cannot be read.
    """
    if args.text != "-":
        return args.text if args.text is not None else read_text("--target_text", args.target_text)
    try:
        return sys.stdin.buffer.read(MAX_STDIN + 1).decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise RequestError("standard input is no text", "text in UTF-8") from error


def language_model_settings(args: argparse.Namespace) -> dict[str, object]:
    """Settings of the language model stage that the arguments name; what they leave out stays as configured."""
    kind = args.t2s or ("qwen3" if args.lm else None)
    local = args.lm and os.path.isdir(args.lm)
    return {
        "use_qwen3": None if kind is None else kind == "qwen3",
        "qwen3_model_name": os.path.abspath(args.lm) if local else args.lm,
        "qwen3_strict": True if args.strict else None,
    }


def speak_to_file(args: argparse.Namespace) -> str:
    """Do what the arguments ask; returns the line to show.

    Raises:
        GSVError: anything the user can mend.
    """
    target = output_file(args.output_path)
    check_writable(target)
    subtitles = subtitle_file(args.subtitles) if args.subtitles else None
    voice = project_voices().get(args.voice) if args.voice else None
    request = read_request(args, voice)
    from TTS_infer_pack.TTS import TTS, TTS_Config  # late: what is wrong above is said before torch is loaded

    gpt, sovits = args.gpt_model or (voice and voice.gpt), args.sovits_model or (voice and voice.sovits)
    settings = {"t2s_weights_path": gpt, "vits_weights_path": sovits, "device": args.device}
    paths = {name: os.path.abspath(value) if value and name != "device" else value for name, value in settings.items()}
    tts = TTS(TTS_Config(args.config and os.path.abspath(args.config), **paths, **language_model_settings(args)))
    if voice is not None:
        tts.keep_prepared(voice.reference.parent)
    begin = time.perf_counter()
    words: list[SpokenWord] = []
    speech = tts.synthesize(
        request, on_warning=lambda text: print(f"warning: {text}", file=sys.stderr), on_words=words.extend
    )
    took = time.perf_counter() - begin
    write_audio(target, to_int16(speech.samples), speech.rate)
    if subtitles is not None:
        write_subtitles(subtitles, words, request.text)
    if tts.last_fallback is not None:
        print(f"warning: {tts.last_fallback.reason}: {tts.last_fallback.message}", file=sys.stderr)
    return f"{target}: {speech.seconds:.2f} s of speech in {took:.2f} s (real-time factor {took / speech.seconds:.2f})"


def prepare_process(verbose: bool) -> None:
    """Logging for a command line program, and no progress bars of libraries between its lines."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s: %(message)s")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    args = build_parser().parse_args(argv)
    prepare_process(args.verbose)
    try:
        print("\n".join(project_voices().names()) if args.voice == LIST_VOICES else speak_to_file(args))
    except GSVError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
