"""Dashboards: whatever becomes of tasks and runs, they tell what a look at every row would tell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from runyard.domain.tasks import Stage, Task, TaskRun, TaskStatus, counted_as
from runyard.engine import sessions
from runyard.engine.tasks import dashboards, operating, settling
from runyard.engine.tasks.dashboards import MINUTE, Dashboard, Depth, Latency
from runyard.storage.port import Tx
from runyard.storage.statements import task_extremes
from runyard.storage.statements.task_sums import Where
from tests.engine.tasks.life import ANN, STEPS, Everything, Life, lived_through, steps_of
from tests.engine.tasks.working import begin, finish
from tests.support.stores import Shelf
from tests.support.yard import PERSON, SECOND, Yard

EXAMPLES = {"sqlite": 50, "postgres": 12}
FILTERS: list[dict[str, Any]] = [
    {},
    {"workspace_id": "w1"},
    {"workspace_id": ""},
    {"owner_kind": "human"},
    {"owner_kind": "human", "owner_ref": "ann"},
    {"channel": "red"},
    {"channel": "red", "workspace_id": "w2"},
    {"origin_kind": "http", "owner_ref": "coder"},
    {"origin_kind": "daemon"},
]


def naive(tx: Tx, where: Where) -> Dashboard:
    """The dashboard as all rows have it."""
    every = Everything(tx)
    tasks = [task for task in every.tasks if _meant(task, where)]
    runs = [run for task in tasks for run in every.runs[task.id] if _fits(run, where)]
    live = {row[0] for row in tx.rows("SELECT id FROM sessions WHERE state <> 'stopped'")}
    stuck = [run for run in runs if _stuck(run, tx.now)]
    orphans = [run for run in runs if run.stage in ("starting", "running") and run.session_id not in live]
    counted: dict[str, int] = {status.value: sum(task.status is status for task in tasks) for status in TaskStatus}
    blocked = [task for task in tasks if task.status is TaskStatus.BLOCKED]
    counted["awaiting_approval"] = sum(task.approval_state == "pending" for task in blocked)
    counted["awaiting_dependencies"] = sum(task.dependencies > 0 for task in blocked)
    queued: dict[str, list[int]] = {}
    for run in runs:
        if run.stage is Stage.QUEUED:
            queued.setdefault(run.channel or "", []).append(run.queued_at)
    claims = [run.claimed_at - run.queued_at for run in runs if run.claimed_at is not None]
    starts = [run.started_at - (run.claimed_at or run.queued_at) for run in runs if run.started_at is not None]
    return Dashboard(
        now=tx.now,
        tasks=counted,
        runs={stage.value: sum(run.stage is stage for run in runs) for stage in Stage},
        queue=[Depth(channel=name, count=len(queued[name]), oldest_at=min(queued[name])) for name in sorted(queued)],
        stuck=len(stuck),
        orphans=len(orphans),
        claim=Latency(samples=len(claims), total=sum(claims), maximum=max(claims, default=0)),
        start=Latency(samples=len(starts), total=sum(starts), maximum=max(starts, default=0)),
        forced_stops=0,
        items=[],
        last_at=max((every.active_at(task) for task in tasks), default=None),
    )


def shown(tx: Tx, where: Where) -> list[tuple[str, bool]]:
    """The runs that are to be shown, and whether each is stuck, as all rows have them."""
    every = Everything(tx)
    ranks = {"running": 4, "starting": 3, "claimed": 2, "queued": 1}
    runs = [run for task in every.tasks if _meant(task, where) for run in every.runs[task.id] if _fits(run, where)]
    found = sorted((ranks[run.stage], _since(run), run.run_id, run) for run in runs if run.stage in ranks)
    return [(run.run_id, _stuck(run, tx.now)) for *_, run in reversed(found)][:4]


def _meant(task: Task, where: Where) -> bool:
    said = {
        "workspace_id": task.workspace_id or "",
        "owner_kind": task.owner_kind,
        "owner_ref": task.owner_ref,
        "channel": task.channel,
        "origin_kind": task.origin_kind,
    }
    return all(said[name] == getattr(where, name) for name in where.named)


def _fits(run: TaskRun, where: Where) -> bool:
    return where.channel in (None, run.channel) and where.origin_kind in (None, run.origin_kind)


def _since(run: TaskRun) -> int:
    return run.started_at or run.claimed_at or run.queued_at


def _stuck(run: TaskRun, now: int) -> bool:
    minutes = {"claimed": 5, "starting": 5, "running": 30}.get(run.stage)
    return minutes is not None and now - _since(run) >= minutes * 60 * SECOND


def kinds(tx: Tx) -> list[tuple[Any, ...]]:
    """Under what tasks are counted, and what stands for that in indexes."""
    return tx.rows(
        "SELECT project_id, workspace_id, owner_kind, owner_ref, channel, origin_kind, counted FROM task_sums"
    )


def check(life: Life) -> None:
    """Hold dashboards to what all rows come to."""
    store = life.yard.store
    assert all(counted_as(tuple(key)) == counted for *key, counted in store.look(kinds))
    for filters in FILTERS:
        where = Where(project_id=1, **filters)
        found = store.look(dashboards.stats, where, since=0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(task_extremes, "MANY", 0)
            assert store.look(dashboards.stats, where, since=0) == found, filters
        meant = store.look(naive, where)
        for name in ("runs", "queue", "stuck", "orphans", "claim", "start", "last_at", "now"):
            assert getattr(found, name) == getattr(meant, name), (name, filters)
        assert {name: found.tasks[name] for name in meant.tasks} == meant.tasks, filters
        assert [(one.run.run.id, one.stuck) for one in found.items] == store.look(shown, where), filters


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_dashboards_tell_what_a_look_at_everything_tells(engine: str, shelf: Shelf):
    @settings(max_examples=EXAMPLES[engine], deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=STEPS)
    def lived(steps: list[tuple[str, int, int]]) -> None:
        life = Life(Yard(shelf.empty(engine), shelf.clock))
        for step in steps:
            life.do(step)
        check(life)

    lived()


def stats(yard: Yard, since: int = 0, **filters: Any) -> Dashboard:
    """How the tasks of the project stand."""
    return yard.store.look(dashboards.stats, Where(project_id=yard.project_id, **filters), since=since)


def test_nothing_is_wrong_where_nothing_is(yard: Yard):
    found = stats(yard)
    assert (found.healthy, found.stale, found.last_at, found.tasks_total, found.runs_total) == (True, False, None, 0, 0)
    assert (found.queue, found.items, found.oldest_at, found.claim.average) == ([], [], None, 0)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_queue_that_nobody_serves_is_a_backlog(yard: Yard):
    yard.queue(yard.task())
    yard.clock.forward(micros=10 * MINUTE - 1)
    assert (stats(yard).backlog, stats(yard).healthy) == (False, True)
    yard.clock.forward(micros=1)
    assert (stats(yard).backlog, stats(yard).healthy, stats(yard).stale) == (True, False, True)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_runs_get_stuck_and_lose_their_sessions(yard: Yard):
    row = yard.queue(yard.task())
    session = yard.session()
    begin(yard, row, session)
    yard.clock.forward(micros=30 * MINUTE - 1)
    assert (stats(yard).stuck, stats(yard).orphans) == (0, 0)
    yard.clock.forward(micros=1)
    assert (stats(yard).stuck, stats(yard).orphans, stats(yard).healthy) == (1, 0, False)
    claimed = yard.queue(yard.task())
    yard.store.transact(operating.claim, 1, claimed.run_id, PERSON)
    yard.clock.forward(minutes=5)
    assert stats(yard).stuck == 2
    yard.store.transact(lambda tx: tx.run("UPDATE sessions SET state = 'stopped', stopped_at = 1"))
    assert (stats(yard).orphans, [one.stuck for one in stats(yard).items]) == (1, [True, True])


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_run_given_back_lowers_the_longest_wait(yard: Yard):
    finish(yard, yard.queue(yard.task()))
    yard.queue(yard.task())
    yard.clock.forward(minutes=2)
    assert yard.claim_next(yard.session()) is not None
    assert (stats(yard).claim.samples, stats(yard).claim.maximum) == (2, 2 * MINUTE)
    yard.after(seconds=301)
    assert (stats(yard).claim.samples, stats(yard).claim.maximum) == (1, 0)


def test_forced_stops_count_since_the_server_began(yard: Yard):
    session = yard.session()
    begin(yard, yard.queue(yard.task(channel="red")), session)
    yard.store.transact(sessions.ask_to_stop, [session.id], PERSON)
    assert stats(yard).forced_stops == 0
    yard.clock.forward(minutes=1)
    yard.store.transact(settling.sweep)
    assert [stats(yard, channel=name).forced_stops for name in (None, "red", "blue")] == [1, 1, 0]
    assert stats(yard, since=yard.clock.now() + 1).forced_stops == 0


def test_what_is_of_another_project_is_not_told(yard: Yard):
    finish(yard, yard.queue(yard.task(owner=ANN)))
    other = Yard(yard.store, yard.clock, project_id=2)
    asked: list[dict[str, Any]] = [{}, {"owner_kind": "human"}, {"owner_kind": "human", "owner_ref": "ann"}]
    for filters in asked:
        assert (stats(other, **filters).last_at, stats(other, **filters).runs_total) == (None, 0)
        assert stats(yard, **filters).runs_total == 1


def test_no_look_reads_a_table_or_sorts_what_it_finds(shelf: Shelf):
    life = lived_through(Yard(shelf.empty("sqlite"), shelf.clock))
    for filters in FILTERS:
        where = Where(project_id=1, **filters)
        for step in life.yard.store.look(steps_of, dashboards.stats, where, since=0):
            assert "SCAN tasks" not in step, step
            assert "SCAN r" not in step, step
            assert "SCAN e" not in step, step
            assert "ORDER BY" not in step, step
