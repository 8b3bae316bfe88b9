"""v5dev and v5turbo against the reference run: condition feature, flow matching, guidance, loss, joined blocks.

The flow-matching network is 330 million weights, hence ``slow``; the plan of the blocks and what lies before the
network run with the quick tests. The blocks are joined by the pipeline's own voice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from module.cfm import FlowDraws
from module.models import SynthesizerTrnV3
from module.versions import VERSIONS
from tests.conftest import golden_dir
from TTS_infer_pack.acoustic import FlowSampling, MelVoice, PromptParts

pytestmark = pytest.mark.golden
NAME = "vits_v5"
OUTSIDE_MODEL = ("spec_channels", "sampling")
SHRUNK_DIT = {"dim": 128, "depth": 1, "heads": 2}
SMALL_DEPTH = 2  # conventions.small_network


class Case:
    """The fixture with its model; ``depth`` blocks of the flow-matching network, 0 for none of it, None for all."""

    def __init__(self, fixture: Any, depth: int | None = 0) -> None:
        self.fixture, config = fixture, fixture.meta["config"]
        model = {k: v for k, v in config.items() if k not in OUTSIDE_MODEL}
        if depth is not None:
            model["dit"] = {**model["dit"], **({"depth": depth} if depth else SHRUNK_DIT)}
        with torch.device("meta"):
            self.model = SynthesizerTrnV3(config["spec_channels"], 32, **model)
        if depth == 0:
            del self.model.cfm
        self.model.load_state_dict(self._weights(), strict=True, assign=True)
        self.model.eval().requires_grad_(False)

    def _weights(self) -> dict[str, torch.Tensor]:
        meta, own = self.fixture.meta, self.model.state_dict()
        entries = [entry for entry in meta["state_dict"] if entry[0] in own]
        computed = dict.fromkeys((name for name in meta["skip"] if name in own), self("rotary_inv_freq"))
        return self.fixture.state_dict(entries, meta.get("gain"), meta["skip"]) | computed

    def __call__(self, name: str) -> torch.Tensor:
        return self.fixture.tensor(name)

    def close(self, actual: torch.Tensor, name: str, kind: str) -> None:
        tolerance = self.fixture.meta["tolerance"][kind]
        torch.testing.assert_close(actual, self(name), atol=tolerance.get("abs", 0.0), rtol=tolerance.get("rel", 0.0))


def number(name: str, word: str) -> float:
    """What stands behind ``word`` in the name of an array: 1.3 in "cfm_steps4_cfg1p3" behind "cfg"."""
    found = re.search(word + r"(\d+)(?:p(\d+))?(?:_|$)", name)
    assert found, name
    return float(f"{found[1]}.{found[2] or 0}")


def test_the_rows_say_what_the_fixture_says(golden: Callable[[str], Any]) -> None:
    config = golden(NAME).meta["config"]
    sampling = config["sampling"]
    for name in ("v5dev", "v5turbo"):
        mel = VERSIONS[name].mel
        assert mel is not None and mel.flow.step_embedding == config["dit"]["step_size_embedding"]
        assert (mel.flow.steps, mel.flow.guidance) == (sampling[name]["steps"], sampling[name]["guidance"])
        assert mel.flow.noise_scale == sampling["noise_scale"] and mel.tail_frames == sampling["rolling_tail_frames"]
        sizes = (mel.reference_frames, mel.block_frames, mel.target_frames)
        assert sizes == tuple(sampling[f"{key}_frames_max"] for key in ("reference", "total", "target"))


def test_condition_feature_and_codes(golden: Callable[[str], Any]) -> None:
    case = Case(golden(NAME))
    fea, style = case.model.decode_encp(case("codes"), case("phones"), case("refer"))
    case.close(fea, "fea", "fea")
    case.close(style, "ge", "fea")
    case.close(case.model.decode_encp(case("codes"), case("phones"), None, case("ge"), 1.3)[0], "fea_speed1p3", "fea")
    assert torch.equal(case.model.extract_latent(case("ssl")), case("latent_codes"))


@pytest.mark.parametrize("version", ["v5dev", "v5turbo"])
def test_public_tensor_names_in_their_order(golden: Callable[[str], Any], version: str) -> None:
    fixture = golden(NAME)
    model = {k: v for k, v in fixture.meta["config"].items() if k not in OUTSIDE_MODEL}
    model["dit"] = {k: v for k, v in model["dit"].items() if k != "step_size_embedding"}  # no public key: the row knows
    with torch.device("meta"):
        net = SynthesizerTrnV3(1025, 32, **{**model, "version": version})
    assert [[n, list(t.shape)] for n, t in net.state_dict().items()] == [e[:2] for e in fixture.meta["state_dict"]]


@pytest.mark.slow
@torch.no_grad()
def test_flow_matching(golden: Callable[[str], Any]) -> None:
    case = Case(golden(NAME), None)
    net, mu, prompt = case.model.cfm, case("fea"), case("prompt_mel_norm")
    noise = case("cfm_noise_x0")
    estimator, known = net.estimator, prompt.size(2)
    state = noise * case.fixture.meta["config"]["sampling"]["noise_scale"]
    state[..., :known] = 0
    valid, text = torch.ones(1, mu.size(2), dtype=torch.bool), estimator.embed_text(mu)
    given = F.pad(prompt, (0, mu.size(2) - known))
    outputs = case.fixture.io
    for name in (name for name in outputs if "velocity_t" in name):
        time = estimator.embed_time(torch.full((1,), number(name, "_t")), torch.zeros(1))
        mel = torch.zeros_like(given) if "negative" in name else given
        case.close(estimator(state, mel, text, time, valid).transpose(1, 2), name, "mel")
    for name in (name for name in outputs if name.startswith("cfm_") and "steps" in name):
        steps, rate = int(number(name, "steps")), number(name, "cfg")
        case.close(net.inference(mu, prompt, steps, inference_cfg_rate=rate, noise=noise), name, "mel")


@pytest.mark.slow
@torch.no_grad()
def test_flow_matching_loss(golden: Callable[[str], Any]) -> None:
    case = Case(golden(NAME), None)
    for bootstrap in (None, True):  # there is no self-consistency branch to take
        draws = FlowDraws(case("train_t"), case("train_x0"), bootstrap)
        loss = case.model.cfm(case("train_x1"), case("train_len"), case("train_prompt_len"), case("train_mu"), draws)
        case.close(loss, "train_loss", "loss")


# -- blocks ----------------------------------------------------------------------------------------------------------


class Scripted:
    """Stands in for a synthesiser: the feature is given; ``mel_of`` makes a block's mel of what the network is told."""

    def __init__(self, mel: Any, feature: torch.Tensor, mel_of: Callable[..., torch.Tensor]) -> None:
        self.mel, self.feature, self.cfm = mel, feature, self
        self.inference = mel_of

    def decode_encp(self, *args: Any) -> tuple[torch.Tensor, None]:
        return self.feature, None


