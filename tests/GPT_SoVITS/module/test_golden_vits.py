"""The synthesiser against the reference run: public weights by name, waveforms, latents, codes and a training pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from module.encoders import sample
from module.losses import kl_loss
from module.models import Draws, SynthesizerTrn

pytestmark = pytest.mark.golden
# v2ProPlus differs from v2Pro in widths alone, so the quick tests leave it out.
NAMES = ("vits_v1", "vits_v2", "vits_v2Pro", pytest.param("vits_v2ProPlus", marks=pytest.mark.slow))
OUTSIDE_MODEL = ("spec_channels", "segment_frames", "n_speakers")


class Case:
    """One fixture with its model, built once per fixture."""

    def __init__(self, fixture: Any) -> None:
        self.fixture, self.meta = fixture, fixture.meta
        config = fixture.meta["config"]
        model = {k: v for k, v in config.items() if k not in OUTSIDE_MODEL}
        self.model = SynthesizerTrn(config["spec_channels"], config["segment_frames"], config["n_speakers"], **model)
        entries = fixture.meta["state_dict"]
        assert [e[0] for e in entries] and set(self.model.state_dict()) == {e[0] for e in entries}
        self.model.load_public(fixture.state_dict(entries, fixture.meta["gain"]))
        self.model.eval()

    def __call__(self, name: str) -> torch.Tensor:
        return self.fixture.tensor(name)

    def has(self, name: str) -> bool:
        return name in self.fixture.io

    def close(self, actual: torch.Tensor, name: str, kind: str) -> None:
        tolerance = self.meta["tolerance"][kind]
        torch.testing.assert_close(
            actual, self(name), atol=tolerance.get("abs", 0.0), rtol=tolerance.get("rel", 0.0), check_dtype=False
        )

    def speakers(self, count: int) -> list[torch.Tensor] | None:
        return [self(f"sv{i + 1}") for i in range(count)] if self.has("sv1") else None


_CASES: dict[str, Case] = {}


@pytest.fixture(params=NAMES, scope="module")
def case_name(request: pytest.FixtureRequest) -> str:
    """Of module scope, so that all tests of one fixture run together and share its model."""
    return request.param


@pytest.fixture
def case(case_name: str, golden: Callable[[str], Any]) -> Case:
    fixture = golden(case_name)
    if str(fixture.folder) not in _CASES:
        _CASES.clear()  # one model at a time: they are large
        _CASES[str(fixture.folder)] = Case(fixture)
    return _CASES[str(fixture.folder)]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("speed", "suffix"), [(1.0, "speed1"), (1.3, "speed1p3")])
def test_waveform(case: Case, count: int, speed: float, suffix: str) -> None:
    refer = [case(f"refer{i + 1}") for i in range(count)]
    wav = case.model.decode(
        case("codes"), case("phones"), refer, noise_scale=0.0, speed=speed, sv_emb=case.speakers(count)
    )
    case.close(wav, f"wav_ref{count}_{suffix}", "wav")


@torch.no_grad()
def test_intermediates_and_noise(case: Case) -> None:
    speakers = case.speakers(1)
    style = case.model.style(case("refer1"), speakers[0] if speakers else None)
    prior = case.model.prior(case("codes"), case("phones"), style)
    for actual, name in ((prior.y, "encp_y"), (prior.m, "m_p"), (prior.logs, "logs_p"), (prior.mask, "y_mask")):
        case.close(actual, name, "latents")
    case.close(case.model.prior(case("codes"), case("phones"), style, speed=1.3).m, "m_p_speed1p3", "latents")
    case.close(case.model.latent(prior.m, prior.mask, style), "z", "latents")
    noisy = sample(prior.m, prior.logs, case("eps_noise0p5") * 0.5)
    wav = case.model.dec(case.model.latent(noisy, prior.mask, style), style)
    case.close(wav, "wav_ref1_noise0p5", "wav")


@torch.no_grad()
@pytest.mark.parametrize(("refer", "expected"), [("refer1", "ref_enc_out"), ("refer2", "ref_enc_out_second")])
def test_style_encoder(case: Case, refer: str, expected: str) -> None:
    spec = case(refer)[:, : case.model.style_bins]
    case.close(case.model.ref_enc(spec, torch.ones(1, 1, spec.size(2))), expected, "latents")


def test_codes(case: Case) -> None:
    assert torch.equal(case.model.extract_latent(case("ssl")), case("latent_codes"))


def _training_pass(case: Case) -> Any:
    speakers = case.speakers(2)  # one per item of the batch
    speaker = torch.cat(speakers) if speakers else None
    draws = Draws(noise=case("train_eps"), starts=case("train_slice_start"))
    args = (case(f"train_{n}") for n in ("ssl", "spec", "spec_len", "text", "text_len"))
    return case.model(*args, speaker, draws)


@torch.no_grad()
def test_training_pass(case: Case) -> None:
    out = _training_pass(case)
    case.close(out.wav[:, :, :4000], "train_wav", "wav")
    latents = out.latents
    case.close(latents.z_p[:, :, -3:], "train_z_p_last", "latents")
    for name in ("z_p", "m_p", "logs_p", "m_q", "logs_q"):
        case.close(getattr(latents, name)[:, 0], f"train_{name}_ch0", "latents")
    tensors = {**latents._asdict(), "wav": out.wav, "quant": out.quantized}
    for name, tensor in tensors.items():
        case.close(torch.stack([tensor.mean(), tensor.std()]), f"train_stat_{name}", "latents")
    kl = kl_loss(latents.z_p, latents.logs_q, latents.m_p, latents.logs_p, out.z_mask)
    case.close(kl, "train_kl", "kl")
    assert float(out.commit) == float(case("train_commit"))


def test_folded_weights_speak_the_same(case: Case) -> None:
    """Last for each model: folding cannot be undone."""
    model = _CASES.pop(str(case.fixture.folder)).model.prepare_inference()
    speakers = case.speakers(1)
    wav = model.decode(case("codes"), case("phones"), case("refer1"), 0.0, sv_emb=speakers[0] if speakers else None)
    case.close(wav, "wav_ref1_speed1", "wav")
    assert not any(n.endswith(("weight_g", "weight_v")) or n.startswith("enc_q.") for n in model.state_dict())


@pytest.mark.parametrize(
    ("version", "changes"),
    [
        ("v1", {}),
        ("v2", {}),
        ("v2Pro", {"gin_channels": 1024}),
        (
            "v2ProPlus",
            {"gin_channels": 1024, "upsample_initial_channel": 768, "upsample_kernel_sizes": [20, 16, 8, 2, 2]},
        ),
    ],
)
def test_public_tensor_lists(golden: Callable[[str], Any], version: str, changes: dict[str, Any]) -> None:
    """Names, order and shapes of the published files, without and with the posterior encoder."""
    base = golden("vits_v2")
    path = base.folder.parent / "checkpoints.json"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    tensors = json.loads(path.read_text(encoding="utf-8"))["tensors"]
    values = {k: v for k, v in base.meta["config"].items() if k not in OUTSIDE_MODEL}
    with torch.device("meta"):
        model = SynthesizerTrn(1025, 32, **{**values, "version": version, **changes})
    shapes = [[n, list(t.shape)] for n, t in model.state_dict().items()]
    assert [row for row in shapes if not row[0].startswith("enc_q.")] == tensors[f"s2_{version}"]
    extra = [row for row in shapes if row[0].startswith("enc_q.")]
    assert extra == tensors[f"s2_{version}_extra_in_pretrained_and_training_files"]
