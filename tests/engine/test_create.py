"""Making runs: what they take from the request, the job and the defaults."""

from __future__ import annotations

import msgspec
import pytest

from runyard.domain.errors import Conflict, Invalid, NotFound, PayloadMismatch
from runyard.domain.jobs import NewRun
from runyard.domain.policy import Policy
from runyard.domain.states import RunState
from runyard.engine import creations, runs
from tests.support.yard import SECOND, Yard

OBJECT_WITH_N = '{"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}'


def test_a_run_asked_for_without_anything_is_queued_with_the_defaults(yard: Yard, clock):
    run = yard.create()
    assert run.state is RunState.QUEUED
    assert (run.payload, run.queue, run.executor, run.priority, run.policy) == (
        "null",
        "default",
        "worker",
        0,
        Policy(),
    )
    assert (run.attempt, run.epoch, run.created_at, run.queued_at) == (1, 0, clock.now(), clock.now())
    assert yard.run(run) == run


def test_making_a_run_is_the_first_line_of_its_journal(yard: Yard):
    (created,) = yard.ask(NewRun(trigger="cron"), actor="key:abc")
    (event,) = yard.events(created)
    assert (event.type, event.actor, event.at) == ("run.created", "key:abc", created.run.created_at)
    assert msgspec.json.decode(event.data) == {"state": "queued", "trigger": "cron"}


def test_a_payload_is_kept_byte_for_byte(yard: Yard):
    payload = '{ "b":1.50, "a" : "\\u00e9\\ud83d\\ude00é" , "n": 12345678901234567890123 }'
    assert yard.run(yard.create(payload=payload)).payload == payload


def test_many_runs_are_made_in_the_order_they_were_asked_for(yard: Yard):
    made = yard.ask(*[NewRun(payload=str(n)) for n in range(50)])
    assert [created.run.payload for created in made] == [str(n) for n in range(50)]
    assert [created.run.id for created in made] == sorted(created.run.id for created in made)
    assert [granted.run.payload for granted in yard.claim(50)] == [str(n) for n in range(50)]


def test_no_runs_asked_for_is_no_runs_made(yard: Yard):
    assert yard.ask() == []


def test_a_run_takes_from_its_job_what_the_request_leaves_open(yard: Yard):
    job = yard.job(
        queue="slow",
        executor="robot",
        requires=("gpu",),
        priority=4,
        policy=Policy(max_attempts=7, timeout=SECOND),
        tags={"team": "x", "env": "dev"},
        metadata={"a": 1, "b": 1},
        ttl=60 * SECOND,
    )
    run = yard.create(job="job", tags={"env": "prod"}, metadata={"b": 2})
    assert (run.job_id, run.job_name, run.job_version) == (job.id, "job", 1)
    assert (run.queue, run.executor, run.requires, run.priority) == ("slow", "robot", '["gpu"]', 4)
    assert run.policy == Policy(max_attempts=7, timeout=SECOND)
    assert msgspec.json.decode(run.tags or "") == {"team": "x", "env": "prod"}
    assert msgspec.json.decode(run.metadata or "") == {"a": 1, "b": 2}
    assert run.expires_at == run.created_at + 60 * SECOND


def test_the_request_wins_over_the_job(yard: Yard):
    yard.job(queue="slow", executor="robot", requires=("gpu",), priority=4, policy=Policy(max_attempts=7))
    run = yard.create(
        job="job", queue="fast", executor="worker", requires=(), priority=0, policy={"backoff": "fixed"}, ttl=SECOND
    )
    assert (run.queue, run.executor, run.requires, run.priority) == ("fast", "worker", None, 0)
    assert run.policy == Policy(max_attempts=7, backoff="fixed")
    assert run.expires_at == run.created_at + SECOND


def test_a_job_is_found_by_id_too_and_its_newest_version_counts(yard: Yard):
    yard.job(priority=1)
    job = yard.job(priority=2)
    run = yard.create(job=job.id)
    assert (run.job_name, run.job_version, run.priority) == ("job", 2, 2)


def test_an_unknown_job_is_not_found(yard: Yard):
    with pytest.raises(NotFound, match="nightly"):
        yard.create(job="nightly")


def test_the_job_of_another_project_is_not_found(yard: Yard, store, clock):
    Yard(store, clock, project_id=2).job()
    with pytest.raises(NotFound):
        yard.create(job="job")


def test_a_disabled_job_takes_no_runs(yard: Yard):
    yard.job(enabled=False)
    with pytest.raises(Conflict, match="disabled"):
        yard.create(job="job")


def test_a_payload_that_does_not_match_the_schema_is_refused_with_where_it_differs(yard: Yard):
    yard.job(payload_schema=OBJECT_WITH_N)
    assert yard.create(job="job", payload='{"n": 1}').state is RunState.QUEUED
    with pytest.raises(PayloadMismatch) as refusal:
        yard.create(job="job", payload='{"n": "one"}')
    assert '"/n"' in msgspec.json.encode(refusal.value.extra).decode()


