"""A GPT-SoVITS checkout as a host: is it one, which of the plugin's places does it have. Reads source, runs nothing."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from errors import OutputError
from plugins.host.gsv_lm.signatures import CONSTRUCTOR, OPTIONAL, PLACES, Place, missing

GPT_SOVITS = "GPT_SoVITS"
OWN_STAGE = "AR/models/qwen3_t2s_model.py"
PAGES = ("inference_webui.py", "inference_webui_fast.py")
OUT_OF_REACH = ("stream_v2pro.py", "export_torch_script.py", "export_torch_script_v3v4.py", "onnx_export.py")
"""Scripts with copies of the AR model in them."""


@dataclass(frozen=True)
class Found:
    """One of the plugin's places in this host; ``problem`` is empty where it is as expected."""

    place: Place
    problem: str = ""


@dataclass(frozen=True)
class Host:
    """A checkout.

    Attributes:
        root: its folder.
        places: what was found of the plugin's places.
        pages: the inference pages it has.
        out_of_reach: its scripts that speak without the plugin.
    """

    root: Path
    places: tuple[Found, ...]
    pages: tuple[str, ...]
    out_of_reach: tuple[str, ...]

    @property
    def library(self) -> Path:
        """Its import root."""
        return self.root / GPT_SOVITS

    def problems(self) -> list[str]:
        """A line for each place that is not as expected, with what is lost."""
        return [f"{one.place.part}: {one.place.label} {one.problem}" for one in self.places if one.problem]


def read_host(checkout: Path) -> Host:
    """Look at a checkout.

    Raises:
        OutputError: it is no folder, no GPT-SoVITS, this project's own tree, or one without the place that speaks.
    """
    root = checkout.expanduser().resolve()
    library = root / GPT_SOVITS
    if not library.is_dir():
        raise OutputError(f"{root} has no folder {GPT_SOVITS}", "the root of a GPT-SoVITS checkout")
    if (library / OWN_STAGE).is_file():
        raise OutputError(
            f"{root} has the language model stage already ({OWN_STAGE})",
            "a checkout without it",
            "nothing is to be done",
        )
    found = tuple(_look(library, place) for place in PLACES)
    bad = next((one for one in found if one.place == CONSTRUCTOR and one.problem), None)
    if bad is not None:
        raise OutputError(
            f"{root} is no GPT-SoVITS that the plugin knows: {bad.place.module} {bad.place.label} {bad.problem}",
            "a checkout of 2024-08 or later",
        )
    pages = tuple(name for name in PAGES if (library / name).is_file())
    scripts = tuple(name for name in OUT_OF_REACH if (library / name).is_file())
    return Host(root, found, pages, scripts)


def _look(library: Path, place: Place) -> Found:
    path = library.joinpath(*place.module.split(".")).with_suffix(".py")
    if not path.is_file():
        return Found(place, "" if place in OPTIONAL else "is not there")
    try:
        tree = ast.parse(path.read_text(encoding="utf-8-sig"))
    except (SyntaxError, UnicodeDecodeError) as error:
        return Found(place, f"cannot be read ({error})")
    body: list[ast.stmt] = tree.body
    if place.owner:
        owner = next((n for n in body if isinstance(n, ast.ClassDef) and n.name == place.owner), None)
        body = owner.body if owner is not None else []
    function = next((n for n in body if isinstance(n, ast.FunctionDef) and n.name == place.name), None)
    if function is None:
        return Found(place, "is not there")
    arguments = function.args
    have = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    lacking = missing(place, have)
    return Found(place, f"has no parameter {', '.join(lacking)}" if lacking else "")
