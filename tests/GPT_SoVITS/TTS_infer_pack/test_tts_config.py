"""Where settings come from, what wins, and what a fresh checkout finds."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import yaml

from config import REPO_ROOT
from errors import ConfigError
from TTS_infer_pack import tts_config
from TTS_infer_pack.tts_config import TTS_Config, published_weights


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, tiny_pack: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the test pack, no published weights, the shipped YAML, and a clean environment."""
    for name in (*tts_config.ENVIRONMENT, *tts_config.ENVIRONMENT.values()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tts_config, "PACK_DIR", tiny_pack)
    monkeypatch.setattr("published.LIBRARY", tmp_path / "library")
    return tmp_path


def publish(version: str = "v2") -> None:
    for path in published_weights(version).values():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()


def test_a_fresh_checkout_points_at_the_pack_and_says_so(
    tiny_pack: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.INFO, logger="TTS_infer_pack.tts_config"):
        config = TTS_Config()
    assert config.t2s_weights_path == str(tiny_pack / "s1.ckpt") and config.version == "v2"
    path, text, lang = config.default_reference  # type: ignore[misc]
    assert Path(path).is_file() and text and lang == "en" and config.sampling == {"top_k": 20}
    assert len(caplog.records) == 1 and "test-pack" in caplog.text


def test_published_weights_come_first(caplog: pytest.LogCaptureFixture) -> None:
    publish()
    with caplog.at_level(logging.INFO, logger="TTS_infer_pack.tts_config"):
        config = TTS_Config()
    assert config.vits_weights_path.endswith("s2G2333k.pth") and "published" in caplog.text
    assert config.default_reference is None and config.sampling == {}


def test_nothing_to_speak_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="v1.*voice pack is v2.*python tools/download.py v1"):
        TTS_Config(version="v1")
    monkeypatch.setattr(tts_config, "PACK_DIR", tmp_path / "absent")
    with pytest.raises(ConfigError, match="nothing to speak with.*absent.*fix: python tools/download.py v2"):
        TTS_Config()


def test_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TTS_Config().use_qwen3 is False
    monkeypatch.setenv("use_qwen3", "True")
    assert TTS_Config().use_qwen3 is True
    assert TTS_Config({"use_qwen3": "no"}).use_qwen3 is False
    assert TTS_Config({"use_qwen3": "no"}, use_qwen3=1).use_qwen3 is True
    config = TTS_Config()
    config.use_qwen3 = "FALSE"  # type: ignore[assignment]
    assert config.use_qwen3 is False


def test_language_model_defaults() -> None:
    config = TTS_Config()
    assert (config.use_qwen3, config.qwen3_model_name) == (False, "Qwen/Qwen2-7B")
    assert (config.qwen3_enable_training, config.qwen3_enable_inference) == (False, True)
    assert (config.qwen3_strict, config.qwen3_precision) == (False, "auto")


def test_a_wrong_word_names_the_variable_and_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("use_qwen3", "maybe")
    with pytest.raises(ConfigError, match="use_qwen3.*true/1/yes/false/0/no"):
        TTS_Config()
    monkeypatch.delenv("use_qwen3")
    config = TTS_Config()
    with pytest.raises(ConfigError, match="qwen3_enable_inference"):
        config.qwen3_enable_inference = "perhaps"  # type: ignore[assignment]
    with pytest.raises(ConfigError, match="qwen3_precision.*auto.*float32"):
        config.qwen3_precision = "int3"


