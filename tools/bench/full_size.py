"""Time and memory of every version at its published sizes: seeded random weights, written in the public file layout,
loaded from disk and spoken through ``TTS.run``.

    python tools/bench/full_size.py                          # all versions, files in work/full_size
    python tools/bench/full_size.py v2 v4 --steps 8 --device cuda --half
    python tools/bench/full_size.py v4 v5dev v5turbo --steps 4 32   # each spoken twice; v5dev with its guidance
    python tools/bench/full_size.py --tiny                   # a layer or two of each network: does every step run?

Sizes: AR 24 layers of width 512, HuBERT base, chinese-roberta-wwm-ext-large, the SoVITS generator of the version, its
speaker network or vocoder. The AR weights never end a sentence by themselves (their EOS row is zero), drawing is greedy
(``top_k`` 1: one try, no retries), and the AR stage stops at its own bound, which the number of phones gives
(``AR.backend.default_max_tokens``): every version speaks the same number of tokens. What is said is noise; what it
costs is real.

Each version is written in one process and speaks in another. Prints a markdown table, and a last line of JSON. CPU
seconds stand beside those of the clock, which other work on the machine makes longer; memory is the process's resident
set, torch and all libraries included, and on CUDA torch's own peak.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config import CONFIGS_ROOT, REPO_ROOT
from module.versions import VERSIONS
from published import BIGVGAN, HIFIGAN, HIFIGAN_V5, HUBERT, ROBERTA, S1, SPEAKER, expand

TEXT = "今天天气很好。"
PROMPT_TEXT = "这是一段用来测量的参考音频，说话的人声音很平稳。"
CLIP_SECONDS = 4.0
VOCABULARY = 21128


@dataclass(frozen=True)
class Sizes:
    """What is made: the published sizes, or a few layers of them."""

    ar_layers: int = 24
    hubert_layers: int = 12
    bert_layers: int = 24
    bert_width: int = 4096
    s2: Mapping[str, Any] | None = None
    bigvgan_channels: int = 1536


FULL = Sizes()
TINY = Sizes(2, 1, 3, 64, {"n_layers": 2, "upsample_initial_channel": 64, "dit": {"depth": 1}, "wn_layers": 1}, 64)


def s1_config(version: str, sizes: Sizes) -> dict[str, Any]:
    """The configuration inside a GPT file."""
    return {
        "model": {
            "vocab_size": 1025,
            "phoneme_vocab_size": VERSIONS[version].text_rows,
            "embedding_dim": 512,
            "hidden_dim": 512,
            "head": 16,
            "linear_units": 2048,
            "n_layer": sizes.ar_layers,
            "dropout": 0,
            "EOS": 1024,
            "random_bert": 0,
        }
    }


def s2_config(version: str, sizes: Sizes) -> dict[str, Any]:
    """The configuration inside a SoVITS file."""
    config = json.loads((CONFIGS_ROOT / VERSIONS[version].recipe).read_text(encoding="utf-8"))
    config["model"] |= dict(sizes.s2 or {}) | {"version": version}
    return config


# ---- writing, in a process of its own -------------------------------------------------------------------------------


def _state(module: Any, half: bool = True) -> dict[str, Any]:
    """Weights as a published file holds them; what is tied in the network is stored once."""
    made: dict[tuple[int, Any], Any] = {}
    return {
        name: made.setdefault(
            (value.data_ptr(), value.shape), value.half() if half and value.is_floating_point() else value
        )
        for name, value in module.state_dict().items()
    }


def _write_s1(path: Path, version: str, sizes: Sizes) -> None:
    from AR.models.t2s_model import Text2SemanticDecoder
    from process_ckpt import save_s1

    config = s1_config(version, sizes)
    weight = Text2SemanticDecoder(config).state_dict()
    weight["ar_predict_layer.weight"][config["model"]["EOS"]] = 0  # never the greatest: no sentence ends by chance
    save_s1(path, weight, config, "GPT-e1")


def _write_s2(path: Path, version: str, sizes: Sizes) -> None:
    import torch

    from module.models import build_synthesizer
    from process_ckpt import save_s2

    config = s2_config(version, sizes)
    weight = build_synthesizer(config["data"]["filter_length"] // 2 + 1, 32, **config["model"]).state_dict()
    codebook = next(name for name in weight if name.endswith("_codebook.embed"))
    weight[codebook] = torch.randn_like(weight[codebook])  # a new one is zeros
    save_s2(path, weight, config, "1epoch_1iteration", version)


def _write_hubert(folder: Path, sizes: Sizes) -> None:
    """The published folder: config.json, preprocessor_config.json, and weights in half precision with the old names of
    weight normalisation.
    """
    from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

    from checkpoint_io import write_atomic

    config = HubertConfig(num_hidden_layers=sizes.hubert_layers)
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    weight = _state(HubertModel(config))
    for now, then in old.items():
        weight = {name.replace(now, then): value for name, value in weight.items()}
    write_atomic(folder / "pytorch_model.bin", weight)
    config.save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)


def _write_roberta(folder: Path, sizes: Sizes) -> None:
    """The published folder: config.json, half-precision pytorch_model.bin, tokenizer.json."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import BertProcessing
    from transformers import BertConfig, BertForMaskedLM

    from checkpoint_io import write_atomic

    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=1024,
        num_hidden_layers=sizes.bert_layers,
        num_attention_heads=16,
        intermediate_size=sizes.bert_width,
    )
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set(TEXT + PROMPT_TEXT))]
    words += [f"[unused{at}]" for at in range(VOCABULARY - len(words))]
    write_atomic(folder / "pytorch_model.bin", _state(BertForMaskedLM(config)))
    config.save_pretrained(folder)
    vocabulary = {word: at for at, word in enumerate(words)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()  # type: ignore[assignment]
    tokenizer.post_processor = BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    tokenizer.save(str(folder / "tokenizer.json"))


def _write_speaker(path: Path, sizes: Sizes) -> None:
    from checkpoint_io import write_atomic
    from eres2net.ERes2NetV2 import ERes2NetV2

    write_atomic(path, _state(ERes2NetV2(), half=False))


def _write_hifigan(path: Path, sizes: Sizes) -> None:
    from checkpoint_io import write_atomic
    from vocoders import HiFiGANVocoder

    write_atomic(path, _state(HiFiGANVocoder(), half=False))


def _write_bigvgan(folder: Path, sizes: Sizes) -> None:
    from dataclasses import asdict

    from BigVGAN.bigvgan import CONFIG_FILE, WEIGHT_FILE, BigVGAN, BigVGANConfig
    from checkpoint_io import write_atomic

    config = BigVGANConfig(upsample_initial_channel=sizes.bigvgan_channels)
    write_atomic(folder / WEIGHT_FILE, {"generator": _state(BigVGAN(config), half=False)})
    (folder / CONFIG_FILE).write_text(json.dumps(asdict(config)), encoding="utf-8")


SHARED: dict[str, Callable[[Path, Sizes], None]] = {
    HUBERT: _write_hubert,
    ROBERTA: _write_roberta,
    SPEAKER: _write_speaker,
    HIFIGAN: _write_hifigan,
    HIFIGAN_V5: _write_hifigan,
    BIGVGAN: _write_bigvgan,
}


def write(version: str, folder: Path, sizes: Sizes) -> None:
    """Write what ``version`` speaks with below ``folder``; what is there stays."""
    import torch

    for path in _paths(version):
        target = folder / path
        if target.exists():
            continue
        torch.manual_seed(zlib.crc32(path.encode()))
        if path in SHARED:
            SHARED[path](target, sizes)
        elif path == S1[version]:
            _write_s1(target, version, sizes)
        else:
            _write_s2(target, version, sizes)


def _paths(version: str) -> list[str]:
    return [path for item in expand([version]) for path in item.paths]


def _write_clip(path: Path) -> None:
    """A voice-like recording: a buzzing tone in syllables."""
    import numpy as np
    import soundfile

    rate = 32000
    t = np.arange(int(CLIP_SECONDS * rate)) / rate
    wave = np.sign(np.sin(2 * np.pi * 150 * t)) * (np.sin(2 * np.pi * 1.5 * t) > -0.5) * 0.15
    soundfile.write(str(path), wave + np.random.default_rng(0).normal(0, 0.01, t.size), rate)


# ---- speaking, in a process of its own ------------------------------------------------------------------------------


def resident(peak: bool = False) -> float:
    """Resident set of this process in GB (10^9 bytes), now or at its peak."""
    key = "VmHWM:" if peak else "VmRSS:"
    try:
        rows = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(row.split()[1]) * 1024 for row in rows if row.startswith(key)) / 1e9
    except OSError:  # not Linux; only the peak can be known
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9


