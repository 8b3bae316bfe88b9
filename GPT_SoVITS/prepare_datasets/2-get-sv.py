"""Stage 2, for the Pro versions: speaker vectors, logs/<exp>/7-sv_cn. Run it after 2-get-hubert-wav32k.

    python GPT_SoVITS/prepare_datasets/2-get-sv.py --list my.list --exp my_voice

Every option can also be given by the environment variable that its help names; see --help.
"""

from prepare_datasets.cli import main_sv

if __name__ == "__main__":
    raise SystemExit(main_sv())
