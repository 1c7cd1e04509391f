"""What people do with one run (contract §13, §21)."""

from __future__ import annotations

import threading

import pytest
from msgspec.structs import replace

from runyard.dialects.strait.mapping.values import when
from runyard.domain.policy import Policy
from runyard.domain.states import LIVE, RunState
from runyard.engine import checkpoints, leases
from runyard.engine.checkpoints import NewCheckpoint
from runyard.engine.fences import Writer
from runyard.engine.leases import Complete
from runyard.engine.proofs import Pass
from runyard.storage.port import Tx
from tests.dialects.strait.client import Strait, good, refused
from tests.support.yard import SECOND, Yard

NOBODY = "0190b0b0-0000-7000-8000-000000000000"
S = RunState
ONCE = Policy(max_attempts=1, dead_letter=False)
REPLAYABLE = (S.FAILED, S.TIMED_OUT, S.CRASHED, S.SYSTEM_FAILED)
ENDED = [*REPLAYABLE, S.COMPLETED, S.CANCELED, S.EXPIRED]
CALLS = [
    ("GET", ""),
    ("DELETE", ""),
    ("POST", "/replay"),
    ("POST", "/dlq-replay"),
    ("DELETE", "/idempotency-key"),
    ("POST", "/reschedule"),
    ("POST", "/pause"),
    ("POST", "/resume"),
    ("POST", "/restart"),
]


@pytest.fixture
def job(yard: Yard) -> str:
    """The name of a job that runs may be replayed with."""
    yard.job("job", policy=ONCE)
    return "job"


@pytest.mark.parametrize(("method", "below"), CALLS)
@pytest.mark.parametrize("run_id", [NOBODY, "nonsense", "%00"])
def test_an_unknown_run_is_not_found(strait: Strait, method: str, below: str, run_id: str) -> None:
    body = {"json": {"scheduled_at": "2030-01-01T00:00:00Z"}} if below == "/reschedule" else {}
    content = body.get("json")
    path = f"/v1/runs/{run_id}{below}"
    refused(strait.send(method, path, content, loose=True) if content else strait.send(method, path, loose=True), 404)


@pytest.mark.parametrize(("method", "below"), CALLS)
def test_another_projects_run_is_not_found(
    strait: Strait, stranger: Strait, yard: Yard, method: str, below: str
) -> None:
    run = yard.create()
    path = f"/v1/runs/{run.id}{below}"
    if below == "/reschedule":
        refused(stranger.send(method, path, {"scheduled_at": "2030-01-01T00:00:00Z"}), 404)
    else:
        refused(stranger.send(method, path), 404)
    assert yard.run(run) == run


# Cancel


@pytest.mark.parametrize("state", sorted(LIVE - {S.DEAD_LETTER}))
def test_a_live_run_is_canceled_with_the_run_as_answer(strait: Strait, yard: Yard, state: RunState) -> None:
    run = yard.in_state(state)
    body = good(strait.delete(f"/v1/runs/{run.id}"))
    assert (body["status"], body["error"], body["id"]) == ("canceled", "canceled by user", run.id)
    assert "finished_at" in body
    assert "error_class" not in body
    assert (yard.events(run)[-1].actor or "").startswith("apikey:")


@pytest.mark.parametrize("state", [*ENDED, S.DEAD_LETTER])
def test_an_ended_or_dead_lettered_run_is_not_canceled(strait: Strait, yard: Yard, state: RunState) -> None:
    run = yard.in_state(state)
    refused(strait.delete(f"/v1/runs/{run.id}"), 400, state.value)
    assert yard.run(run) == run


def test_canceling_reaches_twenty_levels_below_but_no_dead_letter_and_no_continuation(
    strait: Strait, yard: Yard
) -> None:
    top = yard.create()
    dead = yard.fail(yard.running(parent_id=top.id, priority=9), retryable=False)
    paused = yard.pause(yard.create(parent_id=top.id, executor="other"))
    onward = yard.create(continuation_of=top.id)
    chain = [top]
    for _ in range(21):
        chain.append(yard.create(parent_id=chain[-1].id))
    good(strait.delete(f"/v1/runs/{top.id}"))
    assert strait.see(chain[20].id)["error"] == "parent run canceled"
    assert strait.status(chain[21].id) == "queued"
    assert strait.status(paused.id) == "canceled"
    assert strait.status(onward.id) == "queued"
    assert strait.status(dead.id) == "dead_letter"


