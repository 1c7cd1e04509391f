"""Dependencies: runs of a job wait until the last ended runs of others have ended as they should."""

from __future__ import annotations

import threading

import pytest

from runyard.domain.errors import Invalid, NotFound
from runyard.domain.records import Job
from runyard.domain.states import ENDED, RunState
from runyard.domain.waits import Dependency
from runyard.engine import dependencies, dependents, jobs, projects
from runyard.storage.port import Tx
from tests.support.plans import plan
from tests.support.stores import Shelf
from tests.support.yard import SECOND, Yard

S = RunState


def depend(yard: Yard, job: str, on: str, condition: str = "completed") -> Dependency:
    """Let a job wait for another."""
    return yard.store.transact(dependencies.add, yard.project_id, job, depends_on=on, condition=condition)


def pair(yard: Yard, condition: str = "completed") -> Dependency:
    """Two jobs: `after` waits for `first`."""
    yard.job("first")
    yard.job("after")
    return depend(yard, "after", "first", condition)


def end(yard: Yard, state: RunState = S.COMPLETED, **new: object) -> None:
    """A run of `first` that ends so."""
    run = yard.create(**({"job": "first", "policy": {"max_attempts": 1, "dead_letter": state is S.DEAD_LETTER}} | new))
    if state is S.CANCELED:
        yard.cancel(run)
        return
    granted = yard.claim_one(jobs=("first",))
    assert granted.run.id == run.id
    yard.complete(granted) if state is S.COMPLETED else yard.fail(granted)


def test_a_run_waits_until_its_dependency_is_met(yard: Yard):
    pair(yard)
    run = yard.create(job="after")
    assert (run.state, run.waiting_for.kind if run.waiting_for else None, run.queued_at) == (
        S.WAITING,
        "dependency",
        None,
    )
    assert yard.claim() == []
    end(yard)
    run = yard.run(run)
    assert (run.state, run.waiting_for, run.attempt) == (S.QUEUED, None, 1)
    assert yard.story(run) == ["created", "woken"]
    assert yard.last(run)["reason"] == "dependencies met"


def test_a_run_does_not_wait_for_what_is_met_already(yard: Yard):
    pair(yard)
    end(yard)
    assert yard.create(job="after").state is S.QUEUED


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("completed", {S.COMPLETED}),
        ("failed", {S.FAILED, S.TIMED_OUT, S.CRASHED, S.SYSTEM_FAILED, S.EXPIRED, S.DEAD_LETTER}),
        ("any", ENDED),
    ],
)
def test_each_condition_is_met_by_its_ends(yard: Yard, condition: str, met: set[RunState]):
    from runyard.domain.waits import is_met

    assert {state for state in ENDED if is_met(condition, state)} == met  # type: ignore[arg-type]
    assert not is_met(condition, None)  # type: ignore[arg-type]
    pair(yard, condition)
    run = yard.create(job="after")
    for state in (S.CANCELED, S.FAILED, S.DEAD_LETTER, S.COMPLETED):
        end(yard, state)
        expected = S.QUEUED if state in met else S.WAITING
        assert yard.state(run) is expected
        if expected is S.QUEUED:
            return


def test_only_the_run_that_ended_last_counts(yard: Yard, clock):
    pair(yard)
    end(yard)
    clock.forward(seconds=1)
    end(yard, S.FAILED)
    run = yard.create(job="after")
    assert run.state is S.WAITING
    clock.forward(seconds=1)
    end(yard)
    assert yard.state(run) is S.QUEUED


def test_every_dependency_must_be_met(yard: Yard):
    pair(yard)
    yard.job("second")
    depend(yard, "after", "second", "any")
    run = yard.create(job="after")
    end(yard)
    assert yard.state(run) is S.WAITING
    yard.cancel(yard.create(job="second"))
    assert yard.state(run) is S.QUEUED


def test_a_run_with_an_idempotency_key_waits_for_a_run_with_the_same(yard: Yard):
    pair(yard)
    run = yard.create(job="after", idempotency_key="a", dependency_key="g")
    end(yard)
    end(yard, dependency_key="g")
    end(yard, idempotency_key="b")
    assert yard.state(run) is S.WAITING
    end(yard, idempotency_key="a")
    assert yard.state(run) is S.QUEUED


def test_a_run_with_a_dependency_key_waits_for_a_run_with_the_same(yard: Yard):
    pair(yard)
    runs = yard.create_many(2, job="after", dependency_key="g")
    other = yard.create(job="after", dependency_key="h")
    end(yard)
    assert {yard.state(run) for run in [*runs, other]} == {S.WAITING}
    end(yard, dependency_key="g")
    assert {yard.state(run) for run in runs} == {S.QUEUED}
    assert yard.state(other) is S.WAITING


