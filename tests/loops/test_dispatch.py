"""Runs go to real endpoints and come back as what the endpoints made of them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
import pytest

from runyard.domain.errors import Unavailable
from runyard.domain.jobs import NewRun
from runyard.domain.policy import Policy
from runyard.domain.states import RunState
from runyard.engine import checkpoints, dispatches, environments, job_secrets, leases
from runyard.engine.checkpoints import NewCheckpoint
from runyard.engine.fences import Writer
from runyard.engine.proofs import Pass
from runyard.loops.dispatch.claiming import Claims
from runyard.loops.dispatch.fares import Fares
from runyard.loops.dispatch.flights import Flight
from runyard.loops.dispatch.packing import Packer
from runyard.loops.dispatch.traffic import Traffic
from runyard.storage.vault import Vault
from runyard.web.run_tokens import RunTokens
from tests.support.endpoints import Endpoint, Heard, Open, Say
from tests.support.sending import AT_ONCE, PATIENCE, SECRET, Post, http_job, settled
from tests.support.stores import Clock
from tests.support.yard import SECOND, Yard

S = RunState
TRACE = {"queue_wait_ms", "dequeue_ms", "connect_ms", "ttfb_ms", "transfer_ms", "dispatch_ms", "total_ms"}


def trace_of(text: str | None) -> dict[str, int]:
    found: dict[str, int] = json.loads(text or "{}")
    assert set(found) == TRACE
    return found


def said(run: Any) -> str:
    return str(json.loads(run.error)["message"])


def test_a_run_is_posted_and_completed_with_the_answer(yard: Yard, post: Post, endpoint: Endpoint):
    endpoint.behave = lambda heard: Say(status=201, body=b'{"ok": [1, 2]}')
    http_job(yard, endpoint)
    run = yard.create(job="job", payload='{"b":1,"a": 2}')
    done = settled(yard, run)
    assert (done.state, done.output) == (S.COMPLETED, '{"ok": [1, 2]}')
    (heard,) = endpoint.heard
    assert (heard.method, heard.path, heard.body) == ("POST", "/run", b'{"b":1,"a": 2}')
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["x-run-id"] == run.id
    assert heard.headers["x-job-id"] == run.job_id
    assert heard.headers["x-attempt"] == "1"
    claims = post.tokens.read(heard.headers["x-run-token"])
    assert (claims.sub, claims.attempt) == (run.id, 1)
    absent = {"x-last-checkpoint", "x-previous-error", "x-strait-signature", "traceparent"}
    assert not absent & heard.headers.keys()
    assert yard.story(run) == ["created", "claimed", "started", "completed"]


@pytest.mark.parametrize(
    ("body", "output"),
    [
        (b"", "null"),
        (b"  \n", "null"),
        (b'"text"', '"text"'),
        (b"no json", '"no json"'),
        (b'{"a":', '"{\\"a\\":"'),
        (b"\xff\x00", '"\ufffd\\u0000"'),
        (b"[" * 5000 + b"]" * 5000, None),
    ],
)
def test_any_body_of_a_2xx_answer_becomes_the_result(
    yard: Yard, post: Post, endpoint: Endpoint, body: bytes, output: str | None
):
    endpoint.behave = lambda heard: Say(body=body)
    http_job(yard, endpoint)
    done = settled(yard, yard.create(job="job"))
    assert done.state is S.COMPLETED
    assert output is None or done.output == output


def test_no_more_than_a_mebibyte_of_a_body_becomes_the_result(yard: Yard, post: Post, endpoint: Endpoint):
    endpoint.behave = lambda heard: Say(body=b'"' + b"x" * 3_000_000 + b'"')
    http_job(yard, endpoint)
    done = settled(yard, yard.create(job="job"))
    assert done.state is S.COMPLETED
    assert len(json.loads(done.output or "")) == 1 << 20


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (302, b"", "unknown"),
        (400, b"", "client"),
        (404, b"", "client"),
        (401, b"", "auth"),
        (403, b"", "auth"),
        (429, b"", "rate_limited"),
        (500, b"", "server"),
        (503, b"", "server"),
        (500, b"java.lang.OutOfMemoryError", "oom"),
        (500, b"budget exceeded", "budget"),
    ],
)
def test_every_answer_but_2xx_fails_the_attempt_with_its_class(
    yard: Yard, post: Post, endpoint: Endpoint, status: int, body: bytes, kind: str
):
    endpoint.behave = lambda heard: Say(status=status, body=body)
    http_job(yard, endpoint, policy=Policy(max_attempts=1))
    buried = settled(yard, yard.create(job="job"))
    assert (buried.state, buried.error_class) == (S.DEAD_LETTER, kind)
    assert str(status) in said(buried)
    trace_of(buried.trace)


def test_classes_that_the_policy_excludes_are_dead_lettered_at_the_first_attempt(
    yard: Yard, post: Post, endpoint: Endpoint
):
    endpoint.behave = lambda heard: Say(status=400)
    http_job(yard, endpoint, policy=msgspec.structs.replace(AT_ONCE, non_retryable=("client",)))
    assert settled(yard, yard.create(job="job")).state is S.DEAD_LETTER
    assert len(endpoint.heard) == 1


def test_a_failed_attempt_is_retried_under_its_delay_with_what_it_failed_with(
    yard: Yard, post: Post, endpoint: Endpoint, clock: Clock
):
    endpoint.behave = lambda heard: Say(
        status=500 if heard.headers["x-attempt"] == "1" else 200, body=b"bad\r\nX: y \xc3\xa4"
    )
    http_job(yard, endpoint, policy=Policy(initial_delay=5 * SECOND, jitter=0))
    run = yard.create(job="job")
    endpoint.until(lambda: yard.state(run) is S.QUEUED and yard.run(run).attempt == 2)
    waiting = yard.run(run)
    assert (waiting.next_retry_at, waiting.error_class, waiting.trace) == (clock.now() + 5 * SECOND, "server", None)
    yard.after(seconds=5)
    assert settled(yard, run).state is S.COMPLETED
    second = endpoint.heard[1].headers
    assert second["x-attempt"] == "2"
    assert second["x-previous-error"] == "the endpoint answered with status 500: bad X: y ?"
    assert post.tokens.read(second["x-run-token"]).attempt == 2


def test_a_retry_takes_the_last_checkpoint_along(yard: Yard, post: Post, endpoint: Endpoint, clock: Clock):
    http_job(yard, endpoint)

    def behave(heard: Heard) -> Say:
        if heard.headers["x-attempt"] == "1":
            writer = Writer(project_id=1, run_id=heard.headers["x-run-id"], token=Pass(attempt=1))
            state = NewCheckpoint(state='{\n "step": 7, "del": "\x7f", "word": "ä\U0001f600" }')
            post.store.transact(checkpoints.add, writer, state)
            return Say(status=500)
        return Say()

    endpoint.behave = behave
    run = yard.create(job="job")
    endpoint.until(lambda: yard.run(run).attempt == 2 or yard.tick())
    yard.tick()
    assert settled(yard, run).state is S.COMPLETED
    line = endpoint.heard[1].headers["x-last-checkpoint"]
    assert json.loads(line) == {"step": 7, "del": "\x7f", "word": "ä\U0001f600"}
    assert line.isascii()
    at = endpoint.heard[1].headers["x-checkpoint-at"]
    assert at == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.now() // SECOND))


def test_secrets_signature_and_trace_context_go_along(yard: Yard, post: Post, endpoint: Endpoint, clock: Clock):
    http_job(yard, endpoint, secret=post.vault.seal("shared", job_secrets.SIGNING))
    sealed = post.vault.seal("s3cret", job_secrets.PURPOSE)
    post.store.transact(job_secrets.put, 1, "job", "API_KEY", sealed)
    metadata = {"_trace_parent": "00-abc-def-01", "_trace_state": "vendor=1"}
    assert settled(yard, yard.create(job="job", payload='{"n":1}', metadata=metadata)).state is S.COMPLETED
    headers = endpoint.heard[0].headers
    assert headers["x-secret-api_key"] == "s3cret"
    assert (headers["traceparent"], headers["tracestate"]) == ("00-abc-def-01", "vendor=1")
    timestamp = headers["x-strait-timestamp"]
    assert timestamp == str(clock.now() // SECOND)
    wanted = hmac.new(b"shared", f'{timestamp}.{{"n":1}}'.encode(), hashlib.sha256).hexdigest()
    assert headers["x-strait-signature"] == f"v1={wanted}"


def test_secrets_that_an_endpoint_repeats_are_not_kept_with_the_error(yard: Yard, post: Post, endpoint: Endpoint):
    endpoint.behave = lambda heard: Say(status=500, body=b"bad key s3cret-value")
    http_job(yard, endpoint, policy=Policy(max_attempts=1))
    post.store.transact(job_secrets.put, 1, "job", "KEY", post.vault.seal("s3cret-value", job_secrets.PURPOSE))
    assert said(settled(yard, yard.create(job="job"))).endswith("bad key ***")


def test_an_environment_may_send_runs_elsewhere(yard: Yard, post: Post, endpoint: Endpoint, endpoints: Open):
    other = endpoints()
    url = post.vault.seal(f"{other.url}staging", environments.PURPOSE)
    made = post.store.transact(environments.put, 1, "staging", {"ENDPOINT_URL": url})
    http_job(yard, endpoint, environment_id=made.id)
    assert settled(yard, yard.create(job="job")).state is S.COMPLETED
    assert ([heard.path for heard in other.heard], endpoint.heard) == (["/staging"], [])


def test_a_run_whose_job_is_gone_or_that_cannot_be_sent_is_system_failed(yard: Yard, post: Post, endpoint: Endpoint):
    no_job = settled(yard, yard.create(executor="http"))
    assert (no_job.state, no_job.error_class) == (S.SYSTEM_FAILED, "server")
    http_job(yard, endpoint, secret="sealed by nobody")
    assert settled(yard, yard.create(job="job")).state is S.SYSTEM_FAILED
    assert endpoint.heard == []


def test_the_fallback_is_tried_once_with_all_headers_when_the_first_cannot_be_reached(
    yard: Yard, post: Post, endpoint: Endpoint
):
    http_job(yard, "http://127.0.0.1:1/run", fallback_url=f"{endpoint.url}fallback")
    post.store.transact(job_secrets.put, 1, "job", "KEY", post.vault.seal("value", job_secrets.PURPOSE))
    done = settled(yard, yard.create(job="job"))
    assert (done.state, done.attempt) == (S.COMPLETED, 1)
    (heard,) = endpoint.heard
    assert heard.path == "/fallback"
    assert {"x-secret-key", "x-run-token", "x-run-id"} <= heard.headers.keys()


@pytest.mark.parametrize(("status", "falls_back"), [(429, True), (500, False), (400, False), (403, False)])
def test_only_some_classes_fall_back(
    yard: Yard, post: Post, endpoint: Endpoint, endpoints: Open, status: int, falls_back: bool
):
    other = endpoints()
    endpoint.behave = lambda heard: Say(status=status)
    http_job(yard, endpoint, fallback_url=other.url, policy=Policy(max_attempts=1))
    assert settled(yard, yard.create(job="job")).state is (S.COMPLETED if falls_back else S.DEAD_LETTER)
    assert (len(endpoint.heard), len(other.heard)) == (1, int(falls_back))


def test_an_attempt_that_takes_too_long_is_retried_and_then_timed_out(yard: Yard, post: Post, endpoint: Endpoint):
    endpoint.behave = lambda heard: Say(after=30)
    http_job(yard, endpoint, policy=msgspec.structs.replace(AT_ONCE, max_attempts=2, timeout=SECOND // 4))
    run = yard.create(job="job")
    endpoint.until(lambda: yard.run(run).attempt == 2 or yard.tick())
    yard.tick()
    ended = settled(yard, run)
    assert (ended.state, ended.error_class, said(ended)) == (S.TIMED_OUT, "timeout", "execution timed out")
    assert trace_of(ended.trace)["ttfb_ms"] >= 150
    assert [one.outcome for one in yard.attempts(run)] == ["timed_out", "timed_out"]


def test_the_trace_is_measured_and_adds_up(yard: Yard, post: Post, endpoint: Endpoint):
    def raw(heard: Heard) -> Say:
        time.sleep(0.05)
        return Say(body=b"{}")

    endpoint.behave = raw
    http_job(yard, endpoint)
    first = trace_of(settled(yard, yard.create(job="job")).trace)
    second = trace_of(settled(yard, yard.create(job="job")).trace)
    for trace in (first, second):
        assert trace["dispatch_ms"] == trace["connect_ms"] + trace["ttfb_ms"] + trace["transfer_ms"]
        assert trace["total_ms"] >= trace["dispatch_ms"]
        assert 50 <= trace["ttfb_ms"] < 5000
    assert (first["connect_ms"] > 0, second["connect_ms"]) == (True, 0)


def in_flight(endpoint: Endpoint, meanwhile: Callable[[Heard], None]) -> None:
    """Do something about the run while its request is under way."""

    def behave(heard: Heard) -> Say:
        meanwhile(heard)
        return Say(body=b'"late"')

    endpoint.behave = behave


def _has_come(endpoint: Endpoint, run_id: str) -> bool:
    return any(heard.headers["x-run-id"] == run_id for heard in endpoint.heard)


def _was_asked(endpoint: Endpoint, path: str) -> bool:
    return any(heard.path == path for heard in endpoint.heard)


def _about(act: Callable[[str], Any], heard: Heard) -> None:
    act(heard.headers["x-run-id"])


def by_token(post: Post, op: Any, report: Any, heard: Heard, **more: Any) -> None:
    named = {"project_id": 1, "run_id": heard.headers["x-run-id"], "token": Pass(attempt=1)}
    (outcome,) = post.store.transact(op, [report(**named, **more)])
    assert isinstance(outcome, leases.Reported)


def test_the_answer_after_a_completion_by_the_worker_is_dropped(yard: Yard, post: Post, endpoint: Endpoint):
    in_flight(endpoint, lambda heard: by_token(post, leases.complete, leases.Complete, heard, output='"mine"'))
    http_job(yard, endpoint)
    run = yard.create(job="job")
    assert settled(yard, run).output == '"mine"'
    endpoint.until(lambda: not post.senders.dispatcher.flights)
    assert (yard.run(run).output, yard.state(run)) == ('"mine"', S.COMPLETED)


def test_the_answer_of_a_run_that_was_parked_or_canceled_is_dropped(yard: Yard, post: Post, endpoint: Endpoint):
    http_job(yard, endpoint)
    for act, state in ((yard.pause, S.PAUSED), (yard.cancel, S.CANCELED)):
        in_flight(endpoint, partial(_about, act))
        run = yard.create(job="job")
        endpoint.until(partial(_has_come, endpoint, run.id))
        endpoint.until(lambda: not post.senders.dispatcher.flights)
        assert yard.run(run).state is state
        assert yard.run(run).output is None


def test_an_answer_that_the_job_may_not_give_fails_the_run(yard: Yard, post: Post, endpoint: Endpoint):
    endpoint.behave = lambda heard: Say(body=b'{"n":"text"}')
    schema = '{"type":"object","properties":{"n":{"type":"integer"}}}'
    http_job(yard, endpoint, policy=Policy(output_schema=schema))
    buried = settled(yard, yard.create(job="job"))
    assert (buried.state, buried.error_class) == (S.DEAD_LETTER, "client")


def test_limits_of_jobs_hold_for_requests_under_way(yard: Yard, post: Post, endpoint: Endpoint):
    most, now, lock = 0, 0, threading.Lock()

    async def behave(heard: Heard) -> Say:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        await asyncio.sleep(0.01)
        with lock:
            now -= 1
        return Say()

    endpoint.behave = behave
    http_job(yard, endpoint, max_concurrency=2)
    runs = yard.create_many(12, job="job")
    for run in runs:
        assert settled(yard, run).state is S.COMPLETED
    assert most == 2


def test_five_failures_open_the_circuit_and_runs_are_put_off_until_it_closes(
    yard: Yard, post: Post, endpoint: Endpoint, clock: Clock
):
    endpoint.behave = lambda heard: Say(status=500)
    http_job(yard, endpoint, policy=Policy(max_attempts=1))
    for _ in range(5):
        assert settled(yard, yard.create(job="job")).state is S.DEAD_LETTER
    run = yard.create(job="job")
    endpoint.until(lambda: yard.run(run).hold == "retry")
    put_off = yard.run(run)
    assert (put_off.attempt, put_off.error_class) == (1, "transient")
    assert put_off.next_retry_at is not None
    assert abs(put_off.next_retry_at - clock.now() - 60 * SECOND) < SECOND
    assert json.loads(put_off.metadata or "")["snooze_count"] == "1"
    assert len(endpoint.heard) == 5
    endpoint.behave = lambda heard: Say()
    post.on_loop(post.senders.dispatcher.record_once)
    yard.after(seconds=60)
    assert settled(yard, run).state is S.COMPLETED
    assert settled(yard, yard.create(job="job")).state is S.COMPLETED


def test_requests_the_endpoint_refuses_do_not_open_its_circuit(yard: Yard, post: Post, endpoint: Endpoint):
    endpoint.behave = lambda heard: Say(status=400)
    http_job(yard, endpoint, policy=Policy(max_attempts=1))
    for _ in range(7):
        assert settled(yard, yard.create(job="job")).state is S.DEAD_LETTER


def test_slow_endpoints_do_not_slow_a_fast_one(yard: Yard, posts: Callable[..., Post], endpoints: Open):
    """Twenty slow endpoints with queues far beyond all places, and a fast one that comes last."""
    # As long as nobody is patient here: no fast one can have waited for a slow one.
    slow, fast = endpoints(lambda heard: Say(after=2 * PATIENCE)), endpoints()
    for number in range(20):
        http_job(yard, f"{slow.url}{number}", name=f"slow-{number}")
        yard.create_many(20, job=f"slow-{number}")
    posts(concurrency=40)
    slow.until(lambda: len(slow.heard) >= 20)
    http_job(yard, fast, name="fast")
    for run in yard.create_many(50, job="fast"):
        settled(yard, run)


def test_what_comes_last_is_tried_at_once_although_slow_endpoints_came_before(
    yard: Yard, posts: Callable[..., Post], endpoints: Open
):
    """Slow jobs come one by one, each with a queue for all places; none was answered when the fast one comes."""
    slow, fast = endpoints(lambda heard: Say(after=60)), endpoints()
    posts(concurrency=40)
    for number in range(15):
        http_job(yard, f"{slow.url}{number}", name=f"slow-{number}")
        yard.create_many(40, job=f"slow-{number}")
        slow.until(partial(_was_asked, slow, f"/{number}"))
    http_job(yard, fast, name="fast")
    for run in yard.create_many(50, job="fast"):
        assert settled(yard, run).state is S.COMPLETED


def test_a_class_is_quick_by_its_endpoint_and_not_by_the_store(
    yard: Yard, post: Post, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
):
    dispatcher = post.senders.dispatcher
    send_off = dispatcher._send_off

    async def late(flights: Sequence[Flight], luggage: dispatches.Luggage) -> None:
        for flight in flights:
            flight.began -= 5
        await send_off(flights, luggage)

    monkeypatch.setattr(dispatcher, "_send_off", late)
    http_job(yard, endpoint)
    done = settled(yard, yard.create(job="job"))
    assert trace_of(done.trace)["total_ms"] >= 5000
    assert done.class_id in dispatcher.traffic.load({}).quick


def test_a_dispatcher_that_stops_finishes_what_is_quick_and_gives_back_the_rest(
    yard: Yard, posts: Callable[..., Post], endpoint: Endpoint, endpoints: Open
):
    slow = endpoints(lambda heard: Say(after=30))
    endpoint.behave = lambda heard: Say(after=0.3)
    http_job(yard, endpoint, name="quick")
    http_job(yard, slow, name="slow")
    post = posts(drain=2.0)
    quick, long = yard.create(job="quick"), yard.create(job="slow")
    endpoint.until(lambda: len(endpoint.heard) == len(slow.heard) == 1)
    post.stop()
    assert yard.state(quick) is S.COMPLETED
    assert (yard.state(long), yard.run(long).attempt) == (S.QUEUED, 1)
    assert yard.story(long)[-1] == "released"


def test_runs_claimed_while_the_dispatcher_stops_are_given_back(
    yard: Yard, posts: Callable[..., Post], endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
):
    endpoint.behave = lambda heard: Say(after=30)
    post = posts(drain=0.5)
    dispatcher = post.senders.dispatcher
    write, drain = post.store.write, dispatcher.drain
    entered, drained = threading.Event(), threading.Event()

    async def slow(op: Any, *args: Any, **kwargs: Any) -> Any:
        if op is dispatches.board:
            entered.set()
            assert await asyncio.to_thread(drained.wait, 20)
        return await write(op, *args, **kwargs)

    def stopping() -> None:
        drain()
        drained.set()

    monkeypatch.setattr(dispatcher.store, "write", slow)
    monkeypatch.setattr(dispatcher, "drain", stopping)
    http_job(yard, endpoint)
    run = yard.create(job="job")
    assert entered.wait(20)
    post.stop()
    assert yard.state(run) is S.QUEUED
    assert yard.story(run)[-1] == "released"


@pytest.mark.parametrize("failing", [dispatches.fare, leases.start, leases.complete])
def test_a_dispatcher_that_could_not_reach_the_store_lets_go_of_its_runs(
    yard: Yard, post: Post, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, failing: Any
):
    """Else they held their places for good, and those whose request was sent had their leases renewed without end."""
    dispatcher, gone = post.senders.dispatcher, threading.Event()

    def away(call: Any) -> Any:
        async def told(op: Any, *args: Any, **kwargs: Any) -> Any:
            if op is failing and not gone.is_set():
                gone.set()
                raise Unavailable("the database cannot be reached")
            return await call(op, *args, **kwargs)

        return told

    monkeypatch.setattr("runyard.loops.dispatch.dispatcher.PATIENCE", -1.0)
    for name in ("read", "write"):
        monkeypatch.setattr(dispatcher.store, name, away(getattr(post.store, name)))
    http_job(yard, endpoint)
    run = yard.create(job="job")
    endpoint.until(lambda: gone.is_set() and not dispatcher.flights)
    assert dispatcher.traffic.room == dispatcher.traffic.slots
    yard.after(seconds=120)
    yard.after(seconds=120)
    assert settled(yard, run).state is S.COMPLETED


def test_leases_of_requests_under_way_are_renewed(yard: Yard, post: Post, endpoint: Endpoint, clock: Clock):
    release = threading.Event()
    endpoint.behave = lambda heard: (release.wait(20), Say())[1]
    http_job(yard, endpoint, policy=Policy(heartbeat_grace=60 * SECOND))
    run = yard.create(job="job")
    settled(yard, run, S.RUNNING)
    endpoint.until(lambda: len(endpoint.heard) == 1)
    for _ in range(4):
        clock.forward(seconds=30)
        post.on_loop(post.senders.dispatcher.beat_once)
        yard.tick()
    assert yard.state(run) is S.RUNNING
    release.set()
    assert settled(yard, run).state is S.COMPLETED


def test_a_quick_endpoint_is_served_while_all_others_are_looked_at(
    yard: Yard, post: Post, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
):
    read, others = post.store.read, threading.Event()

    async def held_up(op: Any, *args: Any, **kwargs: Any) -> Any:
        if op is dispatches.ready and kwargs["among"] is None:
            assert await asyncio.to_thread(others.wait, 20)
        return await read(op, *args, **kwargs)

    http_job(yard, endpoint, "quick")
    settled(yard, yard.create(job="quick"))
    monkeypatch.setattr(post.senders.dispatcher.store, "read", held_up)
    http_job(yard, endpoint, "unknown")
    unknown = yard.create(job="unknown")
    for _ in range(3):
        assert settled(yard, yard.create(job="quick")).state is S.COMPLETED
    assert yard.run(unknown).state is S.QUEUED
    others.set()
    assert settled(yard, unknown).state is S.COMPLETED


def test_what_a_look_at_the_others_leaves_is_claimed_without_a_rest(
    yard: Yard, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
):
    """However many looks a round takes, and wherever among them something was left."""
    monkeypatch.setattr("runyard.loops.dispatch.claiming.FEW", 1)
    monkeypatch.setattr(dispatches, "CLASSES", 2)
    vault = Vault(SECRET)
    packer = Packer(vault, RunTokens(vault.key("run tokens"), yard.store.now))
    claimed: list[str] = []
    claims = Claims(
        yard.store,
        packer,
        Traffic(50),
        Fares(),
        wake=lambda topic: None,
        depart=lambda boarded: claimed.extend(one.run.id for one in boarded.granted),
    )
    for name in ("a", "b", "c"):
        http_job(yard, endpoint, name)
    runs = [created.run.id for created in yard.ask(*(NewRun(job=name) for name in ("a", "a", "a", "b", "c")))]

    async def until_it_rests() -> int:
        looks = 1
        while await claims.others_once() == 0.0:
            looks += 1
        return looks

    assert asyncio.run(until_it_rests()) > len(runs)
    assert sorted(claimed) == sorted(runs)


def test_slow_runs_that_end_about_the_same_time_are_reported_together(
    yard: Yard, post: Post, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
):
    """One of them ends the wait of all; a quick one waits for nobody."""
    monkeypatch.setattr("runyard.loops.dispatch.dispatcher.QUICK", 0.05)
    monkeypatch.setattr("runyard.loops.dispatch.dispatcher.UNHURRIED", 1e6)
    monkeypatch.setattr("runyard.loops.dispatch.dispatcher.LONGEST_WAIT", 3600.0)
    lull = post.senders.dispatcher._lull
    endpoint.behave = lambda heard: Say(after=0 if heard.path == "/quick" else 0.1)
    http_job(yard, f"{endpoint.url}quick", "quick")
    http_job(yard, endpoint, "slow")
    slow = yard.create_many(3, job="slow")
    endpoint.until(lambda: lull.waiting == len(slow))
    assert settled(yard, yard.create(job="quick")).state is S.COMPLETED
    assert {yard.run(run).state for run in slow} == {S.RUNNING}
    post.on_loop(lambda: lull.wait(0.0))
    assert {settled(yard, run).state for run in slow} == {S.COMPLETED}