def speak(version: str, folder: Path, device: str, half: bool, steps: Sequence[int]) -> list[dict[str, Any]]:
    """Load ``version`` from ``folder`` and speak once for each number of steps; the figures of each.

    One number means nothing to versions without steps: they speak once.
    """
    import published

    published.LIBRARY = folder  # before the loaders are imported, which take their places from it
    import torch

    from TTS_infer_pack.TTS import TTS, TTS_Config

    clip = folder / "clip.wav"
    _write_clip(clip)
    begin = resident()
    clock, cpu = time.perf_counter(), time.process_time()
    tts = TTS(TTS_Config({}, version=version, device=device, is_half=half))
    loaded = {"load_s": time.perf_counter() - clock, "load_cpu_s": time.process_time() - cpu, "loaded_gb": resident()}
    request = {
        "text": TEXT,
        "text_lang": "zh",
        "ref_audio_path": str(clip),
        "prompt_text": PROMPT_TEXT,
        "prompt_lang": "zh",
        "top_k": 1,
        "seed": 1,
    }
    size = sum(file.stat().st_size for path in _paths(version) for file in _files(folder / path))
    constant = {
        "version": version,
        "files_mb": size / 1e6,
        **loaded,
        "begin_gb": begin,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "device": device,
        "half": half,
    }
    mel = VERSIONS[version].mel
    rows = []
    for count in steps if mel else steps[:1]:
        cost = _cost(tts, request | {"sample_steps": count})
        cuda = torch.cuda.max_memory_allocated() / 1e9 if device.startswith("cuda") else None
        rows.append({**constant, **cost, "peak_gb": resident(peak=True), "cuda_gb": cuda, "steps": count})
        rows[-1]["guidance"] = mel.flow.guidance or 0.0 if mel else 0.0
    return rows


