"""Tables of tokens go over to another alphabet by what sounds at the same moments."""

import torch

from feature_extractor.training.codebook import CODES
from tools.pack import carry_over


def test_a_renamed_alphabet_is_carried_whole() -> None:
    order = torch.randperm(CODES, generator=torch.Generator().manual_seed(0))
    shares = torch.zeros(CODES, CODES)
    shares[torch.arange(CODES), order] = 1.0  # new token i is old token order[i]
    table = torch.randn(CODES + 1, 5)
    found = carry_over.carried(table, shares)
    assert torch.equal(found[:CODES], table[order])
    assert torch.equal(found[CODES:], table[CODES:]), "the end of speech means the same in both"


def test_a_token_that_stands_for_two_is_their_mean() -> None:
    shares = torch.zeros(CODES, CODES)
    shares[:, 3], shares[:, 8] = 0.25, 0.75
    table = torch.arange(CODES + 1.0)[:, None]
    assert carry_over.carried(table, shares)[0].item() == 0.25 * 3 + 0.75 * 8
