"""Stage 3: semantic tokens, logs/<exp>/6-name2semantic.tsv.

    python GPT_SoVITS/prepare_datasets/3-get-semantic.py --list my.list --exp my_voice --s2 s2G.pth

Every option can also be given by the environment variable that its help names; see --help.
"""

from prepare_datasets.cli import main_semantic

if __name__ == "__main__":
    raise SystemExit(main_semantic())
