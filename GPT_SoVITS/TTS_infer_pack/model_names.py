"""What ``qwen3_model_name`` may be: a local model, an engine's address, or several of both. Text alone, no model."""

from __future__ import annotations


def is_remote(name: str) -> bool:
    """True where a model name holds an engine's address."""
    return "://" in name


def groups_of(name: str) -> list[tuple[str, ...]]:
    """The models of a setting in the order in which they are asked: engines of one stage, or one local model, each.

    A list is separated by commas; addresses that stand side by side share the requests.
    """
    if not is_remote(name):
        return [(name,)]
    groups: list[tuple[str, ...]] = []
    for part in (part.strip() for part in name.split(",")):
        if part and groups and is_remote(part) and is_remote(groups[-1][0]):
            groups[-1] += (part,)
        elif part:
            groups.append((part,))
    return groups


def shown_name(name: str) -> str:
    """A model name for messages and answers: of an engine, what it serves, not where it is."""
    if not is_remote(name):
        return name
    names = [part[0].rstrip("/").rpartition("/")[2] if is_remote(part[0]) else part[0] for part in groups_of(name)]
    return ", ".join(dict.fromkeys(names))
