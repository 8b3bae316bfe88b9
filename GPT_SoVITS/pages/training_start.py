"""What the training tab's buttons start: the preparation of a voice, a new run, a run that goes on or begins anew.

Everything that would make a training do something else than what it says is refused or asked about here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from errors import RequestError
from module.versions import VERSIONS, VersionSpec
from pages import dataset_jobs
from pages.context import PageContext
from pages.jobs import JobRunner, JobView
from pages.proofreading import check_clips
from pages.run_position import Position, position_of
from pages.runs import Run, data_fingerprint, find_run, free_name, is_taken, make_new, run_folder, runs_of
from pages.training_bases import Base, bases, devices
from pages.training_jobs import TRAIN_KIND, planned, training_job, weights_folder
from pages.training_wish import TrainingWish, check
from pages.voice_folder import VoiceFolder, model_name, voice_folder
from published import training_command
from tools.recordings.list_rows import read_rows

How = Literal["ask", "go_on", "anew"]
FREE = frozenset(
    {"train.epochs", "train.max_minutes", "train.save_every_epoch", "train.save_every_n_epoch", "train.threads"}
)
"""Settings that may change while a run goes on, without a question."""
NAMED = {
    "train.batch_size": "training.batch_size",
    "train.if_dpo": "training.if_dpo",
    "train.grad_ckpt": "training.grad_ckpt",
    "train.lora_rank": "training.lora_rank",
}
SHOWN_CHANGES = 6


@dataclass(frozen=True)
class Started:
    """What a button came to: the run's key, its job, and a question where it has not started yet."""

    key: str
    job: str = ""
    question: str = ""


def start_training(context: PageContext, runner: JobRunner, given: Mapping[str, Any], how: How = "ask") -> Started:
    """Queue a run: a new one, or the one of ``given["run"]``.

    Args:
        context: the page's.
        runner: the page's.
        given: the tab's fields.
        how: of a run that has learned something: ask where data or settings have changed, go on all the same, or anew.

    Raises:
        GSVError: something in ``given`` cannot be used, or there is nothing to do.
    """
    voice, base = voice_folder(context, given["voice"]), chosen_base(context, given["base"])
    wish, key = wish_of(context, given), given.get("run") or ""
    check(context, replace(wish, name=wish.name or voice.name), base.spec)
    preparing = next((view.id for view in live(runner, voice, dataset_jobs.PREPARE_KIND)), "")
    if not preparing:
        check_data(context, voice, wish.stage, base.spec)
    run = known_run(context, runner, voice, base, wish, key) if key else new_run(context, voice, base, wish)
    refuse_twice(context, runner, voice, run)
    if key:
        question = settle(context, voice, base, run, how, bool(preparing))
        if question:
            return Started(run.key, question=question)
    return Started(run.key, runner.submit(training_job(run, voice, base, preparing)))


def wish_of(context: PageContext, given: Mapping[str, Any]) -> TrainingWish:
    """The tab's fields as a wish; its values are not checked yet.

    Raises:
        GSVError: a device or backbone that cannot be.
    """
    backbone = (given["backbone"] or "").strip()
    return TrainingWish(
        stage=given["stage"],
        name=(given["name"] or "").strip(),
        epochs=given["epochs"],
        batch_size=given["batch_size"],
        minutes=given["minutes"],
        save_every=given["save_every"],
        device=known_device(context, given["device"]),
        preset=given["preset"] or "",
        backbone=model_name(context, backbone) if backbone else "",
        lora_rank=given["lora_rank"],
        grad_ckpt=bool(given["grad_ckpt"]),
        if_dpo=bool(given["if_dpo"]),
    )


def new_run(context: PageContext, voice: VoiceFolder, base: Base, wish: TrainingWish) -> Run:
    """A run that is not there yet; without a name it gets the voice's, or that with a number.

    Raises:
        RequestError: the name is taken.
    """
    weights = weights_folder(wish.stage, base, context.weights)
    if wish.name and is_taken(context, wish.stage, wish.name, weights):
        raise RequestError(context.say("runs.taken", name=wish.name))
    name = wish.name or free_name(context, wish.stage, voice.name, weights)
    return Run(run_folder(voice, wish.stage, name), replace(wish, name=name), base.name, weights)


def known_run(
    context: PageContext, runner: JobRunner, voice: VoiceFolder, base: Base, wish: TrainingWish, key: str
) -> Run:
    """A run that is there, with the settings that were chosen now.

    Raises:
        RequestError: it is gone, already queued, or of other weights.
    """
    run = find_run(context, voice, key)
    if is_live(runner, voice, key):
        raise RequestError(context.say("runs.already", name=run.wish.name))
    same = (run.wish.stage, run.base, run.wish.preset if wish.stage == "lm" else wish.preset)
    if same != (wish.stage, base.name, wish.preset):
        raise RequestError(context.say("runs.fixed", name=run.wish.name))
    return replace(run, wish=replace(wish, name=run.wish.name))


def refuse_twice(context: PageContext, runner: JobRunner, voice: VoiceFolder, run: Run) -> None:
    """A second press of the button is not a second training.

    Raises:
        RequestError: a run with the same settings waits or runs already.
    """
    waiting = {view.spec.facts["run"] for view in live(runner, voice, TRAIN_KIND)}
    for other in runs_of(voice):
        alike = replace(other.wish, name=run.wish.name) == run.wish and other.base == run.base
        if other.key in waiting and alike:
            raise RequestError(context.say("runs.already", name=other.wish.name))


