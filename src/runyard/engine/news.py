"""News of a project for those outside who listen: what is told when, and what it says.

A message is written in the transaction of what it tells of, one for each webhook that hears of such events. All that
tell of one event carry the same id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from runyard.domain.agents import AgentRun, Phase
from runyard.domain.approvals import Approval, ApprovalState
from runyard.domain.records import Run
from runyard.domain.repositories import Repository
from runyard.domain.states import RunState
from runyard.domain.webhooks import Event
from runyard.engine import bulletins, deliveries, listeners
from runyard.engine.bulletins import Background
from runyard.engine.listeners import Listener
from runyard.storage.port import Tx
from runyard.storage.statements import agent_runs as agent_runs_sql
from runyard.storage.statements import deliveries as deliveries_sql
from runyard.storage.statements import repositories as repositories_sql

_ENDS = {
    RunState.COMPLETED: Event.RUN_COMPLETED,
    RunState.CANCELED: Event.RUN_CANCELED,
    RunState.TIMED_OUT: Event.RUN_TIMED_OUT,
    RunState.DEAD_LETTER: Event.RUN_DEAD_LETTERED,
    **dict.fromkeys((RunState.FAILED, RunState.CRASHED, RunState.SYSTEM_FAILED, RunState.EXPIRED), Event.RUN_FAILED),
}
_FAILURES = frozenset({Phase.FAILED, Phase.TIMED_OUT})
_APPROVALS = {
    ApprovalState.PENDING: Event.APPROVAL_REQUESTED,
    ApprovalState.APPROVED: Event.APPROVAL_APPROVED,
    ApprovalState.REJECTED: Event.APPROVAL_REJECTED,
}


class _Happened(NamedTuple):
    event: Event
    run: Run
    row: AgentRun | None
    approval: Approval | None = None


class _Definition(msgspec.Struct):
    title: str = ""


_title = msgspec.json.Decoder(_Definition).decode


def listen(tx: Tx, ending: Sequence[Run]) -> None:
    """Find out who is to be told that these runs end, before anything is written that a look would have to wait for."""
    if ending:
        listeners.of(tx, {run.project_id for run in ending})


def of_moves(tx: Tx, ended: Sequence[Run], watched: Sequence[Run], rows: Sequence[tuple[AgentRun, AgentRun]]) -> None:
    """Tell of runs that have ended, and of runs of agents whose rows changed (before and after)."""
    if not ended and not rows:
        return
    runs = {run.id: run for run in watched}
    beside = {now.run_id: now for _, now in rows}

    def happened() -> Iterator[_Happened]:
        for before, now in rows:
            for event in _between(before, now):
                yield _Happened(event, runs[now.run_id], now)
        for run in ended:
            yield _Happened(_ENDS[run.state], run, beside.get(run.id))

    _tell(tx, {run.project_id for run in (*ended, *runs.values())}, happened())


def of_approvals(tx: Tx, asked: Iterable[tuple[Run, Approval]]) -> None:
    """Tell that runs ask for approval, or what the answer was, whichever the approvals say."""
    happened = [
        _Happened(_APPROVALS[approval.state], run, None, approval)
        for run, approval in asked
        if approval.state in _APPROVALS
    ]
    if happened:
        _tell(tx, {one.run.project_id for one in happened}, happened)


def _between(before: AgentRun, now: AgentRun) -> list[Event]:
    """What happened to a run of an agent between the two."""
    found = []
    if before.began_at is None and now.began_at is not None:
        found.append(Event.AGENT_STARTED)
    if now.phase is Phase.SUCCEEDED and before.phase is not Phase.SUCCEEDED:
        found.append(Event.AGENT_COMPLETED)
    if now.phase in _FAILURES and before.phase not in _FAILURES:
        found.append(Event.AGENT_FAILED)
    if before.ended_at is None and now.ended_at is not None and now.findings:
        found.append(Event.AGENT_ISSUES_FOUND)
    return found


def _tell(tx: Tx, projects: set[int], happened: Iterable[_Happened]) -> None:
    """Write messages about what happened in these projects, which is not looked at where nobody listens."""
    listening = listeners.of(tx, projects)
    if not listening:
        return
    heard = [
        (one, hearing)
        for one in happened
        if (hearing := [to for to in listening.get(one.run.project_id, ()) if to.hears(one.event)])
    ]
    if heard:
        deliveries.add(tx, _messages(tx, heard))


def _messages(tx: Tx, heard: Sequence[tuple[_Happened, Sequence[Listener]]]) -> list[deliveries.Message]:
    agents = [one.run.id for one, _ in heard if one.run.agent and one.row is None]
    rows = agent_runs_sql.get(tx, sorted(set(agents)))
    told = [one._replace(row=one.row or rows.get(one.run.id)) for one, _ in heard]
    titles = _titles(tx, [one.run for one in told])
    places = {one.row.repository_id for one in told if one.row is not None and one.row.repository_id is not None}
    repositories = repositories_sql.get(tx, sorted(places))
    messages = []
    for one, (_, hearing) in zip(told, heard, strict=True):
        event_id = tx.new_id()
        body = bulletins.written(event_id, one.event, tx.now, _background(one, titles, repositories), one.approval)
        messages += [deliveries.to_webhook(to, event_id, one.event, body, one.run.id) for to in hearing]
    return messages


def _background(
    one: _Happened, titles: Mapping[tuple[str, int], str], repositories: Mapping[str, Repository]
) -> Background:
    repository_id = one.row.repository_id if one.row is not None else None
    return Background(
        run=one.run,
        row=one.row,
        title=titles.get((one.run.job_id or "", one.run.job_version or 1)) or one.run.job_name,
        repository=repositories.get(repository_id or ""),
    )


def _titles(tx: Tx, runs: Sequence[Run]) -> dict[tuple[str, int], str]:
    """What the agents of the runs were called as the runs were made; empty for those called like their jobs."""
    wanted = {(run.job_id, run.job_version or 1) for run in runs if run.agent and run.job_id is not None}
    found: dict[Any, str] = deliveries_sql.definitions(tx, sorted(wanted)) if wanted else {}
    return {definition: _title(text).title for definition, text in found.items()}
