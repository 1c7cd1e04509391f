"""Commands for the agent in a run's sandbox, passed on while the caller waits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.canonical import decoded
from runyard.domain.coding import CodingSeen, number_of
from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.engine.coding import commands
from runyard.outbound.messages import NoAnswer
from runyard.outbound.relay import AgentRefused, Relay
from runyard.storage.vault import Vault
from runyard.web.call import Call
from runyard.web.errors import AgentFailed, AgentSilent, Gone
from runyard.web.sandboxes import door
from runyard.web.signed_tokens import SignedTokens

T = TypeVar("T")
MESSAGE, CANCEL = "user_message", "cancel"
"""The commands that give the agent a turn, and that stop it."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to reach agents."""

    relay: Relay
    signed: SignedTokens
    vault: Vault


def holder(call: Call) -> str:
    """The id of the caller's key, or what stands for one."""
    return call.identity.key.id if call.identity.key is not None else call.actor


async def tell(
    call: Call, line: Line, seen: CodingSeen, by: Doer, *, method: str, params: dict[str, Any], id: Any = None
) -> bytes:
    """The agent server's answer, a JSON document, after the turn where the command is a message.

    Raises `Conflict` when the run has no sandbox that commands may go to, `Crowded`, `AgentFailed`, `AgentSilent`,
    and `Gone` when the caller hangs up, which takes the command back.
    """
    who = holder(call)
    with _upstream():
        way = await door(seen, signed=line.signed, vault=line.vault, user_number=number_of(who), distinct_id=who)
        answer = await _while_there(call, line.relay.command(way, method, params, id=id))
    if method == MESSAGE:
        await _note(call, seen, answer, by)
    return answer


async def _note(call: Call, seen: CodingSeen, answer: bytes, by: Doer) -> None:
    """Take away what the run's state said of a message, unless the agent refused it."""
    said = msgspec.json.decode(answer)
    if isinstance(said, dict) and said.get("error") is None and commands.is_awaited(decoded(seen.row.state)):
        # It was delivered, whatever became of the run meanwhile.
        with contextlib.suppress(NotFound):
            await call.write(commands.delivered, seen, by)


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
    """Name what went wrong for what the caller should do next."""
    try:
        yield
    except Invalid as error:
        # What is wrong is where the run says that its sandbox is, not the request.
        raise Conflict(error.detail) from None
    except AgentRefused as error:
        raise AgentFailed(error.detail) from None
    except NoAnswer as error:
        kinds = {"refused": Conflict, "timeout": AgentSilent}
        raise kinds.get(error.trouble, AgentFailed)(f"the agent server cannot be asked: {error.detail}") from None
