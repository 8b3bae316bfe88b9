"""The one constructor of the stand-in host's decoder."""

from torch import nn

from AR.models.t2s_model import Text2SemanticDecoder


class Text2SemanticLightningModule(nn.Module):
    def __init__(self, config, output_dir, is_train=True):
        super().__init__()
        self.model = Text2SemanticDecoder(config=config, top_k=3)
