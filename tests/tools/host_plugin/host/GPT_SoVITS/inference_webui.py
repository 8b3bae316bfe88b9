"""The stand-in host's page with functions of its own, as the public one."""

import json
import sys

import gradio as gr
import torch
from AR.models.t2s_lightning_module import Text2SemanticLightningModule

from module.models import SynthesizerTrn
from text import cleaned_text_to_sequence
from text.cleaner import clean_text

vq_model = SynthesizerTrn()
t2s_model = Text2SemanticLightningModule({"model": {"phoneme_vocab_size": 732}}, "****", is_train=False)


def get_phones_and_bert(text, language, version, final=False):
    phones, _, norm_text = clean_text(text, language, version)
    ids = cleaned_text_to_sequence(phones, version)
    return ids, torch.zeros(1024, len(ids)), norm_text


def get_tts_wav(prompt, prompt_text, text, seed):
    torch.manual_seed(seed)
    phones1, bert1, _ = get_phones_and_bert(prompt_text, "en", "v2")
    phones2, bert2, _ = get_phones_and_bert(text, "en", "v2")
    ids = torch.LongTensor(phones1 + phones2)[None]
    bert = torch.cat((bert1, bert2), 1)[None]
    lens = torch.tensor([ids.shape[1]])
    y, idx = t2s_model.model.infer_panel(
        ids, lens, torch.tensor([prompt]), bert, top_k=5, top_p=1, temperature=1.0, early_stop_num=2700
    )
    return y[0, -idx:].tolist()


with gr.Blocks(title="GPT-SoVITS WebUI") as app:
    with gr.Row():
        gr.Textbox(label="text")

if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    components = app.get_config_file()["components"]
    labels = [one["props"].get("label") for one in components]
    spoken = [get_tts_wav(**asked) for _ in range(2)]
    print("RESULT", json.dumps({"labels": labels, "spoken": spoken}))
