"""Runs with the links that open their logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.mapping import runs as mapping
from runyard.dialects.posthog.mapping.tasks import task_out
from runyard.dialects.posthog.wire.runs import TaskRunDetail
from runyard.dialects.posthog.wire.tasks import Task
from runyard.domain.coding import CodingSeen, TaskSeen
from runyard.web.call import Call
from runyard.web.links import origin

LOG = "coding log"
"""The kind of links that open logs."""
GOOD_SECONDS, STEADY_SECONDS = 3600, 3300
"""How long such a link is good, and for how long the same one is given (contract §3.9)."""
LINKS = "/posthog/links"


def run(call: Call, house: House, seen: CodingSeen) -> TaskRunDetail:
    """The run as it is answered."""
    return runs(call, house, [seen])[0]


def runs(call: Call, house: House, found: Sequence[CodingSeen]) -> list[TaskRunDetail]:
    """These runs as they are answered."""
    base = origin(call.request.scope)
    return [
        mapping.run_out(
            seen,
            f"{base}{LINKS}/"
            + house.links.make(LOG, seen.run.project_id, (seen.run.id,), seconds=GOOD_SECONDS, steady=STEADY_SECONDS),
        )
        for seen in found
    ]


def task(call: Call, house: House, seen: TaskSeen) -> Task:
    """The task as it is answered."""
    return tasks(call, house, [seen])[0]


def tasks(call: Call, house: House, found: Sequence[TaskSeen]) -> list[Task]:
    """These tasks as they are answered, with their latest runs."""
    latest = runs(call, house, [seen.latest for seen in found if seen.latest is not None])
    by_task = {run.task: run for run in latest}
    return [task_out(seen, by_task.get(seen.row.task_id)) for seen in found]


def here(call: Call) -> str:
    """The URL of the list that was asked for, without its query; lists go on below the dialect's own path."""
    scope: Any = call.request.scope
    return f"{origin(scope)}{scope['mount']}{scope['path']}/"
