"""Our own agent server works on a run of this dialect, as it would on one of anybody's."""

from __future__ import annotations

from pathlib import Path

import httpx2

from runyard.agent_server.clock import WallClock, fresh_id
from runyard.agent_server.launch import Launch
from runyard.agent_server.presets import ECHO
from runyard.agent_server.server import AgentServer
from tests.agent_server.conftest import run
from tests.agent_server.plane import brief
from tests.dialects.posthog.client import Posthog, good, path_of
from tests.dialects.posthog.contract import PREFIX
from tests.dialects.posthog.following import whole


def test_a_run_is_worked_on_from_its_message_to_its_end(posthog: Posthog, tmp_path: Path) -> None:
    state = {"mode": "background", "pending_user_message": "please think", "kept": True}
    made = posthog.run(environment="local", state=state)
    token = posthog.stand.on_loop(lambda: posthog.stand.server.signed.ingest(1, made["task"], made["id"], seconds=3600))
    assert posthog.key is not None
    launch = Launch(
        task_id=made["task"],
        run_id=made["id"],
        project=1,
        api_url=posthog.stand.url + PREFIX,
        api_key=posthog.key,
        public_key="",
        folder=tmp_path,
        mode="background",
        permissions="allow",
        command=ECHO,
        environment={"PATH": "/usr/bin"},
        ingest_token=token,
    )

    async def work() -> int:
        async with httpx2.AsyncClient(timeout=20) as http:
            return await AgentServer(launch, http=http, clock=WallClock(), ids=fresh_id).run()

    assert run(work()) == 0
    ended = posthog.see(made)
    assert (ended["status"], ended["error_message"]) == ("completed", None)
    assert ended["state"]["kept"] is True
    assert ended["state"]["token_usage"]["turns"] == 1
    assert "pending_user_message" not in ended["state"]
    log = [brief(entry) for entry in good(posthog.get(path_of(made, "session_logs/")))]
    assert [kind for kind in log if kind not in {"console", "progress"}] == [
        *("run_started", "sdk_session", "user_message", "agent_thought_chunk", "tool_call", "tool_call_update"),
        *("agent_message", "usage_update", "usage_update", "turn_complete", "task_complete"),
    ]
    told = [brief(frame.data) for frame in whole(posthog, made) if "notification" in frame.data]
    assert told.count("agent_message_chunk") == 3
    assert told[-1] == "task_complete"