def test_of_two_cancellations_at_once_one_wins(strait: Strait, yard: Yard) -> None:
    run = yard.create()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(strait.delete(f"/v1/runs/{run.id}").status_code))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 400]
    assert yard.story(run) == ["created", "canceled"]


# Replay


@pytest.mark.parametrize("state", REPLAYABLE)
def test_a_failed_run_is_replayed_as_a_new_one(strait: Strait, yard: Yard, job: str, state: RunState) -> None:
    old = yard.in_state(state)
    body = good(strait.post(f"/v1/runs/{old.id}/replay"), 201)
    assert body["id"] != old.id
    assert (body["status"], body["attempt"], body["triggered_by"]) == ("queued", 1, "manual")
    assert yard.run(old).state is state


@pytest.mark.parametrize("state", sorted(set(RunState) - set(REPLAYABLE)))
def test_no_other_run_is_replayed(strait: Strait, yard: Yard, state: RunState) -> None:
    run = yard.in_state(state)
    refused(strait.post(f"/v1/runs/{run.id}/replay"), 400)


def test_a_replay_keeps_payload_priority_tags_and_version_and_nothing_else(
    strait: Strait, yard: Yard, job: str
) -> None:
    parent = yard.create(executor="other")
    granted = yard.running(
        job=job,
        payload='{"n": 1}',
        priority=7,
        tags={"team": "a"},
        metadata={"note": "x"},
        parent_id=parent.id,
        idempotency_key="once",
        concurrency_key="k",
        dependency_key="d",
        ttl=60 * SECOND,
        trigger="cron",
    )
    old = yard.fail(granted)
    yard.clock.forward(minutes=5)
    body = good(strait.post(f"/v1/runs/{old.id}/replay"), 201)
    assert (body["payload"], body["priority"], body["tags"]) == ({"n": 1}, 7, {"team": "a"})
    assert (body["job_id"], body["job_version"], body["triggered_by"]) == (old.job_id, 1, "manual")
    assert body["created_by"].startswith("apikey:")
    assert not {"metadata", "parent_run_id", "idempotency_key", "concurrency_key", "continuation_of"} & body.keys()
    made = yard.run(body["id"])
    assert made.expires_at == yard.clock.now() + 60 * SECOND
    assert (made.dependency_key, made.key_lane, made.debug) == (None, None, 0)


def test_a_replay_always_has_an_expiry_of_its_own(strait: Strait, yard: Yard) -> None:
    yard.job("plain", policy=ONCE)
    yard.job("timed", policy=replace(ONCE, timeout=10 * SECOND))
    yard.job("patient", policy=ONCE, ttl=7 * SECOND)
    for priority, (name, seconds) in enumerate((("plain", 360), ("timed", 70), ("patient", 7))):
        old = yard.fail(yard.running(job=name, priority=priority))
        yard.store.transact(_without_expiry, old.id)
        made = good(strait.post(f"/v1/runs/{old.id}/replay"), 201)
        assert yard.run(made["id"]).expires_at == yard.clock.now() + seconds * SECOND


def _without_expiry(tx: Tx, run_id: str) -> None:
    tx.run("UPDATE runs SET expires_at = NULL WHERE id = :id", id=run_id)


def test_the_version_pair_of_a_replay_is_consistent(strait: Strait, yard: Yard, job: str) -> None:
    old = yard.fail(yard.running(job=job))
    before = strait.see(old.id)
    yard.job(job, priority=3, policy=ONCE)
    body = good(strait.post(f"/v1/runs/{old.id}/replay"), 201)
    assert (body["job_version"], body["job_version_id"]) == (before["job_version"], before["job_version_id"])


def test_a_run_of_a_disabled_job_or_one_that_is_gone_is_not_replayed(strait: Strait, yard: Yard, job: str) -> None:
    old = yard.fail(yard.running(job=job))
    yard.job(job, enabled=False, policy=ONCE)
    refused(strait.post(f"/v1/runs/{old.id}/replay"), 400, "disabled")
    yard.store.transact(lambda tx: tx.run("DELETE FROM jobs"))
    refused(strait.post(f"/v1/runs/{old.id}/replay"), 400, "gone")


