"""Coding tasks made and changed, and shown as they are then."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from runyard.domain.actors import Doer
from runyard.domain.coding import CodingTask, TaskSeen
from runyard.domain.errors import Invalid
from runyard.domain.records import Json
from runyard.engine import sizes
from runyard.engine.coding import showing, tasks
from runyard.engine.coding.tasks import NewCodingTask
from runyard.engine.tasks import changing
from runyard.storage.port import Tx
from runyard.storage.statements import coding_tasks as sql


class TaskChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a coding task is to say from now on; what is UNSET stays."""

    title: str | UnsetType = UNSET
    """A blank one is taken from the description again."""
    titled: bool | UnsetType = UNSET
    """Whether somebody chose the title; UNSET where one is said."""
    description: str | UnsetType = UNSET
    product: str | UnsetType = UNSET
    repository: str | None | UnsetType = UNSET
    integration: int | None | UnsetType = UNSET
    output_schema: Json | None | UnsetType = UNSET


def create(tx: Tx, project_id: int, new: NewCodingTask, by: Doer) -> TaskSeen:
    """`tasks.create`, and the task as it is shown. Raises `Invalid` and `TooLarge`."""
    return showing.see(tx, project_id, tasks.create(tx, project_id, new, by).row.task_id)


def change(tx: Tx, project_id: int, task_id: str, wanted: TaskChange, by: Doer) -> TaskSeen:
    """Change the task; the task as it is shown then.

    A task that was not made as a coding task has a title and a description alone. Raises `NotFound`, `Invalid` and
    `TooLarge`.
    """
    task = tasks.find(tx, project_id, task_id)
    before = sql.get(tx, [task.id]).get(task.id)
    after = _after(before or showing.as_coding(task), wanted)
    if before is None and after != showing.as_coding(task):
        raise Invalid("this task was not made as a coding task; only its title and description can be changed here")
    said = _said(wanted, task.description or "")
    if said:
        changing.change(tx, project_id, task.id, changing.Change(**said), by)
    if before is not None:
        (locked,) = sql.lock(tx, [task.id]).values()
        sql.save(tx, replace(_after(locked, wanted), updated_at=tx.now))
    return showing.see(tx, project_id, task.id)


def _after(row: CodingTask, wanted: TaskChange) -> CodingTask:
    given: dict[str, Any] = {
        name: value for name in ("product", "integration") if (value := getattr(wanted, name)) is not UNSET
    }
    if wanted.repository is not UNSET:
        given["repository"] = tasks.check_repository(wanted.repository)
    if wanted.output_schema is not UNSET:
        given["output_schema"] = tasks.check_schema(wanted.output_schema)
    if wanted.titled is not UNSET:
        given["titled"] = int(wanted.titled)
    elif wanted.title is not UNSET:
        given["titled"] = int(bool(wanted.title.strip()))
    return replace(row, **given)


def _said(wanted: TaskChange, description: str) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if wanted.description is not UNSET:
        sizes.within(tasks.DESCRIPTION, "the description", wanted.description)
        said["description"] = wanted.description or None
        description = wanted.description
    if wanted.title is not UNSET:
        said["title"] = tasks.title_for(wanted.title, description)
    return said
