"""SQL of inboxes: sums of what is in them, and ranges of indexes in the order in which they are shown.

Every range is read from a covering index. Filters that an index does not begin with are met by `counted`, what a task
is counted under: the sums tell which of these are wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import add

import msgspec

from runyard.domain.actors import Actor
from runyard.domain.inbox import TRIAGE_SUMS, Mark
from runyard.domain.task_sums import LANES, TRIAGED
from runyard.domain.tasks import Lane
from runyard.storage.port import Ask, Row, Tx, Value


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks are meant; what is None is not looked at."""

    project_id: int
    workspace_id: str | None = None
    """'' for tasks of no workspace."""
    owner_kind: str | None = None
    owner_ref: str | None = None

    @property
    def all(self) -> bool:
        """Whether every task of the project is meant."""
        return (self.workspace_id, self.owner_kind, self.owner_ref) == (None, None, None)

    @property
    def is_indexed(self) -> bool:
        """Whether an index of tasks holds them and no others."""
        by_owner = self.owner_kind is not None and self.owner_ref is not None and self.workspace_id is None
        return by_owner or (self.owner_kind is None and self.owner_ref is None)

    @property
    def values(self) -> dict[str, Value]:
        """The parameters of the conditions."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class Spot(msgspec.Struct, frozen=True, order=True):
    """A place in the order of inboxes; the smaller comes first."""

    before: int
    """The latest activity, negative."""
    less: int
    """The priority, negative."""
    id: str

    @property
    def params(self) -> dict[str, Value]:
        """The place as conditions name it."""
        return {"at": -self.before, "priority": -self.less, "id": self.id}


class Found(msgspec.Struct, frozen=True, order=True):
    """A task of a range."""

    spot: Spot
    title: str = ""
    identifier: str | None = None


def _behind(table: str, id: str) -> str:
    """What stands behind a place; the first condition bounds the walk of the index, the others pass equals by."""
    at, priority = f"{table}.active_at", f"{table}.priority"
    equals = f"{priority} < :priority OR ({priority} = :priority AND {table}.{id} > :id)"
    return f" AND {at} <= :at AND ({at} < :at OR {equals})"


_SUMS_WHERE = {
    "workspace_id": " AND workspace_id = :workspace_id",
    "owner_kind": " AND owner_kind = :owner_kind",
    "owner_ref": " AND owner_ref = :owner_ref",
}
_TEXTS = ", t.title, t.identifier"
# A truth and not a condition, for PostgreSQL: so it hashes the many numbers once, and keeps to the order of the index.
_COUNTED = " AND ({}.counted IN (SELECT s.counted FROM task_sums s WHERE s.project_id = :project_id{})) IS TRUE"
_OF_TASKS = "SELECT t.active_at, t.priority, t.id{texts} FROM tasks t WHERE t.project_id = :project_id"
_TASKS_ORDER = " ORDER BY {first}t.active_at DESC, t.priority DESC, t.id LIMIT "
_WHOSE = "{0}.project_id = :project_id AND {0}.actor_kind = :actor_kind AND {0}.actor_ref = :actor_ref"
_UNKNOWN = f" AND NOT EXISTS (SELECT 1 FROM triage g WHERE {_WHOSE.format('g')} AND g.task_id = t.id)"
_OF_MARKS = f"SELECT g.active_at, g.priority, g.task_id{{texts}} FROM triage g{{join}} WHERE {_WHOSE.format('g')}"
_MARKS_ORDER = " ORDER BY g.active_at DESC, g.priority DESC, g.task_id LIMIT "
_JOIN = " JOIN tasks t ON t.id = g.task_id"

_OURS = "owner_kind = :actor_kind AND owner_ref = :actor_ref"
_OPEN = f"_{Lane.OPEN.value}"
"""What is open is in nobody's inbox but its owner's."""


def _total(name: str) -> str:
    return f"CASE WHEN {_OURS} THEN {name} ELSE 0 END" if name.endswith(_OPEN) else name


TOTALS = "SELECT " + ", ".join(f"COALESCE(SUM({_total(name)}), 0)" for name in (*LANES, *TRIAGED)) + " FROM task_sums"
MARKS = (
    f"SELECT lane, CASE WHEN {_OURS} THEN 1 ELSE 0 END AS ours, "
    f"{', '.join(f'SUM({name})' for name in TRIAGE_SUMS)} FROM triage_sums s"
)
CLAIMED = """
    SELECT DISTINCT t.id FROM task_runs r JOIN tasks t ON t.id = r.task_id
    WHERE r.project_id = :project_id AND r.claimer_kind = :actor_kind AND r.claimer_ref = :actor_ref
    AND r.stage IN ('claimed', 'starting', 'running') AND t.lane = 'open'
    AND NOT (COALESCE(t.owner_kind, '') = :actor_kind AND COALESCE(t.owner_ref, '') = :actor_ref)
    ORDER BY t.id LIMIT """
CLAIMED_AMONG = (
    "SELECT DISTINCT task_id FROM task_runs WHERE task_id {among ids} AND stage IN ('claimed', 'starting', 'running') "
    "AND project_id = :project_id AND claimer_kind = :kind AND claimer_ref = :ref"
)
# PostgreSQL plans a statement anew each time whose limit it is not told. So limits are written out, but few of them.
_STEPS = (64, 256, 2048)


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """How many tasks stand in a lane, and how many of them somebody has a record of."""

    tasks: int
    triaged: int


class Marked(msgspec.Struct, frozen=True):
    """How many records of one actor stand how. Built from rows by position."""

    archived: int = 0
    dismissed: int = 0
    seen: int = 0
    unread: int = 0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How tasks stand to an actor, by lane."""

    totals: dict[str, Total]
    """How many there are; of what is open, how many are the actor's."""
    marks: dict[str, Marked]
    """How the actor's records stand (of what is open, those of their own tasks); in '' all that is archived."""
    claimed: list[str]
    """Open tasks whose runs the actor has claimed and which they do not own."""


