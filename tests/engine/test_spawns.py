"""Runs that make others below them and wait for all that comes of them; runs that continue others."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from runyard.domain.errors import Ended, IllegalMove, Invalid, NotFound
from runyard.domain.states import RunState
from runyard.domain.waits import WaitState
from runyard.engine import event_waits, lineage, parents, projects, spawns
from runyard.engine.claims import Granted
from runyard.engine.proofs import Pass
from tests.support.yard import SECOND, Yard

S = RunState


def spawn(yard: Yard, held: Granted, *, job: str = "child", token: Any = None, **said: Any) -> spawns.Spawned:
    """Let a held run make a child."""
    asked = spawns.Spawn(
        project_id=yard.project_id,
        run_id=held.run.id,
        token=token or Pass(),
        job=job,
        **({"target": yard.project_id} | said),
    )
    return yard.store.transact(spawns.spawn, asked)


def guard(yard: Yard, child: str) -> WaitState:
    """What became of the wait that guards the parent of the child."""
    return yard.store.look(event_waits.find, 1, f"spawn-await:{child}").state


def proceed(yard: Yard, run_id: str, **said: Any) -> Any:
    """Continue a run."""
    asked = lineage.Continue(project_id=1, run_id=run_id, **({"token": Pass()} | said))
    return yard.store.transact(lineage.proceed, asked)


def test_a_child_is_of_the_jobs_current_version_and_names_its_parent(yard: Yard, clock):
    yard.job("child", ttl=60 * SECOND, priority=2)
    yard.job("child", priority=3)
    held = yard.running()
    child = spawn(yard, held, payload='{"a":1}', priority=7).child
    assert (child.parent_id, child.trigger, child.attempt, child.job_version) == (held.run.id, "spawn", 1, 2)
    assert (child.payload, child.priority, child.expires_at) == ('{"a":1}', 7, clock.now() + 60 * SECOND)
    assert spawn(yard, held).child.priority == 3
    assert yard.state(held) is S.RUNNING


def test_an_unknown_job_and_a_bad_payload_are_refused(yard: Yard):
    yard.job("child", payload_schema='{"type":"object","required":["a"]}')
    held = yard.running()
    with pytest.raises(NotFound):
        spawn(yard, held, job="gone")
    with pytest.raises(Invalid):
        spawn(yard, held, payload="{}")


def test_a_child_in_another_project_hangs_on_its_parent(yard: Yard, clock):
    other = Yard(yard.store, clock, yard.store.transact(projects.create, slug="other").id)
    other.job("child")
    held = yard.running()
    with pytest.raises(NotFound):
        spawn(yard, held)
    child = spawn(yard, held, target=other.project_id, wait=60 * SECOND).child
    assert (child.project_id, child.parent_id, yard.state(held)) == (other.project_id, held.run.id, S.WAITING)
    assert yard.store.look(lineage.children, 1, held.run.id) == []
    other.complete(other.claim_one())
    assert yard.state(held) is S.QUEUED


def test_a_parent_waits_until_all_its_descendants_have_ended(yard: Yard):
    yard.job("child")
    held = yard.running()
    one = spawn(yard, held)
    made = spawn(yard, held, wait=60 * SECOND)
    waiting = yard.run(held).waiting_for
    assert waiting is not None
    assert (waiting.kind, waiting.key) == ("descendants", f"spawn-await:{made.child.id}")
    first, second = yard.claim(2)
    grandchild = yard.create(parent_id=second.run.id)
    yard.complete(first)
    yard.complete(second)
    assert (one.child.id, yard.state(held)) == (first.run.id, S.WAITING)
    last = yard.claim_one()
    assert last.run.id == grandchild.id
    yard.fail(last, retryable=False)
    assert yard.state(grandchild) is S.DEAD_LETTER
    run = yard.run(held)
    assert (run.state, run.attempt, run.started_at, run.finished_at) == (S.QUEUED, 1, None, None)
    assert guard(yard, made.child.id) is WaitState.RECEIVED


def test_a_guard_whose_time_is_up_times_the_parent_out(yard: Yard):
    yard.job("child")
    held = yard.running()
    made = spawn(yard, held, wait=5 * SECOND)
    yard.after(seconds=5)
    assert (yard.state(held), guard(yard, made.child.id)) == (S.TIMED_OUT, WaitState.TIMED_OUT)
    assert yard.state(made.child) is S.QUEUED


def test_only_a_run_at_work_waits_for_a_child_and_no_child_is_made_otherwise(yard: Yard):
    yard.job("child")
    held = yard.claimed()
    with pytest.raises(IllegalMove):
        spawn(yard, held, wait=SECOND)
    yard.start(held)
    with pytest.raises(Invalid):
        spawn(yard, held, wait=0)
    assert yard.store.look(lineage.children, 1, held.run.id) == []
    yard.complete(held)
    with pytest.raises(Ended):
        spawn(yard, held)


def test_canceling_a_waiting_parent_closes_its_guard_and_cancels_its_child(yard: Yard):
    yard.job("child")
    held = yard.running()
    made = spawn(yard, held, wait=60 * SECOND)
    yard.cancel(held)
    assert (yard.state(made.child), guard(yard, made.child.id)) == (S.CANCELED, WaitState.CANCELED)


def test_descendants_that_end_while_the_parent_is_paused_count(yard: Yard):
    yard.job("child")
    held = yard.running()
    made = spawn(yard, held, wait=60 * SECOND)
    yard.pause(held)
    yard.complete(yard.claim_one())
    assert guard(yard, made.child.id) is WaitState.RECEIVED
    assert yard.resume(held).state is S.QUEUED


def test_the_last_two_descendants_ending_on_two_servers_at_once_wake_the_parent(two_servers, clock):
    yards = [Yard(server, clock) for server in two_servers]
    yards[0].job("child")
    for _ in range(20):
        held = yards[0].running()
        spawn(yards[0], held, wait=3600 * SECOND)
        child = yards[0].claim_one()
        yards[0].create(parent_id=child.run.id)
        last = yards[0].claim_one()
        threads = [
            threading.Thread(target=yard.complete, args=(one,)) for yard, one in zip(yards, (child, last), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert yards[0].state(held) is S.QUEUED
        yards[0].complete(yards[0].claim_one())
    yards[0].check()


def test_a_descendant_that_ends_unseen_as_the_wait_begins_is_seen_a_little_later(yard: Yard, monkeypatch):
    yard.job("child")
    held = yard.running()
    spawn(yard, held, wait=3600 * SECOND)
    monkeypatch.setattr(parents, "freed", lambda tx, ended: [])
    yard.complete(yard.claim_one())
    assert yard.state(held) is S.WAITING
    yard.after(seconds=10)
    assert yard.state(held) is S.QUEUED


def test_children_are_listed_oldest_first(yard: Yard, clock):
    held = yard.running()
    made = []
    for _ in range(4):
        made.append(yard.create(parent_id=held.run.id))
        clock.forward(seconds=1)
    ids = [run.id for run in made]
    assert [run.id for run in yard.store.look(lineage.children, 1, held.run.id, limit=3)] == ids[:3]
    assert [run.id for run in yard.store.look(lineage.children, 1, held.run.id, after=ids[2])] == ids[3:]
    since = made[1].created_at
    assert [run.id for run in yard.store.look(lineage.children, 1, held.run.id, since=since)] == ids[2:]
    with pytest.raises(NotFound):
        yard.store.look(lineage.children, 1, "gone")


def test_a_continuation_is_a_run_of_the_same_job_one_deeper(yard: Yard):
    yard.job("job", tags={"a": "b"}, max_concurrency=5)
    held = yard.running(job="job", payload='{"n":1}', priority=4, idempotency_key="k")
    run = proceed(yard, held.run.id)
    assert (run.job_id, run.continuation_of, run.continued, run.trigger) == (held.run.job_id, held.run.id, 1, "manual")
    assert (run.payload, run.priority, run.idempotency_key, run.parent_id) == ('{"n":1}', 4, None, None)
    assert yard.state(held) is S.RUNNING
    assert proceed(yard, held.run.id, payload="2").payload == "2"


def test_a_run_of_no_job_can_be_continued(yard: Yard):
    held = yard.running(queue="q", requires=("gpu",), policy={"max_attempts": 9})
    run = proceed(yard, held.run.id)
    assert (run.job_id, run.queue, run.requires, run.policy) == (None, "q", '["gpu"]', held.run.policy)


def test_only_a_run_at_work_or_waiting_is_continued_and_an_ended_one_is_a_conflict(yard: Yard):
    yard.job("job")
    held = yard.claimed(job="job")
    with pytest.raises(IllegalMove):
        proceed(yard, held.run.id)
    yard.start(held)
    yard.park(held, "event")
    proceed(yard, held.run.id)
    yard.cancel(held)
    with pytest.raises(IllegalMove):
        proceed(yard, held.run.id)


def test_a_chain_has_at_most_ten_continuations(yard: Yard):
    yard.job("job")
    held = yard.running(job="job")
    chain = [held.run.id]
    for _ in range(10):
        chain.append(proceed(yard, chain[-1]).id)
        granted = yard.claim_one()
        yard.start(granted)
    with pytest.raises(Invalid):
        proceed(yard, chain[-1])
    for member in (chain[0], chain[5], chain[-1]):
        assert [run.id for run in yard.store.look(lineage.chain, 1, member)] == chain


def test_a_lineage_holds_every_branch_by_depth(yard: Yard):
    held = yard.running()
    one, other = proceed(yard, held.run.id), proceed(yard, held.run.id)
    granted = yard.claim_one()
    yard.start(granted)
    deeper = proceed(yard, one.id)
    found = yard.store.look(lineage.chain, 1, other.id)
    assert [run.id for run in found] == [held.run.id, one.id, other.id, deeper.id]
    assert [run.continued for run in found] == [0, 1, 1, 2]
