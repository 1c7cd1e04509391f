"""Commands for the agent in a run's sandbox, passed on while the caller waits (contract §7)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from litestar import post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.posthog import forms
from runyard.dialects.posthog.errors import BadGateway, GatewayTimeout, NotNow, Refused, action
from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.mapping import commands as mapping
from runyard.dialects.posthog.people import creator, doer, own
from runyard.dialects.posthog.routes.runs import RUN
from runyard.dialects.posthog.wire.commands import CommandRequest, CommandResponse
from runyard.domain.canonical import decoded
from runyard.domain.coding import CodingSeen, number_of
from runyard.domain.errors import NotFound
from runyard.engine.coding import commands, runs
from runyard.outbound.messages import NoAnswer
from runyard.outbound.relay import AgentRefused, Crowded
from runyard.web.call import Call
from runyard.web.errors import Gone
from runyard.web.reply import Reply
from runyard.web.sandboxes import door

T = TypeVar("T")
MAX_COMMAND = 8 << 20
"""The largest command: files go as artifacts."""


def handlers(house: House) -> Sequence[HTTPRouteHandler]:
    """All routes of this module."""

    @post(
        RUN + "/command",
        needs="task:write",
        operation_id="tasks_runs_command_create",
        tags=["task-runs"],
        status_code=200,
        body=CommandRequest,
        request_max_body_size=MAX_COMMAND,
    )
    async def send_command(call: Call, project_id: str, task_id: str, id: str) -> Reply[CommandResponse]:
        """The agent server's answer, unchanged; a message is answered when its turn ends."""
        seen = await call.read(runs.see, call.project_id, own(task_id, "task"), own(id, "run"))
        asked = mapping.command(await forms.body(call, mapping.COMMAND))
        params = mapping.forwarded(asked, seen.manifest)
        who = creator(call)
        with action(), _upstream():
            way = await door(seen, signed=house.signed, vault=house.vault, user_number=number_of(who), distinct_id=who)
            answer = await _while_there(call, house.relay.command(way, asked.method, params, id=asked.id))
        if asked.method == mapping.MESSAGE:
            await _note(call, seen, answer)
        return Reply(answer)

    return [send_command]


async def _note(call: Call, seen: CodingSeen, answer: bytes) -> None:
    """Take away what the run's state said of a message, unless the agent refused it."""
    said = msgspec.json.decode(answer)
    if isinstance(said, dict) and said.get("error") is None and commands.is_awaited(decoded(seen.row.state)):
        # It was delivered, whatever became of the run meanwhile.
        with contextlib.suppress(NotFound):
            await call.write(commands.delivered, seen, doer(call, "command"))


async def _while_there(call: Call, work: Coroutine[Any, Any, T]) -> T:
    """What comes of the work, which ends when the client hangs up. Raises `Gone` then."""
    task = asyncio.get_running_loop().create_task(work)

    def leave() -> None:
        task.cancel()

    with call.presence(leave) as client:
        try:
            return await task
        except asyncio.CancelledError:
            if client.gone:
                raise Gone from None
            raise


@contextlib.contextmanager
def _upstream() -> Iterator[None]:
    """Tell what went wrong with the agent server as the contract has it (§7.4)."""
    try:
        yield
    except Crowded as error:
        raise NotNow(error.detail) from None
    except AgentRefused as error:
        raise BadGateway(error.detail) from None
    except NoAnswer as error:
        kinds: dict[str, type[Refused]] = {"refused": Refused, "timeout": GatewayTimeout}
        raise kinds.get(error.trouble, BadGateway)(f"the agent server cannot be asked: {error.detail}") from None
