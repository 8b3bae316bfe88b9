"""tools/download.py against a stand-in hub over a real socket: places, resuming, checksums, offline, plain errors."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import published
from errors import DownloadError
from published import ITEMS, S1, S2G, expand, fetch_command
from tests.tools.downloads.stand_in_hub import REVISION, StandInHub, serve
from tools import download
from tools.downloads import hubs, transfer

COLLECTION = "XXXXRT/GPT-SoVITS-Pretrained"
CODE = "import os"


def content(name: str, size: int = 5000) -> bytes:
    """Bytes that differ from file to file and do not pack to nothing."""
    return b"".join(hashlib.sha256(f"{name}{at}".encode()).digest() for at in range(size // 32 + 1))[:size]


def zipped(files: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for name, value in files.items():
            archive.writestr(name, value)
    return buffer.getvalue()


def published_files() -> dict[str, bytes]:
    """The repository of published weights, by path."""
    names = [path for item in ITEMS.values() for path in item.paths if path.startswith("pretrained_models/")]
    single = [name.removeprefix("pretrained_models/") for name in names if not name.endswith("/")]
    folders = {
        "chinese-hubert-base": "pytorch_model.bin",
        "chinese-roberta-wwm-ext-large": "pytorch_model.bin",
        "models--nvidia--bigvgan_v2_24khz_100band_256x": "bigvgan_generator.pt",
    }
    files = {name: content(name) for name in single}
    for folder, weight in folders.items():
        files |= {f"{folder}/config.json": b"{}", f"{folder}/{weight}": content(folder), f"{folder}/README.md": b"#"}
    return files


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    g2pw = {
        "G2PWModel/g2pW.onnx": b"\0" * 4000 + content("onnx"),
        "G2PWModel/POLYPHONIC_CHARS.txt": b"x",
        "G2PWModel/config.py": CODE.encode(),
    }
    files = published_files()
    packed = zipped({f"pretrained_models/{name}": value for name, value in files.items()})
    with serve(
        StandInHub(
            {
                "lj1995/GPT-SoVITS": files,
                COLLECTION: {"G2PWModel.zip": zipped(g2pw), "pretrained_models.zip": packed},
                "some/lm": {
                    "config.json": b"{}",
                    "model.safetensors": content("lm"),
                    "tokenizer.json": b"{}",
                    "pytorch_model.bin": content("pickle"),
                    "modeling.py": CODE.encode(),
                },
                "some/picture": {"cat.png": content("cat")},
            }
        )
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: StandInHub) -> Path:
    """The library folder of a checkout without weights; the environment of a user with a mirror."""
    library = tmp_path / "GPT_SoVITS"
    library.mkdir()
    monkeypatch.setattr(published, "LIBRARY", library)
    monkeypatch.setattr(transfer, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    for name in (*download.OFFLINE_NAMES, "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return library


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = download.main(arguments)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


# ---- what is fetched, and where to ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v1", "v2", "v2Pro", "v2ProPlus", "v3", "v4", "v5dev", "v5turbo"])
def test_a_version_brings_all_that_it_speaks_with(version: str, places: Path, hub: StandInHub) -> None:
    code = download.main([version])
    want = [
        S1[version],
        S2G[version],
        "pretrained_models/chinese-hubert-base/config.json",
        "pretrained_models/chinese-roberta-wwm-ext-large/pytorch_model.bin",
    ]
    want += {
        "v2Pro": ["pretrained_models/sv/pretrained_eres2netv2w24s4ep4.ckpt"],
        "v2ProPlus": ["pretrained_models/sv/pretrained_eres2netv2w24s4ep4.ckpt"],
        "v3": ["pretrained_models/models--nvidia--bigvgan_v2_24khz_100band_256x/bigvgan_generator.pt"],
        "v4": ["pretrained_models/gsv-v4-pretrained/vocoder.pth"],
        "v5dev": ["pretrained_models/gsv-v5-pretrained/vocoder.pth"],
        "v5turbo": ["pretrained_models/gsv-v5-pretrained/vocoder.pth"],
    }.get(version, [])
    assert code == 0
    repo = hub.repos["lj1995/GPT-SoVITS"]
    for path in want:
        assert (places / path).is_file(), path
    for file in (places / "pretrained_models").rglob("*"):
        if file.is_file():
            assert file.read_bytes() == repo[file.relative_to(places / "pretrained_models").as_posix()]
            assert not file.name.startswith(".") and file.name != "README.md"


def test_g2pw_comes_out_of_its_zip_without_code(places: Path) -> None:
    assert download.main(["g2pw"]) == 0
    folder = places / "text/G2PWModel"
    assert sorted(path.name for path in folder.iterdir()) == ["POLYPHONIC_CHARS.txt", "g2pW.onnx"]
    assert (folder / "g2pW.onnx").read_bytes() == b"\0" * 4000 + content("onnx")


def test_modelscope_gives_single_files_of_its_archive(
    places: Path, hub: StandInHub, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, message = run(capsys, "v4", "g2pw", "--source", "modelscope", "--endpoint", hub.endpoint)
    assert code == 0, message
    assert (places / S2G["v4"]).read_bytes() == content("gsv-v4-pretrained/s2Gv4.pth")
    assert (places / "text/G2PWModel/POLYPHONIC_CHARS.txt").is_file()
    assert not (places / S2G["v3"]).exists()


def test_a_language_model_comes_to_the_hubs_cache(
    hub: StandInHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import try_to_load_from_cache

    code, printed, _ = run(capsys, "some/lm")
    folder = tmp_path / "hub/models--some--lm/snapshots" / REVISION
    assert code == 0 and str(folder) in printed
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert try_to_load_from_cache("some/lm", "config.json", cache_dir=tmp_path / "hub") == str(folder / "config.json")
    code, _, _ = run(capsys, "some/lm", "--source", "modelscope", "--endpoint", hub.endpoint)
    assert code == 0
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run(capsys, "some/lm")[0] == 0
    assert run(capsys, "some/other")[0] == 2


def test_a_second_run_fetches_nothing(hub: StandInHub) -> None:
    assert download.main(["sv"]) == 0
    before = len(hub.spans)
    assert download.main(["sv"]) == 0
    assert len(hub.spans) == before == 1


def test_another_repository_of_the_same_layout(places: Path, hub: StandInHub) -> None:
    hub.repos["my/mirror"] = {"sv/pretrained_eres2netv2w24s4ep4.ckpt": content("mine")}
    assert download.main(["sv", "--repo", "my/mirror"]) == 0
    assert (places / published.SPEAKER).read_bytes() == content("mine")


def test_the_token_goes_to_the_hub_and_to_nobody_else(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.gated.add("some/lm")
    assert download.main(["some/lm"]) == 2
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert download.main(["some/lm"]) == 0
    assert {each.token for each in hub.asked if each.host.startswith("localhost")} == {None}


# ---- breaks and resuming --------------------------------------------------------------------------------------------


def test_a_connection_that_breaks_is_taken_up_again(places: Path, hub: StandInHub) -> None:
    hub.breaks = [2000, 1500]
    seen: list[tuple[str, int, int]] = []
    download.Downloader(progress=lambda *step: seen.append(step)).items(["sv"])
    assert hub.spans == ["bytes=0-4999", "bytes=2000-4999", "bytes=3500-4999"]
    assert (places / published.SPEAKER).read_bytes() == content("sv/pretrained_eres2netv2w24s4ep4.ckpt")
    name = "sv/pretrained_eres2netv2w24s4ep4.ckpt"
    assert seen[0] == (name, 0, 5000) and seen[-1] == (name, 5000, 5000) and seen == sorted(seen)


def test_a_later_run_goes_on_where_one_gave_up(
    places: Path, hub: StandInHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "RETRIES", 1)
    hub.breaks = [2000, 0, 0]
    code, _, message = run(capsys, "sv")
    assert code == 2 and "2000 of 5000" in message and "goes on from there" in message
    assert not (places / published.SPEAKER).exists()
    assert run(capsys, "sv")[0] == 0
    assert hub.spans[-1] == "bytes=2000-4999"
    assert (places / published.SPEAKER).read_bytes() == content("sv/pretrained_eres2netv2w24s4ep4.ckpt")
    assert not [path for path in places.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_file_inside_a_zip_goes_on_too(
    packing: int, tmp_path: Path, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "RETRIES", 0)
    hub.repos["some/zip"] = {"all.zip": zipped({"first": content("first"), "in/it": content("it", 9000)}, packing)}
    archive = hubs.HuggingFace(hub.endpoint).listing("some/zip").files["all.zip"]
    member = hubs.archive_files(archive, "in/")["in/it"]
    hub.breaks = [4000]
    with pytest.raises(DownloadError, match="broke off after 4000"):
        transfer.fetch(member, tmp_path / "it")
    assert transfer.fetch(member, tmp_path / "it")
    assert hub.spans[-1] == f"bytes={member.offset + 4000}-{member.offset + member.wire_size - 1}"
    assert (tmp_path / "it").read_bytes() == content("it", 9000)
    assert not transfer.fetch(member, tmp_path / "it")


def test_two_processes_do_not_write_one_file(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second one says so at once."""
    told: list[tuple[int, str, str]] = []

    def meanwhile(name: str, done: int, total: int) -> None:
        if not told:
            told.append(run(capsys, "sv"))

    download.Downloader(progress=meanwhile).items(["sv"])
    assert told[0][0] == 2 and "another process" in told[0][2]
    assert (places / published.SPEAKER).is_file()


