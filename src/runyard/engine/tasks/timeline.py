"""Writing the timelines of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.bridges import ENDS
from runyard.domain.tasks import Task
from runyard.engine.tasks import notifying
from runyard.storage.port import TaskLine, Tx

_json = msgspec.json.Encoder()


def note(
    tx: Tx, task: Task, event: str, by: Doer, said: Mapping[str, Any] | None = None, *, run_id: str | None = None
) -> TaskLine:
    """Append a line to the task's timeline. Of what is said, empty values are left out."""
    payload = {name: value for name, value in said.items() if value} if said else {}
    line = TaskLine(
        project_id=task.project_id,
        root_id=task.root_id,
        task_id=task.id,
        run_id=run_id,
        id=tx.new_id(),
        type=event,
        actor_kind=by.actor.kind,
        actor_ref=by.actor.ref,
        origin_kind=by.origin.kind,
        origin_ref=by.origin.ref,
        payload=_json.encode(payload).decode(),
    )
    tx.emit(line)
    if task.subscriptions and event in ENDS:
        notifying.due(tx, [task])
    return line