def test_weights_by_environment_dict_and_argument(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("gpt_path", "weights/env.ckpt")
    assert TTS_Config().t2s_weights_path == str(REPO_ROOT / "weights" / "env.ckpt")
    assert TTS_Config({"t2s_weights_path": "a.ckpt"}).t2s_weights_path == str(REPO_ROOT / "a.ckpt")
    config = TTS_Config({"t2s_weights_path": "a.ckpt"}, t2s_weights_path=str(tmp_path / "b.ckpt"))
    assert config.t2s_weights_path == str(tmp_path / "b.ckpt")
    assert config.default_reference is None  # the pack's voice is not what was asked for


def test_yaml_in_the_public_layout(tmp_path: Path) -> None:
    path = tmp_path / "tts.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "custom": {
                    "device": "cpu",
                    "is_half": False,
                    "version": "v2",
                    "t2s_weights_path": "x/a.ckpt",
                    "vits_weights_path": "x/b.pth",
                    "cnhuhbert_base_path": "x/h",
                    "bert_base_path": "x/bert",
                },
                "v1": {
                    "version": "v1",
                    "t2s_weights_path": "x/one.ckpt",
                    "vits_weights_path": "x/one.pth",
                    "cnhuhbert_base_path": "x/h",
                },
            }
        )
    )
    before = path.read_bytes()
    config = TTS_Config(str(path))
    assert config.vits_weights_path == str(REPO_ROOT / "x" / "b.pth") and config.device == "cpu"
    assert TTS_Config(path, version="v1").t2s_weights_path == str(REPO_ROOT / "x" / "one.ckpt")
    assert path.read_bytes() == before
    config.use_qwen3 = True
    config.save_configs()
    assert TTS_Config(str(path)).use_qwen3 is True and "v1" in yaml.safe_load(path.read_text())


def test_the_shipped_yaml_is_read() -> None:
    assert yaml.safe_load(tts_config.DEFAULT_YAML.read_text(encoding="utf-8"))["v2"]["version"] == "v2"
    assert TTS_Config("GPT_SoVITS/configs/tts_infer.yaml").version == "v2"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("- a\n", "no settings"),
        ("a: [", "cannot be read"),
        ("custom:\n  speeed: 1\n", "speeed.*one of.*device"),
        ("other:\n  version: v2\n", "unknown section other"),
        ("custom:\n  version: v9\n", "version='v9'"),
        ("custom:\n  device: toaster\n", "toaster"),
    ],
)
def test_broken_settings_files(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=words):
        TTS_Config(path)
    with pytest.raises(ConfigError, match="absent.yaml"):
        TTS_Config(tmp_path / "absent.yaml")


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="cuda:99"):
        TTS_Config(device="cuda:99")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "cannot be read"),
        ("[]", "no voice pack"),
        (json.dumps({"version": "v2", "extra": 1}), "extra"),
        (json.dumps({"version": "v2", "files": {"s3": "x"}}), "s3"),
        (json.dumps({"version": "v2", "sampling": {"top_q": 1}}), "top_q"),
    ],
)
def test_broken_packs(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "pack.json").write_text(content)
    with pytest.raises(ConfigError, match=words):
        TTS_Config(pack=str(tmp_path))


def test_cuda_in_a_public_file_warns_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    path = tmp_path / "tts_infer.yaml"
    path.write_text("custom:\n  device: cuda\n  is_half: true\n  version: v2\n")
    with caplog.at_level(logging.WARNING):
        assert TTS_Config(path).device == "cpu"
    assert "device: cuda" in caplog.text and "CPU is used" in caplog.text
    assert TTS_Config({"device": "cuda:1"}).device == "cpu"
    assert TTS_Config(path, device="cpu").device == "cpu"
    with pytest.raises(ConfigError, match="cuda is not there"):
        TTS_Config(path, device="cuda")


def test_sections_of_older_public_files(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    rest = "\n  vits_weights_path: x/b.pth\n  cnhuhbert_base_path: x/h\n  flash_attn_enabled: true\n"
    path.write_text(
        f"default:\n  version: v1\n  t2s_weights_path: x/one.ckpt{rest}"
        f"default_v2:\n  version: v2\n  t2s_weights_path: x/two.ckpt{rest}"
    )
    assert TTS_Config(path).t2s_weights_path == str(REPO_ROOT / "x" / "two.ckpt")
    old = TTS_Config(path, version="v1")
    assert old.t2s_weights_path == str(REPO_ROOT / "x" / "one.ckpt") and old.version == "v1"
    path.write_text(path.read_text() + f"custom:\n  version: v2\n  t2s_weights_path: x/own.ckpt{rest}")
    assert TTS_Config(path).t2s_weights_path == str(REPO_ROOT / "x" / "own.ckpt")
    assert TTS_Config(path, version="v1").version == "v1"
