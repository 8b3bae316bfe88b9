"""Speak a recording in another voice from the command line.

    gsv convert me.wav --voice alice -o as_alice.wav --text "What I say."
    gsv convert me.wav --ref_audio clip.wav -o other.wav            # the words are heard by a recogniser (extra "asr")

An error is one line on stderr and exit code 2; an output file appears whole or not at all.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from audio_io import check_writable, to_int16, write_audio
from errors import GSVError, RequestError
from inference_cli import output_file, prepare_process, read_text
from text.language_names import mode_of
from TTS_infer_pack.conversion_request import ConversionRequest, read_recording
from TTS_infer_pack.voice_library import NamedVoice, project_voices


def build_parser() -> argparse.ArgumentParser:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(prog="gsv convert", description="Speak a recording in another voice.")
    parser.add_argument("recording", help="the recording (wav, flac, ogg, mp3), up to ten minutes")
    parser.add_argument("-o", "--output_path", default="converted.wav", metavar="PATH", help="audio file to write")
    parser.add_argument("--voice", metavar="NAME", help="the wanted voice, of the folder voices/")
    parser.add_argument("--ref_audio", metavar="FILE", help="or a clip of it, 3 to 10 s (default: the pack's)")
    parser.add_argument("--ref_text", metavar="TEXT", help="the words of that clip, or a text file (v3 and later)")
    parser.add_argument("--ref_language", default="auto", metavar="LANG", help="their language mode (default: auto)")
    parser.add_argument(
        "--text", metavar="TEXT", help="the words of the recording, or a text file (default: a recogniser hears them)"
    )
    parser.add_argument("--language", default="auto", metavar="LANG", help="their language mode (default: auto)")
    parser.add_argument("--engine", default="faster-whisper", help="recogniser (default: faster-whisper)")
    parser.add_argument("--model", default="base", help="its model (default: base)")
    parser.add_argument("--sovits_model", metavar="FILE", help="SoVITS weights (.pth)")
    parser.add_argument("--config", metavar="FILE", help="settings file (default: GPT_SoVITS/configs/tts_infer.yaml)")
    parser.add_argument("--device", help="auto, cpu, mps, cuda or cuda:N")
    parser.add_argument("--sample_steps", type=int, help="steps of the flow-matching network (v3 and later)")
    parser.add_argument("--seed", type=int, default=-1, help="same seed, same speech")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is loaded and done")
    return parser


def wanted_voice(args: argparse.Namespace, voice: NamedVoice | None) -> dict[str, Any]:
    """The reference clip of the wanted voice, by the names of a request.

    Raises:
        RequestError: two voices are named.
    """
    if voice is not None and args.ref_audio:
        raise RequestError("--voice and --ref_audio are given", "one of them", "leave one out")
    if voice is not None:
        values = voice.request_values()
        return {name: values[name] for name in ("ref_audio_path", "prompt_text", "prompt_lang") if name in values}
    if not args.ref_audio:
        return {}
    text = read_text("--ref_text", args.ref_text)
    return {"ref_audio_path": args.ref_audio, "prompt_text": text, "prompt_lang": mode_of(args.ref_language)}


def convert_to_file(args: argparse.Namespace) -> str:
    """Do what the arguments ask; returns the line to show.

    Raises:
        GSVError: anything the user can mend.
    """
    target = output_file(args.output_path)
    check_writable(target)
    voice = project_voices().get(args.voice) if args.voice else None
    request = ConversionRequest(
        read_recording(args.recording),
        read_text("--text", args.text),
        mode_of(args.language),
        seed=args.seed,
        sample_steps=args.sample_steps,
        **wanted_voice(args, voice),
    )
    from tools.recordings.hearing import Recogniser
    from TTS_infer_pack.TTS import TTS, TTS_Config

    paths = {
        "t2s_weights_path": str(voice.gpt) if voice and voice.gpt else None,
        "vits_weights_path": args.sovits_model or (str(voice.sovits) if voice and voice.sovits else None),
    }
    settings = {name: os.path.abspath(path) if path else None for name, path in paths.items()}
    tts = TTS(TTS_Config(args.config and os.path.abspath(args.config), device=args.device, **settings))
    begin = time.perf_counter()
    chunks = list(tts.convert(request, hear=Recogniser(args.engine, args.model)))
    took = time.perf_counter() - begin
    for chunk in chunks:
        if chunk.warning:
            print(f"warning: {chunk.warning}", file=sys.stderr)
    samples, rate = np.concatenate([chunk.samples for chunk in chunks]), chunks[0].sample_rate
    write_audio(target, to_int16(samples), rate)
    seconds = len(samples) / rate
    return f"{target}: {seconds:.2f} s in {len(chunks)} parts, {took:.2f} s (real-time factor {took / seconds:.2f})"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    args = build_parser().parse_args(argv)
    prepare_process(args.verbose)
    try:
        print(convert_to_file(args))
    except GSVError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
