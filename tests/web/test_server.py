"""The outer app, health, metrics and documents."""

from __future__ import annotations

import gc
import re
import weakref
from typing import Any

import httpx2
import pytest
from litestar import get

from runyard.storage.port import Tx
from runyard.web.call import Call
from runyard.web.server import at_root
from tests.web.conftest import READER, WRITER, House

pytestmark = pytest.mark.anyio


async def test_the_process_says_that_it_is_alive_and_ready(house: House) -> None:
    house.beats["timers"] = 0.0
    async with house.client(None) as client:
        assert (await client.get("/livez")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        assert (await client.head("/livez")).content == b""


async def test_a_silent_loop_makes_the_server_unready(house: House) -> None:
    house.beats |= {"timers": 0.0, "sweeps": 50.0}
    house.ticks = 70.0
    async with house.client(None) as client:
        response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["code"] == "unavailable"
    assert "timers" in response.json()["detail"]
    assert "sweeps" not in response.json()["detail"]


async def test_a_database_that_cannot_be_read_makes_the_server_unready(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(tx: Tx) -> None:
        tx.row("SELECT nothing FROM nowhere")

    monkeypatch.setattr("runyard.web.health._look", broken)
    async with house.client(None) as client:
        response = await client.get("/readyz")
    assert response.status_code == 503
    assert "database" in response.json()["detail"]


async def test_requests_are_counted_by_route_template(house: House) -> None:
    async with house.client(WRITER) as client:
        await client.get("/small/v1/things/a")
        await client.get("/small/v1/things/b")
        await client.get("/small/v1/nothing")
        house.metrics.committed(3, 0.002, {"run.claimed": 2})
        house.metrics.watch("sse_followers", "Followers.", lambda: 7)
        response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    lines = set(response.text.splitlines())
    assert (
        'runyard_http_requests_total{method="GET",route="/small/v1/things/{thing_id:str}",status="200"} 2.0' in lines
        or 'runyard_http_requests_total{method="GET",route="/small/v1/things/{thing_id}",status="200"} 2.0' in lines
    )
    assert 'runyard_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in lines
    assert 'runyard_http_request_seconds_count{method="GET",route="unmatched"} 1.0' in lines
    assert 'runyard_http_request_seconds_bucket{le="+Inf",method="GET",route="unmatched"} 1.0' in lines
    assert 'runyard_events_total{type="run.claimed"} 2.0' in lines
    assert "runyard_sse_followers 7.0" in lines
    assert "runyard_commit_operations_sum 3.0" in lines


async def test_two_apps_count_for_themselves(sqlite_store: Any) -> None:
    first, second = House(sqlite_store), House(sqlite_store)
    first.metrics.committed(1, 0.001, {"run.claimed": 1})
    assert b'type="run.claimed"' not in second.metrics.page()


@pytest.mark.parametrize(
    ("path", "key", "mount"),
    [
        ("/api/projects/1/tasks/", "", "posthog"),
        ("/api/environments/1/tasks/", "", "posthog"),
        ("/api/v1/monitors", "", "bamboosnow"),
        ("/api/tasks", "", "agh"),
        ("/v1/runs", "strait_x", "strait"),
        ("/v1/runs", "", "strait"),
        ("/v1/runs", "bs_live_x", "bamboosnow"),
        ("/sdk/v1/runs", "", "strait"),
        ("/health/ready", "", "strait"),
        ("/api/users/@me", "", "posthog"),
        ("/other", "", None),
    ],
)
def test_a_path_without_mount_finds_its_dialect(path: str, key: str, mount: str | None) -> None:
    assert at_root(path, key) == mount


async def test_the_front_page_leads_somewhere(client: httpx2.AsyncClient) -> None:
    response = await client.get("/")
    assert response.status_code == 307
    assert response.headers["location"] == "/docs"
    assert '<a href="/small/docs">' in (await client.get("/docs")).text


async def test_the_document_tells_all_there_is(client: httpx2.AsyncClient) -> None:
    document = (await client.get("/small/openapi.json", headers={"authorization": ""})).json()
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "/small"}]
    assert set(document["paths"]) == {
        "/v1/things",
        "/v1/things/{thing_id}",
        "/v1/things/{thing_id}/poke",
        "/v1/fail/{kind}",
        "/v1/open",
        "/v1/watch",
        "/v1/upload",
    }
    schemas = document["components"]["schemas"]
    assert schemas["ThingIn"]["required"] == ["slug"]
    assert schemas["ThingIn"]["properties"]["payload"] == {"default": None}
    assert schemas["ThingIn"]["properties"]["slug"]["description"] == "What it is called."
    assert schemas["Part"]["properties"]["size"] == {"type": "integer", "minimum": 0, "maximum": 10}
    assert schemas["PageOfThing"]["properties"]["next_cursor"]["type"] == ["string", "null"]
    create = document["paths"]["/v1/things"]["post"]
    assert create["requestBody"]["content"]["application/json"]["schema"] == {
        "anyOf": [{"$ref": "#/components/schemas/ThingsIn"}, {"$ref": "#/components/schemas/ThingIn"}]
    }
    assert create["responses"]["201"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Thing"}
    assert {"400", "401", "403", "409", "413", "415", "422", "429", "503"} <= set(create["responses"])
    assert create["x-scope"] == "runs:write"
    assert [item["name"] for item in create["parameters"]] == ["X-Runyard-Project", "Idempotency-Key"]
    listing = document["paths"]["/v1/things"]["get"]
    limit = next(item for item in listing["parameters"] if item["name"] == "limit")
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    assert limit["required"] is False
    poke = document["paths"]["/v1/things/{thing_id}/poke"]["post"]
    assert poke["requestBody"]["required"] is False
    watching = document["paths"]["/v1/watch"]["get"]["responses"]["200"]["content"]
    assert set(watching) == {"application/json", "text/event-stream"}
    uploading = document["paths"]["/v1/upload"]["post"]["requestBody"]
    assert set(uploading["content"]) == {"application/octet-stream"}
    assert document["paths"]["/v1/open"]["get"]["security"] == []


async def test_the_docs_load_nothing(client: httpx2.AsyncClient) -> None:
    response = await client.get("/small/docs", headers={"authorization": ""})
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert not re.search(r"<(script|img|link|iframe)|src=|https?://|@import", response.text)
    assert "/v1/things/{thing_id}" in response.text


async def test_a_key_of_one_scope_reads_its_own_project_only(house: House) -> None:
    async with house.client(READER) as client:
        body = (await client.get("/small/v1/things?limit=2&cursor=abc&tag=a&tag=b")).json()
    assert body == {
        "data": [{"number": 0, "slug": "1-0", "payload": None}, {"number": 1, "slug": "1-1", "payload": None}],
        "next_cursor": "abc",
    }


async def test_the_lifespan_is_entered_and_left(house: House) -> None:
    sent: list[Any] = []
    events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Any:
        return next(events)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await house.app()({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_one_path_may_answer_with_a_page_or_a_stream(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/small/v1/watch")).json() == {"data": [], "next_cursor": None}
    response = await client.get("/small/v1/watch?follow=true")
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert response.text == "event: thing\ndata: {}\n\n"


async def test_a_path_may_take_larger_bodies_than_others_and_no_larger(client: httpx2.AsyncClient) -> None:
    headers = {"content-type": "image/png"}
    response = await client.post("/small/v1/upload", content=b"x" * 150_000, headers=headers)
    assert response.json() == {"size": 150_000}
    response = await client.post("/small/v1/upload", content=b"x" * 200_001, headers=headers)
    assert response.status_code == 413


async def test_a_request_leaves_nothing_for_the_garbage_collector(house: House) -> None:
    seen: list[weakref.ref[Any]] = []

    @get("/v1/seen")
    async def see(call: Call) -> None:
        seen.append(weakref.ref(call.request))

    house.more.append(see)
    async with house.client(WRITER) as client:
        gc.disable()
        try:
            assert (await client.get("/small/v1/seen")).status_code == 200
            assert [one() for one in seen] == [None]
        finally:
            gc.enable()
