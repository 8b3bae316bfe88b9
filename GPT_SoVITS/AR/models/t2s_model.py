"""The original AR transformer of GPT-SoVITS, ``Text2SemanticDecoder``: a T2S backend and its training pass.

Text is bidirectional and never sees audio; audio is causal and sees all text. A row is [phones][semantic tokens], with
position codes counted from the first phone and the first token; rows of a training batch have padding before them.
State_dict names are the public ones; checkpoints write them with the prefix ``model.``.

Shapes: B batch, T_ph phonemes, T_sem semantic tokens, L positions, C channels, V = 1025.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from AR.backend import T2SRequest, read_all
from AR.errors import T2SError
from AR.key_report import compare_keys
from AR.models import lm_half
from AR.models.config import T2SModelConfig
from AR.models.embedding import SinePosition, TokenEmbedding
from AR.models.kv_cache import DecodeState, KVCache, RowView, StepView, additive
from AR.models.transformer import AttentionTap, TransformerStack, dropout
from AR.plausible import span_in

BERT_DIM = 1024
PREFIX = "model."
PORTION = 128
"""Positions (through all layers) that are read before other rows have their turn."""


class Text2SemanticDecoder(nn.Module):
    """Phones (and optional text features) to semantic tokens.

    Args:
        config: public layout; only its ``model`` section is read, and ``span`` where this project's training wrote it.

    Attributes:
        span: the longest speech that the weights have learned.

    Raises:
        T2SError: an unknown or missing key, or sizes that do not fit together.
    """

    name = "ar"

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.config = T2SModelConfig.from_dict(config)
        self.span = span_in(config)
        dim = self.config.hidden_dim
        self.bert_proj = nn.Linear(BERT_DIM, dim)
        self.ar_text_embedding = TokenEmbedding(self.config.phoneme_vocab_size, dim)
        self.ar_text_position = SinePosition(dim)
        self.ar_audio_embedding = TokenEmbedding(self.config.vocab_size, dim)
        self.ar_audio_position = SinePosition(dim)
        self.h = TransformerStack(self.config)
        self.ar_predict_layer = nn.Linear(dim, self.config.vocab_size, bias=False)

    @classmethod
    def from_checkpoint(cls, checkpoint: Mapping[str, Any]) -> Text2SemanticDecoder:
        """From an s1 file's content {"weight", "config", "info"}, in float32 and evaluation mode.

        Raises:
            T2SError: a part is missing, or the weights are not those of the configuration.
        """
        missing = [key for key in ("weight", "config") if not isinstance(checkpoint.get(key), Mapping)]
        if missing:
            raise T2SError(f"not a text-to-semantic checkpoint: it lacks {missing}")
        model = cls(checkpoint["config"])
        weights = {name.removeprefix(PREFIX): tensor for name, tensor in checkpoint["weight"].items()}
        model.load_weights(weights)
        return model.eval()

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Strict load of weights by public names without prefix; half precision is widened.

        Raises:
            T2SError: names the missing, unexpected and mismatched tensors.
        """
        report = compare_keys(self.state_dict(), weights)
        if not report.ok:
            raise T2SError(f"weights do not fit the configuration: {report}")
        self.load_state_dict(dict(weights), strict=True)

    def checkpoint_weights(self) -> dict[str, Tensor]:
        """Weights under the checkpoint names (prefix ``model.``), detached, on CPU."""
        return {PREFIX + name: tensor.detach().cpu() for name, tensor in self.state_dict().items()}

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.ar_predict_layer.weight.device

    def embed_text(self, phones: Tensor, bert: Tensor | None, positions: Tensor) -> Tensor:
        """phones [..., T_ph], bert [..., 1024, T_ph] or None (zeros), positions [..., T_ph] -> [..., T_ph, C]."""
        x = self.ar_text_embedding(phones)
        if bert is None:
            x = x + self.bert_proj.bias
        else:
            x = x + self.bert_proj(bert.transpose(-1, -2).to(x.dtype))
        return self._drop(self.ar_text_position(x, positions))

    def embed_audio(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """tokens [..., T] and their positions [..., T] -> [..., T, C]."""
        return self._drop(self.ar_audio_position(self.ar_audio_embedding(tokens), positions))

    def _drop(self, x: Tensor) -> Tensor:
        share = self.config.position_dropout
        return dropout(x, share) if self.training and share > 0 else x

    # ---- decoding -------------------------------------------------------------------------------------------------

    @property
    def packed(self) -> bool:
        """True after :meth:`pack`."""
        return any(isinstance(module, lm_half.HalfLinear) for module in self.modules())

    def pack(self) -> Text2SemanticDecoder:
        """Weights of the layers as packed float16, where this CPU can and the model is large enough to be faster by it.

        Public checkpoints are stored in float16, so nothing is lost. For speaking only: it cannot be trained or saved
        any more.
        """
        large = lm_half.worthwhile(sum(p.numel() for p in self.h.parameters()))
        if large and not self.packed and self.device.type == "cpu" and lm_half.available():
            self.h.pack()
        return self

    def _check_request(self, request: T2SRequest) -> None:
        if not 0 <= int(request.phones.min()) <= int(request.phones.max()) < self.config.phoneme_vocab_size:
            raise T2SError(f"phone ids must be in 0..{self.config.phoneme_vocab_size - 1}")
        if request.prompt is not None and request.prompt.numel():
            if not 0 <= int(request.prompt.min()) <= int(request.prompt.max()) < self.config.vocab_size - 1:
                raise T2SError(f"prompt tokens must be in 0..{self.config.vocab_size - 2}")

    def _embed_request(self, request: T2SRequest) -> Tensor:
        """[1, T_ph + T_sem of the prompt, C]."""
        device = self.device
        bert = None if request.bert is None else request.bert.to(device)
        text_positions = torch.arange(request.phones.numel(), device=device)
        text = self.embed_text(request.phones.to(device), bert, text_positions)
        if request.prompt is None or not request.prompt.numel():
            return text[None]
        audio_positions = torch.arange(request.prompt_length, device=device)
        return torch.cat((text, self.embed_audio(request.prompt.to(device), audio_positions)))[None]

    def allocate(self, rows: int, positions: int) -> DecodeState:
        """As :class:`~AR.backend.T2SBackend`."""
        cfg, like = self.config, self.ar_predict_layer.weight
        return DecodeState(KVCache(cfg.n_layer, rows, cfg.head, cfg.hidden_dim // cfg.head, like, positions + 1))

    @torch.inference_mode()
    def read(self, state: DecodeState, row: int, request: T2SRequest) -> Iterator[Tensor | None]:
        """As :class:`~AR.backend.T2SBackend`. A portion is some layers for all positions: text sees all text."""
        if self.training:
            raise RuntimeError("call eval() before decoding: dropout is on")
        self._check_request(request)
        self.ar_text_position.reserve(request.phones.numel())
        self.ar_audio_position.reserve(request.prompt_length)
        x = self._embed_request(request)
        length, text = x.shape[1], request.phones.numel()
        state.make_room(row + 1, length)
        work = 0
        for hidden in self.h.extend(x, RowView(state.cache, row, 0, length, prefix=text)):
            x, work = hidden, work + length
            if work >= PORTION * self.config.n_layer:
                yield None
                work = 0
        state.open_row(row, length, request.prompt_length)
        yield self.ar_predict_layer(x[0, -1]).float()

    def prefill(self, requests: Sequence[T2SRequest]) -> tuple[DecodeState, Tensor]:
        """Read requests into a state of their own; returns (state, logits [B, V] of each row's first new token).

        Raises:
            T2SError: ids outside the tables, or no request.
        """
        return read_all(self, requests)

    @torch.inference_mode()
    def step(self, state: DecodeState, tokens: Tensor) -> Tensor:
        """Append tokens [n] to the first n rows (in place); returns logits [n, V] of the next token, float32."""
        rows = tokens.numel()
        state.make_room(rows, max(state.cache.filled[:rows]) + 1)
        # a bound known without looking at the device: no row has more audio than there are columns
        self.ar_audio_position.reserve(state.cache.capacity + 1)
        x = self.embed_audio(tokens[:, None], state.spoken[:rows, None])
        view = StepView(state.cache, rows)
        *_, x = self.h.extend(x, view)
        state.finish_step(view, rows)
        return self.ar_predict_layer(x[:, -1]).float()

    # ---- training -------------------------------------------------------------------------------------------------

    def forward(
        self,
        phones: Tensor,
        text_positions: Tensor,
        tokens: Tensor,
        bias: Tensor,
        bert: Tensor | None = None,
        tap: AttentionTap | None = None,
    ) -> Tensor:
        """Teacher-forced hidden states of the rows that predict tokens.

        Args:
            phones: [B, T_ph], text block (left-padded).
            text_positions: [B, T_ph] position codes of the text block.
            tokens: [B, T_sem], right-padded with EOS.
            bias: [B, 1, L, L] of ``training_bias``, L = T_ph + T_sem.
            bert: [B, 1024, T_ph] or None.
            tap: looks at queries and keys of each layer.

        Returns:
            [B, T_sem + 1, C]: position t predicts token t, the last one EOS. ``ar_predict_layer`` makes logits of it.
        """
        audio_positions = torch.arange(tokens.shape[1], device=tokens.device)
        self.ar_text_position.reserve(phones.shape[1])
        self.ar_audio_position.reserve(tokens.shape[1])
        text = self.embed_text(phones, bert, text_positions)
        audio = self.embed_audio(tokens, audio_positions)
        return self.h(torch.cat((text, audio), dim=1), bias, tap)[:, phones.shape[1] - 1 :]


def training_bias(text_valid: Tensor, token_lens: Tensor, token_max: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """[B, 1, L, L] for a text block with real phones where ``text_valid`` [B, T_ph], then right-padded tokens.

    Text sees real text; audio sees real text and real audio up to itself.
    """
    batch, text_len = text_valid.shape
    index = torch.arange(token_max, device=text_valid.device)
    audio_valid = index < token_lens[:, None]  # [B, T_sem]
    causal = index[None, :] <= index[:, None]  # [T_sem, T_sem]
    allowed = torch.zeros(batch, text_len + token_max, text_len + token_max, dtype=torch.bool, device=index.device)
    allowed[:, :, :text_len] = text_valid[:, None, :]
    allowed[:, text_len:, text_len:] = causal & audio_valid[:, None, :]
    return additive(allowed, dtype)[:, None]
