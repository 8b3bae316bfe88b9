"""Names that third-party scripts import from the public tree: there, and doing what they do there."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import process_ckpt
import script_interface
from config import MODEL_VERSIONS, PACK_DIR
from errors import ConfigError, RequestError
from TTS_infer_pack.TTS import NO_PROMPT_ERROR, TTS, TTS_Config

CLIP = PACK_DIR / "reference" / "reference_1.wav"
WORDS = CLIP.with_suffix(".txt").read_text(encoding="utf-8").strip()


def test_scripts_speak_as_with_the_public_page() -> None:
    inference_webui = pytest.importorskip("inference_webui")
    inference_webui.change_gpt_weights(str(PACK_DIR / "s1.ckpt"))
    inference_webui.change_sovits_weights(str(PACK_DIR / "s2G.pth"), "英文", "英文")
    spoken = list(inference_webui.get_tts_wav(str(CLIP), WORDS, "英文", "Hello there.", "English", how_to_cut="不切"))
    assert len(spoken) == 1
    rate, samples = spoken[0]
    assert rate == 16000 and samples.dtype == np.int16 and len(samples) > rate // 4


def test_an_unknown_label_names_the_known_ones() -> None:
    with pytest.raises(RequestError, match="中文"):
        next(script_interface.get_tts_wav("a.wav", "", "英文", "Hello.", "Klingon"))


def test_the_settings_of_every_version_are_there() -> None:
    assert set(TTS_Config.default_configs) == set(MODEL_VERSIONS)
    assert TTS_Config.default_configs["v2"]["version"] == "v2"
    config = TTS_Config()
    assert config.update_configs()["t2s_weights_path"] == config.t2s_weights_path
    config.update_version("v1")
    assert config.version == "v1"
    with pytest.raises(ConfigError):
        config.update_version("v9")


def test_device_and_precision_can_be_set_on_a_voice_that_speaks() -> None:
    tts = TTS(TTS_Config(device="cpu"))
    text = {"text": "Hello.", "text_lang": "en", "seed": 3}
    before = next(iter(tts.run(text)))
    tts.set_device(torch.device("cpu"))
    tts.enable_half_precision(False)
    assert np.array_equal(before[1], next(iter(tts.run(text)))[1])
    with pytest.raises(ConfigError):
        tts.set_device("cuda:77")


def test_no_prompt_is_an_error_of_the_request() -> None:
    assert issubclass(NO_PROMPT_ERROR, RequestError)


def test_savee_writes_what_other_tools_read(tmp_path: Path) -> None:
    weight = process_ckpt.load_sovits_new(PACK_DIR / "s2G.pth")
    ckpt = OrderedDict(weight["weight"], **{"enc_q.proj.weight": torch.zeros(2, 2)})
    hps = SimpleNamespace(save_weight_dir=str(tmp_path), model=SimpleNamespace(version="v2"), train={"epochs": 1})
    assert process_ckpt.savee(ckpt, "me", 3, 40, hps) == "Success."
    written = process_ckpt.load_sovits_new(tmp_path / "me.pth")
    assert written["info"] == "3epoch_40iteration" and written["config"]["model"] == {"version": "v2"}
    assert not any(name.startswith("enc_q") for name in written["weight"])
    assert process_ckpt.savee(ckpt, "me", 3, 40, SimpleNamespace()) == "KeyError: 'save_weight_dir'"


def test_my_save2_writes_the_header(tmp_path: Path) -> None:
    process_ckpt.my_save2({"weight": {}, "config": {}, "info": ""}, tmp_path / "pro.pth", "v2Pro")
    assert (tmp_path / "pro.pth").read_bytes()[:2] == b"05"
