from __future__ import annotations

import asyncio
import logging

import httpx2
import pytest

from runyard.sdk import AsyncClient, Conflict
from runyard.sdk.fields import JobFields
from runyard.sdk.worker.declaring import declare, differing
from tests.sdk.fake_server import FakeServer, ok, problem


def declared(server: FakeServer, name: str, fields: JobFields) -> None:
    async def scenario() -> None:
        async with AsyncClient("http://yard.test", "k", transport=server.transport) as client:
            await declare(client, name, fields)

    asyncio.run(scenario())


def test_a_job_is_made_once_and_changed_only_when_it_differs() -> None:
    server = FakeServer()

    declared(server, "sum", {"timeout_seconds": 60})
    declared(server, "sum", {"timeout_seconds": 60})
    assert server.jobs["sum"]["version"] == 1
    declared(server, "sum", {"timeout_seconds": 90, "queue": "math"})
    assert server.jobs["sum"]["spec"] == {"timeout_seconds": 90, "queue": "math"}
    assert server.jobs["sum"]["version"] == 2


def test_what_the_server_fills_in_is_no_difference() -> None:
    spec = {"retry": {"max_attempts": 4, "backoff": "exponential"}, "timeout_seconds": 60.0, "priority": 3}

    assert differing({"retry": {"max_attempts": 4}, "timeout_seconds": 60}, spec) == {}
    assert differing({"retry": {"max_attempts": 5}}, spec) == {"retry": {"max_attempts": 5}}


def test_a_schema_is_meant_exactly() -> None:
    spec = {"payload_schema": {"type": "object", "required": ["n"]}}

    assert differing({"payload_schema": {"type": "object"}}, spec) == {"payload_schema": {"type": "object"}}


def test_a_worker_that_was_not_the_quickest_adapts_what_is_there() -> None:
    server = FakeServer()

    def fault(request: httpx2.Request) -> httpx2.Response | None:
        if request.method == "POST":
            server.jobs["sum"] = {"id": "j", "name": "sum", "version": 1, "enabled": True, "spec": {"priority": 1}}
            return problem(409, "already_exists", "There is a job of that name.")
        return None

    server.fault = fault
    declared(server, "sum", {"priority": 2})

    assert server.jobs["sum"]["spec"] == {"priority": 2}


def test_a_key_that_may_not_declare_leaves_the_job_alone(caplog: pytest.LogCaptureFixture) -> None:
    server = FakeServer(scopes=frozenset({"runs:claim"}))

    with caplog.at_level(logging.INFO, "runyard.worker"):
        declared(server, "sum", {"priority": 2})

    assert server.jobs == {}
    assert "worker.job_not_declared job=sum" in caplog.text


def test_a_refusal_is_the_callers_to_see() -> None:
    server = FakeServer()
    server.fault = lambda request: (
        ok({"id": "j", "name": "sum"}) if request.method == "GET" else problem(409, "conflict", "The job is locked.")
    )

    with pytest.raises(Conflict, match="locked"):
        declared(server, "sum", {"priority": 2})
