"""Agents in the SDK: what it says and understands is what the native API understands and says."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
import pytest

from runyard.dialects.native.wire import agent_stats
from runyard.dialects.native.wire import agents as wire
from runyard.sdk import Client, Run, models
from runyard.sdk.calls import agents
from tests.sdk.test_client import ClientOf, Recorder

AGENT = {"id": "a", "name": "Reviewer", "state": "deployed", "job": "reviewer"}


def names(struct: Any) -> set[str]:
    """The fields of a shape."""
    return {field.encode_name for field in msgspec.structs.fields(struct)}


@pytest.mark.parametrize("name", ["Agent", "AgentRuns", "AgentTemplate", "AgentTemplates", "AgentHealth"])
def test_every_field_of_an_answer_is_known(name: str) -> None:
    assert names(getattr(wire, name)) == names(getattr(models, name))


@pytest.mark.parametrize("name", ["AgentStats", "AgentSums", "AgentDay"])
def test_every_number_of_agents_is_known(name: str) -> None:
    assert names(getattr(agent_stats, name)) == names(getattr(models, name))


@pytest.mark.parametrize(
    ("build", "theirs"),
    [(agents.create, wire.AgentIn), (agents.update, wire.AgentPatch), (agents.run, wire.AgentRunIn)],
)
def test_what_may_be_said_is_what_is_understood(build: Any, theirs: Any) -> None:
    assert set(inspect.signature(build).parameters) - {"agent"} == names(theirs)


def test_an_agent_is_made_asked_and_changed(client_of: ClientOf) -> None:
    server = Recorder(AGENT, {"id": "r", "state": "queued"}, AGENT, {"data": [AGENT], "next_cursor": None})
    client: Client = client_of(server)
    made = client.agents.create("Reviewer", template="code-reviewer", config={"n": 1})
    assert (server.last.url.path.removeprefix("/runyard/v1"), server.body) == (
        "/agents",
        {"name": "Reviewer", "template": "code-reviewer", "config": {"n": 1}},
    )
    run = client.agents.run(made.job, {"pr_number": 1})
    assert server.last.url.path.endswith("/agents/reviewer/runs")
    assert server.body == {"payload": {"pr_number": 1}}
    assert isinstance(run, Run)
    assert run.client is client
    client.agents.update("reviewer", triggers=["push"])
    assert (server.last.method, server.body) == ("PATCH", {"triggers": ["push"]})
    assert [one.name for one in client.agents.list(state="deployed")] == ["Reviewer"]
    assert dict(server.last.url.params)["state"] == "deployed"
