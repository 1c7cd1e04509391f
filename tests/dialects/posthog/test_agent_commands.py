"""Commands of this dialect reach our own agent server, which knows by its key whom the server sends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from runyard.agent_server.launch import Launch
from runyard.agent_server.presets import ECHO
from tests.dialects.posthog.client import Posthog, good, path_of, refused
from tests.dialects.posthog.contract import PREFIX
from tests.support.sandboxed import Sandbox
from tests.support.stand import ADMIN
from tests.support.verbs import Json


@pytest.fixture
def run(posthog: Posthog, tmp_path: Path) -> Iterator[Json]:
    """A run whose agent sits in a sandbox that knows the key of now."""
    made = posthog.run(environment="local", state={"mode": "interactive"})
    signed = posthog.stand.server.signed
    launch = Launch(
        task_id=made["task"],
        run_id=made["id"],
        project=1,
        api_url=posthog.stand.url + PREFIX,
        api_key=posthog.key or "",
        public_key=posthog.stand.on_loop(signed.public_pem),
        folder=tmp_path,
        permissions="allow",
        command=ECHO,
        environment={"PATH": "/usr/bin"},
    )
    sandbox = Sandbox(launch)
    told = {"sandbox_url": sandbox.url, "sandbox_jwt_kid": posthog.stand.on_loop(signed.kid)}
    yield posthog.as_key(ADMIN).change(made, state=told)
    sandbox.close()


def test_a_message_is_answered_when_its_turn_ends_also_after_the_key_was_replaced(posthog: Posthog, run: Json) -> None:
    def call(method: str, **params: Any) -> Json:
        said = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer: Json = good(posthog.post(path_of(run, "command"), said))
        return answer

    def booted() -> bool:
        state = httpx2.get(f"{run['state']['sandbox_url']}/health").json()
        return bool(state["readiness"] == "ready")

    posthog.stand.until(booted)
    answer = call("user_message", content="hello there")
    assert answer["result"]["stopReason"] == "end_turn"
    assert "hello there" in answer["result"]["assistant_message"]
    good(posthog.stand.admin.post("/keys/connection/rotate"), 201)
    assert call("permission_response", requestId="none", optionId="none")["error"]["code"] == -32000
    # A sandbox that is said to know the new key does not: whoever comes by that is not let in.
    newest = good(posthog.stand.admin.get("/keys/connection"))["data"][0]["id"]
    other = posthog.as_key(ADMIN).change(run, state={"sandbox_jwt_kid": newest})
    said = {"jsonrpc": "2.0", "method": "cancel"}
    refused(posthog.post(path_of(other, "command"), said), 502)
    posthog.as_key(ADMIN).change(run, state={"sandbox_jwt_kid": run["state"]["sandbox_jwt_kid"]})
    assert call("close")["result"] == {"closed": True}
    refusal = refused(posthog.post(path_of(run, "command"), said), 502)
    assert refusal["error"] == "No active session for this run"
