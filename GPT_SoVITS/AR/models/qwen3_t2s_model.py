"""``Qwen3T2SModel``: a Hugging Face causal LM in the text-to-semantic slot, behind a linear adapter.

The row is ``[BPE of prompt text + text] <sep> [phones] <semantic> [prompt tokens] [generated ...]`` (lm_rows.py). BPE
ids go through the backbone's own embedding; phones, the two markers and semantic tokens have tables of their own, at
the backbone's embedding scale, with sine codes of the place in their own stream added (which phone, which token: what
makes alignment easy to learn); ``head`` maps hidden states to 1024 semantic tokens and EOS. Any causal LM that
transformers knows will do: Qwen3, Qwen2, Llama, Gemma3 and others.

Shapes: B batch, L positions, C hidden channels, V = 1025, T_ph phones, T_sem semantic tokens.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from AR.backend import VOCAB_SIZE, T2SRequest, read_all
from AR.errors import LMUnavailable, T2SError
from AR.key_report import compare_keys
from AR.models import lm_backbone, lm_half, lm_rows
from AR.models.kv_cache import DecodeState, KVCache, RowView, StepView
from AR.models.lm_decoder import BackboneDecoder
from AR.models.lm_folder import (
    ADAPTER_FILE,
    BACKBONE_FOLDER,
    LORA_FOLDER,
    LMConfig,
    check_fingerprint,
    check_request_alphabet,
    is_lm_folder,
    parameters_of,
    shape_fingerprint,
)
from AR.models.lm_lora import merge_lora, save_lora, stored
from AR.models.plain_backbone import write_for_older

PORTION = 128
"""Positions that are read before other rows have their turn."""
CODE_ROWS = 2048
SCALE_SAMPLE = 4096
"""Embedding rows that the scale of new tables is measured on."""


class Qwen3T2SModel(nn.Module):
    """Text, phones and prompt tokens to semantic tokens, by a causal LM.

    Args:
        decoder: the decoder stack of a causal LM.
        tokenizer: its tokenizer.
        config: text mode, symbols, and where things come from.
        trained: False while the adapter is random; such a model is never used for speech.
    """

    name = "qwen3"

    def __init__(self, decoder: nn.Module, tokenizer: Any, config: LMConfig, trained: bool = False) -> None:
        super().__init__()
        self.decoder, self.tokenizer, self.config, self.trained = decoder, tokenizer, config, trained
        table = self.word_table
        device = table.weight.device
        self.hidden = int(table.weight.shape[1])
        with torch.device(device):
            self.phone_embedding = nn.Embedding(config.phone_count, self.hidden)
            self.marker_embedding = nn.Embedding(2, self.hidden)
            self.semantic_embedding = nn.Embedding(VOCAB_SIZE, self.hidden)
            self.head = nn.Linear(self.hidden, VOCAB_SIZE, bias=False)
            self.position_gain = nn.Parameter(torch.empty(2))
        scale = self.embedding_scale()
        nn.init.constant_(self.position_gain, scale)
        for module in (self.phone_embedding, self.marker_embedding, self.semantic_embedding):
            nn.init.normal_(module.weight, std=scale)
        nn.init.normal_(self.head.weight, std=0.02)
        self.packed = lm_half.is_packed(decoder)
        """Weights of linear layers are in float16, all else is float32 (lm_half.py)."""
        self.backbone = BackboneDecoder(decoder, config.backbone)
        self._code_table = torch.empty(0, 0)

    @property
    def word_table(self) -> nn.Embedding:
        """The backbone's own embedding."""
        return self.decoder.get_input_embeddings()  # type: ignore[operator, no-any-return]

    @torch.no_grad()
    def embedding_scale(self) -> float:
        """Standard deviation of what the backbone's embedding gives out (its own factors included)."""
        table = self.word_table
        ids = torch.arange(min(SCALE_SAMPLE, table.weight.shape[0]), device=table.weight.device)
        scale = float(table(ids).float().std())
        return scale if scale > 0 else 0.02

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.head.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """What the backbone computes in; the adapter is always in float32."""
        return torch.float32 if self.packed else self.word_table.weight.dtype

    # ---- loading and saving -----------------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(
        cls,
        model_name_or_folder: str | Path,
        adapter: str | Path | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        codebook: str = "",
        symbols: str = "",
        packed: bool = False,
    ) -> Qwen3T2SModel:
        """Load a trained folder, a backbone with a trained ``adapter`` folder, or a bare backbone (to be trained).

        Args:
            model_name_or_folder: a folder with ``t2s_config.json``, or a backbone by hub id or folder.
            adapter: a folder with ``t2s_config.json`` for that backbone.
            device, dtype: of the backbone.
            codebook: fingerprint of the SoVITS quantizer that will speak the tokens; empty: not compared.
            symbols: phone symbols ("v1", "v2") that requests will have; empty: not compared.
            packed: float16 weights computed with in float32, for speaking on a CPU (lm_half.py), in place of ``dtype``
                where the model is large enough to be faster by it.

        Raises:
            LMUnavailable: with the reason why not.
        """
        given = Path(model_name_or_folder).expanduser()
        if adapter is None and is_lm_folder(given):
            adapter = given
        if adapter is None:
            backbone = lm_backbone.load_backbone(str(model_name_or_folder), "", device, dtype)
            config = LMConfig(backbone=backbone.name, fingerprint=shape_fingerprint(backbone.config))
            return cls(backbone.decoder, backbone.tokenizer, config).eval()
        folder = Path(adapter).expanduser()
        config = LMConfig.read(folder)
        check_request_alphabet(config, codebook, symbols)
        found = lm_backbone.find_backbone(config, folder, None if given == folder else str(model_name_or_folder))
        return cls.of_folder(folder, config, found, device, dtype, packed=packed)

    @classmethod
    def of_folder(
        cls,
        folder: Path,
        config: LMConfig,
        found: lm_backbone.FoundBackbone,
        device: torch.device | str,
        dtype: torch.dtype,
        put_lora: Callable[[nn.Module, Path], None] = merge_lora,
        packed: bool = False,
    ) -> Qwen3T2SModel:
        """Load a trained folder onto the backbone that was found for it.

        Args:
            folder, config: the folder, and what it says about itself.
            found: its backbone.
            device, dtype, packed: of the backbone, see :meth:`from_pretrained`.
            put_lora: how the folder's LoRA weights get into the backbone: added to its own, or to be trained further.

        Raises:
            LMUnavailable: with the reason why not.
        """
        check_fingerprint(config.fingerprint, found.shape, found.source)
        packed = packed and lm_half.worthwhile(parameters_of(config.fingerprint))
        if packed:  # what GGUF files hold is made float32 in any case
            dtype = torch.float32 if found.gguf_file else torch.float16
        backbone = lm_backbone.load_backbone(
            str(found.folder), found.gguf_file, device, dtype, found.shape, config.layers
        )
        if config.weights == "lora":
            put_lora(backbone.decoder, folder / LORA_FOLDER)
        if packed:
            lm_half.pack(backbone.decoder)
        model = cls(backbone.decoder, backbone.tokenizer, config, trained=True)
        model.load_adapter(folder / ADAPTER_FILE)
        return model.eval()

    def adapter_weights(self) -> dict[str, Tensor]:
        """What ``adapter.safetensors`` holds: everything but the backbone, on CPU."""
        return {
            name: tensor.detach().cpu().contiguous()
            for name, tensor in self.state_dict().items()
            if not name.startswith("decoder.")
        }

    def load_adapter(self, path: Path) -> None:
        """Strict load of the adapter's weights.

        Raises:
            LMUnavailable: ``no_adapter`` without the file, ``adapter_mismatch`` naming what does not fit.
        """
        from safetensors.torch import load_file

        if not path.is_file():
            raise LMUnavailable("no_adapter", f"{path} is missing: there is no trained adapter")
        try:
            weights = load_file(path)
        except Exception as error:  # noqa: BLE001 - safetensors has error kinds of its own
            raise LMUnavailable("adapter_mismatch", f"{path} cannot be read ({error})") from error
        report = compare_keys(self.adapter_weights(), weights)
        if not report.ok:
            raise LMUnavailable("adapter_mismatch", f"{path} does not fit the backbone: {report}")
        with torch.no_grad():
            for name, tensor in weights.items():
                self.get_parameter(name).copy_(tensor)

    def save_pretrained(
        self, folder: str | Path, training: Mapping[str, Any] | None = None, half: bool = False
    ) -> None:
        """Write the folder: configuration, adapter, and the backbone's own changes as ``config.weights`` says.

        Args:
            folder: made where it is missing.
            training: facts for ``t2s_config.json``.
            half: store weights in float16, as the public checkpoints do.

        Raises:
            T2SError: the model is packed.
        """
        from safetensors.torch import save_file

        if self.packed and self.config.weights != "frozen":
            raise T2SError("packed weights cannot be saved; load the model without packed=True")
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        save_file(stored(self.adapter_weights(), half), target / ADAPTER_FILE)
        if self.config.weights == "lora":
            save_lora(self.decoder, target / LORA_FOLDER, half)
        elif self.config.weights == "backbone":
            weights = stored(self.decoder.state_dict(), half)
            self.decoder.save_pretrained(target / BACKBONE_FOLDER, state_dict=weights)  # type: ignore[operator]
            self.tokenizer.save_pretrained(target / BACKBONE_FOLDER)
            write_for_older(target / BACKBONE_FOLDER)
        facts = dict(training) if training is not None else dict(self.config.training)
        dataclasses.replace(self.config, training=facts).write(target)

    # ---- embedding --------------------------------------------------------------------------------------------------

    def embed(self, ids: Tensor, kinds: Tensor) -> Tensor:
        """ids and kinds [B, L] (lm_rows) -> [B, L, C] in the backbone's precision; padding is zero."""
        out = torch.zeros(*ids.shape, self.hidden, dtype=self.dtype, device=ids.device)
        gains = dict(zip((lm_rows.PHONE, lm_rows.SEMANTIC), self.position_gain, strict=True))
        tables = (
            (lm_rows.BPE, self.word_table),
            (lm_rows.PHONE, self.phone_embedding),
            (lm_rows.MARKER, self.marker_embedding),
            (lm_rows.SEMANTIC, self.semantic_embedding),
        )
        for kind, table in tables:
            mine = kinds == kind
            where = mine.nonzero(as_tuple=True)
            rows = table(ids[where])
            if kind in gains:
                rows = rows + gains[kind] * sine_codes((mine.cumsum(1) - 1)[where], self.hidden)
            out = out.index_put(where, rows.to(out.dtype))
        return out

    def row_ids(self, request: T2SRequest) -> lm_rows.RowIds:
        """The row of a request, up to and with its prompt tokens. Errors as ``lm_rows.request_row``."""
        return lm_rows.request_row(request, self.tokenizer, self.config)

    # ---- decoding ---------------------------------------------------------------------------------------------------

    def allocate(self, rows: int, positions: int) -> DecodeState:
        """As :class:`~AR.backend.T2SBackend`.

        Raises:
            LMUnavailable: ``no_adapter`` while the adapter is untrained.
        """
        if not self.trained:
            raise LMUnavailable(
                "no_adapter",
                f"the adapter for {self.config.backbone} is untrained and would only "
                "make noise; train one, see docs/qwen3.md",
            )
        self.backbone.plain  # noqa: B018 - made here, so that a step does not look whether it has to be
        config: Any = self.decoder.config
        heads = config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // heads
        groups = getattr(config, "num_key_value_heads", None) or heads
        like = torch.empty(0, dtype=self.dtype, device=self.device)
        return DecodeState(KVCache(len(self.decoder.layers), rows, groups, size, like, positions + 1))  # type: ignore

    @torch.inference_mode()
    def read(self, state: DecodeState, row: int, request: T2SRequest) -> Iterator[Tensor | None]:
        """As :class:`~AR.backend.T2SBackend`; a portion is a stretch of positions."""
        ids, kinds = (t.to(self.device) for t in lm_rows.left_pad([self.row_ids(request)]))
        length = ids.shape[1]
        state.make_room(row + 1, length)
        x, hidden = self.embed(ids, kinds), torch.empty(0)
        # what the plain decoder does not know makes its own masks, for a row that is read at once
        portion = math.ceil(length / max(1, round(length / PORTION))) if self.backbone.runs_plain else length
        for start in range(0, length, portion):
            if start:
                yield None
            stop = min(start + portion, length)
            view = RowView(state.cache, row, start, stop)
            hidden = self.backbone.run(x[:, start:stop], view, state.cache.capacity, start, even=True)
        state.open_row(row, length, request.prompt_length)
        yield self.head(hidden[0, -1].float())

    def prefill(self, requests: Sequence[T2SRequest]) -> tuple[DecodeState, Tensor]:
        """Read requests into a state of their own; returns (state, logits [B, V] of each row's first new token).

        Raises:
            LMUnavailable: as :meth:`allocate`.
            T2SError: ids outside the tables, or no request.
        """
        return read_all(self, requests)

    @torch.inference_mode()
    def step(self, state: DecodeState, tokens: Tensor) -> Tensor:
        """Append tokens [n] to the first n rows (in place); returns logits [n, V] of the next token, float32."""
        rows, filled = tokens.numel(), state.cache.filled
        state.make_room(rows, max(filled[:rows]) + 1)
        codes = self._codes(state)[state.spoken[:rows]]
        x = torch.addcmul(self.semantic_embedding(tokens), codes, self.position_gain[1])[:, None].to(self.dtype)
        view = StepView(state.cache, rows)
        even = len(set(filled[:rows])) == 1
        hidden = self.backbone.run(x, view, state.cache.capacity, max(filled[:rows]), even)
        state.finish_step(view, rows)
        return self.head(hidden[:, -1].float())  # type: ignore[no-any-return]

    def _codes(self, state: DecodeState) -> Tensor:
        """Sine codes [N, C] of at least as many places as the state has positions; made once, kept."""
        needed, table = state.cache.capacity + 1, self._code_table
        if table.shape[0] < needed or table.device != self.device:
            table = sine_codes(torch.arange(max(CODE_ROWS, 2 * needed), device=self.device), self.hidden)
            self._code_table = table
        return table  # the one that was made or found long enough: another call may put a shorter one in its place

    # ---- training ---------------------------------------------------------------------------------------------------

    def hidden_states(self, ids: Tensor, kinds: Tensor) -> Tensor:
        """Hidden states [B, L, C] of padded rows; padding may be on either side."""
        real = kinds != lm_rows.PAD
        positions = (real.cumsum(1) - 1).clamp_min(0)
        return self.backbone.forward(self.embed(ids, kinds), real.long(), positions)

    def training_loss(
        self,
        batch: Mapping[str, Tensor],
        label_smoothing: float = 0.0,
        taught: Tensor | None = None,
        taught_share: float = 0.0,
    ) -> Tensor:
        """Mean cross-entropy on semantic tokens and EOS only.

        Args:
            batch: "ids", "kinds" and "labels", all [B, L]; a label is what the position predicts, -100 for nothing.
            label_smoothing: share of the target spread over all tokens.
            taught: [N, V] probabilities for the N labelled positions, which make up ``taught_share`` of the loss.
        """
        hidden = self.hidden_states(batch["ids"], batch["kinds"])
        where = batch["labels"] != -100
        logits = self.head(hidden[where].float())
        loss = F.cross_entropy(logits, batch["labels"][where], label_smoothing=label_smoothing)
        if taught is None:
            return loss
        return (1 - taught_share) * loss + taught_share * F.cross_entropy(logits, taught)


def sine_codes(positions: Tensor, width: int) -> Tensor:
    """[N] places -> [N, width] sines and cosines of falling frequency (Vaswani et al. 2017); an odd width ends in 0."""
    half = width // 2
    rates = torch.exp(torch.arange(half, device=positions.device) * (-math.log(10000.0) / max(1, half)))
    angles = positions[:, None].float() * rates
    return F.pad(torch.cat((angles.sin(), angles.cos()), dim=1), (0, width - 2 * half))
