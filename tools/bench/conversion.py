"""Voice conversion measured: held-out clips of the corpus, each spoken in two other voices of the pack.

    python tools/bench/conversion.py --audio-root ../shared                     # 20 clips, needs the extra eval
    python tools/bench/conversion.py --audio-root ../shared --clips 60 --pack work/new-pack
    python tools/bench/conversion.py --audio-root ../shared --voices jm_kumo GPT_SoVITS/.../reference_1.wav

For each voice: how alike the speech is to the wanted voice and to the recording it came from (Resemblyzer: mean over
clips, and in how many clips the wanted voice is nearer), word errors as Whisper base hears them beside those of the
recordings and of their re-synthesis in their own voice, and the largest difference in length. Prints a table, then one
line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from audio_io import Audio, load_audio
from config import PACK_DIR, REPO_ROOT
from errors import DatasetError, GSVError
from tools.evaluation.items import Item, read_items
from tools.evaluation.judges import ResemblyzerJudge, WhisperJudge, at_judge_rate
from tools.evaluation.scoring import ErrorCount, score
from tools.evaluation.systems import Resynthesis
from tools.evaluation.voices import VoiceUnderTest

VOICES = ("jm_kumo", "jf_tebukuro")
CLIP_SECONDS = (4.0, 8.0)


@dataclass
class Row:
    """One line of the table."""

    errors: ErrorCount = ErrorCount()
    wanted: list[float] = field(default_factory=list)
    source: list[float] = field(default_factory=list)
    length: float = 0.0

    def figures(self) -> dict[str, Any]:
        """For the table and for JSON."""
        found = {"errors": self.errors.errors, "words": self.errors.words, "wer": round(self.errors.rate, 1)}
        if not self.wanted:
            return found
        nearer = sum(a > b for a, b in zip(self.wanted, self.source, strict=True))
        return found | {
            "clips": len(self.wanted),
            "to_wanted": round(float(np.mean(self.wanted)), 3),
            "to_source": round(float(np.mean(self.source)), 3),
            "wanted_is_nearer": nearer,
            "length_percent": round(100 * self.length, 3),
        }


def clip_of(root: Path, speaker: str) -> Path:
    """A clip of the corpus that lends a speaker's voice; where ``speaker`` is a file, that one.

    Raises:
        DatasetError: there is none.
    """
    if Path(speaker).is_file():
        return Path(speaker)
    folder = root / "corpus" / "audio" / speaker
    for path in sorted(folder.glob("en_*.opus")):
        if CLIP_SECONDS[0] <= load_audio(path).seconds <= CLIP_SECONDS[1]:
            return path
    raise DatasetError(f"{folder} has no clip of {CLIP_SECONDS} s", "the corpus", "check --audio-root")


def measure(items: list[Item], root: Path, pack: Path, voices: Sequence[str] = VOICES) -> dict[str, Row]:
    """Speak and judge; says how far it is on stderr."""
    from TTS_infer_pack.conversion_request import ConversionRequest

    under_test = VoiceUnderTest("", {"pack": str(pack)})
    tts, own = under_test.tts, Resynthesis(under_test, own_voice=True)
    whisper, resemblyzer = WhisperJudge(1), ResemblyzerJudge()
    clips = {speaker: clip_of(root, speaker) for speaker in voices}
    wanted = {speaker: resemblyzer.embed(_heard(load_audio(path))) for speaker, path in clips.items()}
    rows = {name: Row() for name in ("recording", "re-synthesis", *voices)}
    for number, item in enumerate(items, 1):
        assert item.path is not None
        audio = load_audio(item.path)
        source = resemblyzer.embed(_heard(audio))
        again = own.speak(item, seed=1)
        for name, sound in (("recording", audio), ("re-synthesis", Audio(again.samples, again.rate))):
            rows[name].errors += score(item.text, whisper.transcribe(_heard(sound), "en"), "en")
        for speaker in voices:
            if speaker == item.speaker:
                continue
            ask = ConversionRequest(audio, item.text, "en", str(clips[speaker]), seed=number)
            chunks = list(tts.convert(ask))
            sound = Audio(np.concatenate([chunk.samples for chunk in chunks]), chunks[0].sample_rate)
            heard, row = _heard(sound), rows[speaker]
            voice = resemblyzer.embed(heard)
            row.errors += score(item.text, whisper.transcribe(heard, "en"), "en")
            row.wanted.append(float(voice @ wanted[speaker]))
            row.source.append(float(voice @ source))
            row.length = max(row.length, abs(sound.seconds / audio.seconds - 1))
        so_far = {name: row.figures() for name, row in rows.items()}
        sys.stderr.write(f"{number}/{len(items)} {json.dumps(so_far)}\n")
    return rows


def _heard(audio: Audio) -> np.ndarray:
    return at_judge_rate(audio.samples, audio.rate)


def main() -> int:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description="Voice conversion of held-out clips into two other voices.")
    parser.add_argument("--audio-root", type=Path, required=True, help="folder that holds corpus/")
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--pack", type=Path, default=PACK_DIR)
    parser.add_argument("--voices", nargs="+", default=VOICES, help="speakers of the corpus, or clips")
    arguments = parser.parse_args()
    try:
        items = read_items(REPO_ROOT / "tests" / "data" / "eval_en.tsv", arguments.audio_root)
        items = [item for item in items if item.path is not None]
        chosen = items[:: max(1, len(items) // arguments.clips)][: arguments.clips]
        rows = measure(chosen, arguments.audio_root, arguments.pack, arguments.voices)
    except GSVError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    sys.stdout.write("| | WER | like the wanted voice | like the source | wanted is nearer | length |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- | --- |\n")
    for name, row in rows.items():
        one = row.figures()
        cells = [f"{one['wer']} % ({one['errors']}/{one['words']})"]
        if row.wanted:
            nearer = f"{one['wanted_is_nearer']} of {one['clips']}"
            cells += [str(one["to_wanted"]), str(one["to_source"]), nearer, f"{one['length_percent']} %"]
        sys.stdout.write(f"| {name} | {' | '.join(cells)} |\n")
    sys.stdout.write(json.dumps({name: row.figures() for name, row in rows.items()}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
