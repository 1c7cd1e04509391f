"""What handlers can do and what becomes of it, with a worker in this process and a real server."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from runyard.sdk import (
    AsyncContext,
    Context,
    LeaseLost,
    NonRetryable,
    NotFound,
    Park,
    Release,
    RetryLater,
    Run,
    Worker,
)
from tests.e2e.conftest import Place, Working
from tests.e2e.processes import until

SOON: Any = {"initial_seconds": 0.02, "jitter": 0.0}


def told(place: Place, run: Run) -> list[str]:
    """The types of the run's events."""
    return [event.type for event in place.client.runs.events(run.id)]


def test_plain_and_async_handlers_complete_runs_with_and_without_a_job(place: Place, working: Working) -> None:
    worker = place.worker()

    @worker.job("plain")
    def plain(ctx: Context, payload: Any) -> Any:
        return {"doubled": payload["n"] * 2, "by": ctx.run.job}

    @worker.job("awaited")
    async def awaited(ctx: AsyncContext, payload: Any) -> Any:
        await asyncio.sleep(0)
        return [ctx.run_id, ctx.attempt, payload]

    @worker.fallback
    def anything(ctx: Context, payload: Any) -> None:
        assert ctx.run.job is None

    with working(worker):
        until(lambda: len(list(place.client.jobs.list())) == 2)
        runs = [place.client.runs.create({"n": 4}, job="plain"), place.client.runs.create("é\u0000", job="awaited")]
        runs.append(place.client.runs.create())
        ended = [run.wait(timeout=20) for run in runs]

    assert [run.state for run in ended] == ["completed"] * 3
    assert [run.output for run in ended] == [{"doubled": 8, "by": "plain"}, [runs[1].id, 1, "é\u0000"], None]
    assert [run.attempt for run in ended] == [1, 1, 1]
    assert all(run.started_at and run.finished_at and run.started_at <= run.finished_at for run in ended)


def test_failures_are_retried_as_the_job_and_the_handler_say(place: Place, working: Working) -> None:
    worker = place.worker()

    @worker.job("flaky", retries=2, retry=SOON)
    def flaky(ctx: Context, payload: Any) -> int:
        if ctx.attempt < 3:
            raise ConnectionError(f"try {ctx.attempt}")
        return ctx.attempt

    @worker.job("hopeless", retries=5, retry=SOON)
    async def hopeless(ctx: AsyncContext, payload: Any) -> None:
        raise NonRetryable("the request makes no sense")

    @worker.job("later", retries=5, retry={"initial_seconds": 3600.0})
    def later(ctx: Context, payload: Any) -> int:
        if ctx.attempt == 1:
            raise RetryLater(0.3, "the other side is busy")
        return ctx.attempt

    @worker.job("exhausted", retries=1, retry=SOON | {"dead_letter": False})
    def exhausted(ctx: Context, payload: Any) -> None:
        raise ValueError("always")

    @worker.job("given back")
    def given_back(ctx: Context, payload: Any) -> int:
        if "run.released" not in told(place, place.client.runs.get(ctx.run_id)):
            raise Release("not now")
        return ctx.attempt

    @worker.job("unspeakable", retries=0)
    def unspeakable(ctx: Context, payload: Any) -> object:
        return object()

    with working(worker):
        until(lambda: len(list(place.client.jobs.list())) == 6)
        jobs = ("flaky", "hopeless", "later", "exhausted", "given back", "unspeakable")
        ended = {job: place.client.runs.create(job=job) for job in jobs}
        ended = {job: run.wait(timeout=20) for job, run in ended.items()}

    assert {job: (run.state, run.attempt) for job, run in ended.items()} == {
        "flaky": ("completed", 3),
        "hopeless": ("dead_letter", 1),
        "later": ("completed", 2),
        "exhausted": ("failed", 2),
        "given back": ("completed", 1),
        "unspeakable": ("dead_letter", 1),
    }
    assert ended["hopeless"].error_class == "NonRetryable"
    assert ended["hopeless"].error["message"] == "the request makes no sense"
    assert "hopeless" in ended["hopeless"].error["data"]["traceback"]
    assert ended["unspeakable"].error_class == "TypeError"
    tries = list(place.client.runs.attempts(ended["flaky"].id))
    assert [(one.attempt, one.outcome, one.error_class) for one in tries] == [
        (1, "failed", "ConnectionError"),
        (2, "failed", "ConnectionError"),
        (3, "completed", None),
    ]
    first, second = place.client.runs.attempts(ended["later"].id)
    assert first.ended_at
    assert second.claimed_at
    assert 0.3 <= (second.claimed_at - first.ended_at).total_seconds() < 3


