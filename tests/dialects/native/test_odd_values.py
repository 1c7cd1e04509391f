"""Odd values in every place of every body: refused with the reason or taken whole, never a 5xx, now or later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.dialects.native.recipes import RECIPES
from tests.dialects.native.test_operations import with_json
from tests.support.api import Api, good
from tests.support.effort import THOROUGH
from tests.support.stand import Stand
from tests.support.verbs import Json

ODD = [
    b"null",
    b"true",
    b"-1",
    b"0",
    b"-0",
    b"1.0",
    b"1e400",
    b"-1e400",
    b"1e-400",
    b"NaN",
    b"Infinity",
    b"1" * 4000,
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551616",
    b"1e15",
    b'""',
    b'" "',
    b'"\\ud800"',
    b'"\\udfff\\ud800"',
    b'"\\u0000"',
    b'"\\u202e\\ufeff\\uffff"',
    '"é𝄞"'.encode(),
    b'"' + b"x" * 70_000 + b'"',
    b'"2020-13-45T99:99:99Z"',
    b'"0001-01-01T00:00:00+23:59"',
    b'"9999-12-31T23:59:59.999999-23:59"',
    b'"1969-12-31T23:59:59Z"',
    b'"\n"',
    b"[]",
    b"{}",
    b'[null, {"": []}]',
    b'{"a": 1, "a": 2}',
    b'{"\\u0000": "\\u0000"}',
    b'{"\\ud800": "\\ud800"}',
    b'{"$ref": "#/nowhere"}',
    b'{"pattern": "(a+)+$", "$ref": "#"}',
    b"[" * 60 + b"]" * 60,
    b"[" * 5000 + b"]" * 5000,
    b"'single'",
    b"",
]
FULL: dict[str, Json] = {
    "create_runs": {
        "payload": {"n": 1},
        "job": None,
        "job_id": None,
        "queue": "q",
        "executor": "worker",
        "capabilities": ["gpu"],
        "priority": 3,
        "retry": {
            "max_attempts": 3,
            "backoff": "custom",
            "initial_seconds": 1,
            "min_seconds": 0,
            "max_seconds": 60,
            "delays_seconds": [1],
            "jitter": 0.5,
            "non_retryable": ["fatal"],
            "dead_letter": True,
            "priority_boost": 1,
        },
        "timeout_seconds": 60,
        "heartbeat_seconds": 30,
        "lease_seconds": 30,
        "ttl_seconds": 3600,
        "concurrency": {"max_per_key": 2},
        "tags": {"team": "red"},
        "metadata": {"m": 1},
        "idempotency_ttl_seconds": 60,
        "idempotency_key": "k",
        "concurrency_key": "c",
        "delay_seconds": 0,
        "available_at": None,
        "expires_at": "2090-01-01T00:00:00Z",
        "parent_id": None,
        "continuation_of": None,
        "draft": False,
    },
    "create_job": {
        "name": "full",
        "enabled": True,
        "description": "d",
        "queue": "q",
        "retry": {"max_attempts": 3, "delays_seconds": [1, 2]},
        "concurrency": {"max": 2, "max_per_key": 1},
        "rate_limit": {"max": 5, "window_seconds": 60, "mode": "hold"},
        "payload_schema": {"type": "object"},
        "output_schema": {"type": "object"},
        "tags": ["a"],
        "metadata": {},
    },
    "claim_runs": {
        "limit": 1,
        "queues": ["q"],
        "executor": "worker",
        "capabilities": ["gpu"],
        "lease_seconds": 30,
        "wait_seconds": 0,
        "worker": "w",
        "jobs": ["j"],
    },
    "create_key": {"name": "k", "scopes": ["runs:read"], "project": 1, "dialect": "native", "expires_at": None},
    "start_bulk": {
        "action": "cancel",
        "ids": None,
        "filter": {
            "state": ["queued"],
            "job": "j",
            "queue": "q",
            "tag": ["a"],
            "parent_id": "x",
            "task_id": "x",
            "batch_id": "x",
            "outcome": "failed",
            "error_class": "e",
            "resolved": True,
            "created_after": "2020-01-01T00:00:00Z",
            "payload": "{}",
            "metadata": "{}",
        },
        "dry_run": True,
        "reason": "r",
    },
    "append_logs": {"entries": [{"message": "m", "level": "info", "data": {}, "at": None}], "token": None},
    "add_usage": {
        "model": "m",
        "provider": "p",
        "input_tokens": 1,
        "output_tokens": 1,
        "cache_read_tokens": 1,
        "cache_write_tokens": 1,
        "reasoning_tokens": 1,
        "cost_micro_usd": 1,
    },
    "add_tool_call": {"name": "t", "input": {}, "output": [], "error": "e", "status": "ok", "duration_ms": 1},
    "reschedule_run": {"delay_seconds": None, "available_at": "2090-01-01T00:00:00Z", "payload": 1},
    "replay_run": {"payload": 1, "from_checkpoint": None},
}
HOLE = "the hole for the odd value"


def holes(value: Any) -> Iterator[Any]:
    """The value with each of its parts in turn replaced by a hole."""
    yield HOLE
    if isinstance(value, dict):
        for name, part in value.items():
            for holed in holes(part):
                yield {**value, name: holed}
    elif isinstance(value, list):
        for at, part in enumerate(value):
            for holed in holes(part):
                yield [*value[:at], holed, *value[at + 1 :]]


def bodies(value: Any) -> Iterator[bytes]:
    """The value with every odd value in every other place, and in every place half of them; of the thorough all."""
    for place, holed in enumerate(holes(value)):
        before, after = json.dumps(holed).encode().split(json.dumps(HOLE).encode())
        yield from (before + odd + after for odd in (ODD if THOROUGH else ODD[place % 2 :: 2]))


@with_json
def test_odd_values_are_refused_with_the_reason_or_taken(stand: Stand, admin: Api, name: str) -> None:
    ask = RECIPES[name](stand, admin)
    headers = {"content-type": "application/json"}
    every = list(bodies(FULL.get(name, ask.body)))
    # What a value is refused for is found out before the database: half as many do for the second engine.
    for body in every if stand.store.engine == "sqlite" else every[len(name) % 5 :: 5]:
        admin.send(ask.method, ask.path, content=body, headers=headers)
    read_everything(stand, admin)


def read_everything(stand: Stand, admin: Api) -> None:
    """Read all there is, in every way: what was taken can be shown."""
    for path in ("/jobs", "/keys", "/projects", "/events", "/dlq", "/bulk"):
        admin.listed(path, limit=200)
    for path in ("/stats", "/queues", "/dlq/groups"):
        good(admin.get(path))
    runs = admin.listed("/runs", limit=200)
    for filters in ({"payload": '{"n":1}'}, {"metadata": "[]"}, {"tag": "team"}):
        admin.listed("/runs", limit=200, **filters)
    for run in runs[:20]:
        for below in ("attempts", "events", "logs", "checkpoints", "usage", "tool-calls", "outputs", "state"):
            admin.listed(f"/runs/{run['id']}/{below}")
        for below in ("explain", "lineage"):
            good(admin.get(f"/runs/{run['id']}/{below}"))


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd[:24]))
def test_an_odd_payload_goes_its_whole_way(api: Api, odd: bytes) -> None:
    headers = {"content-type": "application/json"}
    schema = {"type": ["object", "string", "null", "number", "boolean", "array"], "maxLength": 100_000}
    api.post("/jobs", {"name": "checked", "payload_schema": schema, "output_schema": schema})
    for job in (b"", b', "job": "checked"'):
        made = api.post("/runs", content=b'{"payload": ' + odd + job + b"}", headers=headers)
        if made.status_code != 201:
            assert made.status_code == 400
            continue
        (claim,) = api.claim()
        report = json.dumps({"run_id": claim["run"]["id"], "token": claim["lease"]["token"]}).encode()
        body = b'{"reports": [' + report[:-1] + b', "output": ' + odd + b"}]}"
        api.post("/runs/complete", content=body, headers=headers)
        path = f"/runs/{claim['run']['id']}"
        assert made.json()["payload"] == good(api.get(path))["payload"]
        api.post(f"{path}/retry", {"config": {"a": 1}})
        api.post(f"{path}/replay")
        api.get("/runs", payload='{"a": {"b": 1}}')
        if good(api.get(path))["state"] == "completed":
            assert api.streamed(f"{path}/stream")[-1].event == "done"
        for live in api.claim(10):
            good(api.post(f"/runs/{live['run']['id']}/cancel"))
