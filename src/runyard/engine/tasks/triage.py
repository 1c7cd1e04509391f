"""What people and programs do to tasks in their inboxes. Nobody else notices, the task itself least."""

from __future__ import annotations

import msgspec

from runyard.domain.actors import Actor
from runyard.domain.inbox import Triage, TriageVerb, triaged
from runyard.engine.tasks import desk, marks
from runyard.storage.port import Tx
from runyard.storage.statements import tasks as tasks_sql
from runyard.storage.statements import triage as sql


def triage(tx: Tx, project_id: int, task_id: str, actor: Actor, verb: TriageVerb) -> Triage:
    """Note that the actor has seen the task, and archive it for them or put it out of their sight if they say so.

    Raises `NotFound`.
    """
    task_id = desk.find(tx, project_id, task_id).id
    locked = tasks_sql.lock(tx, [task_id])
    # Deleted while it was waited for, it is not found now.
    task = locked.get(task_id) or desk.find(tx, project_id, task_id)
    before = sql.of_actor(tx, project_id, actor, [task_id]).get(task_id)
    after = triaged(task, actor, before, verb, tx.now)
    marks.put(tx, [(before, after)])
    if not task.triaged:
        desk.write_one(tx, task, msgspec.structs.replace(task, triaged=1))
    return after