def _cost(tts: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds that a request takes, and what comes of it."""
    clock, cpu = time.perf_counter(), time.process_time()
    [(rate, samples)] = list(tts.run(request))
    return {
        "speak_s": time.perf_counter() - clock,
        "speak_cpu_s": time.process_time() - cpu,
        "audio_s": len(samples) / rate,
        "rate": rate,
        "peak": int(abs(samples).max()),
    }


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]


# ---- the command ----------------------------------------------------------------------------------------------------


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The figures as a markdown table."""
    lines = [
        "| version | steps | files | load (cpu) | speak (cpu) | audio | rtf (cpu) | memory loaded | peak | on CUDA |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cuda = "-" if row["cuda_gb"] is None else f"{row['cuda_gb']:.2f} GB"
        lines.append(
            f"| {row['version']} | {row['steps'] if VERSIONS[row['version']].mel else '-'} "
            f"| {row['files_mb']:.0f} MB | {row['load_s']:.1f} s ({row['load_cpu_s']:.1f}) "
            f"| {row['speak_s']:.1f} s ({row['speak_cpu_s']:.1f}) | {row['audio_s']:.1f} s at {row['rate']} Hz "
            f"| {row['speak_s'] / row['audio_s']:.2f} ({row['speak_cpu_s'] / row['audio_s']:.2f}) "
            f"| {row['loaded_gb']:.2f} GB | {row['peak_gb']:.2f} GB | {cuda} |"
        )
    return "\n".join(lines)


def _child(arguments: Sequence[str]) -> str:
    """Run one step of one version in a process of its own; the last line that it prints."""
    roots = os.pathsep.join([str(REPO_ROOT), str(REPO_ROOT / "GPT_SoVITS")])
    done = subprocess.run(
        [sys.executable, __file__, *arguments],
        env=os.environ | {"PYTHONPATH": roots},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip().rpartition("\n")[2]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Time and memory of every version at its published sizes.")
    parser.add_argument("versions", nargs="*", metavar="version", help=", ".join(VERSIONS) + " (default: all)")
    parser.add_argument("--folder", type=Path, default=REPO_ROOT / "work" / "full_size", help="where files are written")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--half", action="store_true", help="half precision, where the device has it")
    parser.add_argument(
        "--steps", type=int, nargs="+", default=[32], help="flow-matching steps of v3 and later (default 32)"
    )
    parser.add_argument("--tiny", action="store_true", help="a few layers of each network, in a folder beside")
    parser.add_argument("--step", choices=("write", "speak"), help=argparse.SUPPRESS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    unknown = sorted(set(args.versions) - set(VERSIONS))
    if unknown:
        parser.error(f"unknown version {', '.join(unknown)} (one of {', '.join(VERSIONS)})")
    folder = args.folder.resolve()
    if args.step == "write":
        write(args.versions[0], folder, TINY if args.tiny else FULL)
        return 0
    if args.step == "speak":
        print(json.dumps(speak(args.versions[0], folder, args.device, args.half, args.steps)))
        return 0
    if args.tiny:
        folder = folder.with_name(folder.name + "_tiny")
    passed = ["--folder", str(folder), "--device", args.device, "--steps", *map(str, args.steps)]
    passed += ["--half"] * args.half + ["--tiny"] * args.tiny
    rows = []
    for version in args.versions or VERSIONS:
        _child([version, "--step", "write", *passed])
        rows += json.loads(_child([version, "--step", "speak", *passed]))
    print(table(rows))
    print(json.dumps({"bench": "full_size", "tiny": args.tiny, "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
