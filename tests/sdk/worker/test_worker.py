from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from runyard.sdk import (
    AsyncContext,
    Context,
    LeaseLost,
    NonRetryable,
    Park,
    Release,
    RetryLater,
    Unauthorized,
    Worker,
)
from tests.sdk.fake_server import FakeServer, problem
from tests.sdk.worker.conftest import Running

WorkerOf = Callable[..., Worker]


def ended(server: FakeServer, *run_ids: str) -> bool:
    """Wait until the runs have an outcome."""
    return server.wait_until(lambda: all("report" in server.runs[run_id] for run_id in run_ids))


def report(server: FakeServer, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = server.runs[run_id]["report"]
    return found


def test_a_plain_and_an_async_handler_complete_their_runs(
    server: FakeServer, worker_of: WorkerOf, running: Running
) -> None:
    worker = worker_of()

    @worker.job("double")
    def double(ctx: Context, payload: Any) -> Any:
        assert threading.current_thread() is not threading.main_thread()
        return payload["n"] * 2

    @worker.job("triple")
    async def triple(ctx: AsyncContext, payload: Any) -> Any:
        await asyncio.sleep(0)
        return {"n": payload["n"] * 3, "attempt": ctx.attempt, "tags": ctx.run.tags}

    first = server.add({"n": 4}, job="double")
    second = server.add({"n": 4}, job="triple", attempt=2)
    with running(worker):
        assert ended(server, first, second)

    assert (server.runs[first]["state"], report(server, first)["output"]) == ("completed", 8)
    assert report(server, second)["output"] == {"n": 12, "attempt": 2, "tags": ["a tag"]}
    assert report(server, first)["started_at"]


def test_many_short_runs_are_claimed_and_reported_in_batches_and_never_as_started(
    server: FakeServer, worker_of: WorkerOf, running: Running
) -> None:
    worker = worker_of()

    @worker.fallback
    def nothing(ctx: Context, payload: Any) -> None:
        return None

    runs = [server.add(n) for n in range(3000)]
    with running(worker):
        assert ended(server, *runs)

    assert {run["state"] for run in server.runs.values()} == {"completed"}
    assert sum(server.reports["complete"]) == 3000
    assert len(server.reports["complete"]) < 1500
    assert max(server.claim_limits) > 8
    assert sum(server.reports.get("start", [])) < 300


def test_a_worker_of_queues_takes_their_runs_whatever_the_job(
    server: FakeServer, worker_of: WorkerOf, running: Running
) -> None:
    worker = worker_of(executor="agent")

    @worker.queue("reviews")
    def review(ctx: Context, payload: Any) -> str:
        return f"reviewed for {ctx.run.job}"

    @worker.queue("scans")
    def scan(ctx: Context, payload: Any) -> str:
        return "scanned"

    with pytest.raises(ValueError, match="already"):
        worker.queue("scans")(scan)
    runs = [server.add(job="any", queue="reviews"), server.add(job="other", queue="scans")]
    with running(worker):
        assert ended(server, *runs)

    assert [report(server, run)["output"] for run in runs] == ["reviewed for any", "scanned"]
    _, claim = next(item for item in server.bodies if item[0] == "/runs/claim")
    assert (claim["queues"], claim.get("jobs"), claim["executor"]) == (["reviews", "scans"], None, "agent")


def test_a_worker_takes_queues_or_jobs(worker_of: WorkerOf) -> None:
    for settings in ({}, {"queues": ["q"]}):
        worker = worker_of(**settings)
        worker.queue("reviews")(lambda ctx, payload: None)
        if not settings:
            worker.job("known")(lambda ctx, payload: None)
        with pytest.raises(ValueError, match="no others"):
            worker.run()


def test_a_worker_claims_only_for_the_jobs_it_knows(server: FakeServer, worker_of: WorkerOf, running: Running) -> None:
    worker = worker_of(queues=["q"], capabilities=["gpu"], concurrency=3)

    @worker.job("known")
    def known(ctx: Context, payload: Any) -> str:
        return "done"

    other = server.add(job="unknown")
    mine = server.add(job="known")
    with running(worker):
        assert ended(server, mine)

    assert server.runs[other]["state"] == "queued"
    _, claim = next(item for item in server.bodies if item[0] == "/runs/claim")
    assert claim == {
        "limit": 3,
        "queues": ["q"],
        "jobs": ["known"],
        "capabilities": ["gpu"],
        "wait_seconds": 20.0,
        "worker": "w",
    }


@pytest.mark.parametrize("is_async", [False, True])
def test_no_more_runs_are_worked_on_at_a_time_than_agreed(
    server: FakeServer, worker_of: WorkerOf, running: Running, is_async: bool
) -> None:
    worker = worker_of(concurrency=3, prefetch=5)
    gate = threading.Event()
    lock = threading.Lock()
    now: list[int] = [0, 0]

    def enter(step: int) -> None:
        with lock:
            now[0] += step
            now[1] = max(now)

    @worker.job("plain")
    def plain(ctx: Context, payload: Any) -> None:
        enter(1)
        gate.wait(10)
        enter(-1)

    if is_async:

        @worker.job("async")
        async def other(ctx: AsyncContext, payload: Any) -> None:
            enter(1)
            await asyncio.to_thread(gate.wait, 10)
            enter(-1)

    runs = [server.add(job="async" if is_async and n % 2 else "plain") for n in range(12)]
    with running(worker):
        assert server.wait_until(lambda: sum(server.reports.get("start", [])) == 3)
        assert server.claim_limits[0] == 8
        gate.set()
        assert ended(server, *runs)

    assert now == [0, 3]


@pytest.mark.parametrize(
    ("error", "verb", "said"),
    [
        (ValueError("bad luck"), "failed", {"kind": "ValueError", "message": "bad luck"}),
        (NonRetryable("hopeless"), "failed", {"kind": "NonRetryable", "message": "hopeless", "retryable": False}),
        (RetryLater(9.5), "failed", {"kind": "RetryLater", "retry_after_seconds": 9.5}),
        (Release("not mine", delay_seconds=3), "released", {"reason": "not mine", "delay_seconds": 3}),
        (Park(60), "waiting", {"timeout_seconds": 60}),
        (SystemExit(3), "failed", {"kind": "SystemExit", "message": "3"}),
    ],
)
def test_what_a_handler_raises_is_the_outcome(
    server: FakeServer, worker_of: WorkerOf, running: Running, error: BaseException, verb: str, said: dict[str, Any]
) -> None:
    worker = worker_of()

    @worker.fallback
    def handler(ctx: Context, payload: Any) -> None:
        raise error

    run = server.add()
    with running(worker):
        assert ended(server, run)

    told = report(server, run)
    assert server.runs[run]["state"] == verb
    assert said.items() <= {**told, **told.get("error", {})}.items()
    if verb == "failed":
        assert "in handler" in told["error"]["data"]["traceback"]


def test_an_output_that_is_no_json_fails_the_run(server: FakeServer, worker_of: WorkerOf, running: Running) -> None:
    worker = worker_of()

    @worker.fallback
    def handler(ctx: Context, payload: Any) -> object:
        return object()

    run = server.add()
    with running(worker):
        assert ended(server, run)

    assert report(server, run)["error"]["kind"] == "TypeError"


def test_one_refused_output_does_not_stop_the_others(server: FakeServer, worker_of: WorkerOf, running: Running) -> None:
    def fault(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path.endswith("/complete") and b"too much" in request.content:
            return problem(413, "too_large", "The output is too large.")
        return None

    server.fault = fault
    worker = worker_of()

    @worker.fallback
    def handler(ctx: Context, payload: Any) -> Any:
        return payload

    runs = [server.add(n) for n in range(200)]
    bad = server.add("too much")
    with running(worker):
        assert ended(server, *runs, bad)

    assert all(server.runs[run]["state"] == "completed" for run in runs)
    assert server.runs[bad]["state"] == "failed"
    assert report(server, bad)["error"]["kind"] == "OutputRefused"


def test_log_lines_arrive_in_order_and_before_the_outcome(
    server: FakeServer, worker_of: WorkerOf, running: Running
) -> None:
    worker = worker_of()

    @worker.fallback
    def handler(ctx: Context, payload: Any) -> None:
        for n in range(2500):
            ctx.log(f"line {n}", step=n)
        ctx.log("bad", level="error")
        ctx.progress("half", 1, 2)

    run = server.add()
    with running(worker):
        assert ended(server, run)

    lines = server.logs[run]
    assert [line["message"] for line in lines] == [*(f"line {n}" for n in range(2500)), "bad", "half"]
    assert lines[7]["data"] == {"step": 7}
    assert (lines[-2]["level"], "level" in lines[0]) == ("error", False)
    assert lines[-1]["data"] == {"progress": {"done": 1, "total": 2}}
    paths = [path for _, path in server.calls]
    assert max(n for n, path in enumerate(paths) if path.endswith("/logs")) < paths.index("/runs/complete")
    assert paths.count(f"/runs/{run}/logs") < 20


def test_a_handler_reports_under_its_lease(server: FakeServer, worker_of: WorkerOf, running: Running) -> None:
    worker = worker_of()

    @worker.job("plain")
    def plain(ctx: Context, payload: Any) -> Any:
        assert ctx.last_checkpoint() is None
        ctx.checkpoint({"step": 1})
        ctx.checkpoint({"step": 2}, label="second")
        ctx.usage(model="m", input_tokens=5)
        ctx.tool_call("grep", input={"q": 1}, error="no match")
        ctx.output("report", {"ok": True})
        ctx.set_state("k", 1)
        ctx.artifact("note.txt", "text")
        ctx.heartbeat()
        child = ctx.spawn("other", {"n": 1}, idempotency_key="once")
        return [ctx.last_checkpoint(), child.id]

    @worker.job("async")
    async def in_loop(ctx: AsyncContext, payload: Any) -> Any:
        await ctx.checkpoint({"step": 1})
        await ctx.heartbeat()
        return await ctx.last_checkpoint()

    first, second = server.add(job="plain"), server.add(job="async")
    with running(worker):
        assert ended(server, first, second)

    assert report(server, first)["output"] == [{"step": 2}, "child"]
    assert report(server, second)["output"] == {"step": 1}
    written = server.runs[first]["written"]
    assert [f"{method} {path}" for method, path, _ in written] == [
        "POST usage", "POST tool-calls", "PUT outputs/report", "PUT state/k", "POST artifacts",
    ]  # fmt: skip
    assert written[1][2] == {"name": "grep", "input": {"q": 1}, "error": "no match", "status": "error"}
    _, spawned = next(item for item in server.bodies if item[0] == "/runs")
    assert spawned == {"payload": {"n": 1}, "job": "other", "parent_id": first, "idempotency_key": "once"}
    assert len(server.runs[first]["heartbeat"]) == 1


def test_heartbeats_keep_every_lease_in_one_call_and_tell_of_a_cancellation(
    worker_of: WorkerOf, running: Running, server: FakeServer
) -> None:
    server.lease_seconds = 0.6
    worker = worker_of(concurrency=4)
    seen: dict[str, bool] = {}
    told = threading.Semaphore(0)

    @worker.job("plain")
    def plain(ctx: Context, payload: Any) -> None:
        seen["plain"] = ctx.cancelled.wait(10) and bool(ctx.cancelled)
        told.release()

    @worker.job("async")
    async def in_loop(ctx: AsyncContext, payload: Any) -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            seen["async"] = bool(ctx.cancelled)
            told.release()
            raise

    first, second = server.add(job="plain"), server.add(job="async")
    with running(worker):
        assert server.wait_until(lambda: len(server.runs[first].get("heartbeat", [])) >= 2)
        assert max(server.reports["heartbeat"]) == 2
        server.cancel(first)
        server.cancel(second)
        assert told.acquire(timeout=10)
        assert told.acquire(timeout=10)

    assert seen == {"plain": True, "async": True}
    assert "report" not in server.runs[first]
    assert "report" not in server.runs[second]
    assert not {"complete", "fail", "release"} & set(server.reports)


def test_a_handler_that_learns_of_a_lost_lease_need_not_handle_it(
    server: FakeServer, worker_of: WorkerOf, running: Running
) -> None:
    worker = worker_of(concurrency=1)

    @worker.fallback
    def handler(ctx: Context, payload: Any) -> None:
        if payload == "lose":
            server.cancel(ctx.run_id)
            with pytest.raises(LeaseLost):
                ctx.output("k", 1)
            ctx.checkpoint({})

    lost, fine = server.add("lose"), server.add("keep")
    with running(worker):
        assert ended(server, fine)

    assert "report" not in server.runs[lost]
    # On a slow machine the handler is still at it when beginnings are reported.
    assert {kind: sizes for kind, sizes in server.reports.items() if kind != "start"} == {"complete": [1]}


def test_a_server_that_goes_away_for_a_while_loses_no_outcome(
    server: FakeServer, worker_of: WorkerOf, running: Running
) -> None:
    faults: Iterator[httpx2.Response | Exception] = iter(
        [
            httpx2.ConnectError("refused"),
            problem(503, "overloaded", "Too much.", **{"retry-after": "0"}),
            httpx2.ReadError("reset"),
            httpx2.Response(502, text="bad gateway"),
            problem(401, "unauthorized", "The key was revoked."),
        ]
    )

    def fault(request: httpx2.Request) -> httpx2.Response | Exception | None:
        path = request.url.path
        return next(faults, None) if path.endswith(("/claim", "/complete", "/logs")) else None

    server.fault = fault
    worker = worker_of()

    @worker.fallback
    def handler(ctx: Context, payload: Any) -> str:
        ctx.log("still here")
        return "done"

    run = server.add()
    with running(worker):
        assert ended(server, run)

    assert report(server, run)["output"] == "done"
    assert len(server.logs[run]) == 1


def test_a_drain_finishes_what_was_begun_and_gives_back_the_rest(
    server: FakeServer, worker_of: WorkerOf, running: Running
) -> None:
    worker = worker_of(concurrency=1, prefetch=3)
    begun, gate = threading.Event(), threading.Event()

    @worker.fallback
    def handler(ctx: Context, payload: Any) -> str:
        begun.set()
        gate.wait(10)
        return "finished"

    runs = [server.add(n) for n in range(4)]
    with running(worker):
        assert begun.wait(10)
        worker.stop()
        assert ended(server, *runs[1:])
        gate.set()
        assert ended(server, runs[0])

    assert report(server, runs[0])["output"] == "finished"
    assert [server.runs[run]["state"] for run in runs[1:]] == ["released"] * 3


def test_a_drain_gives_back_what_does_not_finish_in_time(
    server: FakeServer, worker_of: WorkerOf, running: Running
) -> None:
    worker = worker_of(drain_seconds=0.05)
    gate, both = threading.Event(), threading.Barrier(3)
    cancelled: list[str] = []

    @worker.job("plain")
    def plain(ctx: Context, payload: Any) -> None:
        ctx.log("working")
        both.wait(10)
        ctx.cancelled.wait(10)
        cancelled.append("plain")
        gate.wait(10)

    @worker.job("async")
    async def in_loop(ctx: AsyncContext, payload: Any) -> None:
        await asyncio.to_thread(both.wait, 10)
        try:
            await asyncio.sleep(10)
        finally:
            cancelled.append("async")

    first, second = server.add(job="plain"), server.add(job="async")
    with running(worker) as thread:
        both.wait(10)
        worker.stop()
        thread.join(10)
        assert not thread.is_alive()
        gate.set()

    assert sorted(cancelled) == ["async", "plain"]
    assert [server.runs[run]["state"] for run in (first, second)] == ["released", "released"]
    assert [line["message"] for line in server.logs[first]] == ["working"]


def test_a_second_stop_does_not_wait(server: FakeServer, worker_of: WorkerOf, running: Running) -> None:
    worker = worker_of(drain_seconds=60)
    begun = threading.Event()

    @worker.fallback
    async def handler(ctx: AsyncContext, payload: Any) -> None:
        begun.set()
        await asyncio.sleep(60)

    run = server.add()
    with running(worker):
        assert begun.wait(10)
        worker.stop()
        worker.stop()

    assert server.runs[run]["state"] == "released"


def test_a_reserve_behind_long_runs_goes_back(
    server: FakeServer, worker_of: WorkerOf, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runyard.sdk.worker.session.STUCK_SECONDS", 0.1)
    worker = worker_of(concurrency=1, prefetch=2)
    gate = threading.Event()

    @worker.fallback
    def handler(ctx: Context, payload: Any) -> None:
        gate.wait(10)

    runs = [server.add(n) for n in range(3)]
    with running(worker):
        assert ended(server, *runs[1:])
        gate.set()
        assert ended(server, runs[0])

    assert [server.runs[run]["state"] for run in runs] == ["completed", "released", "released"]


def test_jobs_are_declared_before_the_first_claim(server: FakeServer, worker_of: WorkerOf, running: Running) -> None:
    worker = worker_of()

    @worker.job("sum", retries=3, timeout=60, concurrency=2, queue="math", description="Adds.")
    def add(ctx: Context, payload: Any) -> None:
        return None

    run = server.add(job="sum")
    with running(worker):
        assert ended(server, run)

    assert server.jobs["sum"]["spec"] == {
        "retry": {"max_attempts": 4},
        "timeout_seconds": 60,
        "concurrency": {"max": 2},
        "queue": "math",
        "description": "Adds.",
    }
    paths = [path for _, path in server.calls]
    assert paths.index("/jobs") < paths.index("/runs/claim")


def test_a_key_that_may_only_claim_works_without_declaring(
    server: FakeServer, worker_of: WorkerOf, running: Running
) -> None:
    server.scopes = frozenset({"runs:claim"})
    worker = worker_of()

    @worker.job("sum")
    def add(ctx: Context, payload: Any) -> None:
        ctx.checkpoint({"half": True})

    run = server.add(job="sum")
    with running(worker):
        assert ended(server, run)

    assert server.runs[run]["state"] == "completed"


def test_a_key_that_is_not_valid_ends_the_worker_at_once(server: FakeServer, worker_of: WorkerOf) -> None:
    server.fault = lambda _: problem(401, "unauthorized", "No such key.")
    worker = worker_of()

    @worker.job("sum")
    def add(ctx: Context, payload: Any) -> None:
        return None

    with pytest.raises(Unauthorized, match="No such key"):
        worker.run()


def test_a_worker_without_handlers_says_so(worker_of: WorkerOf) -> None:
    with pytest.raises(ValueError, match="has no handlers"):
        worker_of().run()


def test_two_handlers_for_one_job_are_a_mistake(worker_of: WorkerOf) -> None:
    worker = worker_of()
    worker.job("sum")(lambda ctx, payload: None)

    with pytest.raises(ValueError, match="'sum' already"):
        worker.job("sum")(lambda ctx, payload: None)


@pytest.mark.skipif(sys.platform == "win32", reason="the signals of POSIX are meant")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_the_process_and_it_ends_well(number: signal.Signals, tmp_path: Path) -> None:
    script = """
        from runyard.sdk import Worker
        from tests.sdk.fake_server import FakeServer

        server = FakeServer()
        run = server.add()
        worker = Worker("http://yard.test", "k", transport=server.transport)

        @worker.fallback
        def handler(ctx, payload):
            print("begun", flush=True)
            input()
            return "finished"

        worker.run()
        print(server.runs[run]["report"]["output"], flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "RUNYARD_CREDENTIALS": str(tmp_path / "none")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        process.stdin.write("\n")
        process.stdin.close()
        assert process.stdout.readline() == "finished\n"
        assert process.wait(20) == 0