@pytest.mark.parametrize("is_async", [False, True])
def test_a_handler_past_its_time_is_told_to_stop_and_its_run_times_out(
    place: Place, working: Working, is_async: bool
) -> None:
    worker = place.worker()
    stopped = threading.Event()

    if is_async:

        @worker.job("slow", retries=0, timeout=0.2)
        async def slow(ctx: AsyncContext, payload: Any) -> None:
            try:
                await asyncio.sleep(20)
            except asyncio.CancelledError:
                stopped.set()
                raise
    else:

        @worker.job("slow", retries=0, timeout=0.2)
        def slow_and_plain(ctx: Context, payload: Any) -> None:
            assert ctx.cancelled.wait(20)
            stopped.set()

    with working(worker):
        until(lambda: list(place.client.jobs.list()))
        run = place.client.runs.create(job="slow").wait(timeout=20)
        assert run.state in {"timed_out", "dead_letter"}
        assert run.error_class == "timeout"
        assert stopped.wait(10)


def test_a_cancelled_run_stops_its_handler_and_stays_cancelled(place: Place, working: Working) -> None:
    worker = place.worker()
    begun = threading.Barrier(3)
    stopped: list[str] = []

    @worker.fallback
    def long(ctx: Context, payload: Any) -> str:
        assert not ctx.cancelled
        begun.wait(20)
        assert ctx.cancelled.wait(20)
        with pytest.raises(LeaseLost):
            ctx.checkpoint({"too": "late"})
        stopped.append(ctx.run_id)
        return "too late"

    @worker.job("async")
    async def awaited(ctx: AsyncContext, payload: Any) -> None:
        await asyncio.to_thread(begun.wait, 20)
        try:
            await asyncio.sleep(20)
        finally:
            stopped.append(ctx.run_id)

    with working(worker):
        until(lambda: list(place.client.jobs.list()))
        runs = [place.client.runs.create(), place.client.runs.create(job="async")]
        begun.wait(20)
        for run in runs:
            assert run.cancel(reason="changed my mind").state == "canceled"
        until(lambda: len(stopped) == 2)

    assert set(stopped) == {run.id for run in runs}
    for run in runs:
        assert (run.refresh().state, run.refresh().output) == ("canceled", None)
        assert told(place, run)[-1] == "run.canceled"


