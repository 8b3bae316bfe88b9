"""The stand-in host's AR training: says that it ran."""

import argparse

from AR.models.t2s_lightning_module import Text2SemanticLightningModule

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--config_file", default="configs/s1longer.yaml")
    parser.parse_args()
    Text2SemanticLightningModule({"model": {"phoneme_vocab_size": 732}}, "out", is_train=True)
    print("RESULT the AR model was trained")
