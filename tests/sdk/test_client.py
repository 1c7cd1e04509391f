from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any

import httpx2
import msgspec
import pytest

from runyard.sdk import AsyncClient, Client, CompleteReport, FailReport, Failure, LeaseLost, Run, Unreachable

ClientOf = Callable[[Callable[[httpx2.Request], httpx2.Response]], Client]


class Recorder:
    """Answers what it is given, in turn, and keeps the requests."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        return answer if isinstance(answer, httpx2.Response) else httpx2.Response(200, json=answer)

    @property
    def last(self) -> httpx2.Request:
        return self.requests[-1]

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.last.content)


def test_a_run_is_created_waited_for_and_read(client_of: ClientOf) -> None:
    server = Recorder(
        {"id": "a", "state": "queued", "payload": {"x": 1}, "colour": "a field of next year"},
        {"id": "a", "state": "running"},
        {"id": "a", "state": "completed", "output": {"answer": 42}},
    )
    client = client_of(server)

    run = client.runs.create({"x": 1}, job="sum", tags=["t"], retry={"max_attempts": 3}, delay_seconds=5)

    assert server.requests[0].headers["idempotency-key"]
    assert msgspec.json.decode(server.requests[0].content) == {
        "payload": {"x": 1},
        "job": "sum",
        "tags": ["t"],
        "retry": {"max_attempts": 3},
        "delay_seconds": 5,
    }
    assert isinstance(run, Run)
    assert run.payload == {"x": 1}
    assert run.client is client
    done = run.wait()
    assert (done.is_final, done.output) == (True, {"answer": 42})
    assert run.state == "queued"


def test_many_runs_are_created_in_one_call(client_of: ClientOf) -> None:
    server = Recorder({"runs": [{"id": "a", "state": "queued"}, {"id": "b", "state": "queued", "duplicate": True}]})

    first, second = client_of(server).runs.create_many([{"payload": 1}, {"payload": 2, "idempotency_key": "k"}])

    assert server.body == {"runs": [{"payload": 1}, {"payload": 2, "idempotency_key": "k"}]}
    assert (first.id, second.duplicate) == ("a", True)
    assert isinstance(first, Run)


def test_a_list_is_read_page_by_page_as_far_as_it_is_needed(client_of: ClientOf) -> None:
    server = Recorder(
        {"data": [{"id": "a", "state": "failed"}, {"id": "b", "state": "failed"}], "next_cursor": "c2"},
        {"data": [{"id": "c", "state": "failed"}], "next_cursor": None},
    )
    runs = client_of(server).runs.list(
        state=["failed", "crashed"],
        job="sum",
        tag=["team:red", "x"],
        created_after=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        payload={"n": 1},
    )

    assert server.requests == []
    assert next(runs).id == "a"
    assert len(server.requests) == 1
    assert [run.id for run in runs] == ["b", "c"]
    assert server.requests[0].url.params.multi_items() == [
        ("state", "failed,crashed"),
        ("job", "sum"),
        ("tag", "team:red"),
        ("tag", "x"),
        ("created_after", "2026-01-01T00:00:00Z"),
        ("payload", '{"n":1}'),
    ]
    assert server.last.url.params["cursor"] == "c2"


def test_a_limit_bounds_the_list_and_not_the_page(client_of: ClientOf) -> None:
    page = {"data": [{"id": str(n), "state": "queued"} for n in range(200)], "next_cursor": "more"}
    server = Recorder(page, page)

    assert len([*client_of(server).runs.list(limit=250)]) == 250
    assert server.requests[0].url.params["limit"] == "200"
    assert len(server.requests) == 2


def test_reports_are_sent_under_their_tokens(client_of: ClientOf) -> None:
    lost = {"code": "lease_lost", "detail": "Gone.", "status": 409, "state": "canceled"}
    server = Recorder({"results": [{"run_id": "a", "ok": True}, {"run_id": "b", "ok": False, "error": lost}]})

    good, bad = client_of(server).runs.complete(
        [CompleteReport(run_id="a", token="t", output=[1]), CompleteReport(run_id="b", token="u")]
    )

    assert server.body == {"reports": [{"run_id": "a", "token": "t", "output": [1]}, {"run_id": "b", "token": "u"}]}
    assert good.ok
    assert bad.error is not None
    assert bad.error.state == "canceled"


def test_a_failure_says_what_and_whether_to_try_again(client_of: ClientOf) -> None:
    server = Recorder({"results": [{"run_id": "a", "ok": True}]})

    client_of(server).runs.fail(
        [FailReport(run_id="a", token="t", error=Failure(message="no", kind="Oops"), retryable=False)]
    )

    report = {"run_id": "a", "token": "t", "error": {"message": "no", "kind": "Oops"}, "retryable": False}
    assert server.body == {"reports": [report]}


def test_a_claim_waits_longer_than_the_server_does(client_of: ClientOf) -> None:
    lease = {"until": "2026-01-01T00:00:30Z", "token": "t"}
    server = Recorder({"claims": [{"run": {"id": "a", "state": "claimed"}, "lease": lease}]})

    (claim,) = client_of(server).runs.claim(limit=2, queues=["q"], wait_seconds=20)

    assert server.body == {"limit": 2, "queues": ["q"], "wait_seconds": 20}
    assert server.last.extensions["timeout"]["read"] == 35
    assert (claim.run.id, claim.lease.token) == ("a", "t")


def test_a_file_is_sent_as_it_is(client_of: ClientOf) -> None:
    server = Recorder({"id": "f", "run_id": "a", "name": "note.txt"})

    client_of(server).runs.upload("a", "note.txt", "hé", token="t")

    assert server.last.content == "hé".encode()
    assert server.last.headers["content-type"] == "text/plain; charset=utf-8"
    assert (server.last.url.params["name"], server.last.headers["x-runyard-lease"]) == ("note.txt", "t")
    assert "token" not in server.last.url.params


def test_a_write_under_a_lost_lease_raises(client_of: ClientOf) -> None:
    server = Recorder(httpx2.Response(409, json={"code": "lease_lost", "detail": "Gone."}))

    with pytest.raises(LeaseLost):
        client_of(server).runs.add_checkpoint("a", {"step": 1}, token="t")


def test_ids_and_names_are_quoted_in_paths(client_of: ClientOf) -> None:
    server = Recorder({"run_id": "a", "key": "x/y z"}, httpx2.Response(204))
    client = client_of(server)

    client.runs.put_output("a", "x/y z", 1)
    assert server.last.url.raw_path == b"/runyard/v1/runs/a/outputs/x%2Fy%20z"
    assert client.jobs.delete("a/b") is None
    with pytest.raises(ValueError, match="cannot be part of a path"):
        client.runs.get("..")


def test_replay_keeps_the_payload_unless_another_is_given(client_of: ClientOf) -> None:
    server = Recorder(*[{"id": "b", "state": "queued"}] * 2)
    client = client_of(server)

    client.runs.replay("a")
    assert server.body == {}
    client.runs.replay("a", payload=None)
    assert server.body == {"payload": None}


def test_bulk_takes_ids_or_a_filter(client_of: ClientOf) -> None:
    server = Recorder({"id": "k", "action": "cancel", "total": 2})

    bulk = client_of(server).bulk.start("cancel", filter={"state": ["queued"], "job": "sum"}, dry_run=True)

    assert server.body == {"action": "cancel", "filter": {"state": "queued", "job": "sum"}, "dry_run": True}
    assert bulk.total == 2


def test_a_server_that_is_not_there_is_named(client_of: ClientOf) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("connection refused")

    with pytest.raises(Unreachable, match=r"http://yard\.test: connection refused"):
        client_of(answer).runs.get("a")


@pytest.mark.parametrize("url", ["http://yard.test/", "http://yard.test/runyard", "http://yard.test/runyard/v1/"])
def test_the_url_may_name_the_mount_too(url: str) -> None:
    server = Recorder({"version": "1"})

    Client(url, "k", transport=httpx2.MockTransport(server)).info()

    assert str(server.last.url) == "http://yard.test/runyard/v1/admin/info"


@pytest.mark.parametrize("url", ["yard.test:8321", "ftp://yard.test", "http://"])
def test_a_url_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not the URL of a Runyard server"):
        Client(url, "k")


def test_the_async_client_does_the_same_awaited() -> None:
    server = Recorder(
        {"id": "a", "state": "queued"},
        {"id": "a", "state": "completed", "output": 1},
        {"data": [{"id": "j", "name": "sum"}], "next_cursor": "c"},
        {"data": [{"id": "k", "name": "mul"}], "next_cursor": None},
        {"data": [{"id": "a", "state": "completed"}], "next_cursor": None},
    )

    async def scenario() -> tuple[Any, list[str], bool]:
        async with AsyncClient("http://yard.test", "k", transport=httpx2.MockTransport(server)) as client:
            run = await client.runs.create({"x": 1})
            done = await run.wait(timeout=5)
            names = [job.name async for job in client.jobs.list()]
            bound = [one.client is client async for one in client.runs.children("a")]
            return done.output, names, all(bound)

    assert asyncio.run(scenario()) == (1, ["sum", "mul"], True)
