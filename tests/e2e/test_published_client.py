"""Every method of the published Strait client against a real server, unchanged (contract §26)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import strait
from strait import AsyncClient, Client
from strait.authoring import JobOptions, TriggerJobInput, create_run_context, define_job
from strait.composition import (
    PaginatedQuery,
    PaginatedResponse,
    WaitForRunOptions,
    collect_all,
    paginate,
    trigger_and_wait,
    wait_for_run,
)
from strait.operations.api_keys import APIKeysService
from strait.operations.batch_operations import BatchOperationsService
from strait.operations.event_triggers import EventTriggersService
from strait.operations.health import HealthService
from strait.operations.jobs import JobsService
from strait.operations.projects import ProjectsService
from strait.operations.runs import RunsService
from strait.operations.sdk_runs import SDKRunsService

from tests.e2e.conftest import Fleet
from tests.e2e.endpoint import Endpoint
from tests.e2e.published_client import jobs, others, runs, sdk_runs
from tests.e2e.published_client.desk import Desk
from tests.e2e.published_client.tries import LATER

SERVICES = {
    "runs": RunsService,
    "jobs": JobsService,
    "sdk_runs": SDKRunsService,
    "event_triggers": EventTriggersService,
    "batch_operations": BatchOperationsService,
    "api_keys": APIKeysService,
    "projects": ProjectsService,
    "health": HealthService,
}
OUTSIDE = {
    "projects.get_settings",
    "projects.upsert_settings",
    "projects.get_activity_stream",
    "health.list_metrics",  # the client would fail to decode text metrics anywhere
}
"""Methods of these services that the contract leaves out."""
TRIES = {**jobs.TRIES, **others.TRIES, **runs.TRIES, **sdk_runs.TRIES}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    """An endpoint for all jobs."""
    with Endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def twin(engine: str) -> str:
    """Which of the two published clients: both send the same, so that each needs one engine only."""
    return {"sqlite": "sync", "postgres": "async"}[engine]


@pytest.fixture
def desk(fleet: Fleet, engine: str, endpoint: Endpoint, twin: str) -> Iterator[Desk]:
    """A project of its own on a server of each engine."""
    with Desk(server=fleet.shared(engine), endpoint=endpoint, twin=twin) as desk:
        yield desk


@pytest.mark.parametrize("method", sorted(TRIES))
def test_the_method_works_unchanged(desk: Desk, method: str) -> None:
    TRIES[method](desk)


def test_every_method_of_the_contract_is_tried() -> None:
    methods = {
        f"{name}.{verb}"
        for name, service in SERVICES.items()
        for verb, _ in inspect.getmembers(service, inspect.isfunction)
        if not verb.startswith("_")
    }
    assert methods - OUTSIDE == set(TRIES)


@pytest.mark.parametrize("base", ["/strait", "/strait/", ""])
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_base_url_is_all_it_needs(fleet: Fleet, engine: str, endpoint: Endpoint, twin: str, base: str) -> None:
    with Desk(server=fleet.shared(engine), endpoint=endpoint, twin=twin, base=base) as desk:
        assert desk.status(desk.ended()) == "completed"
        worker = desk.executing()
        assert worker.calls.complete_run(worker.run_id, None)["status"] == "completed"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_it_shows_our_words_when_something_is_refused(desk: Desk) -> None:
    run_id = desk.ended()
    with pytest.raises(strait.ApiError) as caught:
        desk.client.runs.delete(run_id)
    assert (caught.value.status, "HTTP 400" in str(caught.value)) == (400, False)
    with pytest.raises(strait.ConflictError):
        desk.client.runs.dlq_replay(run_id)
    with pytest.raises(strait.NotFoundError):
        desk.client.runs.get("01890000-0000-7000-8000-000000000000")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_it_reads_its_settings_from_the_environment(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAIT_BASE_URL", f"{desk.server.url}/strait/")
    monkeypatch.setenv("STRAIT_API_KEY", desk.new_key())
    with Client.from_env() as client:
        assert client.jobs.list()["data"] == []


def _page(desk: Desk) -> Callable[[PaginatedQuery], PaginatedResponse[Any]]:
    """An adapter as its users write one, with the envelope asked for by a header."""
    client = desk.connect(desk.new_key(), default_headers={"X-List-Envelope": "1"})

    def fetch(query: PaginatedQuery) -> PaginatedResponse[Any]:
        asked = {"limit": str(query.limit), **({"cursor": query.cursor} if query.cursor else {})}
        page = client.runs.list(query=asked)
        return PaginatedResponse(data=page["data"], next_cursor=page.get("next_cursor", ""), has_more=page["has_more"])

    return fetch


def test_its_helpers_page_wait_and_trigger(desk: Desk) -> None:
    made = [desk.delayed() for _ in range(5)]
    assert [run["id"] for run in collect_all(paginate(_page(desk), limit=2))] == made[::-1]

    quick = WaitForRunOptions(timeout_ms=60_000, initial_delay_ms=20, max_delay_ms=200)
    job = desk.job("/refuse")
    run: Any = trigger_and_wait(
        lambda body: desk.client.jobs.trigger(job["id"], body),
        desk.client.runs.get,
        lambda one: one["id"],
        lambda one: one["status"],
        {"payload": {}},
        quick,
    )
    assert run["status"] == "dead_letter", "waiting ends with the dead letter too"
    done = wait_for_run(desk.client.runs.get, lambda one: one["status"], desk.ended(), quick)
    assert done["status"] == "completed"


class Registrar:
    """What jobs defined in code ask of a client, made of the client's services."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def create_job(self, body: dict[str, Any]) -> Any:
        return self.client.jobs.create(body)

    def trigger_job(self, job_id: str, body: dict[str, Any]) -> Any:
        return self.client.jobs.trigger(job_id, body)

    def bulk_trigger_job(self, job_id: str, body: dict[str, Any]) -> Any:
        return self.client.jobs.bulk_trigger(job_id, body)

    def get_run(self, run_id: str) -> Any:
        return self.client.runs.get(run_id)


