"""Dead letters: runs whose attempts are used up, one by one and by what went wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from runyard.domain.errors import Conflict
from runyard.domain.records import Run
from runyard.domain.states import RunState
from runyard.engine import listing, resolutions
from runyard.engine.filters import Filter
from runyard.engine.listing import RunPage
from runyard.storage.port import Tx
from runyard.storage.statements import dead_letters as sql

SCANNED = 2000
"""How many dead letters, newest first, a grouping looks at."""
_MESSAGE = re.compile(r'\{"message":"((?:[^"\\]|\\.)*)')
_VARYING = re.compile(
    r"(?P<id>\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b|\b0x[0-9a-fA-F]+\b|\b(?=[0-9a-fA-F]*[0-9])[0-9a-fA-F]{12,}\b)"
    r"|(?P<n>[0-9]+(?:[.,:][0-9]+)*)"
)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters of one job that say the same, but for numbers and ids."""

    error_class: str
    message: str
    job: str | None
    count: int
    first_at: int
    last_at: int
    sample_run_id: str
    """The newest of them."""


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, the most frequent first; not `complete` when there are more than `SCANNED` dead letters."""

    groups: list[Group]
    examined: int
    complete: bool


def page(
    tx: Tx,
    project_id: int,
    *,
    job: str | None = None,
    error_class: str | None = None,
    resolved: bool | None = False,
    before: str | None = None,
    limit: int = 50,
) -> RunPage:
    """Dead letters, newest run first; those somebody has handled only when asked for (None: both kinds)."""
    wanted = Filter(states=(RunState.DEAD_LETTER,), job=job, error_class=error_class, resolved=resolved)
    return listing.page(tx, project_id, wanted, before=before, limit=limit)


def requeue(
    tx: Tx, project_id: int, *, ids: Sequence[str] | None = None, limit: int = 100, actor: str | None = None
) -> list[Run]:
    """Queue dead letters again from their first attempt: those named, or the oldest of the project.

    Others are passed over. Raises `Conflict` when there is none.
    """
    named = sql.oldest(tx, project_id, limit) if ids is None else ids
    among = frozenset({RunState.DEAD_LETTER})
    outcomes = resolutions.requeue_many(tx, project_id, named, actor=actor, reason="dlq-replay", among=among)
    queued = [run for run in outcomes if isinstance(run, Run)]
    if not queued:
        raise Conflict("none of these runs is dead-lettered; there is nothing to queue again")
    return queued


def groups(tx: Tx, project_id: int, *, job: str | None = None) -> Groups:
    """The newest `SCANNED` dead letters that nobody has handled, grouped by job, error class and message."""
    wanted = Filter(states=(RunState.DEAD_LETTER,), job=job, resolved=False)
    found = listing.ids(tx, project_id, wanted, limit=SCANNED)
    gathered: dict[tuple[str | None, str, str], Group] = {}
    for cause in sql.causes(tx, found.ids) if found.ids else []:
        key = (cause.job, cause.error_class or "error", normalised(_message(cause.error)))
        gathered[key] = _with(gathered.get(key), key, cause)
    return Groups(
        groups=sorted(gathered.values(), key=lambda group: (-group.count, -group.last_at, group.sample_run_id)),
        examined=len(found.ids),
        complete=found.after is None,
    )


def _with(group: Group | None, key: tuple[str | None, str, str], cause: sql.Cause) -> Group:
    at = cause.finished_at
    if group is None:
        job, error_class, message = key
        return Group(
            error_class=error_class,
            message=message,
            job=job,
            count=1,
            first_at=at,
            last_at=at,
            sample_run_id=cause.run_id,
        )
    return msgspec.structs.replace(
        group, count=group.count + 1, first_at=min(group.first_at, at), last_at=max(group.last_at, at)
    )


def normalised(message: str) -> str:
    """The message with what varies between like errors taken out: ids, numbers, line breaks."""
    return _VARYING.sub(lambda match: "<id>" if match["id"] else "<n>", " ".join(message[:500].split()))[:200]


def _message(error: str | None) -> str:
    """The message out of the beginning of an error's JSON."""
    found = _MESSAGE.match(error or "")
    if found is None:
        return ""
    try:
        return msgspec.json.decode(f'"{found[1]}"', type=str)
    except msgspec.DecodeError:  # cut in the middle of an escaped character
        return found[1]