def test_one_refused_run_refuses_its_whole_request_and_no_other(yard: Yard):
    good = creations.CreateRequest(project_id=1, runs=(NewRun(payload="1"),))
    bad = creations.CreateRequest(project_id=1, runs=(NewRun(payload="2"), NewRun(job="missing")))
    first, second, third = yard.store.transact(creations.create, [good, bad, good])
    assert isinstance(second, NotFound)
    assert [first[0].run.payload, third[0].run.payload] == ["1", "1"]
    assert len(yard.claim(10)) == 2


def test_a_run_for_later_is_scheduled_and_queued_when_its_time_comes(yard: Yard, clock):
    run = yard.create(available_at=clock.now() + 10 * SECOND)
    assert (run.state, run.queued_at) == (RunState.SCHEDULED, None)
    assert yard.after(seconds=9.9) == 0
    assert yard.claim() == []
    assert yard.after(seconds=0.1) == 1
    assert yard.run(run).queued_at == clock.now()
    assert yard.claim_one().run.id == run.id
    assert yard.story(run) == ["created", "queued", "claimed"]


def test_a_time_in_the_past_means_now(yard: Yard, clock):
    assert yard.create(available_at=clock.now() - SECOND).state is RunState.QUEUED


def test_a_draft_is_not_claimed_until_it_is_published(yard: Yard):
    run = yard.create(draft=True)
    assert run.state is RunState.DRAFT
    assert yard.claim() == []
    assert yard.publish(run).state is RunState.QUEUED
    assert yard.claim_one().run.id == run.id
    assert yard.story(run) == ["created", "queued", "claimed"]


def test_a_draft_for_later_waits_for_its_time_once_published(yard: Yard, clock):
    run = yard.create(draft=True, available_at=clock.now() + SECOND)
    assert yard.publish(run).state is RunState.SCHEDULED
    yard.after(seconds=1)
    assert yard.state(run) is RunState.QUEUED


def test_a_time_to_live_counts_from_when_the_run_may_start(yard: Yard, clock):
    run = yard.create(available_at=clock.now() + 10 * SECOND, ttl=5 * SECOND)
    assert run.expires_at == clock.now() + 15 * SECOND
    yard.after(seconds=10)
    assert yard.state(run) is RunState.QUEUED
    yard.after(seconds=5)
    assert yard.state(run) is RunState.EXPIRED


def test_an_explicit_end_wins_over_a_time_to_live(yard: Yard, clock):
    assert yard.create(ttl=SECOND, expires_at=clock.now() + 9 * SECOND).expires_at == clock.now() + 9 * SECOND


def test_tags_are_indexed(yard: Yard):
    run = yard.create(tags=["nightly"], metadata={"a": [1]})
    rows = yard.store.look(lambda tx: tx.rows("SELECT project_id, tag, value, run_id FROM run_tags"))
    assert [tuple(row) for row in rows] == [(1, "nightly", "", run.id)]


def test_a_run_of_another_project_is_not_found(yard: Yard, store, clock):
    run = yard.create()
    with pytest.raises(NotFound):
        Yard(store, clock, project_id=2).run(run)


@pytest.mark.parametrize("wrong", ["", "nonsense", "0", "é" * 300, "' OR 1=1 --"])
def test_an_id_of_the_wrong_form_is_not_found(yard: Yard, wrong: str):
    with pytest.raises(NotFound):
        yard.run(wrong)
    with pytest.raises(NotFound):
        yard.cancel(wrong)


def test_a_child_knows_its_parent_and_its_depth(yard: Yard):
    parent = yard.create()
    child = yard.create(parent_id=parent.id)
    after = yard.create(continuation_of=child.id)
    assert (child.parent_id, child.depth) == (parent.id, 1)
    assert (after.continuation_of, after.depth) == (child.id, 2)


def test_relatives_must_be_of_this_project(yard: Yard, store, clock):
    stranger = Yard(store, clock, project_id=2).create()
    for link in ("parent_id", "continuation_of"):
        with pytest.raises(NotFound):
            yard.create(**{link: stranger.id})
        with pytest.raises(NotFound):
            yard.create(**{link: "nonsense"})


def test_an_ended_parent_takes_no_children_but_may_be_continued(yard: Yard):
    parent = yard.running()
    yard.complete(parent)
    with pytest.raises(Conflict, match="ended"):
        yard.create(parent_id=parent.run.id)
    assert yard.create(continuation_of=parent.run.id).state is RunState.QUEUED


def test_runs_may_not_be_nested_without_end(yard: Yard):
    run = yard.create()
    for _ in range(runs.MAX_DEPTH):
        run = yard.create(parent_id=run.id)
    with pytest.raises(Invalid, match="deeper"):
        yard.create(parent_id=run.id)