def test_jobs_defined_in_code_register_and_trigger_with_every_option(desk: Desk) -> None:
    options: Any = JobOptions(
        name="Every option",
        slug="every-option",
        endpoint_url=f"{desk.endpoint.url}/echo",
        description="all of them",
        tags={"team": "a"},
        cron="0 3 * * *",
        timezone="Europe/Berlin",
        max_concurrency=5,
        rate_limit_max=100,
        rate_limit_window_secs=60,
        max_attempts=4,
        retry_strategy="custom",
        retry_delays_secs=[1, 2],
        timeout_secs=30,
        run_ttl_secs=600,
        webhook_url="https://example.com/hook",
        webhook_secret="hush",
        fallback_endpoint_url="https://example.com/other",
    )
    job: Any = define_job(options)
    registrar = Registrar(desk.client)
    made = job.register(registrar, desk.project)
    assert {name: made[name] for name in ("cron", "timezone", "retry_delays_secs", "max_concurrency")} == {
        "cron": "0 3 * * *",
        "timezone": "Europe/Berlin",
        "retry_delays_secs": [1, 2],
        "max_concurrency": 5,
    }
    asked: Any = TriggerJobInput(payload={"n": 1}, idempotency_key="k", priority=3, metadata={"a": "b"})
    assert job.trigger(registrar, asked)["idempotency_hit"] is False
    assert job.trigger(registrar, asked)["idempotency_hit"] is True
    several: Any = [TriggerJobInput(payload=n, scheduled_at=LATER) for n in range(3)]
    assert job.batch_trigger(registrar, several)["created"] == 3
    dry: Any = TriggerJobInput(payload={}, dry_run=True)
    assert job.trigger(registrar, dry)["job"]["id"] == made["id"]


def test_the_run_context_works_with_every_call(desk: Desk) -> None:
    worker, child = desk.executing(), desk.job("/echo")

    async def work() -> Any:
        base_url = f"{desk.server.url}/strait"
        async with AsyncClient(base_url=base_url, run_token=worker.token, middleware=desk.seen.middleware) as client:
            ctx: Any = create_run_context(cast("Any", client.sdk_runs), worker.run_id)
            ctx.logger.warning("said by the logger")
            await ctx.checkpoint({"step": 1})
            await ctx.report_progress(50.0)
            await ctx.heartbeat()
            await ctx.report_usage("openai", "gpt-4o", prompt_tokens=3, completion_tokens=4)
            await ctx.log_tool_call("grep", {"q": 1}, {"n": 2}, 5, "ok")
            await ctx.save_output("report", {"ok": True}, {"type": "object"})
            await ctx.state.set("place", {"at": 1})
            assert (await ctx.state.get("place"))["value"] == {"at": 1}
            assert len(await ctx.state.list()) == 1
            await ctx.state.delete("place")
            await ctx.stream_chunk("some text", "main", True)
            await ctx.annotate({"who": "me"})
            spawned = await ctx.spawn(child["slug"], desk.project, {"n": 2}, 5)
            await ctx.continue_run()
            # The logger does not wait for its calls.
            await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
            await ctx.complete({"ok": True})
            return spawned

    spawned = asyncio.run(work())
    run = desk.client.runs.get(worker.run_id)
    assert (run["status"], run["result"], run["metadata"]["who"]) == ("completed", {"ok": True}, "me")
    assert desk.client.runs.get(spawned["id"])["parent_run_id"] == worker.run_id
    logged = [one for one in desk.client.runs.list_events(worker.run_id) if one["type"] == "log"]
    assert [(one["level"], one["message"]) for one in logged] == [("warn", "said by the logger")]
