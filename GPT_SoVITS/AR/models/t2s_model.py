"""The original AR transformer of GPT-SoVITS, ``Text2SemanticDecoder``: a T2S backend and its training pass.

Text is bidirectional and never sees audio; audio is causal and sees all text. A row is
[padding][phones][semantic tokens], left-padded, with position codes counted from the first real phone and the first
token. State_dict names are the public ones; checkpoints write them with the prefix ``model.``.

Shapes: B batch, T_ph phonemes, T_sem semantic tokens, L positions, C channels, V = 1025.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from AR.backend import T2SRequest
from AR.errors import T2SError
from AR.models.config import T2SModelConfig
from AR.models.embedding import SinePosition, TokenEmbedding
from AR.models.kv_cache import KVCache
from AR.models.transformer import AttentionTap, TransformerStack, dropout
from AR.plausible import span_in

BERT_DIM = 1024
PREFIX = "model."


@dataclass
class ARDecodeState:
    """All that one decode call remembers.

    Attributes:
        cache: keys and values.
        positions: [B] position code of each row's next token.
        bias: [B, 1, 1, capacity] added to the scores (-inf where a row has padding), or None without padding.
    """

    cache: KVCache
    positions: Tensor
    bias: Tensor | None


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
        own = self.state_dict()
        problems = [f"missing {name}" for name in own if name not in weights]
        problems += [f"unexpected {name}" for name in weights if name not in own]
        problems += [
            f"{name} is {tuple(weights[name].shape)}, not {tuple(tensor.shape)}"
            for name, tensor in own.items()
            if name in weights and weights[name].shape != tensor.shape
        ]
        if problems:
            shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
            raise T2SError(f"weights do not fit the configuration: {shown}")
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

    def _check_request(self, request: T2SRequest) -> None:
        if not 0 <= int(request.phones.min()) <= int(request.phones.max()) < self.config.phoneme_vocab_size:
            raise T2SError(f"phone ids must be in 0..{self.config.phoneme_vocab_size - 1}")
        if request.prompt is not None and request.prompt.numel():
            if not 0 <= int(request.prompt.min()) <= int(request.prompt.max()) < self.config.vocab_size - 1:
                raise T2SError(f"prompt tokens must be in 0..{self.config.vocab_size - 2}")

    def _embed_request(self, request: T2SRequest) -> Tensor:
        """[T_ph + T_sem of the prompt, C]; each row is embedded without padding, so batching cannot change it."""
        device = self.device
        bert = None if request.bert is None else request.bert.to(device)
        text_positions = torch.arange(request.phones.numel(), device=device)
        text = self.embed_text(request.phones.to(device), bert, text_positions)
        if request.prompt is None or not request.prompt.numel():
            return text
        audio_positions = torch.arange(request.prompt_length, device=device)
        return torch.cat((text, self.embed_audio(request.prompt.to(device), audio_positions)))

    @torch.inference_mode()
    def prefill(self, requests: Sequence[T2SRequest]) -> tuple[ARDecodeState, Tensor]:
        """Read a batch of requests; returns (state, logits [B, V] of each row's first new token), float32.

        Raises:
            T2SError: ids outside the tables, or no request.
        """
        if self.training:
            raise RuntimeError("call eval() before decoding: dropout is on")
        if not requests:
            raise T2SError("no request to decode")
        for request in requests:
            self._check_request(request)
        self.ar_text_position.reserve(max(r.phones.numel() for r in requests))
        self.ar_audio_position.reserve(max(r.prompt_length for r in requests))
        rows = [self._embed_request(request) for request in requests]
        length = max(row.shape[0] for row in rows)
        x = torch.stack([nn.functional.pad(row, (0, 0, length - row.shape[0], 0)) for row in rows])  # [B, L, C]
        pad = torch.tensor([length - row.shape[0] for row in rows], device=x.device)
        text_end = pad + torch.tensor([r.phones.numel() for r in requests], device=x.device)
        cfg = self.config
        cache = KVCache(cfg.n_layer, len(rows), cfg.head, cfg.hidden_dim // cfg.head, x, length + KVCache.BLOCK)
        hidden = self.h.extend(x, prefill_bias(pad, text_end, length, x.dtype), cache)
        positions = torch.tensor([r.prompt_length for r in requests], device=x.device)
        bias = self._pad_bias(pad, cache.capacity, x.dtype) if bool(pad.any()) else None
        return ARDecodeState(cache, positions, bias), self.ar_predict_layer(hidden[:, -1]).float()

    @staticmethod
    def _pad_bias(pad: Tensor, capacity: int, dtype: torch.dtype) -> Tensor:
        """[B, 1, 1, capacity]: -inf in the first ``pad`` [B] columns."""
        columns = torch.arange(capacity, device=pad.device)
        return additive(columns[None, :] >= pad[:, None], dtype)[:, None, None, :]

    @torch.inference_mode()
    def step(self, state: ARDecodeState, tokens: Tensor) -> Tensor:
        """Append tokens [B] to the state (in place); returns logits [B, V] of the next token, float32."""
        used = state.cache.length + 1
        # a bound known without looking at the device: no row has more audio than there are columns
        self.ar_audio_position.reserve(used)
        x = self.embed_audio(tokens[:, None], state.positions[:, None])
        state.positions = state.positions + 1
        if state.bias is not None and state.bias.shape[-1] < used:
            state.bias = nn.functional.pad(state.bias, (0, state.bias.shape[-1]))
        bias = None if state.bias is None else state.bias[..., :used]
        return self.ar_predict_layer(self.h.extend(x, bias, state.cache)[:, -1]).float()

    @torch.inference_mode()
    def select(self, state: ARDecodeState, rows: Tensor) -> ARDecodeState:
        """State with the given batch rows only; the old one must not be used any more."""
        state.cache.select(rows)
        bias = None if state.bias is None else state.bias[rows]
        return ARDecodeState(state.cache, state.positions[rows], bias)

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


def additive(allowed: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Bool mask -> scores to add: 0 where allowed, -inf elsewhere."""
    return torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill_(~allowed, float("-inf"))


def prefill_bias(pad: Tensor, text_end: Tensor, length: int, dtype: torch.dtype) -> Tensor:
    """[B, 1, L, L] for rows of [padding][text][audio]: text sees text, audio sees text and audio up to itself.

    ``pad`` and ``text_end`` [B] are the columns where text begins and ends.
    """
    column = torch.arange(length, device=pad.device)
    real = column >= pad[:, None]  # [B, L]
    text = real & (column < text_end[:, None])
    causal = column[None, :] <= column[:, None]  # [L, L]
    allowed = text[:, None, :] | (real[:, None, :] & causal)
    return additive(allowed, dtype)[:, None]


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
