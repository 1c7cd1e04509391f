"""Concurrency limits, per job and per key: never overshot, no place left empty, the best run first."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.domain.jobs import NewRun
from runyard.domain.records import Run
from runyard.domain.states import LEASED, RunState
from runyard.engine import resolutions, timers
from runyard.storage.statements import lanes as sql
from tests.support.asking import asked_of_the_store
from tests.support.yard import SECOND, Yard, all_runs

AT_ONCE = {"backoff": "fixed", "initial_delay": 0, "jitter": 0.0}


def claimed(yard: Yard, limit: int = 50) -> list[str]:
    return [granted.run.payload for granted in yard.claim(limit)]


def held(yard: Yard) -> list[Run]:
    return [run for run in yard.store.look(all_runs) if run.hold == "lane"]


def used(yard: Yard) -> dict[str, int]:
    return dict(yard.store.look(lambda tx: tx.rows("SELECT name, used FROM lanes WHERE used > 0")))


def make(yard: Yard, name: str, **new: Any) -> Run:
    return yard.create(payload=name, **new)


def test_a_job_runs_no_more_at_once_than_its_limit(yard: Yard):
    yard.job(max_concurrency=2)
    yard.create_many(5, job="job")
    first, second = yard.claim(10)
    assert yard.claim(10) == []
    yard.start(first)
    yard.complete(first)
    (third,) = yard.claim(10)
    yard.fail(second, retryable=False)
    yard.release(third)
    assert len(yard.claim(10)) == 2
    assert len(held(yard)) == 1


def test_other_work_is_not_held_up_by_a_full_job(yard: Yard):
    yard.job(max_concurrency=1)
    yard.create_many(3, job="job", priority=9)
    make(yard, "2")
    assert claimed(yard) == ["null", "2"]


def test_runs_that_share_a_key_are_limited_together(yard: Yard):
    yard.job(max_per_key=1)
    for name in ("a", "a", "b", "b"):
        make(yard, f'"{name}"', job="job", concurrency_key=name)
    granted = yard.claim(10)
    assert [one.run.payload for one in granted] == ['"a"', '"b"']
    yard.complete(granted[1])
    assert claimed(yard) == ['"b"']


def test_the_same_key_in_two_jobs_is_two_keys(yard: Yard):
    yard.job("one", max_per_key=1)
    yard.job("other", max_per_key=1)
    for job in ("one", "other"):
        make(yard, f'"{job}"', job=job, concurrency_key="k")
    assert claimed(yard) == ['"one"', '"other"']


def test_a_key_without_a_limit_limits_nothing(yard: Yard):
    yard.create_many(3, concurrency_key="k")
    assert len(yard.claim(10)) == 3


def test_runs_of_no_job_can_be_limited_by_key_too(yard: Yard):
    yard.create_many(3, concurrency_key="k", max_per_key=2)
    assert len(yard.claim(10)) == 2


def test_the_limit_a_run_is_made_with_wins_over_that_of_its_job(yard: Yard):
    yard.job(max_per_key=5)
    yard.create_many(3, job="job", concurrency_key="k", max_per_key=1)
    assert len(yard.claim(10)) == 1


def test_a_run_has_to_pass_both_limits(yard: Yard):
    yard.job(max_concurrency=3, max_per_key=1)
    for name in "aabbcd":
        make(yard, f'"{name}"', job="job", concurrency_key=name)
    granted = yard.claim(10)
    assert [one.run.payload for one in granted] == ['"a"', '"b"', '"c"']
    yard.complete(granted[2])
    assert claimed(yard) == ['"d"']
    yard.complete(granted[0])
    assert claimed(yard) == ['"a"']


def test_a_better_run_takes_the_place_of_one_that_nobody_has_claimed_yet(yard: Yard):
    yard.job(max_concurrency=1)
    plain = make(yard, "1", job="job")
    urgent = make(yard, "2", job="job", priority=9)
    assert yard.run(plain).hold == "lane"
    assert yard.claim_one().run.id == urgent.id
    assert yard.claim() == []


def test_a_better_run_does_not_take_the_place_of_one_that_is_held(yard: Yard):
    yard.job(max_concurrency=1)
    plain = yard.claimed(job="job")
    make(yard, "2", job="job", priority=9)
    assert yard.claim() == []
    yard.complete(plain)
    assert claimed(yard) == ["2"]


def test_an_equal_run_waits_its_turn(yard: Yard, clock):
    yard.job(max_concurrency=1)
    make(yard, "1", job="job")
    clock.forward(micros=1)
    make(yard, "2", job="job")
    assert claimed(yard) == ["1"]


def test_held_runs_pass_in_claim_order(yard: Yard, clock):
    yard.job(max_concurrency=1)
    first = yard.claimed(job="job")
    for name, priority in (("1", 0), ("2", 5), ("3", 5), ("4", 9)):
        make(yard, name, job="job", priority=priority)
        clock.forward(micros=1)
    order = []
    granted = first
    for _ in range(4):
        yard.complete(granted)
        granted = yard.claim_one()
        order.append(granted.run.payload)
    assert order == ["4", "2", "3", "1"]


def test_of_runs_made_together_the_best_pass(yard: Yard):
    yard.job(max_concurrency=2)
    yard.ask(*[NewRun(job="job", payload=str(n), priority=n) for n in (1, 5, 9, 3)])
    assert claimed(yard) == ["9", "5"]


def test_of_runs_that_become_due_together_the_best_pass(yard: Yard, clock):
    yard.job(max_concurrency=1)
    for priority in (1, 9, 3):
        make(yard, str(priority), job="job", priority=priority, available_at=clock.now() + SECOND)
    yard.after(seconds=1)
    assert claimed(yard) == ["9"]


def test_a_better_run_of_one_key_makes_room_in_the_other_lane_for_somebody_else(yard: Yard):
    # c takes the job's place from b; the place of b's key is then free, and what waits for it must not hang.
    yard.job(max_concurrency=1, max_per_key=1)
    b = make(yard, "1", job="job", concurrency_key="b")
    b_too = make(yard, "2", job="job", concurrency_key="b")
    c = make(yard, "3", job="job", concurrency_key="c", priority=9)
    granted = yard.claim_one()
    assert granted.run.id == c.id
    yard.cancel(b)
    yard.complete(granted)
    assert yard.claim_one().run.id == b_too.id


def test_a_run_given_back_lets_a_better_one_go_first(yard: Yard):
    yard.job(max_concurrency=1)
    granted = yard.claimed(job="job", policy={"lease": SECOND})
    urgent = make(yard, "2", job="job", priority=9)
    yard.release(granted)
    assert (yard.run(granted).hold, yard.run(urgent).hold) == ("lane", None)
    lost = yard.claim_one(lease=SECOND)
    assert lost.run.id == urgent.id
    most_urgent = make(yard, "3", job="job", priority=10)
    yard.after(seconds=1)
    assert yard.claim_one().run.id == most_urgent.id


def test_a_run_given_back_goes_before_those_behind_it(yard: Yard, clock):
    yard.job(max_concurrency=1)
    granted = yard.claimed(job="job")
    clock.forward(micros=1)
    yard.create(job="job")
    yard.release(granted)
    assert yard.claim_one().run.id == granted.run.id


def test_making_room_in_one_lane_is_not_in_vain_when_the_other_is_full(yard: Yard):
    yard.job(max_concurrency=2, max_per_key=1)
    busy = yard.claimed(job="job", concurrency_key="a")
    b = make(yard, "1", job="job", concurrency_key="b")
    urgent = make(yard, "2", job="job", concurrency_key="a", priority=9)
    assert (yard.run(b).hold, yard.run(urgent).hold) == (None, "lane")
    assert yard.claim_one().run.id == b.id
    yard.complete(busy)
    assert yard.claim_one().run.id == urgent.id


def test_a_better_run_takes_the_place_of_its_own_key_in_two_full_lanes(yard: Yard):
    yard.job(max_concurrency=2, max_per_key=1)
    a = make(yard, "1", job="job", concurrency_key="a")
    b = make(yard, "2", job="job", concurrency_key="b")
    urgent = make(yard, "3", job="job", concurrency_key="a", priority=9)
    assert (yard.run(a).hold, yard.run(b).hold, yard.run(urgent).hold) == ("lane", None, None)
    assert claimed(yard) == ["3", "2"]


@pytest.mark.parametrize(
    "leave",
    ["complete", "fail", "bury", "cancel", "pause", "park", "release_later", "lease", "time_out", "crash"],
)
def test_whatever_ends_or_parks_a_run_gives_its_place_to_the_next(yard: Yard, leave: str):
    policy = {"lease": SECOND, "max_attempts": 1, "lost_leases": 1}
    policy |= {"timeout": SECOND // 2} if leave == "time_out" else {}
    policy |= {"heartbeat_grace": SECOND // 2} if leave == "crash" else {}
    policy |= {"max_attempts": 3} if leave == "fail" else {}
    yard.job(max_concurrency=1)
    granted = yard.running(job="job", policy=policy)
    waiting = yard.create(job="job")
    assert yard.claim() == []
    match leave:
        case "complete":
            yard.complete(granted)
        case "fail":
            yard.fail(granted)
        case "bury":
            yard.fail(granted, retryable=False)
        case "cancel":
            yard.cancel(granted)
        case "pause":
            yard.pause(granted)
        case "park":
            yard.park(granted, "event")
        case "release_later":
            yard.release(granted, delay=60 * SECOND)
        case _:
            yard.after(seconds=1)
    assert yard.claim_one().run.id == waiting.id


def test_a_run_nobody_took_gives_its_place_back_when_it_leaves_the_queue(yard: Yard, clock):
    yard.job(max_concurrency=1)
    for leave in (yard.pause, yard.cancel, lambda run: yard.reschedule(run, clock.now() + 60 * SECOND)):
        first, second = yard.create_many(2, job="job")
        leave(first)
        granted = yard.claim_one()
        assert granted.run.id == second.id
        yard.complete(granted)


def test_a_held_run_that_leaves_the_queue_leaves_the_lane(yard: Yard):
    yard.job(max_concurrency=1)
    busy = yard.claimed(job="job")
    one, two, three = yard.create_many(3, job="job")
    yard.cancel(one)
    yard.pause(two)
    assert [run.id for run in held(yard)] == [three.id]
    yard.complete(busy)
    assert yard.claim_one().run.id == three.id
    assert list(used(yard).values()) == [1]
    assert held(yard) == []


def test_a_held_run_expires_like_any_other(yard: Yard):
    yard.job(max_concurrency=1)
    yard.claimed(job="job")
    run = yard.create(job="job", ttl=SECOND)
    yard.after(seconds=1)
    assert yard.state(run) is RunState.EXPIRED


def test_a_retry_waits_outside_and_queues_for_a_place_again(yard: Yard):
    yard.job(max_concurrency=1)
    first = yard.running(job="job", policy=AT_ONCE)
    second = yard.create(job="job")
    yard.fail(first)
    granted = yard.claim_one()
    assert granted.run.id == second.id
    yard.tick()
    assert yard.run(first).hold == "lane"
    yard.complete(granted)
    assert yard.claim_one().run.id == first.run.id


def test_a_scheduled_run_takes_no_place_before_its_time(yard: Yard, clock):
    yard.job(max_concurrency=1)
    yard.create(job="job", available_at=clock.now() + SECOND)
    yard.create(job="job", draft=True)
    granted = yard.claimed(job="job")
    yard.after(seconds=1)
    assert yard.claim() == []
    yard.complete(granted)
    assert len(yard.claim()) == 1


def test_a_replay_obeys_the_limits_of_what_it_replays(yard: Yard):
    yard.job(max_concurrency=1)
    buried = yard.buried(job="job")
    yard.claimed(job="job")
    assert yard.replay(buried).hold == "lane"


def test_a_requeued_run_queues_for_a_place(yard: Yard):
    yard.job(max_concurrency=1)
    buried = yard.buried(job="job")
    busy = yard.claimed(job="job")
    assert yard.requeue(buried).hold == "lane"
    yard.complete(busy)
    assert yard.claim_one().run.id == buried.id


def test_a_lowered_limit_holds_back_what_nobody_has_claimed_yet(yard: Yard):
    yard.job(max_concurrency=4)
    runs = yard.create_many(6, job="job")
    granted = yard.claim(2)
    yard.job(max_concurrency=3)
    assert len(held(yard)) == 3
    yard.job(max_concurrency=1)
    assert len(held(yard)) == 4
    assert yard.claim(10) == []
    yard.complete(granted[0])
    assert yard.claim(10) == []
    yard.complete(granted[1])
    assert [one.run.id for one in yard.claim(10)] == [runs[2].id]


def test_a_raised_limit_lets_more_through(yard: Yard):
    yard.job(max_concurrency=1)
    yard.create_many(5, job="job")
    yard.job(max_concurrency=3)
    assert len(yard.claim(10)) == 3


def test_a_lowered_limit_leaves_no_other_lane_waiting_in_vain(yard: Yard):
    yard.job(max_concurrency=2, max_per_key=1)
    a, b, b_too = [make(yard, "1", job="job", concurrency_key=key) for key in "abb"]
    yard.job(max_concurrency=1)
    assert yard.run(a).hold is None
    assert {run.id for run in held(yard)} == {b.id, b_too.id}
    yard.cancel(b)
    yard.complete(yard.claim_one())
    assert yard.claim_one().run.id == b_too.id


def test_a_place_left_free_is_found_by_the_sweep(yard: Yard):
    yard.job(max_concurrency=1)
    run = yard.create_many(2, job="job")[0]
    yard.store.transact(lambda tx: tx.run("UPDATE lanes SET cap = 2 WHERE id = :id", id=run.job_lane))
    assert len(yard.claim(10)) == 1
    assert yard.store.transact(timers.repair_lanes) == 1
    assert yard.store.transact(timers.repair_lanes) == 0
    assert len(yard.claim(10)) == 1


def test_a_lane_with_many_waiting_moves_on_step_by_step(yard: Yard):
    yard.job(max_concurrency=3)
    yard.create_many(60, job="job")
    done = 0
    while granted := yard.claim(50):
        assert len(granted) <= 3
        for one in granted:
            yard.complete(one)
        done += len(granted)
    assert done == 60
    assert used(yard) == {}


def test_a_free_place_is_not_lost_behind_many_whom_another_lane_holds(yard: Yard):
    yard.job(max_concurrency=1, max_per_key=1)
    busy = yard.claimed(job="job", concurrency_key="a")
    yard.create_many(40, job="job", concurrency_key="a", priority=5)
    last = yard.create(job="job")
    yard.job(max_concurrency=2)
    assert yard.claim_one().run.id == last.id
    yard.complete(busy)
    assert len(yard.claim(10)) == 1


def test_limits_hold_for_what_is_leased_at_any_time(yard: Yard):
    yard.job(max_concurrency=3, max_per_key=2)
    for number in range(12):
        make(yard, "1", job="job", concurrency_key="ab"[number % 2], priority=number % 3)
    for _ in range(4):
        granted = yard.claim(10)
        leased = [run for run in yard.store.look(all_runs) if run.state in LEASED]
        assert len(leased) == 3
        assert max(sum(run.concurrency_key == key for run in leased) for key in "ab") <= 2
        yard.check()
        yard.complete(granted[0])


def test_lanes_are_found_by_what_they_limit(yard: Yard):
    yard.job(max_concurrency=1)
    run = yard.create(job="job")
    row = yard.store.look(lambda tx: tx.row(sql.FIND, project_id=1, name=f"job:{run.job_id}"))
    assert row == (run.job_lane,)


def dead(yard: Yard, count: int, **new: Any) -> list[str]:
    return [yard.buried(job="job", **new).id for _ in range(count)]


@pytest.mark.parametrize("waiting", [0, 5, 40])
def test_bringing_many_back_asks_the_store_as_often_as_bringing_few(yard: Yard, waiting: int):
    yard.job(max_concurrency=5, max_per_key=4)
    few, many = dead(yard, 6, concurrency_key="a", priority=3), dead(yard, 40, concurrency_key="a", priority=3)
    yard.create_many(waiting, job="job")
    needed = [asked_of_the_store(yard.store, resolutions.requeue_many, 1, ids) for ids in (few, many)]
    # Those of the few that were let through before stand in nobody's way.
    assert needed[1] <= needed[0]
    runs = yard.store.look(all_runs)
    through = [run for run in runs if run.state is RunState.QUEUED and run.hold is None]
    assert [run.priority for run in through].count(3) == 4
    assert len(through) == (5 if waiting else 4)


@pytest.mark.parametrize("at_once", [True, False])
def test_brought_back_together_or_one_by_one_the_same_are_let_through(yard: Yard, at_once: bool):
    yard.job(max_concurrency=5, max_per_key=2)
    ids = [
        run_id
        for number, key in enumerate("abcab")
        for run_id in dead(yard, 2, concurrency_key=key, priority=number, payload=f'"{key}{number}"')
    ]
    for key in "abcd":
        yard.create_many(2, job="job", concurrency_key=key, priority=1, payload=f'"{key}"')
    for some in [ids] if at_once else [[run_id] for run_id in ids]:
        yard.store.transact(resolutions.requeue_many, 1, some)
    through = [run for run in yard.store.look(all_runs) if run.state is RunState.QUEUED and run.hold is None]
    assert sorted(run.payload for run in through) == ['"a3"', '"a3"', '"b4"', '"b4"', '"c2"']
