"""v3 and v4 against the reference run: condition feature, codes, flow matching with and without guidance, losses.

The two versions have the same tensors, so one set of weights serves both. The flow-matching network is 330 million
weights, hence ``slow``; what lies before it runs with the quick tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from module.cfm import FlowDraws
from module.models import SynthesizerTrnV3

pytestmark = pytest.mark.golden
NAMES = ("vits_v3", "vits_v4")
OUTSIDE_MODEL = ("spec_channels",)
SHRUNK_DIT = {"dim": 128, "depth": 1, "heads": 2}

_WEIGHTS: dict[tuple[str, bool], dict[str, torch.Tensor]] = {}


class Case:
    """One fixture with its model; ``whole`` with the flow-matching network."""

    def __init__(self, fixture: Any, whole: bool) -> None:
        self.fixture, config = fixture, fixture.meta["config"]
        model = {k: v for k, v in config.items() if k not in OUTSIDE_MODEL}
        if not whole:
            model["dit"] = {**model["dit"], **SHRUNK_DIT}
        with torch.device("meta"):
            self.model = SynthesizerTrnV3(config["spec_channels"], 32, **model)
        if not whole:
            del self.model.cfm
        self.model.load_state_dict(self.weights(whole), strict=True, assign=True)
        self.model.eval().requires_grad_(False)

    def weights(self, whole: bool) -> dict[str, torch.Tensor]:
        meta = self.fixture.meta
        entries = [entry for entry in meta["state_dict"] if whole or not entry[0].startswith("cfm.")]
        key = (str(sorted(map(str, entries))), whole)
        if key not in _WEIGHTS:
            _WEIGHTS.clear()
            weight = self.fixture.state_dict(entries, meta.get("gain"), meta["skip"])
            if whole:
                weight |= dict.fromkeys(meta["skip"], self("rotary_inv_freq"))
            _WEIGHTS[key] = weight
        return _WEIGHTS[key]

    def __call__(self, name: str) -> torch.Tensor:
        return self.fixture.tensor(name)

    def close(self, actual: torch.Tensor, name: str, kind: str) -> None:
        tolerance = self.fixture.meta["tolerance"][kind]
        torch.testing.assert_close(actual, self(name), atol=tolerance.get("abs", 0.0), rtol=tolerance.get("rel", 0.0))


@pytest.fixture(params=NAMES, scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_condition_feature_and_codes(name: str, golden: Callable[[str], Any]) -> None:
    case = Case(golden(name), whole=False)
    fea, style = case.model.decode_encp(case("codes"), case("phones"), case("refer"))
    case.close(fea, "fea", "fea")
    case.close(style, "ge", "fea")
    case.close(case.model.decode_encp(case("codes"), case("phones"), None, case("ge"), 1.3)[0], "fea_speed1p3", "fea")
    assert torch.equal(case.model.extract_latent(case("ssl")), case("latent_codes"))


def test_public_tensor_names_in_their_order(name: str, golden: Callable[[str], Any]) -> None:
    fixture = golden(name)
    model = {k: v for k, v in fixture.meta["config"].items() if k not in OUTSIDE_MODEL}
    with torch.device("meta"):
        net = SynthesizerTrnV3(1025, 32, **model)
    assert [[n, list(t.shape)] for n, t in net.state_dict().items()] == [e[:2] for e in fixture.meta["state_dict"]]


@pytest.mark.slow
@torch.no_grad()
def test_flow_matching(name: str, golden: Callable[[str], Any]) -> None:
    case = Case(golden(name), whole=True)
    net, mu, prompt = case.model.cfm, case("fea"), case("prompt_mel_norm")
    estimator, length = net.estimator, mu.size(2)
    start, valid = torch.zeros(1, prompt.size(1), length), torch.ones(1, length, dtype=torch.bool)
    time = estimator.embed_time(torch.zeros(1), torch.full((1,), 0.25))
    given = F.pad(prompt, (0, length - prompt.size(2)))
    velocity = estimator(start, given, estimator.embed_text(mu), time, valid)
    case.close(velocity.transpose(1, 2), "cfm_velocity_step1", "mel")
    velocity = estimator(start, start, estimator.embed_text(torch.zeros_like(mu)), time, valid)
    case.close(velocity.transpose(1, 2), "cfm_cfg_negative_velocity_step1", "mel")
    case.close(net.inference(mu, prompt, 4, 0.0), "cfm_steps4_cfg0", "mel")
    case.close(net.inference(mu, prompt, 4, 0.0, 0.5), "cfm_steps4_cfg0p5", "mel")
    noisy = net.inference(mu, prompt, 4, 1.0, 0.5, noise=case("cfm_noise_x0"))
    case.close(noisy, "cfm_steps4_cfg0p5_noise", "mel")


@pytest.mark.slow
@torch.no_grad()
def test_flow_matching_losses(name: str, golden: Callable[[str], Any]) -> None:
    case = Case(golden(name), whole=True)
    for kind in ("plain", "bootstrap"):
        base = case("train_bootstrap_base") if kind == "bootstrap" else None
        draws = FlowDraws(case(f"train_{kind}_t"), case(f"train_{kind}_x0"), base is not None, base)
        loss = case.model.cfm(case("train_x1"), case("train_len"), case("train_prompt_len"), case("train_mu"), draws)
        case.close(loss, f"train_{kind}_loss", "loss")
