"""Commands for the agent in a run's sandbox, passed on while the caller waits (contract §7)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from litestar import post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.posthog import forms
from runyard.dialects.posthog.errors import BadGateway, GatewayTimeout, NotNow, action
from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.mapping import commands as mapping
from runyard.dialects.posthog.people import doer, own
from runyard.dialects.posthog.routes.runs import RUN
from runyard.dialects.posthog.wire.commands import CommandRequest, CommandResponse
from runyard.engine.coding import runs
from runyard.outbound.relay import Crowded
from runyard.web.call import Call
from runyard.web.errors import AgentFailed, AgentSilent
from runyard.web.reply import Reply
from runyard.web.talking import Line, tell

MAX_COMMAND = 8 << 20
"""The largest command: files go as artifacts."""


def handlers(house: House) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""
    line = Line(relay=house.relay, signed=house.signed, vault=house.vault)

    @post(
        RUN + "/command",
        needs="task:write",
        operation_id="tasks_runs_command_create",
        tags=["task-runs"],
        status_code=200,
        body=CommandRequest,
        stored=False,
        refuses=(502, 504),
        request_max_body_size=MAX_COMMAND,
    )
    async def send_command(call: Call, project_id: str, task_id: str, id: str) -> Reply[CommandResponse]:
        """The agent server's answer, unchanged; a message is answered when its turn ends."""
        seen = await call.read(runs.see, call.project_id, own(task_id, "task"), own(id, "run"))
        asked = mapping.command(await forms.body(call, mapping.COMMAND))
        params = mapping.forwarded(asked, seen.manifest)
        with action(), _upstream():
            by = doer(call, "command")
            return Reply(await tell(call, line, seen, by, method=asked.method, params=params, id=asked.id))

    return [send_command]


@contextlib.contextmanager
def _upstream() -> Iterator[None]:
    """Tell what went wrong with the agent server as the contract has it (§7.4)."""
    try:
        yield
    except Crowded as error:
        raise NotNow(error.detail) from None
    except AgentFailed as error:
        raise BadGateway(error.detail) from None
    except AgentSilent as error:
        raise GatewayTimeout(error.detail) from None
