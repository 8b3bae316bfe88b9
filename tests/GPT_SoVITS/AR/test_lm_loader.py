"""Why a language model cannot be loaded: each reason code by its real cause."""

from __future__ import annotations

import builtins
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from AR.errors import LMUnavailable
from AR.lm_loader import LMPlaces, load_language_model, usable_stages
from AR.models import lm_backbone


def reason(name: str, places: LMPlaces | None = None, **values: str) -> tuple[str, str]:
    with pytest.raises(LMUnavailable) as caught:
        load_language_model(name, places or LMPlaces(), **values)  # type: ignore[arg-type]
    return caught.value.reason, str(caught.value)


@pytest.fixture
def stages(make_lm: Callable[..., Any], tmp_path: Path) -> LMPlaces:
    """A root with one good trained stage, "good"."""
    make_lm("qwen3").save_pretrained(tmp_path / "good", {"steps": 1})
    return LMPlaces([tmp_path])


def test_names_are_found(stages: LMPlaces, tmp_path: Path) -> None:
    assert usable_stages(stages) == ["good"]
    assert load_language_model("good", stages).trained
    assert load_language_model(str(tmp_path / "good"), LMPlaces()).trained
    change(tmp_path / "good", backbone="package:no_such_package", weights="lora")
    assert usable_stages(stages) == []
    assert reason("good", stages)[0] == "weights_missing"


def change(folder: Path, **values: Any) -> None:
    path = folder / "t2s_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_backbone_name_finds_the_stage_that_was_trained_for_it(stages: LMPlaces, tmp_path: Path) -> None:
    change(tmp_path / "good", backbone="Qwen/Qwen2-0.5B")
    assert load_language_model("Qwen/Qwen2-0.5B", stages).trained


def test_folder_without_adapter(
    make_causal_lm: Callable[[str], Any], make_tokenizer: Callable[[], Any], tmp_path: Path
) -> None:
    make_causal_lm("qwen2").save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    code, message = reason(str(tmp_path))
    assert code == "no_adapter" and "s1_train.py" in message


def test_transformers_missing(monkeypatch: pytest.MonkeyPatch, stages: LMPlaces) -> None:
    real = builtins.__import__

    def hook(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "transformers":
            raise ImportError("No module named 'transformers'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", hook)
    code, message = reason("good", stages)
    assert code == "transformers_missing" and "pip install" in message


def test_unreachable_hub_falls_within_seconds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import try_to_load_from_cache  # noqa: F401 - its import is not what is measured

    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    begin = time.monotonic()
    code, message = reason("Qwen/Qwen2-0.5B")
    assert code == "download_failed" and "127.0.0.1:9" in message
    assert time.monotonic() - begin < 5


def test_what_a_hub_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the hub: one backbone without an adapter, nothing else; no weights are asked for."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            asked.append(self.path)
            known = self.path == "/api/models/some/backbone"
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"siblings": [{"rfilename": "model.safetensors"}]}).encode())

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        assert reason("some/backbone")[0] == "no_adapter"
        assert reason("some/other")[0] == "weights_missing"
        server.shutdown()
    assert asked == ["/api/models/some/backbone", "/api/models/some/other"]


def test_wrong_adapter_codebook_or_symbols(stages: LMPlaces, tmp_path: Path) -> None:
    change(tmp_path / "good", codebook="0123")
    assert reason("good", stages, codebook="4567")[0] == "codebook_mismatch"
    assert reason("good", stages, symbols="v1")[0] == "adapter_mismatch"
    change(tmp_path / "good", fingerprint={"hidden_size": 4096})
    assert reason("good", stages)[0] == "adapter_mismatch"


def test_too_little_memory_is_judged_before_loading(stages: LMPlaces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm_backbone, "free_memory", lambda device: 4096)
    monkeypatch.setattr(lm_backbone, "_load_decoder", lambda *a: pytest.fail("it was loaded"))
    code, message = reason("good", stages)
    assert code == "out_of_memory" and "needs" in message and "free" in message
