"""Stage 2: training audio and HuBERT features, logs/<exp>/5-wav32k and 4-cnhubert.

    python GPT_SoVITS/prepare_datasets/2-get-hubert-wav32k.py --list my.list --exp my_voice --hubert FOLDER

Every option can also be given by the environment variable that its help names; see --help.
"""

from prepare_datasets.cli import main_hubert

if __name__ == "__main__":
    raise SystemExit(main_hubert())