def test_a_replay_starts_from_a_checkpoint(strait: Strait, yard: Yard, job: str) -> None:
    granted = yard.running(job=job, payload='{"n": 1}')
    for step in (1, 2):
        writer = Writer(project_id=1, run_id=granted.run.id, token=granted.lease.token)
        yard.store.transact(checkpoints.add, writer, NewCheckpoint(state=f'{{"step": {step}}}'))
    yard.fail(granted)
    path = f"/v1/runs/{granted.run.id}/replay"
    body = good(strait.post(path, params={"from_checkpoint": 1}), 201)
    assert (body["payload"], body["debug_mode"]) == ({"step": 1}, True)
    refused(strait.post(path, params={"from_checkpoint": 3}), 404)
    for wrong in ("0", "-1", "x", "1.5", "9" * 40):
        refused(strait.post(path, params={"from_checkpoint": wrong}, loose=True), 400)


def test_a_body_of_a_replay_is_ignored(strait: Strait, yard: Yard, job: str) -> None:
    old = yard.fail(yard.running(job=job, payload="1"))
    assert good(strait.post(f"/v1/runs/{old.id}/replay", {"payload": 2}), 201)["payload"] == 1
    dead = yard.buried(priority=9)
    good(strait.post(f"/v1/runs/{dead.id}/dlq-replay", {"reason": "because"}))


# Dead letter


def test_a_dead_letter_is_queued_again_as_the_same_run(strait: Strait, yard: Yard) -> None:
    run = yard.buried(ttl=60 * SECOND, idempotency_key="once")
    yard.clock.forward(hours=1)
    body = good(strait.post(f"/v1/runs/{run.id}/dlq-replay"))
    assert (body["id"], body["status"], body["attempt"], body["idempotency_key"]) == (run.id, "queued", 1, "once")
    assert not {"error", "error_class", "started_at", "finished_at", "heartbeat_at", "next_retry_at"} & body.keys()
    yard.tick()
    assert strait.status(run.id) == "queued", "the time to live starts anew"
    yard.after(seconds=61)
    assert strait.status(run.id) == "expired"


@pytest.mark.parametrize("state", sorted(set(RunState) - {S.DEAD_LETTER}))
def test_what_is_no_dead_letter_is_not_queued_again(strait: Strait, yard: Yard, state: RunState) -> None:
    run = yard.in_state(state)
    refused(strait.post(f"/v1/runs/{run.id}/dlq-replay"), 409)
    assert yard.run(run) == run


# Idempotency key


def test_a_key_is_freed_for_a_new_run(strait: Strait, yard: Yard) -> None:
    run = yard.create(idempotency_key="once")
    assert good(strait.delete(f"/v1/runs/{run.id}/idempotency-key")) == {"status": "reset", "run_id": run.id}
    assert "idempotency_key" not in strait.see(run.id)
    assert yard.create(idempotency_key="once").id != run.id
    assert good(strait.delete(f"/v1/runs/{run.id}/idempotency-key")) == {"status": "reset", "run_id": run.id}


@pytest.mark.parametrize("state", [S.CLAIMED, S.STARTING, S.RUNNING, S.WAITING])
def test_the_key_of_a_run_that_is_worked_on_is_not_freed(strait: Strait, yard: Yard, state: RunState) -> None:
    run = yard.in_state(state)
    refused(strait.delete(f"/v1/runs/{run.id}/idempotency-key"), 404)


# Reschedule


def at(yard: Yard, seconds: float) -> str:
    return when(yard.clock.now() + int(seconds * SECOND)).isoformat()


@pytest.mark.parametrize("state", [S.QUEUED, S.SCHEDULED, S.DRAFT])
def test_a_run_not_begun_is_moved(strait: Strait, yard: Yard, state: RunState) -> None:
    run = yard.in_state(state)
    path = f"/v1/runs/{run.id}/reschedule"
    body = good(strait.post(path, {"scheduled_at": at(yard, 100), "payload": {"n": 2}}))
    assert (body["status"], body["payload"]) == ("delayed", {"n": 2})
    assert good(strait.post(path, {"scheduled_at": at(yard, -100)}))["status"] == "queued"
    assert strait.see(run.id)["payload"] == {"n": 2}
    assert good(strait.post(path, {"scheduled_at": at(yard, 0), "payload": None}))["payload"] is None


def test_the_expiry_of_a_moved_run_is_recomputed(strait: Strait, yard: Yard) -> None:
    run = yard.create(ttl=60 * SECOND)
    good(strait.post(f"/v1/runs/{run.id}/reschedule", {"scheduled_at": at(yard, 1000)}))
    assert yard.run(run).expires_at == yard.clock.now() + 1060 * SECOND