def test_waiting_runs_never_expire_and_their_time_to_live_begins_when_they_are_queued(yard: Yard, clock):
    pair(yard)
    run = yard.create(job="after", ttl=5 * SECOND)
    yard.after(hours=48)
    assert yard.state(run) is S.WAITING
    end(yard)
    assert yard.run(run).expires_at == clock.now() + 5 * SECOND
    yard.after(seconds=5)
    assert yard.state(run) is S.EXPIRED


def test_an_end_of_a_dependency_wakes_no_run_that_waits_for_something_else(yard: Yard):
    pair(yard)
    end(yard, S.FAILED)
    yard.job("first")
    granted = yard.running()
    yard.park(granted, "event")
    end(yard)
    assert yard.state(granted) is S.WAITING


def test_a_paused_run_whose_dependency_was_met_meanwhile_goes_on_when_resumed(yard: Yard):
    pair(yard)
    run = yard.create(job="after")
    yard.pause(run)
    end(yard)
    assert yard.state(run) is S.PAUSED
    assert yard.resume(run).state is S.WAITING
    yard.tick()
    assert yard.state(run) is S.QUEUED


def test_a_draft_waits_for_its_dependencies_once_it_is_asked_for(yard: Yard):
    pair(yard)
    drafts = [yard.create(job="after", draft=True) for _ in range(2)]
    assert yard.publish(drafts[0]).state is S.WAITING
    end(yard)
    assert yard.state(drafts[0]) is S.QUEUED
    assert yard.publish(drafts[1]).state is S.QUEUED


def test_removing_a_dependency_lets_go_what_waited_for_it_alone(yard: Yard):
    one = pair(yard)
    yard.job("second")
    other = depend(yard, "after", "second")
    run = yard.create(job="after")
    yard.store.transact(dependencies.remove, 1, "after", one.id)
    assert yard.state(run) is S.WAITING
    yard.store.transact(dependencies.remove, 1, "after", other.id)
    assert yard.state(run) is S.QUEUED
    with pytest.raises(NotFound):
        yard.store.transact(dependencies.remove, 1, "after", other.id)


def test_another_condition_between_the_same_jobs_takes_the_place_of_the_first(yard: Yard):
    one = pair(yard)
    end(yard, S.FAILED)
    run = yard.create(job="after")
    assert run.state is S.WAITING
    again = depend(yard, "after", "first", "failed")
    assert (again.id, again.condition) == (one.id, "failed")
    assert yard.state(run) is S.QUEUED
    assert len(yard.store.look(dependencies.page, 1, "after")) == 1


def test_deleting_a_job_lets_go_what_waited_for_it(yard: Yard):
    from runyard.engine import jobs

    pair(yard)
    run = yard.create(job="after")
    yard.store.transact(jobs.delete, 1, "first")
    while yard.store.transact(dependencies.settle):
        pass
    assert yard.state(run) is S.QUEUED


@pytest.mark.parametrize(
    ("job", "on", "condition"), [("after", "after", "any"), ("after", "gone", "any"), ("after", "first", "odd")]
)
def test_bad_dependencies_are_refused(yard: Yard, job: str, on: str, condition: str):
    yard.job("first")
    yard.job("after")
    with pytest.raises(Invalid):
        depend(yard, job, on, condition)
    with pytest.raises(NotFound):
        depend(yard, "gone", "first")


def test_a_job_of_another_project_cannot_be_depended_on(yard: Yard, clock):
    other = yard.store.transact(projects.create, slug="other").id
    foreign = Yard(yard.store, clock, other).job("foreign")
    yard.job("after")
    with pytest.raises(Invalid):
        depend(yard, "after", foreign.id)


def test_circles_are_refused(yard: Yard):
    for name in "abcd":
        yard.job(name)
    depend(yard, "b", "a")
    depend(yard, "c", "b")
    depend(yard, "d", "c")
    for last in "bcd":
        with pytest.raises(Invalid, match="cannot wait for each other"):
            depend(yard, "a", last)
    depend(yard, "d", "a")


