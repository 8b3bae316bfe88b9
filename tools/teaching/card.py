"""The model card of a taught stage: what it is, whose tokens it speaks, how it was made, what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from AR.models.lm_folder import LMConfig
from tools.teaching.wish import Decided

CARD = """---
tags: [text-to-speech, gpt-sovits]
base_model: {backbone}
---
# {name}
A language model as the text-to-semantic stage of GPT-SoVITS: it speaks the semantic tokens of one SoVITS codebook
(`{codebook}`), from {symbols} phone symbols and text ({text_mode}). It works with SoVITS weights that have this
codebook, and with no others; all voices that were fine-tuned from the same published weights share it.

## Use
In this project, or in a GPT-SoVITS checkout with its plugin: put the folder into `GPT_weights_qwen3/{name}` and choose
`{name}` on the page, or set `use_qwen3: true` and `qwen3_model_name: {name}`.

## How it was made
Taught by an AR model ({gpt}), without recordings: it spoke {texts} texts ({language}), each {times} times, and results
that collapsed were dropped. Backbone {backbone}, tuning {tuning}, at most {epochs} epochs. Nothing else went into it.

## Measured
{measured}

## Limits
Languages other than {language} were not taught. Use it with voices of people who agreed to it, and mind the licence of
the backbone ({backbone}) and of the weights that taught it.
"""


def model_card(decided: Decided, stage: Path, texts: int, results: Mapping[str, Any] | None) -> str:
    """The card as Markdown.

    Args:
        decided: the run.
        stage: the trained folder.
        texts: how many texts were spoken.
        results: of tools/evaluate.py, None where nothing was measured.
    """
    config, wish = LMConfig.read(stage), decided.wish
    return CARD.format(
        name=wish.name,
        backbone=Path(wish.backbone).name if Path(wish.backbone).is_absolute() else wish.backbone,
        codebook=config.codebook or "not known",
        symbols=config.symbols,
        text_mode=config.text_mode,
        gpt=Path(wish.gpt).name,
        texts=texts,
        language=wish.language,
        times=len(decided.spoken_seeds),
        tuning=wish.tuning,
        epochs=wish.epochs,
        measured="\n".join(measured_lines(results)) or "Nothing was measured.",
    )


def measured_lines(results: Mapping[str, Any] | None) -> list[str]:
    """A table of the evaluation: error rates with their 95 % intervals, and the ratio of both where there is one."""
    lines: list[str] = []
    for name, table in (results or {}).get("tables", {}).items():
        lines += [
            f"| {name} | {table['unit']} % (95 % interval) | sentences | falls |",
            "| --- | --- | --- | --- |",
        ]
        for system, found in table["systems"].items():
            lines.append(f"| {system} | {_figure(found['error_rate'])} | {found['sentences']} | {found['falls']} |")
        for pair in table["pairs"]:
            lines.append(
                f"| {pair['system']} / {pair['beside']} | {_figure(pair['ratio'])} times | {pair['sentences']} | |"
            )
        lines.append("")
    return lines


def _figure(value: Any) -> str:
    if not isinstance(value, list):
        return "-" if value is None else str(value)
    middle, low, high = value
    return f"{middle} ({low} to {high})"
