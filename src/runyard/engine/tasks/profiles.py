"""Execution profiles of tasks: who may work on them, who judges, and in which surroundings."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.domain.profiles import Names, Profile
from runyard.domain.records import Run
from runyard.domain.reviewers import criteria_of
from runyard.domain.tasks import ACTIVE, Task, conditions_of
from runyard.engine.tasks import desk, queueing, routing
from runyard.engine.tasks.timeline import note
from runyard.storage.port import Tx

NAME = 128
GUIDANCE = 8192
LIST = 256
"""How many names one list may hold."""
DECIDING = 2000
"""How many bytes all that decides who works, or who judges, may take together: sessions are found by an index of it."""
MODES = {
    "coordinator": ("inherit", "guided"),
    "worker": ("inherit", "select"),
    "sandbox": ("inherit", "none", "ref"),
    "runtime": ("default", "evidence"),
}
_json = msgspec.json.Encoder()
_SPACE = re.compile(r"[\s,]").search
_CONTROL = re.compile(r"[\t\r\n\0]").search


class Profiled(msgspec.Struct, frozen=True, kw_only=True):
    """A task, and its profile or what a task without one has (whose times are 0)."""

    task: Task
    profile: Profile


def get(tx: Tx, project_id: int, task_id: str) -> Profiled:
    """How the task's runs are to be done. Raises `NotFound`."""
    task = desk.find(tx, project_id, task_id)
    return Profiled(task=task, profile=queueing.profile_of(task) or Profile())


def put(tx: Tx, project_id: int, task_id: str, profile: Profile, by: Doer) -> Profiled:
    """Give the task this profile in place of any other; its queued run and its open requests for reviews follow it.

    Raises `NotFound`, `Invalid`, and `Conflict` while somebody has a run of the task.
    """
    profile = tidied(profile)
    task, run = _idle(tx, project_id, task_id)
    had = queueing.profile_of(task)
    profile = msgspec.structs.replace(profile, created_at=had.created_at if had else tx.now, updated_at=tx.now)
    _check_deciding(task, profile)
    task = _write(tx, task, run, profile)
    _tell(tx, task, profile, "task.execution_profile_updated", by)
    return Profiled(task=task, profile=profile)


def delete(tx: Tx, project_id: int, task_id: str, by: Doer) -> None:
    """Take the task's profile away. Raises `NotFound`, and `Conflict` while somebody has a run of the task."""
    task, run = _idle(tx, project_id, task_id)
    had = queueing.profile_of(task)
    if had is None:
        raise NotFound("the task has no execution profile of its own")
    task = _write(tx, task, run, None)
    _tell(tx, task, had, "task.execution_profile_deleted", by)


def tidied(profile: Profile) -> Profile:
    """The profile in its one form: texts without blanks around them, lists sorted and each name once.

    Raises `Invalid` for what a profile cannot say.
    """
    parts = {name: _tidied_part(name, getattr(profile, name)) for name in _PARTS}
    profile = msgspec.structs.replace(profile, **parts)
    for name in ("worker", "review"):
        part = parts[name]
        if part.agent_name and part.allowed_agent_names and part.agent_name not in part.allowed_agent_names:
            raise Invalid(f"`{name}.agent_name` must be one of `{name}.allowed_agent_names`, or that list be empty")
    sandbox = profile.sandbox
    if (sandbox.mode == "ref") != bool(sandbox.sandbox_ref):
        raise Invalid("`sandbox.sandbox_ref` must be there where `sandbox.mode` is ref, and only there")
    return profile


_PARTS = ("coordinator", "worker", "review", "participants", "sandbox", "runtime")


def _tidied_part(part: str, said: Any) -> Any:
    changes: dict[str, Any] = {}
    for name in said.__struct_fields__:
        value, place = getattr(said, name), f"{part}.{name}"
        if name == "mode":
            changes[name] = _mode(part, value)
        elif isinstance(value, tuple):
            changes[name] = _names(place, value)
        else:
            changes[name] = _text(place, value.strip(), GUIDANCE if name == "guidance" else NAME)
    return msgspec.structs.replace(said, **changes)


def _mode(part: str, said: str) -> str:
    mode = said.strip().lower() or MODES[part][0]
    if mode not in MODES[part]:
        raise Invalid(f"`{part}.mode` must be one of {', '.join(MODES[part])}, not {said[:64]!r}")
    return mode


def _names(place: str, said: Names) -> Names:
    names = tuple(sorted({name.strip() for name in said} - {""}))
    if len(names) > LIST:
        raise Invalid(f"`{place}` holds {len(names)} names; at most {LIST} are right")
    for name in names:
        _text(place, name, NAME)
        if place.endswith("_capabilities") and _SPACE(name) is not None:
            raise Invalid(f"`{place}` must hold names without blanks and commas, not {name[:64]!r}")
    return names


def _text(place: str, text: str, limit: int) -> str:
    if (size := len(text.encode())) > limit:
        raise Invalid(f"`{place}` takes {size} bytes; at most {limit} are right")
    # Guidance is prose; all else are names.
    if limit == NAME and _CONTROL(text) is not None:
        raise Invalid(f"`{place}` must hold no tabs and line breaks")
    return text


def _check_deciding(task: Task, profile: Profile) -> None:
    deciding = {"worker": conditions_of(task, profile, None).tokens, "review": (criteria_of(profile).token,)}
    for what, tokens in deciding.items():
        if (size := len(_json.encode(tokens))) > DECIDING:
            raise Invalid(
                f"the names and capabilities of `{what}` and `participants` take {size} bytes together; "
                f"at most {DECIDING} are right"
            )


def _idle(tx: Tx, project_id: int, task_id: str) -> tuple[Task, Run | None]:
    task, run = desk.take(tx, project_id, task_id)
    if task.open_stage in ACTIVE:
        raise Conflict(f"a run of the task is {task.open_stage}; its profile can be changed once nobody has it")
    return task, run


def _write(tx: Tx, before: Task, run: Run | None, profile: Profile | None) -> Task:
    text = _json.encode(profile).decode() if profile is not None else None
    task = desk.write_one(tx, before, msgspec.structs.replace(before, profile=text, active_at=tx.now))
    if run is not None:
        queueing.refit(tx, task)
    routing.refit(tx, task)
    return task


def _tell(tx: Tx, task: Task, profile: Profile, event: str, by: Doer) -> None:
    said = {
        "task_id": task.id,
        "coordinator_mode": profile.coordinator.mode,
        "worker_mode": profile.worker.mode,
        "sandbox_mode": profile.sandbox.mode,
    }
    note(tx, task, event, by, said)
