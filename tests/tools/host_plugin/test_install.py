"""Installing into a checkout and taking out again: what is changed, what is refused, and that nothing stays behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from config import PACK_DIR, REPO_ROOT
from errors import OutputError
from tests.tools.host_plugin.standin import PROMPT_TEXT, TEXTS, StandIn
from tools import plugin as command
from tools.host_plugin.install import MANIFEST, PACKAGE, facts, install, remove

STEP = {"prompt_text": PROMPT_TEXT, "texts": [TEXTS[0]], "prompt": [1, 2, 3], "seed": 1}
IMPORT = "import AR; print('RESULT imported')"


def package(host: StandIn) -> Path:
    return host.root / "GPT_SoVITS" / PACKAGE


def test_removing_leaves_every_file_byte_for_byte(make_host: Callable[..., StandIn]) -> None:
    host = make_host()
    before = host.content()
    assert b"\r\n" in before["GPT_SoVITS/TTS_infer_pack/__init__.py"]
    install(host.root)
    host.run("-c", IMPORT)  # caches of compiled code are made
    line = (host.root / "GPT_SoVITS/TTS_infer_pack/__init__.py").read_bytes().splitlines(keepends=True)
    assert len(line) == 2 and all(one.endswith(b"\r\n") for one in line)
    done = remove(host.root)
    assert host.content() == before
    assert not package(host).exists()
    assert len(done.restored) == 2 and not done.changed


def test_only_two_files_of_the_host_are_touched(make_host: Callable[..., StandIn]) -> None:
    host = make_host()
    before = host.content()
    install(host.root)
    after = host.content()
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"GPT_SoVITS/AR/__init__.py", "GPT_SoVITS/TTS_infer_pack/__init__.py"}
    assert all(name.startswith(f"GPT_SoVITS/{PACKAGE}/") for name in set(after) - set(before))


def test_installing_twice_is_installing_once(make_host: Callable[..., StandIn]) -> None:
    host = make_host()
    before = host.content()
    install(host.root)
    once = host.content()
    install(host.root)
    assert host.content() == once
    remove(host.root)
    assert host.content() == before


def test_a_file_that_was_changed_meanwhile_loses_the_line_only(make_host: Callable[..., StandIn]) -> None:
    host = make_host()
    install(host.root)
    path = host.root / "GPT_SoVITS/AR/__init__.py"
    path.write_bytes(path.read_bytes() + b"later = 1\n")
    done = remove(host.root)
    assert path.read_bytes() == b"later = 1\n"
    assert done.changed == ("GPT_SoVITS/AR/__init__.py",)


def test_trained_stages_go_only_when_that_is_asked(make_host: Callable[..., StandIn]) -> None:
    host = make_host()
    install(host.root, [PACK_DIR / "lm"])
    stage = host.root / "GPT_weights_qwen3" / "lm"
    remove(host.root)
    assert stage.is_dir()
    install(host.root)
    remove(host.root, stages=True)
    assert not stage.exists()


def test_a_file_that_is_not_ours_stays(make_host: Callable[..., StandIn]) -> None:
    host = make_host()
    install(host.root)
    notes = package(host) / "notes.txt"
    notes.write_text("mine", encoding="utf-8")
    assert remove(host.root).left == (str(notes),)
    assert notes.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("broken", ["missing", "syntax", "no boot"])
def test_a_broken_plugin_folder_does_not_stop_the_host(make_host: Callable[..., StandIn], broken: str) -> None:
    host = make_host()
    install(host.root)
    if broken == "missing":
        shutil.rmtree(package(host))
    elif broken == "syntax":
        (package(host) / "state.py").write_text("def (", encoding="utf-8")
    else:
        (package(host) / "boot.py").unlink()
    found, told = host.run("-c", IMPORT)
    assert found == "imported"
    assert ("cannot start" in told) == (broken == "syntax")


def test_an_unknown_signature_loses_only_the_part_concerned(make_host: Callable[..., StandIn]) -> None:
    host = make_host()
    decoder = host.root / "GPT_SoVITS/AR/models/t2s_model.py"
    text = decoder.read_text(encoding="utf-8").replace("repetition_penalty=1.35", "penalty=1.35", 1)
    decoder.write_text(text, encoding="utf-8")
    problems = install(host.root, [PACK_DIR / "lm"]).problems()
    assert len(problems) == 1 and "infer_panel_batch_infer has no parameter repetition_penalty" in problems[0]
    on = {"use_qwen3": True, "qwen3_model_name": "/no/such"}
    naive, told = host.drive({**STEP, **on, "parallel_infer": False})
    assert naive[0]["reason"] == "weights_missing"
    assert told.count("infer_panel_batch_infer have another form") == 1


def test_a_host_without_the_constructor_is_refused(make_host: Callable[..., StandIn]) -> None:
    host = make_host()
    before = host.content()
    path = host.root / "GPT_SoVITS/AR/models/t2s_lightning_module.py"
    path.write_text(path.read_text(encoding="utf-8").replace("is_train", "training"), encoding="utf-8")
    with pytest.raises(OutputError, match="no parameter is_train"):
        install(host.root)
    path.write_bytes(before["GPT_SoVITS/AR/models/t2s_lightning_module.py"])
    assert host.content() == before


def test_what_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no folder GPT_SoVITS"):
        install(tmp_path)
    with pytest.raises(OutputError, match="already"):
        install(REPO_ROOT)


def test_a_folder_in_the_way_is_left_alone(make_host: Callable[..., StandIn]) -> None:
    host = make_host()
    package(host).mkdir()
    (package(host) / "mine.py").write_text("x = 1\n", encoding="utf-8")
    before = host.content()
    with pytest.raises(OutputError, match="no manifest"):
        install(host.root)
    assert host.content() == before


def test_status_tells_what_is_there(make_host: Callable[..., StandIn], caplog: pytest.LogCaptureFixture) -> None:
    host = make_host()
    assert not facts(host.root)["installed"]
    install(host.root, [PACK_DIR / "lm"])
    (package(host) / "words.py").write_text("", encoding="utf-8")
    found = facts(host.root)
    assert found["stages"] == ["lm"] and found["changed_files"] == ["words.py was changed"]
    caplog.set_level("INFO")
    assert command.main(["status", str(host.root)]) == 0
    assert "inference_webui.py" in caplog.text and "torch" in caplog.text


def test_commands_end_with_two_and_a_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("install", "status", "remove"):
        assert command.main([name, str(tmp_path)]) == 2
    assert "checkout" in caplog.text


def test_the_manifest_names_every_file(make_host: Callable[..., StandIn]) -> None:
    host = make_host()
    install(host.root)
    manifest = json.loads((package(host) / MANIFEST).read_text(encoding="utf-8"))
    there = {path.relative_to(package(host)).as_posix() for path in package(host).rglob("*.py")}
    assert set(manifest["files"]) == there
    assert manifest["home"] == str(REPO_ROOT)
