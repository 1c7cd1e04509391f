"""An agent made with the library of the protocol: it asks for leave, runs a command, and says what came of it."""

from __future__ import annotations

import asyncio
from typing import Any

import acp
from acp.schema import AgentCapabilities, PermissionOption, ToolCallUpdate


class Agent:
    """Answers with what a command in the client's terminal says."""

    def on_connect(self, conn: Any) -> None:
        self._client = conn

    async def initialize(self, protocol_version: int, **rest: Any) -> acp.InitializeResponse:
        assert rest["client_capabilities"].terminal
        assert rest["client_capabilities"].fs.read_text_file
        return acp.InitializeResponse(protocol_version=protocol_version, agent_capabilities=AgentCapabilities())

    async def new_session(self, cwd: str, mcp_servers: list[Any] | None = None, **rest: Any) -> acp.NewSessionResponse:
        self._folder = cwd
        return acp.NewSessionResponse(session_id=f"s-{len(mcp_servers or [])}")

    async def prompt(self, session_id: str, prompt: list[Any], **rest: Any) -> acp.PromptResponse:
        client = self._client
        path = f"{self._folder}/note"
        call = ToolCallUpdate(tool_call_id="c", title="Write", kind="edit", status="pending")
        options = [PermissionOption(option_id="go", name="Go", kind="allow_once")]
        decided = await client.request_permission(session_id=session_id, tool_call=call, options=options)
        await client.write_text_file(session_id=session_id, path=path, content="one\ntwo\nthree\n")
        part = await client.read_text_file(session_id=session_id, path=path, line=2, limit=1)
        made = await client.create_terminal(session_id=session_id, command="cat", args=["note"], cwd=self._folder)
        ended = await client.wait_for_terminal_exit(session_id=session_id, terminal_id=made.terminal_id)
        said = await client.terminal_output(session_id=session_id, terminal_id=made.terminal_id)
        await client.release_terminal(session_id=session_id, terminal_id=made.terminal_id)
        text = f"{prompt[0].text} {decided.outcome.option_id} {part.content!r} {ended.exit_code} {len(said.output)}"
        await client.session_update(session_id=session_id, update=acp.update_agent_message_text(text))
        return acp.PromptResponse(stop_reason="end_turn")


if __name__ == "__main__":
    agent: Any = Agent()
    asyncio.run(acp.run_agent(agent))
