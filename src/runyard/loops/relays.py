"""What is queued for chat threads, said there: an agent's messages, and how runs stand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from msgspec.structs import replace

from runyard.domain.policy import SECOND
from runyard.domain.states import RunState
from runyard.domain.threads import (
    BROKEN,
    DONE,
    Standing,
    Thread,
    capped,
    end_text,
    mrkdwn,
    progress_text,
)
from runyard.engine.coding import relaying
from runyard.engine.coding.relaying import Said, Turn
from runyard.loops.runner import Loop
from runyard.outbound.slack import Slack, Unheard
from runyard.storage.port import Store

log = structlog.get_logger("runyard.relays")

PAUSE = 30.0
FAILED = frozenset({RunState.FAILED, RunState.TIMED_OUT, RunState.CRASHED, RunState.SYSTEM_FAILED, RunState.EXPIRED})


class Teller:
    """One server's voice in threads."""

    def __init__(self, store: Store, slack: Slack) -> None:
        self.store = store
        self.slack = slack

    async def tell_once(self) -> float | None:
        """Say the first of what is due; the seconds until more is."""
        due = await self.store.read(relaying.next_due)
        wait = PAUSE if due is None else (due - self.store.now()) / SECOND
        if wait > 0:
            await self.store.write(relaying.prune)
            return None if due is None else min(wait, PAUSE)
        # One at a time: those that wait behind a slow one would be another server's before their turn came.
        for turn in await self.store.write(relaying.take, 1):
            await self.store.write(relaying.settle, await self._told(turn))
        return 0.0

    async def _told(self, turn: Turn) -> Said:
        thread, standing = turn.thread, turn.standing
        if thread is None or standing is None or turn.is_sent:
            return Said(turn=turn)
        try:
            if turn.relay.kind == "message":
                return Said(turn=turn, thread=await self._message(thread, turn.relay.body))
            return Said(turn=turn, thread=await self._update(thread, standing))
        except Unheard as error:
            log.warning("relay.failed", run=thread.run_id, relay=turn.relay.id, detail=error.detail)
            return Said(turn=turn, error=error.detail, wait=error.wait * SECOND if error.wait is not None else None)

    async def _message(self, thread: Thread, text: str) -> Thread:
        """Say what an agent says; what said how far the run is goes away before."""
        if thread.progress is not None:
            await self.slack.delete(thread.channel, thread.progress)
        who = f"<@{thread.mention}> " if thread.mention is not None else ""
        await self.slack.post(thread.channel, thread.thread, capped(who + mrkdwn(text)))
        return replace(thread, progress=None)

    async def _update(self, thread: Thread, standing: Standing) -> Thread:
        if standing.state is RunState.COMPLETED:
            return await self._end(thread, standing, DONE)
        if standing.state in FAILED:
            return await self._end(thread, standing, BROKEN)
        text = progress_text(standing)
        if text == thread.posted:
            return thread
        if thread.progress is None or not await self.slack.edit(thread.channel, thread.progress, text):
            thread = replace(thread, progress=await self.slack.post(thread.channel, thread.thread, text))
        return replace(thread, posted=text)

    async def _end(self, thread: Thread, standing: Standing, reaction: str) -> Thread:
        text = end_text(standing)
        if text == thread.posted:
            return thread
        await self.slack.react(thread.channel, thread.thread, reaction)
        if thread.progress is not None:
            await self.slack.delete(thread.channel, thread.progress)
        who = f"<@{thread.mention}> " if thread.mention is not None else ""
        await self.slack.post(thread.channel, thread.thread, capped(who + text))
        return replace(thread, progress=None, reacted=reaction, posted=text)


def loop(teller: Teller, wait: Callable[[float], Awaitable[object]]) -> Loop:
    """The teller's loop; `wait` ends early when there is something to say."""
    return Loop(name="relays", once=teller.tell_once, pause=PAUSE, wait=wait)
