"""Finding runs: lists, families, and the dead letter."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from litestar import get
from litestar.params import QueryParameter

from runyard.dialects.native import mapping, wire
from runyard.domain.errors import Invalid
from runyard.domain.states import RunState
from runyard.engine import dead_letters, explain, families, listing
from runyard.engine.filters import Filter
from runyard.engine.listing import RunPage
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.slugs import slug_of

Tag = Annotated[
    list[str] | None, QueryParameter(description="A tag, `word` or `word:value`; all of several must match.")
]
State = Annotated[
    list[str] | None, QueryParameter(name="state", description="One or more states, repeated or separated by commas.")
]
Contained = Annotated[
    str | None, QueryParameter(max_length=16384, description="JSON that must be contained, as by PostgreSQL's `@>`.")
]
Outcome = Literal["failed", "succeeded", "canceled", "unresolved"]


def states_in(given: list[str] | None) -> tuple[RunState, ...] | None:
    """The states asked for. Raises `Invalid` for a word that is none."""
    if given is None:
        return None
    words = [word.strip() for text in given for word in text.split(",") if word.strip()]
    known = {state.value: state for state in RunState}
    for word in words:
        if word not in known:
            raise Invalid(f"there is no state {word[:64]!r}; the states are {', '.join(known)}")
    return tuple(known[word] for word in words) or None


def tags_in(given: list[str] | None) -> tuple[tuple[str, str | None], ...]:
    """The tags asked for, `word` or `word:value`."""
    pairs = []
    for tag in given or ():
        name, colon, value = tag.partition(":")
        pairs.append((name, value if colon else None))
    return tuple(pairs)


async def _page(call: Call, found: RunPage) -> wire.Page[wire.Run]:
    slug = await slug_of(call)
    return wire.Page(
        data=[mapping.run_out(run, slug) for run in found.runs],
        next_cursor=None if found.after is None else cursor_of(found.after),
    )


def _before(cursor: str | None) -> str | None:
    (before,) = place(cursor, tuple[str]) or (None,)
    return before


@get("/v1/runs", needs="runs:read")
async def list_runs(
    call: Call,
    in_state: State = None,
    job: str | None = None,
    queue: str | None = None,
    tag: Tag = None,
    parent_id: str | None = None,
    task_id: str | None = None,
    batch_id: str | None = None,
    outcome: Outcome | None = None,
    error_class: str | None = None,
    resolved: bool | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    payload: Contained = None,
    metadata: Contained = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> wire.Page[wire.Run]:
    """Runs that meet every filter given, newest first.

    A page examines a bounded number of runs: with a rare match it may hold fewer than `limit` and still have a
    `next_cursor`, with which the search goes on.
    """
    wanted = Filter(
        states=states_in(in_state),
        job=job,
        queue=queue,
        tags=tags_in(tag),
        parent_id=_id(parent_id),
        task_id=_id(task_id),
        batch_id=_id(batch_id),
        outcome=outcome,
        error_class=error_class,
        resolved=resolved,
        created_after=mapping.maybe_micros(created_after),
        created_before=mapping.maybe_micros(created_before),
        payload=payload,
        metadata=metadata,
    )
    found = await call.read(listing.page, call.project_id, wanted, before=_before(cursor), limit=limit)
    return await _page(call, found)


def _id(value: str | None) -> str | None:
    return None if value is None else mapping.lenient_id(value)


@get("/v1/runs/{run_id:str}/children", needs="runs:read")
async def list_children(call: Call, run_id: str, limit: Limit = 50, cursor: Cursor = None) -> wire.Page[wire.Run]:
    """The runs a run has spawned, newest first."""
    wanted = mapping.run_id(run_id)
    found = await call.read(listing.children, call.project_id, wanted, before=_before(cursor), limit=limit)
    return await _page(call, found)


@get("/v1/runs/{run_id:str}/lineage", needs="runs:read")
async def get_lineage(call: Call, run_id: str) -> wire.Lineage:
    """The run's whole family: where it comes from, and what was replayed, retried, spawned or continued from it."""
    slug = await slug_of(call)
    found = await call.read(families.lineage, call.project_id, mapping.run_id(run_id))
    return wire.Lineage(
        root=mapping.run_out(found.root, slug),
        runs=[mapping.run_out(run, slug) for run in found.runs],
        complete=found.complete,
    )


@get("/v1/runs/{run_id:str}/explain", needs="runs:read")
async def explain_run(call: Call, run_id: str) -> wire.Explanation:
    """Why the run is where it is, what would change that, and how many stand before it."""
    return mapping.explanation_out(await call.read(explain.explain, call.project_id, mapping.run_id(run_id)))


@get("/v1/dlq", needs="runs:read")
async def list_dead_letters(
    call: Call,
    job: str | None = None,
    error_class: str | None = None,
    resolved: bool = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> wire.Page[wire.Run]:
    """Runs whose attempts are used up and that nobody has handled (`resolved`: that somebody has), newest first."""
    found = await call.read(
        dead_letters.page,
        call.project_id,
        job=job,
        error_class=error_class,
        resolved=resolved,
        before=_before(cursor),
        limit=limit,
    )
    return await _page(call, found)


@get("/v1/dlq/groups", needs="runs:read")
async def group_dead_letters(call: Call, job: str | None = None, limit: Limit = 50) -> wire.DeadGroups:
    """The dead letter by what went wrong, the most frequent first."""
    found = await call.read(dead_letters.groups, call.project_id, job=job)
    return wire.DeadGroups(
        data=[mapping.dead_group_out(group) for group in found.groups[:limit]],
        examined=found.examined,
        complete=found.complete,
    )


HANDLERS: list[Any] = [list_runs, list_children, get_lineage, explain_run, list_dead_letters, group_dead_letters]
