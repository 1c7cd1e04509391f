"""Coding tasks: made, found, changed, shown, and put out of sight."""

from __future__ import annotations

import re

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.coding import TITLE, CodingTask, TaskSeen, number_of, title_of
from runyard.domain.errors import Invalid, NotFound
from runyard.domain.records import Json, Run
from runyard.domain.tasks import Task
from runyard.engine import schemas, sizes
from runyard.engine.tasks import desk, making
from runyard.engine.tasks.making import NewTask
from runyard.storage.port import Tx
from runyard.storage.statements import coding_tasks as sql

UNTITLED = "Untitled task"
MAX_ATTEMPTS = 10
DESCRIPTION = 1 << 20
_REPOSITORY = re.compile(r"[^/\s]+/[^/\s]+").fullmatch


class NewCodingTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task to make; without a title it is taken from the description."""

    title: str = ""
    titled: bool = False
    description: str = ""
    product: str = "user_created"
    repository: str | None = None
    integration: int | None = None
    output_schema: Json | None = None
    creator: str | None = None
    """The id of the key that makes it."""


def create(tx: Tx, project_id: int, new: NewCodingTask, by: Doer) -> TaskSeen:
    """Make a coding task. Raises `Invalid` and `TooLarge`."""
    sizes.within(DESCRIPTION, "the description", new.description)
    repository = check_repository(new.repository)
    schema = check_schema(new.output_schema)
    title = title_for(new.title, new.description)
    task = making.create(
        tx,
        project_id,
        NewTask(title=title, description=new.description or None, max_attempts=MAX_ATTEMPTS),
        by,
    )
    row = CodingTask(
        task_id=task.id,
        project_id=project_id,
        number=sql.next_number(tx, project_id),
        titled=int(new.titled),
        product=new.product,
        repository=repository,
        integration=new.integration,
        output_schema=schema,
        creator=new.creator,
        creator_number=number_of(new.creator or ""),
        created_at=tx.now,
        updated_at=tx.now,
        deleted_at=None,
        latest_run_id=None,
        latest_state=None,
    )
    sql.add(tx, [row])
    return TaskSeen(row=row, title=task.title, description=task.description or "")


def check_repository(name: str | None) -> str | None:
    """The repository's name in lowercase, None for a blank one. Raises `Invalid` unless it is `owner/name`."""
    if not name:
        return None
    if _REPOSITORY(name) is None:
        raise Invalid(f"a repository is named owner/name, not {name[:64]!r}")
    return name.lower()


def title_for(title: str, description: str) -> str:
    """The title without blanks around it; for a blank one the beginning of the description. Raises `Invalid`."""
    found = title.strip() or title_of(description) or UNTITLED
    sizes.plain("the title", found, longest=TITLE)
    return found


def check_schema(schema: Json | None) -> Json | None:
    """The schema of outputs. Raises `Invalid` unless it is a JSON Schema that can be used, and `TooLarge`."""
    sizes.within(sizes.DOCUMENT, "the schema of the output", schema)
    return schema if schema is None else schemas.accept(schema)


def find(tx: Tx, project_id: int, task_id: str) -> Task:
    """The task, which need not be a coding task, for reading. Raises `NotFound`, also for one put out of sight."""
    task = desk.find(tx, project_id, task_id)
    row = sql.get(tx, [task.id]).get(task.id)
    if row is not None and row.deleted_at is not None:
        raise NotFound(f"there is no task {task_id[:128]!r} in this project")
    return task


def now_latest(tx: Tx, task_id: str, run: Run) -> None:
    """Note that this run is the task's latest."""
    row = sql.lock(tx, [task_id]).get(task_id)
    if row is not None:
        sql.save(tx, msgspec.structs.replace(row, latest_run_id=run.id, latest_state=run.state))
