"""Runs of agents as people watch them: rows beside the runs, and sums by day that agree with them."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.agents import EVER, KEPT, TALLIED, AgentRun, Phase, day_of, tally
from runyard.domain.errors import Conflict, DomainError
from runyard.domain.records import Run
from runyard.engine import agent_runs, copies, retention
from runyard.storage.port import Tx
from runyard.storage.statements import agent_runs as sql
from tests.support.yard import Yard

COLUMNS = ", ".join(sql.SUMS)


def row_of(yard: Yard, run: Run) -> AgentRun:
    """The row beside the run."""
    return yard.store.look(sql.get, [run.id])[run.id]


def sums(tx: Tx) -> dict[Any, tuple[int, ...]]:
    """The sums by day, agent, repository and trigger, as they are kept."""
    found = tx.rows(f"SELECT project_id, day, job_id, repository_id, trigger, {COLUMNS} FROM agent_days")
    return {row[:5]: row[5:] for row in found if any(row[5:])}


def recomputed(tx: Tx) -> dict[Any, tuple[int, ...]]:
    """The same from the rows of all runs."""
    found: dict[Any, tuple[int, ...]] = {}
    for row in map(sql.from_row, tx.rows(f"SELECT {sql.COLUMNS} FROM agent_runs")):
        key = (row.project_id, day_of(row), row.job_id, row.repository_id or "", row.trigger)
        before = found.get(key, (0,) * len(sql.SUMS))
        found[key] = tuple(one + other for one, other in zip(before, tally(row), strict=True))
    return found


def by_day(yard: Yard) -> dict[Any, tuple[int, ...]]:
    """The sums of days; those of all days together must be what they come to."""
    kept = yard.store.look(sums)
    days = {key: row for key, row in kept.items() if key[1] != EVER}
    ever: dict[Any, tuple[int, ...]] = {}
    for (project_id, _, *rest), row in days.items():
        key = (project_id, EVER, *rest)
        ever[key] = tuple(map(sum, zip(ever.get(key, (0,) * len(row)), row, strict=True)))
    assert {key: row for key, row in ever.items() if any(row)} == {key: kept[key] for key in kept if key[1] == EVER}
    return days


def agree(yard: Yard) -> dict[Any, tuple[int, ...]]:
    """The sums of days, which must be what the rows come to."""
    days = by_day(yard)
    assert days == yard.store.look(recomputed)
    return days


def test_a_run_is_followed_from_its_making_to_its_end(yard: Yard):
    run = yard.ask_agent(payload={"pull_request": {"number": 42, "title": "A"}, "commit": {"sha": "abc"}})
    made = row_of(yard, run)
    assert (made.phase, made.trigger, made.pr_number, made.began_at) == (Phase.QUEUED, "manual", 42, None)
    assert made.effective_at == run.created_at
    facts = agent_runs.facts_in(made)
    assert (facts.pull_request and facts.pull_request.title, facts.commit and facts.commit.sha) == ("A", "abc")
    yard.clock.forward(hours=30)
    granted = yard.claim_one()
    yard.start(granted)
    begun = row_of(yard, run)
    assert (begun.phase, begun.began_at, begun.effective_at) == (Phase.RUNNING, yard.clock.now(), yard.clock.now())
    agree(yard)
    yard.clock.forward(seconds=45)
    yard.complete(granted)
    done = row_of(yard, run)
    assert (done.phase, done.duration) == (Phase.SUCCEEDED, 45_000)
    (only,) = agree(yard).values()
    named = dict(zip(sql.SUMS, only, strict=True))
    assert {name: number for name, number in named.items() if number} == {
        "total": 1,
        "succeeded": 1,
        "duration_ms": 45_000,
        "durations": 1,
        "kept_succeeded": 1,
    }


def test_a_run_that_has_begun_is_running_while_it_waits_for_its_next_try(yard: Yard):
    run = yard.ask_agent()
    granted = yard.claim_one()
    yard.start(granted)
    began = yard.clock.now()
    yard.clock.forward(seconds=5)
    yard.fail(granted)
    row = row_of(yard, run)
    assert (row.phase, row.began_at) == (Phase.RUNNING, began)
    agree(yard)


def test_a_try_that_fails_without_a_word_before_began_all_the_same(yard: Yard):
    run = yard.ask_agent()
    granted = yard.claim_one()
    yard.clock.forward(seconds=5)
    yard.fail(granted)
    row = row_of(yard, run)
    assert (row.phase, row.began_at) == (Phase.RUNNING, granted.run.claimed_at)
    agree(yard)


def test_a_run_that_waits_for_a_decision_is_deciding(yard: Yard):
    run = yard.ask_agent()
    granted = yard.claim_one()
    yard.start(granted)
    yard.park(granted, "decision")
    assert row_of(yard, run).phase is Phase.DECIDING
    agree(yard)


def test_retries_and_replays_are_about_the_same_and_counted_for_themselves(yard: Yard):
    run = yard.ask_agent(payload={"pr_number": 7}, trigger="pull_request", event="opened")
    yard.cancel(run)
    again = yard.store.transact(copies.retry, 1, run.id, config={"style": "thorough"})
    row = row_of(yard, again)
    assert (row.trigger, row.event, row.pr_number) == ("pull_request", "opened", 7)
    assert yard.run(again).payload == run.payload
    assert '"style":"thorough"' in (yard.run(again).metadata or "")
    agree(yard)


def test_sums_outlive_runs_that_are_deleted_by_age(yard: Yard):
    run = yard.ask_agent()
    yard.complete(yard.claim_one())
    yard.store.transact(retention.delete_runs, [run.id])
    (only,) = by_day(yard).values()
    named = dict(zip(sql.SUMS, only, strict=True))
    assert (named["total"], named["succeeded"], named["kept_succeeded"]) == (1, 1, 0)


def test_what_is_refused_is_not_counted(yard: Yard):
    agent = yard.agent()

    def refused(tx: Tx) -> None:
        agent_runs.begin(tx, [agent_runs.Begun(run=yard_run, profile=agent.profile)])
        raise Conflict("no")

    yard_run = yard.ask_agent(agent)
    before = agree(yard)
    with pytest.raises(DomainError):
        yard.store.transact(refused)
    assert agree(yard) == before


def test_ordinary_runs_have_no_row(yard: Yard):
    run = yard.create()
    assert yard.store.look(sql.get, [run.id]) == {}
    assert len(sql.SUMS) == len(TALLIED) + len(KEPT)
