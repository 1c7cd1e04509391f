"""Tasks with all that hangs below them, level by level."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.engine.tasks import desk, views
from runyard.engine.tasks.views import RunSeen, Seen
from runyard.storage.port import Tx
from runyard.storage.statements import task_lists as sql
from runyard.storage.statements import tasks as tasks_sql


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A task in a tree."""

    seen: Seen
    open_run: RunSeen | None
    depth: int
    """How far below the task that was asked for."""


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """A task, and which ones hang below it: by depth, then the latest activity first, then by id."""

    root: Node
    below: list[str]

    @property
    def level(self) -> int:
        """How many tasks are above the root."""
        return len(self.root.seen.task.ancestors)


def of(tx: Tx, project_id: int, task_id: str) -> Tree:
    """The task and the ids of those below it, all of one instant. Raises `NotFound`."""
    task = desk.find(tx, project_id, task_id)
    rows = sql.below(tx, task.path, desk.MOST_BELOW) if task.children else []
    order = sorted((path.count("/"), -active_at, one) for one, path, active_at in rows)
    return Tree(root=nodes(tx, [task.id], at=len(task.ancestors))[0], below=[one for _, _, one in order])


def nodes(tx: Tx, ids: Sequence[str], *, at: int) -> list[Node]:
    """These tasks of a tree whose root has so many ancestors, in their order; those that are gone are left out."""
    found = tasks_sql.get(tx, ids)
    tasks = [found[one] for one in ids if one in found]
    running = views.open_runs(tx, tasks)
    return [
        Node(seen=seen, open_run=running.get(seen.task.id), depth=len(seen.task.ancestors) - at)
        for seen in views.see(tx, tasks)
    ]
