"""Channels: where sessions talk, and what they say."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.native.mapping import channels as mapping
from runyard.dialects.native.mapping.values import lenient_id
from runyard.dialects.native.wire import Page
from runyard.dialects.native.wire import channels as wire
from runyard.domain.channels import Channel, Message, named
from runyard.engine import channels, sessions, workspaces
from runyard.engine.channels import NewMessage
from runyard.storage.port import Tx
from runyard.streams.hub import Hub
from runyard.web.call import Call
from runyard.web.paging import Cursor, Limit, cut, place
from runyard.web.paging import cursor as cursor_of
from runyard.web.reply import Reply
from runyard.web.waiting import waited


def receiving(hub: Hub) -> HTTPRouteHandler:
    """The route on which sessions hear; those that wait are woken by the commit that says something."""

    @post("/v1/sessions/{session_id:str}/messages/receive", needs="task:write", status_code=200)
    async def receive_messages(call: Call, session_id: str, data: wire.ReceiveIn) -> wire.Received:
        """Give a session what others said in a channel and it has not read; wait up to `wait_seconds` for the first."""
        wanted = lenient_id(session_id)

        async def look() -> list[Message] | None:
            found = await call.read(_unread, call.project_id, wanted, data)
            return (await call.write(_receive, call.project_id, wanted, data) if found else None) or None

        if not data.wait_seconds:
            return _received(await look())
        topics = [channels.topic(call.project_id, data.channel)]
        return _received((await waited(call, hub, topics, look, seconds=data.wait_seconds)).value)

    return receive_messages


@get("/v1/channels", needs="task:read")
async def list_channels(call: Call, limit: Limit = 50, cursor: Cursor = None) -> Page[wire.Channel]:
    """The channels of the project, by name."""
    (after,) = place(cursor, tuple[str]) or ("",)
    rows = await call.read(channels.page, call.project_id, after=after, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.name))
    return Page(data=[mapping.channel_out(row) for row in shown], next_cursor=more)


@post("/v1/channels", needs="task:write", status_code=201)
async def describe_channel(call: Call, data: wire.ChannelIn) -> Reply[wire.Channel]:
    """Make a channel of a workspace or of none, or say anew what the one of this name is for."""
    return await call.answer(mapping.channel_out, _describe, call.project_id, data)


@get("/v1/channels/{name:str}", needs="task:read")
async def get_channel(call: Call, name: str) -> wire.Channel:
    """A channel."""
    return mapping.channel_out(await call.read(channels.find, call.project_id, name))


@get("/v1/channels/{name:str}/messages", needs="task:read")
async def list_channel_messages(call: Call, name: str, limit: Limit = 50, cursor: Cursor = None) -> Page[wire.Message]:
    """Everything that was said in a channel, oldest first, whomever it was for."""
    (after,) = place(cursor, tuple[int]) or (0,)
    rows = await call.read(channels.messages, call.project_id, name, after=after, limit=limit + 1)
    shown, more = cut(rows, limit, lambda row: cursor_of(row.number))
    return Page(data=[mapping.message_out(row) for row in shown], next_cursor=more)


@get("/v1/sessions/{session_id:str}/channels", needs="task:read")
async def list_session_channels(call: Call, session_id: str) -> wire.SeenChannels:
    """The channels a session sees: its own, its workspace's, and those of its workspace's runs."""
    found = await call.read(_seen, call.project_id, lenient_id(session_id))
    return wire.SeenChannels(data=[mapping.seen_out(one) for one in found])


@post("/v1/sessions/{session_id:str}/messages", needs="task:write", status_code=201)
async def send_message(call: Call, session_id: str, data: wire.MessageIn) -> Reply[wire.Message]:
    """Let a session say something in a channel, or answer a message."""
    new = mapping.message_in(data)
    return await call.answer(mapping.message_out, _say, call.project_id, lenient_id(session_id), data.channel, new)


def handlers(hub: Hub) -> Sequence[HTTPRouteHandler]:
    """All operations on channels."""
    return [
        list_channels,
        describe_channel,
        get_channel,
        list_channel_messages,
        list_session_channels,
        send_message,
        receiving(hub),
    ]


def _received(found: Sequence[Message] | None) -> wire.Received:
    return wire.Received(messages=[mapping.message_out(one) for one in found or ()])


def _describe(tx: Tx, project_id: int, data: wire.ChannelIn) -> Channel:
    named(data.name)
    own = workspaces.resolve(tx, project_id, data.workspace_id) if data.workspace_id is not None else None
    return channels.describe(tx, project_id, data.name, own, display_name=data.display_name, purpose=data.purpose)


def _seen(tx: Tx, project_id: int, session_id: str) -> list[channels.Seen]:
    return channels.seen_by(tx, sessions.find(tx, project_id, session_id))


def _say(tx: Tx, project_id: int, session_id: str, channel: str | None, new: NewMessage) -> Message:
    session = sessions.active(tx, project_id, session_id)
    if channel is None:
        return channels.reply(tx, session, new.reply_to or "", new)
    return channels.say(tx, session, channel, new)


def _unread(tx: Tx, project_id: int, session_id: str, data: wire.ReceiveIn) -> list[Message]:
    session = sessions.active(tx, project_id, session_id)
    return channels.unread(tx, session, data.channel, after=data.after, limit=data.limit)


def _receive(tx: Tx, project_id: int, session_id: str, data: wire.ReceiveIn) -> list[Message]:
    session = sessions.active(tx, project_id, session_id)
    return channels.receive(tx, session, data.channel, after=data.after, limit=data.limit)