def standing(tx: Tx, where: Where, actor: Actor, *, claims: int) -> Standing:
    """How tasks stand to the actor, from sums; and the first so many they have claimed, wherever these are."""
    params, filters = where.values | _named(actor), _filters(where)
    asks = [
        Ask(f"{TOTALS} WHERE project_id = :project_id{filters}", params),
        Ask(f"{MARKS} WHERE {_WHOSE.format('s')}{filters} GROUP BY lane, ours", params),
    ]
    if claims:
        asks.append(Ask(f"{CLAIMED}{claims}", {"project_id": where.project_id, **_named(actor)}))
    totals, marks, *claimed = tx.together(asks)
    return Standing(
        totals=_totals(totals[0]), marks=_marked(marks), claimed=[row[0] for rows in claimed for row in rows]
    )


def _totals(row: Row) -> dict[str, Total]:
    names, half = [name.removeprefix("lane_") for name in LANES], len(LANES)
    return {name: Total(tasks=int(row[place]), triaged=int(row[place + half])) for place, name in enumerate(names)}


def _marked(rows: Sequence[Row]) -> dict[str, Marked]:
    """Records of tasks in no lane count for nothing but for being archived."""
    sums: dict[str, list[int]] = {}
    archived = 0
    for lane, ours, *row in rows:
        numbers = list(map(int, row))
        archived += numbers[0]
        if lane and (ours or lane != Lane.OPEN):
            sums[lane] = list(map(add, sums[lane], numbers)) if lane in sums else numbers
    return {lane: Marked(*numbers) for lane, numbers in sums.items()} | {"": Marked(archived=archived)}


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks or records to walk."""

    where: Where
    actor: Actor
    lane: str
    texts: bool
    """Whether titles and identifiers are wanted too."""


Walk = Callable[[Range, Spot, int], Ask]
"""The first so many of a range behind a place."""


def claimed_among(tx: Tx, project_id: int, actor: Actor, ids: Sequence[str]) -> set[str]:
    """Those of the tasks of which the actor has a run."""
    if not ids:
        return set()
    rows = tx.rows(CLAIMED_AMONG, project_id=project_id, kind=actor.kind, ref=actor.ref, ids=list(ids))
    return {row[0] for row in rows}


def untouched(of: Range, spot: Spot, n: int) -> Ask:
    """Tasks of the lane that nobody has a record of."""
    return _tasks(of, spot, n, " AND t.triaged = 0")


def unknown(of: Range, spot: Spot, n: int) -> Ask:
    """Tasks of the lane that others have a record of and the actor has not; what the actor knows is passed by."""
    return _tasks(of, spot, n, f" AND t.triaged = 1{_UNKNOWN}")


def unread(of: Range, spot: Spot, n: int) -> Ask:
    """Tasks of the lane in which something happened since the actor looked."""
    return _marks(of, spot, n, " AND g.mark = :mark AND g.lane = :lane", mark=Mark.UNREAD.value, lane=of.lane)


def seen(of: Range, spot: Spot, n: int) -> Ask:
    """Tasks of the lane that the actor has seen as they stand."""
    return _marks(of, spot, n, " AND g.mark = :mark AND g.lane = :lane", mark=Mark.READ.value, lane=of.lane)


def archived(of: Range, spot: Spot, n: int) -> Ask:
    """Tasks the actor has archived, in whichever lane."""
    return _marks(of, spot, n, " AND g.archived = 1")


def walk(tx: Tx, asks: Sequence[Ask], n: Sequence[int]) -> list[list[Found]]:
    """The first `n` of each of these ranges."""
    return [
        [Found(Spot(-row[0], -row[1], row[2]), *row[3:]) for row in rows[:most]]
        for rows, most in zip(tx.together(asks), n, strict=True)
    ]


def _tasks(of: Range, spot: Spot, n: int, condition: str) -> Ask:
    where = of.where
    params: dict[str, Value] = {"project_id": where.project_id, "lane": of.lane, **spot.params}
    text, first = _OF_TASKS.format(texts=_TEXTS if of.texts else ""), ""
    if where.owner_kind is not None and where.owner_ref is not None:
        text += " AND t.owner_kind = :owner_kind AND t.owner_ref = :owner_ref AND t.lane IS NOT NULL"
        params |= {"owner_kind": where.owner_kind, "owner_ref": where.owner_ref}
    elif where.workspace_id == "":
        # To PostgreSQL what is NULL is not all equal, unless it is part of the order.
        text, first = f"{text} AND t.workspace_id IS NULL AND t.lane <> 'open'", "t.workspace_id, "
    elif where.workspace_id is not None:
        text += " AND t.workspace_id = :workspace_id AND t.lane <> 'open'"
        params["workspace_id"] = where.workspace_id
    else:
        text += " AND t.lane <> 'open'"
    text += f" AND t.lane = :lane{condition}"
    if ":actor_kind" in condition:
        params |= _named(of.actor)
    if not where.is_indexed:
        text += _COUNTED.format("t", _filters(where))
        params |= where.values
    passes = condition.endswith(_UNKNOWN) or not where.is_indexed
    return _first(f"{text}{_behind('t', 'id')}{_TASKS_ORDER.format(first=first)}", params, n, passes=passes)


def _marks(of: Range, spot: Spot, n: int, condition: str, **more: Value) -> Ask:
    params: dict[str, Value] = {"project_id": of.where.project_id, **_named(of.actor), **spot.params, **more}
    texts, join = (_TEXTS, _JOIN) if of.texts else ("", "")
    text = _OF_MARKS.format(texts=texts, join=join) + condition
    if not of.where.all:
        text += _COUNTED.format("g", _filters(of.where))
        params |= of.where.values
    return _first(f"{text}{_behind('g', 'task_id')}{_MARKS_ORDER}", params, n, passes=not of.where.all)


def _first(text: str, params: dict[str, Value], n: int, *, passes: bool) -> Ask:
    """The first `n` or some more; where the walk passes others by, it goes no farther than to the last of these."""
    step = next((step for step in _STEPS if n <= step), None)
    return Ask(f"{text}:n", {**params, "n": n}) if passes or step is None else Ask(f"{text}{step}", params)


def _filters(where: Where) -> str:
    said: Mapping[str, Value] = where.values
    return "".join(text for name, text in _SUMS_WHERE.items() if name in said)


def _named(actor: Actor) -> dict[str, Value]:
    return {"actor_kind": actor.kind, "actor_ref": actor.ref}