def test_a_server_without_ranges_still_serves_the_rest(places: Path, hub: StandInHub) -> None:
    hub.no_ranges, hub.breaks = True, [2000]
    assert download.main(["sv"]) == 0
    assert (places / published.SPEAKER).read_bytes() == content("sv/pretrained_eres2netv2w24s4ep4.ckpt")


# ---- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["sv/pretrained_eres2netv2w24s4ep4.ckpt", "chinese-hubert-base/config.json"])
def test_a_wrong_checksum_leaves_nothing(
    path: str, places: Path, hub: StandInHub, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.altered.add(path)
    code, _, message = run(capsys, "sv" if path.startswith("sv") else "hubert")
    assert code == 2 and "damaged or altered" in message and message.count("\n") == 1
    assert not (places / "pretrained_models" / path).exists()
    assert not [left for left in places.rglob("*") if left.name.startswith(".")]
    hub.altered.clear()
    assert run(capsys, "sv" if path.startswith("sv") else "hubert")[0] == 0


def test_a_damaged_zip_member_leaves_nothing(places: Path, hub: StandInHub, capsys: pytest.CaptureFixture[str]) -> None:
    packed = bytearray(hub.repos[COLLECTION]["G2PWModel.zip"])
    packed[2000] ^= 255
    hub.repos[COLLECTION]["G2PWModel.zip"] = bytes(packed)
    code, _, message = run(capsys, "g2pw")
    assert code == 2 and "G2PWModel/g2pW.onnx arrived damaged" in message
    assert not (places / "text/G2PWModel/g2pW.onnx").exists()


def test_a_file_of_ones_own_is_not_replaced_unasked(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = places / published.SPEAKER
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    code, _, message = run(capsys, "sv")
    assert code == 2 and "--force" in message and own.read_bytes() == b"mine"
    assert run(capsys, "sv", "--force")[0] == 0
    assert own.stat().st_size == 5000


@pytest.mark.parametrize("word", ["1", "true", "YES"])
def test_offline_asks_nobody(
    word: str, hub: StandInHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", word)
    code, _, message = run(capsys, "sv")
    assert code == 2 and "HF_HUB_OFFLINE" in message and not hub.asked
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert run(capsys, "sv")[0] == 0
    monkeypatch.setenv("HF_HUB_OFFLINE", word)
    asked = len(hub.asked)
    code, printed, _ = run(capsys, "sv")
    assert code == 0 and "pretrained_eres2netv2w24s4ep4.ckpt" in printed and len(hub.asked) == asked


def test_an_unknown_name_lists_the_known_ones(hub: StandInHub, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, message = run(capsys, "v9")
    assert code == 2 and not hub.asked and all(name in message for name in ITEMS)


@pytest.mark.parametrize(("name", "says"), [("no/such", "not there"), ("some/picture", "safetensors")])
def test_a_repository_that_is_no_model(name: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, message = run(capsys, name)
    assert code == 2 and says in message and message.count("\n") == 1


def test_a_hub_in_trouble(hub: StandInHub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.down = 503
    code, _, message = run(capsys, "sv")
    assert code == 2 and "503" in message and "HF_ENDPOINT" in message
    code, _, message = run(capsys, "sv", "--endpoint", "http://127.0.0.1:9")
    assert code == 2 and "127.0.0.1:9" in message


def test_a_repository_without_the_file(hub: StandInHub, capsys: pytest.CaptureFixture[str]) -> None:
    del hub.repos["lj1995/GPT-SoVITS"]["s2Gv3.pth"]
    code, _, message = run(capsys, "v3")
    assert code == 2 and "s2Gv3.pth" in message and "--repo" in message


def test_a_folder_that_cannot_be_written(places: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (places / "pretrained_models").write_text("a file where the folder should be", encoding="utf-8")
    code, _, message = run(capsys, "sv")
    assert code == 2 and "cannot be written" in message and message.count("\n") == 1


def test_a_full_disk_is_told_before_the_first_byte(
    hub: StandInHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 10})())
    code, _, message = run(capsys, "sv")
    assert code == 2 and "room" in message and not hub.spans


def test_a_name_that_leads_outside_is_refused(
    places: Path, hub: StandInHub, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.repos["lj1995/GPT-SoVITS"]["chinese-hubert-base/../../../evil"] = content("evil")
    code, _, message = run(capsys, "hubert")
    assert code == 2 and "outside" in message and not (places.parent / "evil").exists()


# ---- the table ------------------------------------------------------------------------------------------------------


def test_the_list_says_what_is_on_disk(capsys: pytest.CaptureFixture[str]) -> None:
    assert download.main(["sv"]) == 0
    _, printed, _ = run(capsys, "--list")
    rows = {line.split()[0]: line for line in printed.splitlines() if not line.startswith("on disk:")}
    assert set(rows) == set(ITEMS) and "on disk" in rows["sv"] and "on disk" not in rows["hubert"]


def test_all_is_everything() -> None:
    assert {item.name for item in expand(["all"])} == set(ITEMS)
    assert fetch_command("v4") == "python tools/download.py v4"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("pretrained_models/s1v3.ckpt", "s1v3"),
        ("pretrained_models/s2Gv3.pth", "v3"),
        ("pretrained_models/chinese-hubert-base", "hubert"),
        ("text/G2PWModel/g2pW.onnx", "g2pw"),
        ("pretrained_models/v2Pro/s2Dv2Pro.pth", "v2Pro-train"),
        ("pretrained_models/mine.pth", "else"),
    ],
)
def test_a_missing_path_names_its_command(path: str, name: str, places: Path) -> None:
    assert published.fix_for(places / path, fetch_command("else")) == fetch_command(name)
