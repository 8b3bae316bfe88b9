"""Names of the tables of a training folder, and the optional ones beside the public files: ``name TAB value`` a line,
UTF-8.

``speakers.tsv`` names each clip's speaker; ``alignment.tsv`` the phone spoken at each semantic token (25 a second), as
``ssl_train.py`` writes it. The rest of the tree reads them through ``side_tables.py``, which has its kinds of error.
"""

from __future__ import annotations

from pathlib import Path

from AR.errors import T2SError

TEXT_TABLE, TOKEN_TABLE = "2-name2text.txt", "6-name2semantic.tsv"
SPEAKER_TABLE, ALIGNMENT_TABLE = "speakers.tsv", "alignment.tsv"


def read_table(path: Path) -> dict[str, str]:
    """Values by clip name; empty where there is no such file.

    Raises:
        T2SError: the file cannot be read, or is not UTF-8.
    """
    if not path.is_file():
        return {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise T2SError(f"{path} cannot be read as UTF-8 text ({error}); make it again or remove it") from error
    return {name: value.strip() for name, tab, value in (line.partition("\t") for line in lines) if tab}


def read_alignment(path: Path) -> dict[str, tuple[int, ...]]:
    """Index of the phone spoken at each token, by clip name (-1: none); empty where there is no such file.

    Raises:
        T2SError: the file cannot be read, or a clip's indices are no whole numbers.
    """
    found = {}
    for name, value in read_table(path).items():
        try:
            found[name] = tuple(int(index) for index in value.split())
        except ValueError as error:
            what = f"{path}: what stands behind {name} is no alignment"
            raise T2SError(f"{what}: expected phone indices, whole numbers; make it again") from error
    return found
