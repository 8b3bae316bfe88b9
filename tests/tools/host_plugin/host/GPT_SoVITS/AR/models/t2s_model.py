"""The decoder of the stand-in host, generator variant: tokens are drawn from torch's global generator."""

import torch
from torch import nn

EOS = 1024
first = next  # of a generator; the older variant, made by the fixture, is a plain function


class Text2SemanticDecoder(nn.Module):
    """Same names and results as the public class; the "network" is a table of logits."""

    def __init__(self, config, norm_first=False, top_k=3):
        super().__init__()
        self.phoneme_vocab_size = config["model"]["phoneme_vocab_size"]
        self.calls = []
        generator = torch.Generator().manual_seed(5)
        self.register_buffer("table", torch.randn(1025, 1025, generator=generator))

    def infer_panel_batch_infer(
        self,
        x,
        x_lens,
        prompts,
        bert_feature,
        top_k=-100,
        top_p=100,
        early_stop_num=-1,
        temperature=1.0,
        repetition_penalty=1.35,
        **kwargs,
    ):
        self.calls.append("batch")
        if prompts is None:
            return self.infer_panel_naive_batched(x, x_lens, prompts, bert_feature, top_k, top_p, early_stop_num)
        count = 12 + int(torch.randint(0, 20, (1,)))
        new = torch.randint(0, EOS, (len(x), count))
        return [torch.cat((prompts[n], new[n])) for n in range(len(x))], [count] * len(x)

    def infer_panel_naive_batched(
        self,
        x,
        x_lens,
        prompts,
        bert_feature,
        top_k=-100,
        top_p=100,
        early_stop_num=-1,
        temperature=1.0,
        repetition_penalty=1.35,
        **kwargs,
    ):
        self.calls.append("naive_batched")
        ys, counts = [], []
        for n in range(len(x)):
            prompt = None if prompts is None else prompts[n][None]
            y, count = first(
                self.infer_panel_naive(x[n][None], x_lens[n], prompt, bert_feature[n][None], top_k, top_p, **kwargs)
            )
            ys.append(y[0])
            counts.append(count)
        return ys, counts

    def infer_panel_naive(
        self,
        x,
        x_lens,
        prompts,
        bert_feature,
        top_k=-100,
        top_p=100,
        early_stop_num=-1,
        temperature=1.0,
        repetition_penalty=1.35,
        streaming_mode=False,
        chunk_length=24,
        **kwargs,
    ):
        self.calls.append("naive")
        y = x.new_zeros(1, 0) if prompts is None else prompts
        given = y.shape[1]
        told = given  # streaming
        for step in range(12 + int(torch.randint(0, 20, (1,)))):
            last = int(y[0, -1]) if y.shape[1] else 0
            y = torch.cat((y, torch.multinomial(self.table[last].softmax(0)[:EOS], 1)[None]), dim=1)
            if streaming_mode and y.shape[1] - told >= chunk_length:  # streaming
                yield y[:, told:], False  # streaming
                told = y.shape[1]  # streaming
        if streaming_mode:  # streaming
            yield (y[:, told:] if told < y.shape[1] else None), True  # streaming
            return  # streaming
        yield y, (0 if prompts is None else step + 1)

    def infer_panel(
        self,
        x,
        x_lens,
        prompts,
        bert_feature,
        top_k=-100,
        top_p=100,
        early_stop_num=-1,
        temperature=1.0,
        repetition_penalty=1.35,
        **kwargs,
    ):
        self.calls.append("single")
        return first(self.infer_panel_naive(x, x_lens, prompts, bert_feature, top_k, top_p, early_stop_num, **kwargs))
