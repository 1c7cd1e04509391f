"""Channels in which sessions talk (contract §28)."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get, post
from litestar.types import ControllerRouterHandler

from runyard.dialects.agh.errors import unprocessable
from runyard.dialects.agh.house import House
from runyard.dialects.agh.mapping import channels as mapping
from runyard.dialects.agh.mapping.values import flag, trimmed
from runyard.dialects.agh.mapping.values import limit as limit_of
from runyard.dialects.agh.people import claimed
from runyard.dialects.agh.wire import channels as wire
from runyard.domain.channels import Message
from runyard.engine import channels, sessions
from runyard.engine.channels import NewMessage
from runyard.engine.sessions import Claimed
from runyard.storage.port import Tx
from runyard.web.call import Call
from runyard.web.waiting import waited


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """The routes."""

    @get("/api/agent/channels/{channel:str}/recv", needs="task:write", tags=["agent"])
    async def receive_agent_channel(
        call: Call, channel: str, wait: str | None = None, limit: str | None = None, after: str | None = None
    ) -> wire.MessagesAnswer:
        """What others said in a channel that the session has not read yet, or after a message.

        What is given is read from then on. `wait` waits a while for something to be said.
        """
        who, most = claimed(call), min(limit_of(limit) or channels.MOST, channels.MOST)
        last = mapping.message_id(after) if trimmed(after) is not None and after is not None else None
        waits = flag("wait", wait)

        async def look() -> list[Message] | None:
            with unprocessable():
                found = await call.read(_unread, call.project_id, who, channel, last, most)
                if found:
                    found = await call.write(_receive, call.project_id, who, channel, last, most)
            return found or None

        if not waits:
            return _answer(await look())
        topics = [channels.topic(call.project_id, channel)]
        found = await waited(call, house.hub, topics, look, seconds=house.settings.claim_wait_max)
        return _answer(found.value)

    return [list_agent_channels, receive_agent_channel, reply_agent_channel, send_agent_channel]


@get("/api/agent/channels", needs="task:read", tags=["agent"])
async def list_agent_channels(call: Call) -> wire.ChannelsAnswer:
    """The session's own channel, its workspace's, and those of its workspace's runs."""
    found = await call.read(_list, call.project_id, claimed(call))
    return wire.ChannelsAnswer(channels=[mapping.channel_out(one) for one in found])


@post("/api/agent/channels/{channel:str}/send", needs="task:write", status_code=202, tags=["agent"])
async def send_agent_channel(call: Call, channel: str, data: wire.SendRequest) -> wire.MessageAnswer:
    """Say something in a channel."""
    with unprocessable():
        new = mapping.message_in(channel, data)
        said = await call.write(_say, call.project_id, claimed(call), channel, new)
    return wire.MessageAnswer(message=mapping.message_out(said))


@post("/api/agent/channels/reply", needs="task:write", status_code=202, tags=["agent"])
async def reply_agent_channel(call: Call, data: wire.ReplyRequest) -> wire.MessageAnswer:
    """Answer a message where it was said, to who said it."""
    with unprocessable():
        said = await call.write(_reply, call.project_id, claimed(call), data)
    return wire.MessageAnswer(message=mapping.message_out(said))


def _answer(found: Sequence[Message] | None) -> wire.MessagesAnswer:
    return wire.MessagesAnswer(messages=[mapping.message_out(one) for one in found or ()])


def _list(tx: Tx, project_id: int, who: Claimed) -> list[channels.Seen]:
    return channels.seen_by(tx, sessions.known(tx, project_id, who))


def _unread(tx: Tx, project_id: int, who: Claimed, channel: str, last: str | None, limit: int) -> list[Message]:
    session = sessions.known(tx, project_id, who)
    after = channels.find_message(tx, session, last).number if last is not None else None
    return channels.unread(tx, session, channel, after=after, limit=limit)


def _receive(tx: Tx, project_id: int, who: Claimed, channel: str, last: str | None, limit: int) -> list[Message]:
    session = sessions.known(tx, project_id, who)
    after = channels.find_message(tx, session, last).number if last is not None else None
    return channels.receive(tx, session, channel, after=after, limit=limit)


def _say(tx: Tx, project_id: int, who: Claimed, channel: str, new: NewMessage) -> Message:
    return channels.say(tx, sessions.known(tx, project_id, who), channel, new)


def _reply(tx: Tx, project_id: int, who: Claimed, data: wire.ReplyRequest) -> Message:
    session = sessions.known(tx, project_id, who)
    before = channels.find_message(tx, session, mapping.message_id(data.reply_to_message_id))
    return channels.reply(tx, session, before.id, mapping.reply_in(before, data))
