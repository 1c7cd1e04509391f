"""Lists of runs of agents: newest effective time first, in numbered pages with exact totals.

Totals come from sums, and so does the day on which a page begins: a page looks at the runs of its own days alone,
along an index, however many there are before and behind them, and at the sums of the days before them. Only what no sum
knows is counted in an index: the runs of one pull request, and the days that a time cuts in two.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.agents import DAY, AgentProfile, AgentRun, Phase, phase_of, trigger_of
from runyard.domain.records import Run
from runyard.domain.repositories import Repository
from runyard.domain.watching import Wanted, Watch
from runyard.engine import runs
from runyard.engine.specs import spec_of
from runyard.storage.port import Tx
from runyard.storage.sql import FOREVER
from runyard.storage.statements import agent_days, agent_runs, agents, jobs, repositories
from runyard.storage.statements import agent_lists as sql
from runyard.storage.statements.agent_lists import Spent

_EVER = -FOREVER
FIRST_LOOK = 4
"""How many days are looked at first for a page."""


class AgentName(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of a run's agent; a run may be of a job that is no agent, or of no job at all (no id then)."""

    id: str | None
    name: str
    template: str | None = None


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A run as people watch it, with the names of what it belongs to and what it used."""

    row: AgentRun
    agent: AgentName
    repository: Repository | None
    spent: Spent


class AgentRunPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of runs, and how many runs there are on all pages."""

    runs: list[Watched]
    total: int


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Days on which a part of a page stands: so many runs behind the newest so many."""

    first: int
    last: int
    offset: int
    n: int


def page(tx: Tx, wanted: Wanted, *, offset: int, limit: int) -> AgentRunPage:
    """The runs wanted, at most so many, behind so many others. Nothing is of an unknown agent or repository."""
    if not has_runs(tx, wanted):
        return AgentRunPage(runs=[], total=0)
    if wanted.pr_number is not None:
        low, high = _bounds(wanted)
        total = sql.count(tx, wanted, low, high)
        ids = sql.ids(tx, wanted, low, high, n=limit, offset=offset) if offset < total else []
    elif wanted.since is None and wanted.until is None:
        total = agent_days.kept_ever(tx, wanted, wanted.phases or tuple(Phase))
        ids = _ids(tx, wanted, _newest_days(tx, wanted, offset + limit), offset, limit) if offset < total else []
    else:
        days = _days(tx, wanted)
        total = sum(count for _, count in days)
        ids = _ids(tx, wanted, days, offset, limit) if offset < total else []
    return AgentRunPage(runs=_watched(tx, wanted.project_id, ids), total=total)


def has_runs(tx: Tx, watch: Watch) -> bool:
    """Whether the agent and the repository named, if any, are the project's own."""
    agent_id, repository_id = watch.agent_id, watch.repository_id
    if agent_id is not None:
        agent = agents.get(tx, [agent_id]).get(agent_id)
        if agent is None or agent.project_id != watch.project_id:
            return False
    if repository_id is not None:
        repository = repositories.get(tx, [repository_id]).get(repository_id)
        return repository is not None and repository.project_id == watch.project_id
    return True


def find(tx: Tx, project_id: int, run_id: str) -> tuple[Run, Watched]:
    """Any run of the project, as people watch runs of agents. Raises `NotFound`."""
    run = runs.find(tx, project_id, run_id)
    row = agent_runs.get(tx, [run.id]).get(run.id) if run.agent else None
    (watched,) = _named(tx, project_id, [row or _bare(run)])
    return run, watched


def _bare(run: Run) -> AgentRun:
    """How a run that is of no agent would stand among those that are."""
    return AgentRun(
        run_id=run.id,
        project_id=run.project_id,
        job_id=run.job_id or "",
        repository_id=None,
        phase=phase_of(run, begun=False),
        created_at=run.created_at,
        began_at=run.started_at,
        ended_at=run.finished_at,
        effective_at=run.created_at if run.started_at is None else run.started_at,
        trigger=trigger_of(run.trigger),
        event=None,
        pr_number=None,
        facts=None,
    )


def _bounds(wanted: Wanted) -> tuple[int, int]:
    return _EVER if wanted.since is None else wanted.since + 1, FOREVER if wanted.until is None else wanted.until


