"""Language models that engines elsewhere serve: ``qwen3_model_name`` as one or several addresses.

``http://host:port/NAME`` asks an engine; what its ids mean and how words become ids is read from the stage NAME on this
machine: a trained folder, or an exported one without its weights. Loads no weights.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from AR.checked import CheckedT2S
from AR.engine import T2SEngine
from AR.engine.completions import CompletionsClient, EngineAddress
from AR.engine.remote import RemoteEngine
from AR.errors import LMUnavailable, T2SError
from AR.models.lm_backbone import backbone_source, load_tokenizer, locate
from AR.models.lm_folder import LMConfig, check_request_alphabet
from AR.models.lm_manifest import MANIFEST_FILE, LMManifest, symbols_fingerprint
from AR.plausible import LearnedSpan
from AR.pooled import PooledT2S
from text.symbol_tables import symbols_for
from TTS_infer_pack.model_names import groups_of, is_remote

if TYPE_CHECKING:
    from AR.lm_loader import LMPlaces

MOST_GROUPS = 16
"""Groups of engines that are remembered; a request may name others in turn."""


class Described(NamedTuple):
    """A stage without its weights."""

    manifest: LMManifest
    tokenizer: Callable[[], Any]


def describe(name: str, places: LMPlaces) -> Described:
    """What this machine knows of the stage that an engine serves as ``name``.

    Raises:
        LMUnavailable: ``no_adapter`` where it knows nothing, ``adapter_mismatch`` where it cannot be read.
    """
    exported = next((root / name for root in places.roots if (root / name / MANIFEST_FILE).is_file()), None)
    if exported is not None:
        folder = exported
        return Described(LMManifest.read(folder), lambda: load_tokenizer(folder))
    trained = places.find(name)
    if trained is None:
        raise LMUnavailable(
            "no_adapter",
            f"an engine serves {name}, but nothing here says what its ids mean; copy the exported folder, without its "
            f"weights, to GPT_weights_qwen3/{name}",
        )
    return Described(LMManifest.read(trained), lambda: _tokenizer_of(trained))


def _tokenizer_of(folder: Path) -> Any:
    config = LMConfig.read(folder)
    source, gguf = backbone_source(config, folder, None)
    return load_tokenizer(locate(source), gguf)


def remote_span(name: str, places: LMPlaces) -> LearnedSpan:
    """The longest speech that the first stage of a setting has learned; unknown where nothing here says it."""
    first = groups_of(name)[0][0]
    try:
        return describe(EngineAddress.parse(first).name, places).manifest.span if is_remote(first) else LearnedSpan()
    except T2SError:  # why it cannot speak is reported when it is asked
        return LearnedSpan()


class _Wanted(NamedTuple):
    addresses: tuple[str, ...]
    key: str
    codebook: str
    symbols: str
    fingerprint: str


class RemoteModels:
    """Engines elsewhere by address, made once: they remember which of them is dead. Safe for several threads.

    Args:
        places: where descriptions of stages lie.
    """

    def __init__(self, places: Callable[[], LMPlaces]) -> None:
        self._places, self._lock = places, threading.Lock()
        self._groups: OrderedDict[_Wanted, T2SEngine] = OrderedDict()

    def engine(self, addresses: tuple[str, ...], key: str, codebook: str, symbols: str) -> T2SEngine:
        """What speaks through these engines; no connection is made before the first request.

        Args:
            addresses: of engines that serve the same stage.
            key: shown to them; "" for none.
            codebook, symbols: of the voice that will speak.

        Raises:
            LMUnavailable: an unknown stage, or one that does not fit the voice.
            T2SError: no address.
        """
        places = self._places()
        parsed = [EngineAddress.parse(address) for address in addresses]
        name = parsed[0].name
        if any(address.name != name for address in parsed):
            raise T2SError(f"engines side by side have to serve one stage, not {', '.join(a.name for a in parsed)}")
        described = describe(name, places)
        manifest = described.manifest
        wanted = _Wanted(addresses, key, codebook, symbols, manifest.fingerprint)
        with self._lock:
            known = self._groups.get(wanted)
            if known is None:
                check_voice(manifest, codebook, symbols)
                tokenizer = described.tokenizer()
                engines = [RemoteEngine(CompletionsClient(address, key), manifest, tokenizer) for address in parsed]
                known = self._groups[wanted] = CheckedT2S(PooledT2S(engines))
            self._groups.move_to_end(wanted)
            while len(self._groups) > MOST_GROUPS:
                self._groups.popitem(last=False)
        return known


def check_voice(manifest: LMManifest, codebook: str, symbols: str) -> None:
    """Refuse a stage whose phones or tokens mean something else than those of the voice.

    Raises:
        LMUnavailable: ``adapter_mismatch`` or ``codebook_mismatch``.
    """
    check_request_alphabet(LMConfig("", symbols=manifest.symbols, codebook=manifest.codebook), codebook, symbols)
    exported = manifest.symbols_fingerprint
    if exported and exported != symbols_fingerprint(symbols_for(manifest.symbols)):
        raise LMUnavailable("adapter_mismatch", "the stage was exported with another list of phone symbols")
