"""What a checkout of the public tree speaks with, made here: seeded random weights in the public layout, a clip of a
voice-like sound, a stage that knows their codebook, and empty tables where its English frontend wants downloads.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import process_ckpt
from AR.models.lm_folder import codebook_fingerprint
from config import PACK_DIR
from module.versions import VERSIONS
from published import S1, S2G
from tests.tools.host_plugin.standin import PROMPT_TEXT, TEXTS
from tools.bench.full_size import FULL, TINY, _write_clip, write

CLIP = "clip.wav"
STAGE = "lm"
CODEBOOK_KEY = "quantizer.vq.layers.0._codebook.embed"
MOST_SECONDS = 3
"""Random AR weights end nothing by themselves: the host stops them after so many seconds of speech."""
TAGGER = "averaged_perceptron_tagger"
REQUEST = {
    "text": " ".join(TEXTS),
    "text_lang": "en",
    "ref_audio_path": CLIP,
    "prompt_text": PROMPT_TEXT,
    "prompt_lang": "en",
    "text_split_method": "cut4",
    "top_k": 5,
    "batch_size": 2,
    "seed": 3,
}
"""Two sentences for the host's ``TTS.run``."""


def write_files(checkout: Path, version: str, tiny: bool) -> None:
    """Weights of a version, a few layers of each network or the published sizes; the clip, and English tables."""
    library = checkout / "GPT_SoVITS"
    assert version in VERSIONS
    write(version, library, TINY if tiny else FULL)
    gpt = process_ckpt.load_s1(library / S1[version])
    config = {**gpt["config"], "data": {**gpt["config"]["data"], "max_sec": MOST_SECONDS}}
    process_ckpt.save_s1(library / S1[version], gpt["weight"], config, gpt["info"])
    _write_clip(checkout / CLIP)
    write_english_tables(checkout / "nltk_data")


def write_english_tables(folder: Path) -> None:
    """What the package nltk would download: a tagger that calls every word a noun, and a dictionary of one word."""
    tagger = folder / "taggers" / f"{TAGGER}_eng"
    tagger.mkdir(parents=True)
    (folder / "corpora").mkdir()
    for name, content in (("weights", {}), ("tagdict", {}), ("classes", ["NN"])):
        path = tagger / f"{TAGGER}_eng.{name}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
    with zipfile.ZipFile(folder / "taggers" / f"{TAGGER}.zip", "w") as archive:
        archive.writestr(f"{TAGGER}/empty", "")
    with zipfile.ZipFile(folder / "corpora" / "cmudict.zip", "w") as archive:
        archive.writestr("cmudict/cmudict", "A 1 AH0\n")


def write_stage(checkout: Path, version: str) -> None:
    """The pack's language model as a stage of the checkout, told that its codebook is that of the written weights."""
    folder = checkout / "GPT_weights_qwen3" / STAGE
    shutil.copytree(PACK_DIR / "lm", folder)
    codebook = process_ckpt.load_sovits_new(checkout / "GPT_SoVITS" / S2G[version])["weight"][CODEBOOK_KEY].float()
    path = folder / "t2s_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | {"codebook": codebook_fingerprint(codebook)}
    path.write_text(json.dumps(config), encoding="utf-8")
