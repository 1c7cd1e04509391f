"""Inboxes: what waits for the caller, and what they have seen of it; and how all tasks stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from litestar import get, post
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from runyard.dialects.native.doing import doer
from runyard.dialects.native.mapping import inbox as mapping
from runyard.dialects.native.mapping.tasks import task_id as id_in
from runyard.dialects.native.mapping.values import lenient_id
from runyard.dialects.native.routes.tasks import Text, Workspace
from runyard.dialects.native.wire import inbox as wire
from runyard.dialects.native.wire.tasks import OwnerKind
from runyard.domain.errors import Invalid
from runyard.domain.inbox import InboxLane, TriageVerb
from runyard.engine import workspaces
from runyard.engine.tasks import dashboards, inbox, triage
from runyard.engine.tasks.shelves import START, Wanted
from runyard.storage.statements.task_sums import Where
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit
from runyard.web.reply import Reply

Loose = Annotated[bool, QueryParameter(description="Only tasks of no workspace.")]
Unread = Annotated[bool, QueryParameter(description="Only what was not read as it stands.")]
Channel = Annotated[str | None, QueryParameter(max_length=64, description="Only where task and run have it.")]


def handlers(started_at: int) -> Sequence[ControllerRouterHandler]:
    """The routes; the server was started at that time."""

    @get("/v1/tasks/stats", needs="task:read")
    async def get_task_stats(
        call: Call,
        workspace: Workspace = None,
        no_workspace: Loose = False,
        owner_kind: OwnerKind | None = None,
        owner: str | None = None,
        channel: Channel = None,
        origin: wire.Origin | None = None,
    ) -> wire.TaskStats:
        """How the tasks that meet every filter stand, and whether anything is wrong with their runs."""
        where = Where(
            project_id=call.project_id,
            workspace_id=await _workspace(call, workspace, none=no_workspace),
            owner_kind=owner_kind,
            owner_ref=_owner(owner_kind, owner),
            channel=channel,
            origin_kind=origin,
        )
        return mapping.stats_out(await call.read(dashboards.stats, where, since=started_at))

    return [triage_task, get_inbox, get_task_stats]


@post("/v1/tasks/{task_id:str}/triage", needs="task:write", status_code=200)
async def triage_task(call: Call, task_id: str, data: wire.TriageIn) -> Reply[wire.Triage]:
    """Note that the caller has seen a task, archive it for them, or put it out of their sight; nobody else notices."""
    verb = TriageVerb(data.verb)
    actor = doer(call, f"triage_{verb}").actor
    return await call.answer(mapping.triage_out, triage.triage, call.project_id, id_in(task_id), actor, verb)


@get("/v1/inbox", needs="task:read")
async def get_inbox(
    call: Call,
    lane: wire.InboxLane | None = None,
    workspace: Workspace = None,
    no_workspace: Loose = False,
    owner_kind: OwnerKind | None = None,
    owner: str | None = None,
    unread: Unread = False,
    text: Text = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> wire.Inbox:
    """What waits for the caller, lane by lane: what they have not read first, then the latest activity.

    `limit` is for each lane, and so are cursors: with one, the inbox holds the next page of that lane alone.
    """
    found = mapping.place_in(cursor)
    if found is not None and lane not in (None, found[0]):
        raise Invalid(f"the cursor is one of lane {found[0]}; leave `lane` out, or send no cursor")
    wanted = Wanted(
        project_id=call.project_id,
        actor=doer(call, "inbox").actor,
        workspace_id=await _workspace(call, workspace, none=no_workspace),
        owner_kind=owner_kind,
        owner_ref=_owner(owner_kind, owner),
        lane=found[0] if found is not None else InboxLane(lane) if lane is not None else None,
        unread=unread,
        text=text or None,
    )
    after = found[1] if found is not None else START
    return mapping.inbox_out(await call.read(inbox.look, wanted, limit, after=after))


async def _workspace(call: Call, named: str | None, *, none: bool) -> str | None:
    """The id of the workspace that is meant, '' for none of them. Raises `Invalid` or `NotFound`."""
    if named is None:
        return "" if none else None
    if none:
        raise Invalid("`workspace` and `no_workspace` exclude each other; send one of them")
    return await call.read(workspaces.resolve, call.project_id, named)


def _owner(kind: str | None, name: str | None) -> str | None:
    return lenient_id(name) if name is not None and kind == "agent_session" else name
