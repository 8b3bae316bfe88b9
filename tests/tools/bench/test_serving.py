"""The benches of serving and GPUs: what they count, and that they end with a line of JSON."""

from __future__ import annotations

import json

import pytest
import torch

from config import PACK_DIR
from tools.bench import ar_decode, gpu, serving
from tools.bench.serving import Visit, figures


def test_a_player_that_starts_with_the_first_piece() -> None:
    fluent = Visit(((0.5, 1.0), (1.4, 1.0), (2.4, 0.3)))
    assert not fluent.runs_dry and fluent.first_audio == 0.5 and fluent.audio == pytest.approx(2.3)
    assert Visit(((0.5, 1.0), (1.6, 1.0))).runs_dry
    assert not Visit(((0.2, 0.1),)).runs_dry


def test_figures() -> None:
    visits = [Visit(((at / 10, 1.0), (at, 1.0))) for at in range(1, 21)]
    found = figures(visits, 4.0)
    assert (found["first_audio_p50"], found["first_audio_p95"]) == (1.0, 2.0)
    assert found["throughput"] == 10.0 and found["underrun"] == pytest.approx(0.95)


@pytest.mark.slow
def test_serving_ends_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    if not (PACK_DIR / "pack.json").is_file():
        pytest.skip("the voice pack is not in this checkout")
    assert serving.main(["--streams", "1", "2", "--stage", "ar"]) == 0
    last = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert last["stage"] == "ar" and set(last["streams"]) == {"1", "2"}
    wanted = {"first_audio_p50", "first_audio_p95", "underrun", "throughput", "baseline_throughput"}
    assert all(wanted <= set(row) and row["throughput"] > 0 for row in last["streams"].values())


def test_gpu_says_that_there_is_none(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert "no CUDA device" in lines[0] and json.loads(lines[-1])["skipped"] == "no CUDA device"


def test_decoding_is_measured_against_the_bandwidth() -> None:
    device = torch.device("cpu")
    limit = gpu.bandwidth(device, 0.01)
    assert limit > 1e8
    model = gpu.ar_model(device, tiny=True)
    rows = gpu.decoding(model, device, (1, 2), 4, limit)
    assert [row["rows"] for row in rows] == [1, 2] and all(row["tokens_per_s"] > 0 for row in rows)
    assert all(row["of_bandwidth"] > 0 for row in rows)


def test_ar_decode_measures(capsys: pytest.CaptureFixture[str]) -> None:
    assert ar_decode.main(["--child", "--rows", "2", "--tokens", "4", "--tiny"]) == 0
    assert float(capsys.readouterr().out) > 0