def test_two_dependencies_added_at_once_close_no_circle(two_servers, clock):
    yards = [Yard(server, clock) for server in two_servers]
    two_servers[0].transact(projects.ensure_default)
    for number in range(20):
        names = [f"a{number}", f"b{number}"]
        for name in names:
            yards[0].job(name)
        refused: list[Exception] = []

        def add(yard: Yard, job: str, on: str, refused: list[Exception] = refused) -> None:
            try:
                depend(yard, job, on)
            except Invalid as error:
                refused.append(error)

        threads = [
            threading.Thread(target=add, args=(yards[0], *names)),
            threading.Thread(target=add, args=(yards[1], *reversed(names))),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 1


def test_a_job_that_is_deleted_at_that_moment_is_not_waited_for(two_servers, clock, monkeypatch: pytest.MonkeyPatch):
    here, there = (Yard(server, clock) for server in two_servers)
    here.job("first")
    here.job("after")
    look = dependencies._other

    def found_and_deleted(tx: Tx, project_id: int, wanted: str) -> Job:
        job = look(tx, project_id, wanted)
        monkeypatch.setattr(dependencies, "_other", look)
        there.store.transact(jobs.delete, project_id, wanted)
        return job

    monkeypatch.setattr(dependencies, "_other", found_and_deleted)
    with pytest.raises(NotFound):
        depend(here, "after", "first")
    assert here.store.look(dependencies.page, here.project_id, "after") == []
    assert here.state(here.create(job="after")) is S.QUEUED


def test_more_waiting_runs_than_one_transaction_looks_at_are_all_let_go(yard: Yard, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dependents, "SLICE", 10)
    pair(yard)
    runs = [*yard.create_many(25, job="after"), *yard.create_many(8, job="after", dependency_key="g")]
    end(yard, dependency_key="g")
    waiting = [run for run in runs if yard.state(run) is S.WAITING]
    assert [run.id for run in waiting] == [run.id for run in runs[10:]]
    looked = []
    while count := yard.store.transact(dependencies.settle):
        looked.append(count)
    assert max(looked) <= 10
    assert {yard.state(run) for run in runs} == {S.QUEUED}


def test_a_run_made_while_its_dependency_ends_is_not_left_waiting(two_servers, clock):
    yards = [Yard(server, clock) for server in two_servers]
    pair(yards[0])
    for _ in range(20):
        yards[0].create(job="first")
        granted = yards[0].claim_one(jobs=("first",))
        clock.forward(seconds=1)
        made: list[str] = []
        threads = [
            threading.Thread(target=lambda made=made: made.append(yards[0].create(job="after").id)),
            threading.Thread(target=yards[1].complete, args=(granted,)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        clock.forward(seconds=dependents.AGAIN // SECOND)
        yards[0].tick()
        assert yards[0].state(made[0]) is S.QUEUED
        yards[0].complete(yards[0].claim_one())
        # The next round begins with a dependency that is not met.
        end(yards[0], S.FAILED)
    yards[0].check()


def test_two_dependencies_met_at_once_on_two_servers_let_the_run_go(two_servers, clock):
    yards = [Yard(server, clock) for server in two_servers]
    pair(yards[0])
    yards[0].job("second")
    depend(yards[0], "after", "second")
    for number in range(20):
        key = f"k{number}"
        run = yards[0].create(job="after", dependency_key=key)
        held = []
        for job in ("first", "second"):
            yards[0].create(job=job, dependency_key=key)
            held.append(yards[0].claim_one(jobs=(job,)))
        threads = [threading.Thread(target=yard.complete, args=(one,)) for yard, one in zip(yards, held, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert yards[0].state(run) is S.QUEUED
    yards[0].check()


def test_the_status_tells_what_is_not_met_now(yard: Yard):
    one = pair(yard)
    run = yard.create(job="after")
    status = yard.store.look(dependencies.status, 1, run.id)
    assert ([edge.id for edge in status.dependencies], status.unmet) == ([one.id], frozenset({one.id}))
    end(yard)
    assert yard.store.look(dependencies.status, 1, run.id).unmet == frozenset()


def test_the_last_end_of_a_job_is_found_by_index(shelf: Shelf, engine: str):
    from runyard.storage.statements import dependencies as sql

    for scope, index in (("any", "runs_job_last"), ("key", "runs_job_key_last"), ("group", "runs_job_group_last")):
        found = plan(shelf.bare(engine), sql.LAST[scope], wanted=["x" * 40])
        assert index in found, found


def test_it_is_explained_what_a_run_waits_for(yard: Yard):
    from runyard.engine import explain

    pair(yard)
    run = yard.create(job="after")
    (reason,) = yard.store.look(explain.explain, 1, run.id).reasons
    assert (reason.code, reason.detail) == ("waiting_dependency", "it waits for the last run of 'first' (completed)")
