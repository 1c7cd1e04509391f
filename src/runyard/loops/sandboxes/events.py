"""Relays what the server in a sandbox tells to those who follow the run (contract §9.8)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any

import msgspec
import structlog

from runyard.domain.errors import DomainError, LeaseLost, Unavailable
from runyard.domain.records import Run
from runyard.engine.coding import ingesting, permissions, sandboxes
from runyard.engine.coding.ingesting import Pushed
from runyard.loops.sandboxes.ground import Ground
from runyard.outbound.messages import NoAnswer
from runyard.outbound.relay import OWN_SECONDS, AgentRefused, Crowded, Door
from runyard.web import envelopes

log = structlog.get_logger("runyard.sandboxes")

MOST = 5
"""How often a broken stream is opened again before the sandbox counts as silent."""
LONGEST_REST = 10.0
LONGEST = 16 << 20
"""Bytes of one event; a longer one is dropped."""
LOOK_SECONDS = 5.0
KEEPALIVE = "keepalive"

Knock = Callable[[], Coroutine[Any, Any, Door]]
"""Makes what opens the sandbox; tokens do not last for ever."""


class Frames:
    """Takes a stream of events apart, however it comes in pieces; each byte is looked at once."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        """Of the event that is not complete yet."""

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of the events that are complete now."""
        found = []
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._add(end)
            line = bytes(self._line.removesuffix(b"\r"))
            self._line.clear()
            if line.startswith(b"data:"):
                self._data.append(line.removeprefix(b"data:").removeprefix(b" "))
            elif not line:
                if self._data and self._size <= LONGEST:
                    found.append(b"\n".join(self._data))
                self._data, self._size = [], 0
        self._add(rest)
        return found

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > LONGEST:
            # Of an event that is dropped it only counts which line is blank, because with that it is over.
            self._line, part = self._line[:2], part[:2]
        self._line += part


async def relay(ground: Ground, run: Run, knock: Knock, *, gone: Callable[[], bool]) -> None:
    """Hand on what comes, until the sandbox is gone or stays silent."""
    broken = 0
    while True:
        try:
            frames = Frames()
            async with aclosing(ground.relay.follow(await knock())) as stream:
                async for piece in stream:
                    broken = 0
                    await _hand_on(ground, run, frames.feed(piece))
        except AgentRefused as error:
            log.info("sandbox.refuses", run=run.id, status=error.status, detail=error.detail)
            return
        except LeaseLost as error:
            log.info("sandbox.not_heard", run=run.id, detail=error.detail)
            return
        except NoAnswer as error:
            log.info("sandbox.silent", run=run.id, detail=error.detail)
        if gone():
            return
        broken += 1
        if broken > MOST:
            what = "what happens in the sandbox cannot be followed any more; its log goes on"
            await ground.store.write(sandboxes.say, run, "warn", what)
            return
        await asyncio.sleep(min(ground.patience.again * broken, LONGEST_REST))


async def _hand_on(ground: Ground, run: Run, found: list[bytes]) -> None:
    events: list[Pushed] = [event for data in found if (event := _pushed(data)) is not None]
    while events:
        try:
            await ground.store.write(ingesting.push, run.id, events, epoch=run.epoch)
        except Unavailable as error:
            await asyncio.sleep(error.retry_after)
        else:
            return


def _pushed(data: bytes) -> Pushed | None:
    """What was told; None for what is no object, and for what only says that the line stands."""
    try:
        said = envelopes.event(envelopes.mended(data))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    if said.kind == KEEPALIVE or not said.text.lstrip().startswith("{"):
        return None
    return said


async def answer(ground: Ground, run: Run, knock: Knock) -> None:
    """Tell the agent what people decide of what it asks leave for, until this is cancelled."""
    with ground.hub.waiter([f"run:{run.id}"]) as waiter:
        while True:
            try:
                for one in await ground.store.read(permissions.decided, run.id):
                    await _tell(ground, run, one, knock)
            except Unavailable as error:
                log.info("sandbox.not_answered", run=run.id, detail=error.detail)
            await waiter.wait(LOOK_SECONDS)
            waiter.reset()


async def _tell(ground: Ground, run: Run, one: permissions.Answer, knock: Knock) -> None:
    if one.option is None:
        what = "the agent offers no answer that says so; answer it directly, or cancel its turn"
        await ground.store.write(sandboxes.say, run, "warn", what)
    else:
        params = {"requestId": one.request, "optionId": one.option}
        if one.comment:
            params["customInput"] = one.comment
        try:
            await ground.relay.command(
                await knock(), "permission_response", params, id=one.approval_id, seconds=OWN_SECONDS
            )
        except (AgentRefused, DomainError) as error:
            log.info("sandbox.refuses", run=run.id, detail=str(error))
            if isinstance(error, Crowded) or (isinstance(error, AgentRefused) and error.is_booting):
                return
        except NoAnswer as error:
            log.info("sandbox.silent", run=run.id, detail=error.detail)
            return
    await ground.store.write(permissions.answered, [one.approval_id])
