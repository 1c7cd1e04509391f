"""Workspaces, agents by name, channels and bridges in the SDK, blocking and async."""

from __future__ import annotations

import asyncio

import httpx2

from runyard.sdk import AsyncClient, Client
from tests.sdk.test_client import ClientOf, Recorder

MESSAGE = {"id": "m", "channel": "ops", "number": 3, "kind": "status", "sender_id": "s", "body": {"n": 1}}
BRIDGE = {"id": "b", "name": "ops", "state": "ready"}
SUBSCRIPTION = {"id": "u", "name": "mine", "task_id": "t", "bridge_id": "b", "group_id": "ops"}


def test_an_agent_is_defined_where_it_is_known(client_of: ClientOf) -> None:
    persona = {"name": "writer", "workspace_id": "w"}
    server = Recorder(persona, persona, {"data": [persona], "next_cursor": None}, httpx2.Response(204))
    client: Client = client_of(server)
    assert client.personas.create("writer", workspace_id="w", tools=["sh"]).workspace_id == "w"
    assert server.body == {"name": "writer", "workspace_id": "w", "tools": ["sh"]}
    client.personas.redefine("writer", workspace_id="w", prompt="Write.")
    assert (server.last.method, server.body) == ("PUT", {"prompt": "Write."})
    assert dict(server.last.url.params) == {"workspace_id": "w"}
    assert [one.name for one in client.personas.list(workspace_id="w", limit=5)] == ["writer"]
    client.personas.delete("writer", workspace_id="w")
    assert (server.last.method, dict(server.last.url.params)) == ("DELETE", {"workspace_id": "w"})


def test_a_session_talks_in_a_channel(client_of: ClientOf) -> None:
    server = Recorder(MESSAGE, {"messages": [MESSAGE]}, {"data": [{"name": "ops"}]})
    client: Client = client_of(server)
    assert client.sessions.say("s", kind="status", channel="ops", body={"n": 1}).body == {"n": 1}
    assert server.body == {"kind": "status", "channel": "ops", "body": {"n": 1}}
    (heard,) = client.sessions.receive("s", "ops", after=2, wait_seconds=20)
    assert (heard.number, server.body) == (3, {"channel": "ops", "after": 2, "wait_seconds": 20})
    assert server.last.extensions["timeout"]["read"] > 20
    assert [one.name for one in client.sessions.channels("s")] == ["ops"]


def test_somebody_is_told_over_a_bridge(client_of: ClientOf) -> None:
    server = Recorder(BRIDGE | {"signing_secret": "whsec_x"}, BRIDGE, SUBSCRIPTION, {"data": [SUBSCRIPTION]})
    client: Client = client_of(server)
    made = client.bridges.create("ops", url="https://ops.example/hook", config={"a": 1})
    assert made.signing_secret == "whsec_x"
    assert server.body == {"name": "ops", "url": "https://ops.example/hook", "config": {"a": 1}}
    client.bridges.update("b", config=None, suppressed=True)
    assert (server.last.method, server.body) == ("PATCH", {"config": None, "suppressed": True})
    client.tasks.subscribe("p~t", bridge_id="b", group_id="ops")
    assert (server.last.url.raw_path.decode()[-24:], server.body) == (
        "/tasks/p~t/subscriptions",
        {"bridge_id": "b", "group_id": "ops"},
    )
    assert [one.group_id for one in client.tasks.subscriptions("t")] == ["ops"]


def test_the_async_client_has_the_same() -> None:
    target = {"route": "group:ops", "kind": "group", "name": "ops"}
    server = Recorder({"data": [target]}, {"target": target, "step": 2}, {"data": [MESSAGE]})

    async def scenario() -> tuple[list[str], int, list[str]]:
        async with AsyncClient("http://yard.test", "k", transport=httpx2.MockTransport(server)) as client:
            routes = [one.route async for one in client.bridges.targets("b", text="op")]
            found = await client.bridges.resolve("b", "Ops")
            return routes, found.step, [one.id async for one in client.channels.messages("ops", limit=1)]

    assert asyncio.run(scenario()) == (["group:ops"], 2, ["m"])
    assert [dict(request.url.params) for request in server.requests] == [{"q": "op"}, {}, {"limit": "1"}]