def test_a_plain_handler_reports_everything_and_goes_on_from_its_checkpoint(place: Place, working: Working) -> None:
    worker = place.worker()
    seen: list[Any] = []

    @worker.job("thorough", retries=1, retry=SOON)
    def thorough(ctx: Context, payload: Any) -> str:
        seen.append((ctx.attempt, ctx.last_checkpoint()))
        ctx.log("begun", level="warning", attempt=ctx.attempt)
        ctx.progress("half way", 1, 2)
        if ctx.attempt == 1:
            assert ctx.checkpoint({"page": 1}).number == 1
            assert ctx.checkpoint({"page": 2}, label="second").number == 2
            raise ConnectionError("broke off")
        ctx.usage(model="gpt-4o-mini", provider="openai", input_tokens=1_000_000, output_tokens=1_000_000)
        ctx.usage(model="our-own", input_tokens=5, output_tokens=7, cost_micro_usd=42)
        assert ctx.stream("one ").accepted == 1
        ctx.stream("two", stream="thoughts", done=True)
        ctx.tool_call("grep", input={"for": "x"}, output=["y"], duration_ms=3)
        ctx.tool_call("fetch", error="no route")
        ctx.output("summary", {"words": 3}, schema={"type": "object"})
        with pytest.raises(NotFound):
            ctx.get_state("cursor")
        ctx.set_state("cursor", {"at": 7})
        seen.append(ctx.get_state("cursor"))
        ctx.artifact("page.html", "<p>ü</p>", content_type="text/html")
        ctx.artifact("blob", bytes(range(256)) * 1000)
        assert ctx.heartbeat().ok
        return "done"

    with working(worker):
        until(lambda: list(place.client.jobs.list()))
        run = place.client.runs.create(job="thorough").wait(timeout=20)

    runs = place.client.runs
    assert (run.state, run.output, run.attempt) == ("completed", "done", 2)
    assert seen == [(1, None), (2, {"page": 2}), {"at": 7}]
    lines = list(runs.logs(run.id))
    assert [(line.attempt, line.level, line.message) for line in lines] == [
        (1, "warning", "begun"),
        (1, "info", "half way"),
        (2, "warning", "begun"),
        (2, "info", "half way"),
    ]
    assert lines[1].data == {"progress": {"done": 1, "total": 2}}
    assert [(one.number, one.label, one.state) for one in runs.checkpoints(run.id)] == [
        (2, "second", {"page": 2}),
        (1, None, {"page": 1}),
    ]
    assert runs.checkpoint(run.id, 2).state == {"page": 2}
    priced, own = runs.usage(run.id)
    assert (priced.cost_micro_usd, own.cost_micro_usd) == (750_000, 42)
    assert run.usage.cost_micro_usd == 750_042
    assert (run.usage.input_tokens, run.usage.output_tokens) == (1_000_005, 1_000_007)
    assert [(call.name, call.status, call.error) for call in runs.tool_calls(run.id)] == [
        ("grep", "ok", None),
        ("fetch", "error", "no route"),
    ]
    pieces = [(piece.chunk, piece.stream, piece.done) for piece in runs.chunks(run.id)]
    assert pieces == [("one ", "default", False), ("two", "thoughts", True)]
    assert runs.output(run.id, "summary").value == {"words": 3}
    assert [entry.value for entry in runs.state(run.id)] == [{"at": 7}]
    files = {file.name: file for file in runs.artifacts(run.id)}
    assert runs.artifact_content(run.id, files["page.html"].id).decode() == "<p>ü</p>"
    assert files["page.html"].content_type == "text/html"
    assert runs.artifact_content(run.id, files["blob"].id) == bytes(range(256)) * 1000


def test_an_async_handler_reports_everything(place: Place, working: Working) -> None:
    worker = place.worker()

    @worker.job("thorough", retries=1, retry=SOON)
    async def thorough(ctx: AsyncContext, payload: Any) -> Any:
        if ctx.attempt == 1:
            await ctx.checkpoint({"page": 1})
            raise ConnectionError("broke off")
        ctx.log("begun")
        ctx.progress("all", 2, 2)
        await asyncio.gather(
            ctx.usage(model="our-own", input_tokens=5, output_tokens=7, cost_micro_usd=42),
            ctx.tool_call("grep"),
            ctx.stream("so far"),
            ctx.output("summary", 1),
            ctx.set_state("cursor", 8),
        )
        await ctx.artifact("note.txt", "hello")
        assert (await ctx.heartbeat()).ok
        assert not ctx.cancelled
        return [await ctx.last_checkpoint(), await ctx.get_state("cursor")]

    with working(worker):
        until(lambda: list(place.client.jobs.list()))
        run = place.client.runs.create(job="thorough").wait(timeout=20)

    runs = place.client.runs
    assert (run.state, run.output) == ("completed", [{"page": 1}, 8])
    assert [line.message for line in runs.logs(run.id)] == ["begun", "all"]
    assert run.usage.cost_micro_usd == 42
    assert [call.name for call in runs.tool_calls(run.id)] == ["grep"]
    assert [one.value for one in runs.outputs(run.id)] == [1]
    (file,) = runs.artifacts(run.id)
    assert runs.artifact_content(run.id, file.id) == b"hello"