def settle(context: PageContext, voice: VoiceFolder, base: Base, run: Run, how: How, preparing: bool) -> str:
    """Make a run that is there ready to start; gives the question that is to be answered first, "" for none.

    Raises:
        RequestError: there is nothing to do, or the data are being prepared.
    """
    position = position_of(run)
    if how == "anew":
        planned(run, voice, base)  # what cannot be started anew keeps what it has
        make_new(run)
        return ""
    if position is None:
        return ""
    if preparing:
        raise RequestError(context.say("runs.preparing", voice=voice.name))
    found = changes(context, voice, base, run)
    refuse_nothing(context, run, position, found)
    return context.say("runs.changed", name=run.wish.name, changes="; ".join(found)) if found and how == "ask" else ""


def refuse_nothing(context: PageContext, run: Run, position: Position, found: list[str]) -> None:
    """Refuse a start that would be over before its first step.

    Raises:
        RequestError: the epochs or minutes are used up.
    """
    wish, also = run.wish, " " + " ".join(found) if found else ""
    if position.epochs >= wish.epochs:
        said = context.say("runs.at_end", name=wish.name, done=position.epochs, epochs=wish.epochs)
        raise RequestError(said + also)
    if wish.minutes and position.minutes >= wish.minutes:
        said = context.say("runs.out_of_time", name=wish.name, done=f"{position.minutes:.1f}", minutes=wish.minutes)
        raise RequestError(said + also)


def changes(context: PageContext, voice: VoiceFolder, base: Base, run: Run) -> list[str]:
    """What is different from what a run was trained on and with the last time, in the visitor's words."""
    found = []
    if run.data and run.data != data_fingerprint(voice, run.wish.stage):
        found.append(context.say("runs.other_data"))
    before = run.trained_settings()
    if before is None:
        return found
    old, new = dict(_flat(before)), dict(_flat(planned(run, voice, base).settings))
    differing = sorted(key for key in old.keys() | new.keys() if key not in FREE and old.get(key) != new.get(key))
    for key in differing[:SHOWN_CHANGES]:
        name = context.say(NAMED[key]) if key in NAMED else key
        found.append(f"{name}: {old.get(key)} → {new.get(key)}")
    return found


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """("section.key", value) of nested settings."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


# -- jobs of a voice ---------------------------------------------------------------------------------------------------


def live(runner: JobRunner, voice: VoiceFolder, kind: str) -> list[JobView]:
    """Jobs of a voice that wait or run."""
    return [v for v in runner.views(kind) if v.spec.facts["voice"] == voice.name and not v.state.is_over]


def is_live(runner: JobRunner, voice: VoiceFolder, key: str) -> bool:
    """True while a run waits or runs."""
    return any(view.spec.facts["run"] == key for view in live(runner, voice, TRAIN_KIND))


# -- preparation, and what both need -----------------------------------------------------------------------------------


def start_preparation(context: PageContext, runner: JobRunner, given: Mapping[str, Any]) -> str:
    """Queue the stages of the data set; returns the job's id.

    Raises:
        GSVError: a voice, list or base that cannot be used, or data that a training is reading.
    """
    voice = voice_folder(context, given["voice"])
    typed = (given["list_file"] or "").strip()
    list_path = context.path(typed) if typed else voice.list_path
    if not list_path.is_file():
        raise RequestError(context.say("training.no_list", path=list_path.name))
    check_clips(context, list_path, read_rows(list_path))
    base, device = chosen_base(context, given["base"]), known_device(context, given["device"])
    if live(runner, voice, TRAIN_KIND):
        raise RequestError(context.say("runs.in_use", voice=voice.name))
    if live(runner, voice, dataset_jobs.PREPARE_KIND):
        raise RequestError(context.say("runs.preparing_already", voice=voice.name))
    return runner.submit(dataset_jobs.prepare_job(voice, list_path, base, device))


def check_data(context: PageContext, voice: VoiceFolder, stage: str, spec: VersionSpec) -> None:
    """Refuse to train without the files of the stages that the version needs.

    Raises:
        RequestError: which button makes them.
    """
    if not voice.is_prepared:
        raise RequestError(context.say("training.not_prepared", voice=voice.name))
    if stage == "s2" and spec.needs_speaker_embedding and not voice.has_speaker_vectors:
        raise RequestError(context.say("training.no_speaker_vectors", voice=voice.name, version=spec.name))


def chosen_base(context: PageContext, name: str) -> Base:
    """The base that a visitor chose.

    Raises:
        RequestError: there is none of that name, or it is not on disk.
    """
    found = {base.name: base for base in bases()}
    if name in VERSIONS and name not in found:
        raise RequestError(absent_text(context, name))
    if name not in found:
        raise RequestError(context.say("training.no_base"))
    return found[name]


def absent_text(context: PageContext, version: str) -> str:
    """That published weights are not on disk, and the command that fetches them."""
    return context.say("training.fetch_base", name=version, command=training_command(version))


def known_device(context: PageContext, name: str) -> str:
    """``name``, if this computer has such a device.

    Raises:
        RequestError: it has not.
    """
    if name not in devices():
        raise RequestError(context.say("training.no_device", name=name))
    return name
