"""Runs of coding tasks, for tests that begin with one."""

from __future__ import annotations

from typing import Any

from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.coding import CodingSeen
from runyard.engine.coding import making, tasks
from runyard.engine.coding.runs import NewCodingRun
from runyard.engine.coding.tasks import NewCodingTask
from tests.support.stores import AnyStore

SOMEBODY = Doer(Actor("human", "test"), Origin("http", "test"))


def a_coding_run(store: AnyStore, **state: Any) -> CodingSeen:
    """A new run of a new coding task, with these parts of its shared state."""
    task = store.transact(tasks.create, 1, NewCodingTask(title="a task"), SOMEBODY).row.task_id
    return store.transact(making.create_in, 1, task, NewCodingRun(state=state), SOMEBODY, state=None, trusted=True)