def _days(tx: Tx, wanted: Wanted) -> list[tuple[int, int]]:
    """Days with how many of the runs wanted were effective on each, newest first."""
    low, high = _bounds(wanted)
    span = sql.span(tx, wanted.project_id)
    if span is None or low >= high:
        return []
    # The sums of days whose runs were all deleted by age stay, and need not be read.
    first, last = max(low, span[0]) // DAY, min(high - 1, span[1]) // DAY
    found = agent_days.kept(tx, wanted, wanted.phases or tuple(Phase), first, last)
    cut = {edge // DAY for edge in (low, high) if edge % DAY}
    counted = [
        (day, sql.count(tx, wanted, max(low, day * DAY), min(high, (day + 1) * DAY)) if day in cut else kept)
        for day, kept in found
    ]
    return [(day, count) for day, count in counted if count]


def _newest_days(tx: Tx, wanted: Wanted, reach: int) -> list[tuple[int, int]]:
    """The newest days that hold so many of the runs wanted, or all there are: looked for in ever longer stretches."""
    span = sql.span(tx, wanted.project_id)
    if span is None:
        return []
    found: list[tuple[int, int]] = []
    oldest, last, length = span[0] // DAY, span[1] // DAY, FIRST_LOOK
    while last >= oldest and sum(count for _, count in found) < reach:
        first = max(oldest, last - length + 1)
        found += agent_days.kept(tx, wanted, wanted.phases or tuple(Phase), first, last)
        last, length = first - 1, length * 4
    return found


def _ids(tx: Tx, wanted: Wanted, days: Sequence[tuple[int, int]], offset: int, limit: int) -> list[str]:
    low, high = _bounds(wanted)
    found: list[str] = []
    for stretch in stretches(days, offset, limit, whole=_in_one_index(wanted)):
        start, end = max(low, stretch.first * DAY), min(high, (stretch.last + 1) * DAY)
        found += sql.ids(tx, wanted, start, end, n=stretch.n, offset=stretch.offset)
    return found


def _in_one_index(wanted: Wanted) -> bool:
    """Whether an index holds the runs wanted and no others, so that days without any cost nothing."""
    phase = None if wanted.phases is None else "phase"
    said = [one for one in (wanted.agent_id, wanted.repository_id, wanted.trigger, phase) if one is not None]
    return len(said) <= 1 or (len(said) == 2 and wanted.agent_id is not None and phase is not None)


def stretches(days: Sequence[tuple[int, int]], offset: int, limit: int, *, whole: bool) -> list[Stretch]:
    """On which days a page stands, newest first; days between that have none are passed over, unless taken `whole`."""
    found: list[Stretch] = []
    for day, count in days:
        if limit <= 0:
            break
        if offset >= count:
            offset -= count
            continue
        n = min(count - offset, limit)
        before = found[-1] if found else None
        if before is not None and (whole or before.first == day + 1):
            found[-1] = msgspec.structs.replace(before, first=day, n=before.n + n)
        else:
            found.append(Stretch(first=day, last=day, offset=offset, n=n))
        limit -= n
        offset = 0
    return found


def _watched(tx: Tx, project_id: int, ids: Sequence[str]) -> list[Watched]:
    rows = agent_runs.get(tx, ids)
    return _named(tx, project_id, [rows[run_id] for run_id in ids])


def _named(tx: Tx, project_id: int, rows: Sequence[AgentRun]) -> list[Watched]:
    if not rows:
        return []
    spent = sql.spent(tx, [row.run_id for row in rows])
    job_ids = sorted({row.job_id for row in rows if row.job_id})
    found = jobs.by_name_or_id(tx, project_id, job_ids) if job_ids else {}
    specs = {job.id: (job.name, spec_of(job)) for job in found.values()}
    about = repositories.get(tx, sorted({row.repository_id for row in rows if row.repository_id is not None}))
    watched = []
    for row in rows:
        used = spent[row.run_id]
        agent = AgentName(id=row.job_id or None, name=used.job_name or "")
        if row.job_id in specs:
            name, spec = specs[row.job_id]
            profile = spec.agent or AgentProfile()
            agent = AgentName(id=row.job_id, name=spec.title or name, template=profile.template)
        watched.append(Watched(row=row, agent=agent, repository=about.get(row.repository_id or ""), spent=used))
    return watched
