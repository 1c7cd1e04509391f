"""Odd values in every place of every body and query: refused with the reason or taken whole, never a 5xx."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from tests.dialects.native.test_odd_values import bodies
from tests.dialects.strait.client import Strait, good
from tests.dialects.strait.contract import StraitContract, named
from tests.dialects.strait.recipes import RECIPES
from tests.dialects.strait.test_operations import body_of, send, with_body
from tests.support.verbs import NOTHING, Json

ONCE = {"sdkComplete", "sdkFail", "sdkWaitForEvent", "restartRun", "sendEvent", "replayRun", "bulkReplayDeadLetterRuns"}
"""Operations that can be done once only to a thing: after a success there has to be another."""
SAMPLED = {"batchCreateJobs": 9, "updateJob": 3}
"""Of bodies that others' are made of, every so manieth is enough."""
SAMPLES = {"string": "text", "integer": 1, "number": 1.5, "boolean": True}
QUERIES = [
    *("", " ", "0", "-1", "1.5", "x", "é𝄞", "'--", "%", "null", "true", "{", "[]", '{"a": "\\u0000"}', '"\\ud800"'),
    *("x" * 5000, "9" * 400, "1e400", "[" * 200, '{"a":' * 100, "9999-12-31T23:59:59.999999-23:59"),
    *("0001-01-01T00:00:00Z", "9223372036854775808", "NaN", "a,b", "\u202e", "2024-02-30T00:00:00Z"),
    "2024-01-01T00:00:00.123456789123456789Z",
]  # fmt: skip


def example(contract: StraitContract, schema: Mapping[str, Any], given: Any) -> Any:
    """A value with everything that the schema knows, and what is given."""
    if "$ref" in schema:
        schema = contract.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    match schema.get("type"):
        case "object":
            known = schema.get("properties", {})
            have: Json = given if isinstance(given, dict) else {}
            made = {name: example(contract, part, have.get(name)) for name, part in known.items()}
            return {**made, **have}
        case "array" if "items" in schema:
            items = given if isinstance(given, list) and given else [None]
            return [example(contract, schema["items"], items[0])]
        case kind:
            if given is not None:
                return given
            return schema["enum"][0] if "enum" in schema else SAMPLES.get(str(kind))


@with_body
def test_odd_values_are_refused_with_the_reason_or_taken(strait: Strait, contract: StraitContract, name: str) -> None:
    schema = body_of(contract, name)
    ask = RECIPES[name](strait)
    headers = {"content-type": "application/json"}
    step = SAMPLED.get(name, 1)
    # What a value is refused for is found out before the database: half as many do for the second engine.
    every = list(bodies(example(contract, schema, ask.body)))[:: step if strait.stand.store.engine == "sqlite" else 5]
    for content in every:
        response = send(ask, body=NOTHING, content=content, headers=headers, loose=True)
        if response.status_code < 300 and name in ONCE:
            ask = RECIPES[name](strait)
    read_everything(strait)


def read_everything(strait: Strait) -> None:
    """Read all there is: what was taken can be shown."""
    for path in ("/v1/jobs", "/v1/api-keys", "/v1/batch-operations", "/v1/events", "/v1/runs/dlq"):
        good(strait.get(path, limit=100))
    runs = good(strait.get("/v1/runs", limit=100))
    for query in ({"tag_key": "team"}, {"payload_contains": '{"n": 1}'}, {"metadata_key": "who"}):
        good(strait.get("/v1/runs", limit=100, **query))
    for run in runs[:10]:
        for part in ("events", "checkpoints", "usage", "tool-calls", "outputs", "state", "children", "lineage"):
            good(strait.get(f"/v1/runs/{run['id']}/{part}"))
        good(strait.get(f"/v1/runs/{run['id']}/debug-bundle"))


@pytest.mark.parametrize("name", named(lambda one: one.parameters("query") and one.id != "streamEventTrigger"))
def test_odd_queries_are_refused_with_the_reason_or_taken(strait: Strait, contract: StraitContract, name: str) -> None:
    names = [*contract[name].parameters("query")]
    ask = RECIPES[name](strait)
    names += ["tags[a]", "metadata[a]", "tags[", "tags[]"] if name == "listRuns" else []
    for parameter in names:
        for odd in QUERIES:
            send(ask, params={**ask.params, parameter: odd}, loose=True)
    for query in (b"limit=%ff", b"cursor=%00", b"status=%", b"&&==&", b"limit=1&limit=2", b"=x"):
        request = ask.client.request(ask.method, f"{ask.path}?{query.decode('latin-1')}", ask.body)
        ask.client.judge(request, strait.stand.http.send(request), loose=True)


@pytest.mark.parametrize(
    "key", ["a" * 256, "a b", "a/b", "ü", "..", "a?b", "a#b", "a+b", "%25", "\u202e", "'; --", "[x]"]
)
def test_an_odd_key_is_kept_and_found_again(strait: Strait, key: str) -> None:
    worker = strait.executing()
    good(worker.call("state", {"key": key, "value": 1}), 201)
    good(worker.call("output", {"key": key, "value": 1}), 201)
    assert [one["state_key"] for one in good(worker.call("state", method="GET"))] == [key]
    if "/" not in key and key != "..":
        assert good(worker.call(f"state/{quote(key, safe='')}", method="GET"))["state_key"] == key
    good(worker.call("wait-for-event", {"event_key": key}))
    if "/" not in key and key != "..":
        assert good(strait.get(f"/v1/events/{quote(key, safe='')}"))["event_key"] == key
