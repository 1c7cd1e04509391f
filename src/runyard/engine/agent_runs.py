"""Runs of agents as people watch them: a row beside each run, and sums by day that always agree with the rows.

A row changes here alone, and what it adds to the sums of its day (`domain.agents.tally`) with it: what it added before
is taken back, what it adds now is put in. So replays, retries and late ends cannot be counted twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain.agents import (
    AgentProfile,
    AgentRun,
    Phase,
    RunFacts,
    facts_of,
    followed,
    parting,
    tally,
    trigger_of,
)
from runyard.domain.records import Run
from runyard.storage.port import Tx
from runyard.storage.statements import agent_runs as sql
from runyard.storage.statements import repositories as repositories_sql

_json = msgspec.json.Encoder()
_members = msgspec.json.Decoder(dict[str, Any]).decode
_facts = msgspec.json.Decoder(RunFacts).decode


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A new run of an agent, and what its agent was as it was made."""

    run: Run
    profile: AgentProfile
    event: str | None = None


def begin(tx: Tx, begun: Sequence[Begun]) -> None:
    """Add the rows of new runs. One made from another is about the same, whatever began it."""
    origins = sql.get(tx, sorted({one for new in begun if (one := _origin(new.run)) is not None}))
    said = {new.run.id: facts_of(payload_of(new.run)) for new in begun}
    named = {(new.run.project_id, name) for new in begun if (name := said[new.run.id].repository) is not None}
    repositories = repositories_sql.by_names(tx, sorted(named)) if named else {}
    rows = []
    for new in begun:
        run, facts = new.run, said[new.run.id]
        origin = origins.get(_origin(run) or "")
        found = repositories.get((run.project_id, facts.repository or ""))
        row = AgentRun(
            run_id=run.id,
            project_id=run.project_id,
            job_id=run.job_id or "",
            repository_id=found or new.profile.repository_id,
            phase=Phase.QUEUED,
            created_at=run.created_at,
            began_at=None,
            ended_at=None,
            effective_at=run.created_at,
            trigger=trigger_of(run.trigger),
            event=new.event,
            pr_number=facts.pr_number,
            facts=_json.encode(facts).decode(),
        )
        if origin is not None:
            row = msgspec.structs.replace(
                row, repository_id=origin.repository_id, trigger=origin.trigger, event=origin.event
            )
        rows.append(row)
    sql.add(tx, rows)
    for row in rows:
        sql.tally(tx, row, tally(row))


def follow(tx: Tx, moved: Sequence[tuple[Run, Run]]) -> list[tuple[AgentRun, AgentRun]]:
    """Bring the rows of runs that moved (before and after) up to date; before and after of those that changed."""
    kept = sql.get(tx, [run.id for _, run in moved])
    changed = [
        (row, now)
        for before, run in moved
        if (row := kept.get(run.id)) is not None and (now := followed(row, before, run)) != row
    ]
    if changed:
        sql.follow(tx, [now for _, now in changed])
    for before, now in changed:
        _recount(tx, before, now)
    return changed


def count(tx: Tx, before: AgentRun, **found: Any) -> AgentRun:
    """Note what was found in a run, whose row this is and whose lock is held; the row as it stands now."""
    now = msgspec.structs.replace(before, **found)
    sql.count(tx, now)
    _recount(tx, before, now)
    return now


def forget(tx: Tx, ids: Sequence[str]) -> None:
    """Delete the rows of runs that are deleted; the sums keep all but that they are there to be listed."""
    rows = sql.get(tx, ids)
    for row in rows.values():
        sql.tally(tx, row, parting(row))
    if rows:
        sql.delete(tx, sorted(rows))


def payload_of(run: Run) -> Mapping[str, Any]:
    """The run's payload where it is an object, else nothing."""
    if not run.payload.startswith("{"):
        return {}
    try:
        return _members(run.payload)
    except msgspec.MsgspecError:
        return {}


def facts_in(row: AgentRun) -> RunFacts:
    """What the run is about."""
    return RunFacts() if row.facts is None else _facts(row.facts)


def _origin(run: Run) -> str | None:
    return run.retry_of or run.replay_of


def _recount(tx: Tx, before: AgentRun, now: AgentRun) -> None:
    sql.tally(tx, before, tuple(-part for part in tally(before)))
    sql.tally(tx, now, tally(now))