@dataclass(frozen=True)
class Call:
    """One run of the network: the labels of its columns, and how it was sampled."""

    columns: int
    prompt_mel: list[str]
    features: list[str]
    steps: int
    guidance: float


def labels(pieces: list[list[Any]]) -> list[str]:
    return [f"{source}{at}" for source, first, end in pieces for at in range(first, end)]


def plan_cases() -> Iterator[Any]:
    path = golden_dir() / NAME / "meta.json"
    cases = json.loads(path.read_text(encoding="utf-8"))["chunk_plan"]["cases"] if path.is_file() else []
    for case in cases:
        lengths = (case[f"{key}_columns"] for key in ("reference_feature", "reference_mel", "target"))
        yield pytest.param(case, id="-".join(map(str, lengths)))


def numbered(source: str, columns: int, names: dict[int, str]) -> torch.Tensor:
    """[1, 1, columns] of numbers, one for each column, whose labels go into ``names``."""
    first = len(names)
    names.update({first + at: f"{source}{at}" for at in range(columns)})
    return torch.arange(first, first + columns, dtype=torch.float64)[None, None]


@pytest.mark.parametrize("case", list(plan_cases()))
def test_which_columns_make_up_each_block(case: dict[str, Any]) -> None:
    names: dict[int, str] = {}
    feature = numbered("ref", case["reference_feature_columns"], names)
    mel = numbered("ref", case["reference_mel_columns"], names)
    target = numbered("target", case["target_columns"], names)
    calls: list[Call] = []
    made = iter(range(case["target_columns"]))

    def told(row: torch.Tensor) -> list[str]:
        return [names[int(value)] for value in row.flatten()]

    def network(mu: torch.Tensor, prompt: torch.Tensor, steps: int, **values: Any) -> torch.Tensor:
        calls.append(Call(mu.size(2), told(prompt), told(mu), steps, values["inference_cfg_rate"]))
        new = mu.size(2) - prompt.size(2)
        parts = []
        for _ in range(new):
            number = len(names)
            names[number] = f"gen{next(made)}"
            parts.append(number)
        return F.pad(torch.tensor(parts, dtype=torch.float64)[None, None], (prompt.size(2), 0))

    spec = VERSIONS[case["version"]].mel
    assert spec is not None
    prompt = PromptParts(torch.zeros(1), torch.zeros(1), mel)
    flow = FlowSampling.of(spec, None, None)
    voice = MelVoice(Scripted(spec, feature, network), None, prompt, [], 1.0, flow)  # type: ignore[arg-type]
    result = voice.go_on(voice.known, target, torch.Generator())
    assert result.size(2) == case["result_columns"] and told(result) == labels([["gen", 0, case["target_columns"]]])
    assert [asdict(call) for call in calls] == [
        {**call, "prompt_mel": labels(call["prompt_mel"]), "features": labels(call["features"])}
        for call in case["calls"]
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "version"), [("roll_turbo", "v5turbo"), ("roll_dev_steps8", "v5dev")])
@torch.no_grad()
def test_joined_blocks(golden: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, name: str, version: str) -> None:
    case = Case(golden(NAME), SMALL_DEPTH)
    net, inner = case.model, case.model.cfm.inference
    noises = iter((case("roll_noise_chunk1"), case("roll_noise_chunk2")))
    monkeypatch.setattr(net.cfm, "inference", lambda *args, generator, **rest: inner(*args, noise=next(noises), **rest))
    prompt = PromptParts(case("roll_ref_codes").flatten(), case("roll_ref_phones").flatten(), case("roll_ref_mel_norm"))
    steps = int(number(name, "steps")) if "steps" in name else None
    flow = FlowSampling.of(VERSIONS[version].mel, steps, None)
    voice = MelVoice(net, None, prompt, [case("refer")], 1.0, flow)  # type: ignore[arg-type]
    feature = voice.feature(case("roll_codes"), case("roll_phones"))
    made = voice.go_on(voice.known, feature, torch.Generator())
    case.close(made[..., case("roll_columns")], name, "mel")
