"""Checkouts of the stand-in host, as they are and with the plugin installed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

import pytest
import torch

import process_ckpt
from config import PACK_DIR
from tests.tools.host_plugin.standin import HERE, StandIn, make_older, phone_table
from tools.host_plugin.install import install

CODEBOOK_KEY = "quantizer.vq.layers.0._codebook.embed"


@pytest.fixture(scope="session")
def pack_codebook() -> torch.Tensor:
    """[1024, C] codebook of the voice pack, whose language model the tests use."""
    return process_ckpt.load_sovits_new(PACK_DIR / "s2G.pth")["weight"][CODEBOOK_KEY].float()


@pytest.fixture(scope="session")
def make_host(tmp_path_factory: pytest.TempPathFactory, pack_codebook: torch.Tensor) -> Callable[..., StandIn]:
    """Makes a fresh checkout: ``function`` for the older decoder, ``installed`` with the plugin and a stage in it."""

    def make(function: bool = False, installed: bool = False) -> StandIn:
        root = tmp_path_factory.mktemp("host") / "checkout"
        shutil.copytree(HERE / "host", root, ignore=shutil.ignore_patterns("__pycache__"))
        table = root / "GPT_SoVITS" / "text" / "table.json"
        table.write_text(json.dumps(phone_table()), encoding="utf-8")
        torch.save(pack_codebook, root / "GPT_SoVITS" / "module" / "codebook.pt")
        if function:
            make_older(root / "GPT_SoVITS" / "AR" / "models" / "t2s_model.py")
        if installed:
            install(root, [PACK_DIR / "lm"])
        return StandIn(root)

    return make


@pytest.fixture(scope="session")
def host(make_host: Callable[..., StandIn]) -> StandIn:
    """A checkout with the plugin and the pack's language model as stage ``lm``."""
    return make_host(installed=True)


@pytest.fixture(scope="session")
def older_host(make_host: Callable[..., StandIn]) -> StandIn:
    """The same with the older decoder."""
    return make_host(function=True, installed=True)