@pytest.mark.parametrize("state", sorted(set(RunState) - {S.DRAFT, S.SCHEDULED, S.QUEUED}))
def test_any_other_run_is_not_moved(strait: Strait, yard: Yard, state: RunState) -> None:
    run = yard.in_state(state)
    refused(strait.post(f"/v1/runs/{run.id}/reschedule", {"scheduled_at": at(yard, 5)}), 404)


def test_a_run_that_waits_for_its_retry_is_not_moved(strait: Strait, yard: Yard) -> None:
    run = yard.fail(yard.running())
    refused(strait.post(f"/v1/runs/{run.id}/reschedule", {"scheduled_at": at(yard, 5)}), 404)


@pytest.mark.parametrize("body", [{}, {"scheduled_at": None}, {"scheduled_at": "tomorrow"}, {"scheduled_at": 5}, []])
def test_a_run_is_not_moved_without_a_date(strait: Strait, yard: Yard, body: object) -> None:
    run = yard.create()
    refused(strait.post(f"/v1/runs/{run.id}/reschedule", body, loose=True), 400)


# Pause, resume, restart


def test_pause_and_resume_work_for_every_execution_mode(strait: Strait, yard: Yard) -> None:
    for executor in ("http", "managed", "worker"):
        granted = yard.running(executor=executor)
        path = f"/v1/runs/{granted.run.id}"
        assert good(strait.post(f"{path}/pause"))["status"] == "paused"
        assert good(strait.post(f"{path}/pause"))["status"] == "paused"
        body = good(strait.post(f"{path}/resume"))
        assert (body["status"], body["attempt"]) == ("queued", 1)
        assert not {"started_at", "finished_at"} & body.keys()
        refused(strait.post(f"{path}/resume"), 400)


@pytest.mark.parametrize("state", sorted(set(RunState) - {S.RUNNING, S.PAUSED}))
def test_only_an_executing_run_is_paused_or_restarted(strait: Strait, yard: Yard, state: RunState) -> None:
    run = yard.in_state(state)
    for verb in ("pause", "restart"):
        refused(strait.post(f"/v1/runs/{run.id}/{verb}"), 400)
    assert yard.run(run) == run


def test_the_late_answer_of_a_parked_run_is_dropped(strait: Strait, yard: Yard) -> None:
    granted = yard.running()
    good(strait.post(f"/v1/runs/{granted.run.id}/pause"))
    for token in (granted.lease.token, Pass(attempt=1)):
        late = Complete(project_id=1, run_id=granted.run.id, token=token)
        (outcome,) = yard.store.transact(leases.complete, [late])
        assert isinstance(outcome, Exception)
    assert strait.status(granted.run.id) == "paused"


@pytest.mark.parametrize("paused", [False, True])
def test_a_restart_queues_the_run_again_with_another_machine(strait: Strait, yard: Yard, paused: bool) -> None:
    granted = yard.running(metadata={"note": "x"})
    path = f"/v1/runs/{granted.run.id}"
    if paused:
        good(strait.post(f"{path}/pause"))
    body = good(strait.post(f"{path}/restart", {"machine_preset": "large-2x"}))
    assert (body["status"], body["attempt"]) == ("queued", 1)
    assert body["metadata"] == {"note": "x", "_preset_override": "large-2x"}
    assert not {"started_at", "finished_at", "machine_id"} & body.keys()


def test_errors_speak_of_states_in_the_words_of_the_dialect(strait: Strait, yard: Yard) -> None:
    granted = yard.running()
    for call in (strait.post(f"/v1/runs/{granted.run.id}/resume"), strait.post(f"/v1/runs/{granted.run.id}/replay")):
        body = refused(call, 400)
        assert "running" not in body["message"]
    assert (
        "a run that is executing cannot resume"
        in refused(strait.post(f"/v1/runs/{granted.run.id}/resume"), 400)["error"]
    )


def test_a_restart_needs_no_body_and_takes_no_unknown_machine(strait: Strait, yard: Yard) -> None:
    granted = yard.running()
    path = f"/v1/runs/{granted.run.id}/restart"
    refused(strait.post(path, {"machine_preset": "gigantic"}, loose=True), 400)
    assert strait.status(granted.run.id) == "executing"
    assert "metadata" not in good(strait.post(path))
