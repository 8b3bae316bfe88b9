"""All stages one after the other: from a list of recordings to the training folder logs/<exp>/.

    python GPT_SoVITS/prepare_datasets/all.py --list my.list --exp my_voice --hubert FOLDER --s2 s2G.pth

Every option can also be given by the environment variable that its help names; see --help.
"""

from prepare_datasets.cli import main_all

if __name__ == "__main__":
    raise SystemExit(main_all())