@pytest.mark.parametrize("is_async", [False, True])
def test_a_run_waits_for_its_children_without_holding_a_place(place: Place, working: Working, is_async: bool) -> None:
    # With one place, a parent that held it would wait for ever.
    worker = place.worker(concurrency=1)

    @worker.job("child")
    def child(ctx: Context, payload: Any) -> int:
        return int(payload) ** 2

    if is_async:

        @worker.job("parent")
        async def parent(ctx: AsyncContext, payload: Any) -> Any:
            try:
                spawned = await ctx.get_state("children")
            except NotFound:
                made = [await ctx.spawn("child", n, tags=["part"]) for n in payload]
                await ctx.set_state("children", [run.id for run in made])
                raise Park(timeout_seconds=60) from None
            return sum(place.client.runs.get(run_id).output for run_id in spawned)
    else:

        @worker.job("parent")
        def plain_parent(ctx: Context, payload: Any) -> Any:
            try:
                spawned = ctx.get_state("children")
            except NotFound:
                ctx.set_state("children", [ctx.spawn("child", n, tags=["part"]).id for n in payload])
                ctx.park(timeout_seconds=60)
            return sum(place.client.runs.get(run_id).output for run_id in spawned)

    with working(worker):
        until(lambda: len(list(place.client.jobs.list())) == 2)
        run = place.client.runs.create([1, 2, 3], job="parent").wait(timeout=20)

    assert (run.state, run.output, run.attempt) == ("completed", 14, 1)
    children = list(place.client.runs.children(run.id))
    assert {(one.parent_id, one.job, one.state) for one in children} == {(run.id, "child", "completed")}
    assert len(children) == 3
    assert [kind for kind in told(place, run) if kind in {"run.waiting", "run.woken"}] == ["run.waiting", "run.woken"]
    assert {one.id for one in place.client.runs.lineage(children[0].id).runs} >= {run.id, children[0].id}


def test_a_worker_makes_its_jobs_and_changes_those_that_differ(place: Place, working: Working) -> None:
    def worker(**fields: Any) -> Worker:
        made = place.worker()

        @made.job("declared", **fields)
        def handler(ctx: Context, payload: Any) -> None:
            return None

        return made

    def start(one: Worker) -> Any:
        with working(one):
            place.client.runs.create(job="declared").wait(timeout=20) if has_job() else until(has_job)
        return place.client.jobs.get("declared")

    def has_job() -> bool:
        return bool(list(place.client.jobs.list()))

    first = start(worker(retries=4, timeout=60, concurrency=2, description="first", tags=["a"], queue="mail"))
    assert first.version == 1
    assert first.spec["retry"]["max_attempts"] == 5
    assert (first.spec["timeout_seconds"], first.spec["concurrency"]["max"]) == (60, 2)
    assert (first.spec["description"], first.spec["queue"], first.spec["tags"]) == ("first", "mail", ["a"])

    again = start(worker(retries=4, timeout=60, concurrency=2, description="first", tags=["a"], queue="mail"))
    assert again.version == 1

    changed = start(worker(retries=0, description="second"))
    assert changed.version == 2
    assert (changed.spec["retry"]["max_attempts"], changed.spec["description"]) == (1, "second")
    assert changed.spec["timeout_seconds"] == 60, "what is not declared is left alone"
    assert [one.version for one in place.client.jobs.versions("declared")] == [2, 1]


def test_a_worker_whose_key_may_only_claim_reports_on_its_own_runs(place: Place, working: Working) -> None:
    place.client.jobs.create("ready made")
    with place.server.client() as admin:
        key = admin.keys.create("worker", scopes=["runs:claim"], project=place.project).key
    assert key is not None
    worker = Worker(place.server.url, key, lease_seconds=1.5)

    @worker.job("ready made", retries=7)
    def handler(ctx: Context, payload: Any) -> Any:
        ctx.log("here")
        ctx.checkpoint(1)
        ctx.usage(model="our-own", cost_micro_usd=1)
        ctx.tool_call("grep")
        ctx.output("summary", 1)
        ctx.set_state("at", 1)
        ctx.artifact("note", "hello")
        return [ctx.last_checkpoint(), ctx.get_state("at"), ctx.heartbeat().ok]

    with working(worker):
        run = place.client.runs.create(job="ready made").wait(timeout=20)

    assert (run.state, run.output) == ("completed", [1, 1, True]), run.error
    assert place.client.jobs.get("ready made").version == 1, "such a key declares nothing"


def test_many_short_runs_go_through_one_worker(place: Place, working: Working) -> None:
    worker = place.worker(concurrency=16)

    @worker.fallback
    async def echo(ctx: AsyncContext, payload: Any) -> Any:
        return payload

    runs = place.client.runs.create_many([{"payload": n, "tags": ["many"]} for n in range(600)])
    with working(worker):
        until(lambda: not list(place.client.runs.list(state=["queued", "claimed", "running"], limit=1)))
    ended = {run.id: run for run in place.client.runs.list(tag="many")}
    assert [(ended[run.id].state, ended[run.id].output) for run in runs] == [("completed", n) for n in range(600)]
