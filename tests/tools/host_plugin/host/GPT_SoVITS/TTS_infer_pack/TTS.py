"""The stand-in host's pipeline; "audio" is the semantic tokens themselves."""

import torch
import yaml
from AR.models.t2s_lightning_module import Text2SemanticLightningModule

from module.models import SynthesizerTrn
from TTS_infer_pack.TextPreprocessor import TextPreprocessor

SECTION = {"device": "cpu", "is_half": False, "version": "v2", "t2s_weights_path": "s1.ckpt"}


class TTS_Config:  # noqa: N801 - the public name
    default_configs = {"v2": SECTION}

    def __init__(self, configs=None):
        self.configs_path = "tts_infer.yaml"
        if isinstance(configs, str):
            self.configs_path = configs
            with open(configs, encoding="utf-8") as file:
                configs = yaml.safe_load(file)
        merged = {**self.default_configs, **(configs or {})}
        self.configs = merged.get("custom", merged["v2"])
        self.device = self.configs.get("device", "cpu")
        self.version = self.configs.get("version", "v2")
        self.t2s_weights_path = self.configs.get("t2s_weights_path")
        self.update_configs()

    def update_configs(self):
        self.config = {"device": self.device, "version": self.version, "t2s_weights_path": self.t2s_weights_path}
        return self.config

    def save_configs(self, configs_path=None):
        content = {**self.default_configs, "custom": self.update_configs()}
        with open(configs_path or self.configs_path, "w", encoding="utf-8") as file:
            yaml.safe_dump(content, file)


class TTS:
    def __init__(self, configs):
        self.configs = configs if isinstance(configs, TTS_Config) else TTS_Config(configs)
        self.t2s_model = None
        self.init_t2s_weights(self.configs.t2s_weights_path)
        self.vits_model = SynthesizerTrn()
        self.text_preprocessor = TextPreprocessor()

    def init_t2s_weights(self, weights_path):
        self.configs.t2s_weights_path = weights_path
        self.configs.save_configs()
        config = {"model": {"phoneme_vocab_size": 732}, "data": {"max_sec": 54}}
        self.configs.max_sec = config["data"]["max_sec"]
        self.t2s_model = Text2SemanticLightningModule(config, "****", is_train=False).eval()

    def run(self, inputs):
        """Rows of tokens for texts: inputs has texts, prompt_text, prompt (tokens or None), seed, and the mode."""
        torch.manual_seed(inputs["seed"])
        model = self.t2s_model.model
        if inputs.get("parallel_infer", True) and not inputs.get("streaming_mode"):
            model.infer_panel = model.infer_panel_batch_infer
        elif inputs.get("streaming_mode"):
            model.infer_panel = model.infer_panel_naive
        else:
            model.infer_panel = model.infer_panel_naive_batched
        read = self.text_preprocessor.segment_and_extract_feature_for_text
        prompt = inputs.get("prompt")
        before = [] if prompt is None else read(inputs["prompt_text"], "en", self.configs.version)[0]
        phones = [torch.tensor(before + read(text, "en", self.configs.version)[0]) for text in inputs["texts"]]
        sampling = {"top_k": inputs.get("top_k", 5), "top_p": 1, "temperature": 1.0, "early_stop_num": 50 * self.configs.max_sec}
        sampling["repetition_penalty"] = 1.35
        if inputs.get("streaming_mode"):
            tokens = None if prompt is None else torch.tensor([prompt])
            bert = torch.zeros(1, 1024, len(phones[0]))
            lens = torch.tensor([len(phones[0])])
            for part, is_final in model.infer_panel(
                phones[0][None], lens, tokens, bert, **sampling, max_len=len(phones[0]), streaming_mode=True
            ):
                yield 25, [] if part is None else part[0].tolist()
                if is_final:
                    return
        tokens = None if prompt is None else torch.tensor([prompt] * len(phones))
        bert = [torch.zeros(1024, len(one)) for one in phones]
        lens = torch.tensor([len(one) for one in phones])
        ys, counts = model.infer_panel(phones, lens, tokens, bert, **sampling, max_len=int(lens.max()))
        for y, count in zip(ys, counts):  # noqa: B905 - as the host does
            yield 25, y[-count:].tolist()
