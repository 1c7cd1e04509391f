"""Both sides of ACP against the library of the protocol, which judges every message."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from tests.agent_server.conftest import Keys, run, serving
from tests.agent_server.plane import Plane
from tests.agent_server.test_runs import texts


def test_an_agent_of_the_library_works_with_us(keys: Keys, tmp_path: Path, plane: Plane) -> None:
    command = (sys.executable, str(Path(__file__).parent / "library_agent.py"))
    servers: tuple[dict[str, Any], ...] = (
        {"name": "local", "command": "/bin/true", "args": [], "env": []},
        {"type": "sse", "name": "far", "url": "http://far", "headers": []},
    )

    async def whole() -> None:
        environment = {"PATH": "/usr/bin:/bin"}
        more: dict[str, Any] = {
            "command": command,
            "environment": environment,
            "permissions": "allow",
            "mcp_servers": servers,
        }
        async with serving(keys, tmp_path, plane, mode="background", **more) as bench:
            assert await bench.ended == 0, plane.run["error_message"]
            # It speaks no SSE, so that server is not named to it.
            started = [event for event in bench.heard if "run_started" in str(event)]
            assert started[0]["notification"]["params"]["sessionId"] == "s-1"

    run(whole())
    assert texts(plane, "agent_message") == ["do something go 'two\\n' 0 14"]


def test_our_echo_works_with_a_client_of_the_library(tmp_path: Path) -> None:
    import acp
    from acp.schema import AllowedOutcome

    heard: list[Any] = []

    class Client:
        def on_connect(self, conn: Any) -> None:
            pass

        async def session_update(self, session_id: str, update: Any, **rest: Any) -> None:
            heard.append(update)

        async def request_permission(self, options: Any, **rest: Any) -> acp.RequestPermissionResponse:
            outcome = AllowedOutcome(outcome="selected", option_id=options[0].option_id)
            return acp.RequestPermissionResponse(outcome=outcome)

        async def write_text_file(self, content: str, path: str, **rest: Any) -> None:
            await asyncio.to_thread(Path(path).write_text, content)

    async def whole() -> None:
        echo = (sys.executable, "-m", "runyard.agent_server.echo")
        async with acp.spawn_agent_process(Client(), *echo, cwd=tmp_path) as (agent, _):  # type: ignore[arg-type]
            can = await agent.initialize(protocol_version=acp.PROTOCOL_VERSION)
            assert can.agent_capabilities is not None
            assert can.agent_capabilities.load_session
            session = await agent.new_session(cwd=str(tmp_path), mcp_servers=[])
            assert session.config_options is not None
            prompt: list[Any] = [acp.text_block("please ask, please plan, please think")]
            ended = await agent.prompt(session_id=session.session_id, prompt=prompt)
            assert (ended.stop_reason, ended.usage and ended.usage.total_tokens) == ("end_turn", 12)
            turn = asyncio.create_task(
                agent.prompt(session_id=session.session_id, prompt=[acp.text_block("please wait")])
            )
            await asyncio.sleep(0)
            await agent.cancel(session_id=session.session_id)
            assert (await turn).stop_reason == "cancelled"

    run(whole())
    kinds = {update.session_update for update in heard}
    assert {"agent_thought_chunk", "plan", "tool_call", "tool_call_update", "usage_update"} <= kinds
    (call,) = [update for update in heard if update.session_update == "tool_call"]
    assert call.content[0].new_text == (tmp_path / "ECHO.md").read_text()
    assert call.locations[0].path.endswith("ECHO.md")
