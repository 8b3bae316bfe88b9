"""The codebook: the same codes from targets and from the SoVITS quantizer."""

import numpy as np
import torch

from feature_extractor.training import codebook
from module.models import SynthesizerTrn


def test_pairs_of_frames_are_averaged_and_an_odd_frame_is_dropped() -> None:
    rows = np.arange(10, dtype=np.float32).reshape(5, 2)
    assert codebook.pair_means(rows).tolist() == [[1.0, 2.0], [5.0, 6.0]]


def test_fit_uses_its_codes() -> None:
    rng = np.random.default_rng(0)
    targets = [rng.standard_normal((400, 3)) for _ in range(4)]
    centres = codebook.fit_codebook(targets, codes=16)
    used = {int(c) for t in targets for c in codebook.assign(codebook.pair_means(t), centres)}
    assert centres.shape == (16, 3)
    assert len(used) == 16


def speech(codes: list[int], labels: list[int], pitch: list[float]) -> codebook.CodedSpeech:
    return codebook.CodedSpeech(np.array(codes), np.array(labels), np.array(pitch), np.array(pitch) != 0)


def test_codes_that_name_phone_and_pitch_agree_with_what_was_said() -> None:
    said = speech([0, 0, 1, 2], [2, 2, 0, 1], [1.0, 1.0, -1.0, 0.0])
    assert codebook.agreement(codebook.meaning_of(said), said) == (1.0, 1.0)


def test_a_code_of_two_phones_is_right_for_the_commoner_one() -> None:
    said = speech([0, 0, 0, 0, 1, 7], [2, 2, 2, 0, 1, -1], [1.0, 2.0, 1.0, 2.0, -1.0, 0.0])
    right, pitch = codebook.agreement(codebook.meaning_of(said), said)
    assert right == 0.8
    assert 0.8 < pitch < 1.0


def test_sovits_quantizer_gives_the_same_codes() -> None:
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((1024, 5)).astype(np.float32)
    head, bias = torch.randn(5, 8, generator=torch.Generator().manual_seed(0)), torch.randn(5)
    network = SynthesizerTrn(
        33,
        8,
        inter_channels=8,
        hidden_channels=8,
        filter_channels=8,
        n_heads=2,
        n_layers=2,
        kernel_size=3,
        p_dropout=0.0,
        resblock="2",
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1, 3]],
        upsample_rates=[4, 4],
        upsample_initial_channel=8,
        upsample_kernel_sizes=[8, 8],
        gin_channels=8,
        semantic_frame_rate="25hz",
        freeze_quantizer=True,
        ssl_dim=8,
        version="v2",
    ).eval()
    weights = codebook.quantizer_weights(head, bias, centres, 8)
    assert set(weights) <= set(network.state_dict())
    network.load_state_dict({**network.state_dict(), **weights})
    features = torch.randn(1, 8, 21)
    targets = (features[0].T @ head.T + bias).numpy()
    expected = codebook.assign(codebook.pair_means(targets), centres)
    assert network.extract_latent(features)[0, 0].tolist() == expected.tolist()
