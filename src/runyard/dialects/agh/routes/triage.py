"""What somebody has seen, and the inbox (contract §19)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh import people
from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import triage as mapping
from runyard.dialects.agh.mapping.values import limit as limit_of
from runyard.dialects.agh.mapping.values import read
from runyard.dialects.agh.wire import triage as wire
from runyard.dialects.agh.wire.queries import Flag, Number
from runyard.domain.inbox import TriageVerb
from runyard.engine import workspaces
from runyard.engine.tasks import inbox, triage
from runyard.engine.tasks.inbox import Glimpsed, Group
from runyard.engine.tasks.shelves import Wanted
from runyard.web.call import Call
from runyard.web.listed import Listed
from runyard.web.reply import encode

SLICE = 200
"""So many tasks of a lane are read and sent at once."""


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""
    return [mark_task_read, archive_task, dismiss_task, get_task_inbox]


@post("/api/tasks/{id:str}/triage/read", needs="task:write", status_code=200, tags=["triage"])
async def mark_task_read(call: Call, id: str) -> wire.TriageAnswer:
    """Mark a task as seen, until something happens to it."""
    return await _triage(call, id, TriageVerb.READ)


@post("/api/tasks/{id:str}/triage/archive", needs="task:write", status_code=200, tags=["triage"])
async def archive_task(call: Call, id: str) -> wire.TriageAnswer:
    """Move a task to one's own archive, for good."""
    return await _triage(call, id, TriageVerb.ARCHIVE)


@post("/api/tasks/{id:str}/triage/dismiss", needs="task:write", status_code=200, tags=["triage"])
async def dismiss_task(call: Call, id: str) -> wire.TriageAnswer:
    """Put a task out of one's own sight, until something happens to it."""
    return await _triage(call, id, TriageVerb.DISMISS)


async def _triage(call: Call, id: str, verb: TriageVerb) -> wire.TriageAnswer:
    by = await people.doer(call, f"triage_{verb}")
    task_id = read("task", id, call.project_id)
    record = await call.write(triage.triage, call.project_id, task_id, by.actor, verb)
    return wire.TriageAnswer(triage=mapping.triage_out(record))


@get("/api/observe/tasks/inbox", needs="task:read", tags=["observe"])
async def get_task_inbox(
    call: Call,
    kind: Annotated[str | None, QueryParameter(name="scope")] = None,
    workspace: str | None = None,
    owner_kind: str | None = None,
    owner_ref: str | None = None,
    lane: str | None = None,
    unread: Flag = None,
    text: Annotated[str | None, QueryParameter(name="query")] = None,
    limit: Number = None,
) -> Listed[wire.InboxAnswer]:
    """What waits for whoever asks, lane by lane: what they have not seen first, and all of it, unless told how many."""
    by = await people.doer(call, "inbox")
    wanted, named = mapping.wanted_in(
        call.project_id,
        by.actor,
        scope=kind,
        workspace=workspace,
        owner_kind=owner_kind,
        owner_ref=owner_ref,
        lane=lane,
        unread=unread,
        query=text,
    )
    most = limit_of(limit)
    if named is not None:
        workspace_id = await call.read(workspaces.resolve, call.project_id, named)
        wanted = msgspec.structs.replace(wanted, workspace_id=workspace_id)
    groups = await call.read(inbox.glance, wanted, SLICE if most is None else min(SLICE, most))
    if most is not None and most <= SLICE:
        groups = [msgspec.structs.replace(group, after=None) for group in groups]
    return Listed("inbox", _pieces(call, wanted, groups, most), around=(b"", b""), between=b"")


async def _pieces(
    call: Call, wanted: Wanted, groups: Sequence[Group[Glimpsed]], most: int | None
) -> AsyncIterator[list[bytes]]:
    """The inbox in pieces: those of its tasks that were read already, and the others as they are."""
    if all(group.after is None for group in groups):
        yield [encode(mapping.answer_out(groups))]
        return
    head = encode(mapping.answer_out([msgspec.structs.replace(group, items=[]) for group in groups]))
    yield [head.partition(b'"groups":[')[0], b'"groups":[']
    for number, group in enumerate(groups):
        whole = encode(mapping.group_out(group))
        # Without the brackets that end its items and itself, where more are to come.
        yield [b"," if number else b"", whole if group.after is None else whole[:-2]]
        if group.after is not None:
            async for items in _rest(call, wanted, group, most):
                yield [b"," + encode(item) for item in mapping.items_out(group, items)]
            yield [b"]}"]
    yield [b"]}}"]


async def _rest(call: Call, wanted: Wanted, group: Group[Glimpsed], most: int | None) -> AsyncIterator[list[Glimpsed]]:
    """The other tasks of a lane, slice by slice."""
    after, left = group.after, None if most is None else most - len(group.items)
    while after is not None and (left is None or left > 0):
        n = SLICE if left is None else min(SLICE, left)
        items, after = await call.read(inbox.page, wanted, group.lane, after, n)
        left = None if left is None else left - n
        yield items
