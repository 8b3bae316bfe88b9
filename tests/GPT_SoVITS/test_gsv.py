"""The console command: subcommands reach their programs, in a checkout and in a wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import gsv
from config import REPO_ROOT


def test_every_subcommand_exists_and_gets_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, list[str]]] = []
    for table, name in ((gsv.COMMANDS, "gsv"), (gsv.TRAININGS, "gsv train")):
        for command, (module, _, function) in table.items():
            if name == "gsv" and command == "api":
                pytest.importorskip("fastapi")
            target = __import__(module)
            for part in module.split(".")[1:]:
                target = getattr(target, part)
            assert callable(getattr(target, function)), command
    import inference_cli

    monkeypatch.setattr(inference_cli, "main", lambda argv: seen.append(("speak", argv)) or 2)
    assert gsv.main(["speak", "--help", "-o", "a.wav"]) == 2
    assert seen == [("speak", ["--help", "-o", "a.wav"])]


@pytest.mark.parametrize("arguments", [[], ["dance"], ["train", "s9"]])
def test_unknown_commands_are_one_line_and_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        gsv.main(arguments)
    assert caught.value.code == 2 and "Traceback" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_wheel_has_it(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=REPO_ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = wheel.namelist()
        entry = next(name for name in names if name.endswith("entry_points.txt"))
        assert "gsv = gsv:main" in wheel.read(entry).decode()
    assert {"gsv.py", "api_v2.py", "http_api/app.py", "http_api/dialects/openai.py"} <= set(names)
