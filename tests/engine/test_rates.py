"""Rate limits: runs over the limit are held until their turn, or refused."""

from __future__ import annotations

import pytest

from runyard.domain.errors import RateLimited
from runyard.domain.jobs import NewRun, Rate
from runyard.domain.states import RunState
from tests.support.yard import SECOND, Yard


def test_runs_within_the_limit_start_at_once(yard: Yard):
    yard.job(rate=Rate(max=3, window=60 * SECOND))
    yard.create_many(3, job="job")
    assert len(yard.claim(10)) == 3


def test_runs_over_the_limit_are_given_the_next_free_times(yard: Yard, clock):
    yard.job(rate=Rate(max=2, window=10 * SECOND))
    runs = yard.create_many(5, job="job")
    assert [run.state for run in runs] == [RunState.QUEUED] * 2 + [RunState.SCHEDULED] * 3
    assert [(run.available_at or clock.now()) - clock.now() for run in runs[2:]] == [
        5 * SECOND,
        10 * SECOND,
        15 * SECOND,
    ]
    assert runs[2].waiting_for is not None
    assert runs[2].waiting_for.kind == "rate"


def test_no_window_ever_sees_more_starts_than_the_limit_and_one_burst(yard: Yard, clock):
    yard.job(rate=Rate(max=3, window=9 * SECOND))
    yard.create_many(12, job="job")
    starts: list[int] = []
    for _ in range(40):
        starts += [clock.now()] * len(yard.claim(20))
        yard.after(seconds=1)
    assert len(starts) == 12
    in_first_window = [at for at in starts if at < starts[0] + 3 * SECOND]
    assert len(in_first_window) == 3
    assert all(later - earlier >= 9 * SECOND for earlier, later in zip(starts[3:], starts[6:], strict=False))


def test_a_held_run_forgets_what_it_waited_for_once_queued(yard: Yard):
    yard.job(rate=Rate(max=1, window=SECOND))
    _, second = yard.create_many(2, job="job")
    yard.after(seconds=1)
    run = yard.run(second)
    assert (run.state, run.waiting_for) == (RunState.QUEUED, None)


def test_time_passing_frees_the_limit_again(yard: Yard, clock):
    yard.job(rate=Rate(max=2, window=10 * SECOND))
    yard.create_many(2, job="job")
    clock.forward(seconds=60)
    runs = yard.create_many(3, job="job")
    assert [run.state for run in runs] == [RunState.QUEUED, RunState.QUEUED, RunState.SCHEDULED]


def test_a_run_for_later_takes_a_start_of_its_own_time(yard: Yard, clock):
    yard.job(rate=Rate(max=1, window=10 * SECOND))
    later = clock.now() + 100 * SECOND
    one, other = (yard.create(job="job", available_at=later) for _ in range(2))
    assert (one.available_at, other.available_at) == (later, later + 10 * SECOND)


def test_limits_of_two_jobs_do_not_meet(yard: Yard):
    for name in ("one", "other"):
        yard.job(name, rate=Rate(max=1, window=60 * SECOND))
    assert yard.create(job="one").state is RunState.QUEUED
    assert yard.create(job="other").state is RunState.QUEUED


def test_a_refusing_limit_refuses_and_says_when_to_come_back(yard: Yard):
    yard.job(rate=Rate(max=2, window=10 * SECOND, mode="refuse"))
    yard.create_many(2, job="job")
    with pytest.raises(RateLimited, match="2 runs in 10 s") as refusal:
        yard.create(job="job")
    assert refusal.value.retry_after == 10
    assert len(yard.claim(10)) == 2


def test_a_refusing_limit_counts_the_runs_of_one_request(yard: Yard):
    yard.job(rate=Rate(max=2, window=10 * SECOND, mode="refuse"))
    with pytest.raises(RateLimited):
        yard.create_many(3, job="job")
    assert yard.claim(10) == []
    assert len(yard.create_many(2, job="job")) == 2


def test_a_refusing_limit_takes_runs_again_when_the_window_has_passed(yard: Yard, clock):
    yard.job(rate=Rate(max=1, window=10 * SECOND, mode="refuse"))
    yard.create(job="job")
    # Runs are counted by the time in their ids, which is the real one.
    clock.forward(seconds=11)
    assert yard.create(job="job").state is RunState.QUEUED


def test_a_refused_run_does_not_count(yard: Yard):
    yard.job(rate=Rate(max=2, window=10 * SECOND, mode="refuse"), payload_schema='{"type": "integer"}')
    yard.create(job="job", payload="1")
    for _ in range(3):
        with pytest.raises(RateLimited):
            yard.create_many(2, job="job", payload="1")
    assert yard.create(job="job", payload="1").state is RunState.QUEUED


def test_asking_again_with_the_same_key_is_answered_and_not_refused(yard: Yard):
    yard.job(rate=Rate(max=1, window=10 * SECOND, mode="refuse"))
    first = yard.create(job="job", idempotency_key="k")
    (again,) = yard.ask(NewRun(job="job", idempotency_key="k"))
    assert (again.run.id, again.duplicate) == (first.id, True)


def test_asking_again_with_the_same_key_takes_no_start(yard: Yard):
    yard.job(rate=Rate(max=2, window=10 * SECOND))
    for _ in range(5):
        yard.create(job="job", idempotency_key="k")
    assert yard.create(job="job").state is RunState.QUEUED


def test_a_draft_takes_a_start_only_when_it_is_asked_for(yard: Yard, clock):
    yard.job(rate=Rate(max=1, window=10 * SECOND))
    draft = yard.create(job="job", draft=True)
    yard.create(job="job")
    yard.publish(draft)
    run = yard.run(draft)
    assert (run.state, run.available_at) == (RunState.SCHEDULED, clock.now() + 10 * SECOND)
    yard.after(seconds=10)
    assert yard.state(draft) is RunState.QUEUED


def test_a_replay_takes_a_start_like_any_new_run(yard: Yard, clock):
    yard.job(rate=Rate(max=1, window=10 * SECOND))
    run = yard.replay(yard.buried(job="job"))
    assert (run.state, run.available_at) == (RunState.SCHEDULED, clock.now() + 10 * SECOND)


def test_a_replay_over_a_refusing_limit_is_refused(yard: Yard):
    yard.job(rate=Rate(max=1, window=10 * SECOND, mode="refuse"))
    old = yard.buried(job="job")
    with pytest.raises(RateLimited):
        yard.replay(old)
    assert yard.story(old)[-1] == "dead_lettered"
