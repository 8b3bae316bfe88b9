"""Stage 1: phones and normalised text, logs/<exp>/2-name2text.txt and speakers.tsv.

    python GPT_SoVITS/prepare_datasets/1-get-text.py --list my.list --exp my_voice

Every option can also be given by the environment variable that its help names; see --help.
"""

from prepare_datasets.cli import main_text

if __name__ == "__main__":
    raise SystemExit(main_text())
