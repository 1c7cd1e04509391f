"""Channels: whose they are, what is said in them, and how far each session has read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

import msgspec

from runyard.domain.channels import KINDS, OWN, Channel, Message, named
from runyard.domain.errors import Forbidden, Invalid, NotFound
from runyard.domain.records import Json
from runyard.domain.sessions import Session
from runyard.engine import sizes
from runyard.storage.port import Tx
from runyard.storage.statements import channels as sql

BODY = 64 << 10
"""The most that may be said in one message, with what is said about it."""
LONGEST_KEY = 256
MOST = 200
"""How many channels a session is shown, and how many messages it is given at once."""
_OF_RUN = re.compile(rf"{OWN}([0-9a-f]{{32}})").fullmatch


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Something to say."""

    kind: str
    body: Json
    """`{"body": …, "metadata": {…}}`."""
    recipient: str | None = None
    reply_to: str | None = None
    key: str | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as a session sees it, with the run that is talked about where it is a run's own."""

    name: str
    workspace_id: str | None
    channel: Channel | None
    """None until something is said in it."""
    task_id: str | None = None
    run_id: str | None = None


def check(tx: Tx, project_id: int, name: str, workspace_id: str | None) -> str:
    """The channel's name, if it may be used in the workspace (or in none); an unknown one becomes the workspace's.

    This writes, so it comes after whatever else may refuse. Raises `Invalid` for a name that cannot be one, and for a
    channel of another workspace.
    """
    allowed(tx, project_id, name, workspace_id)
    _made(tx, project_id, name, workspace_id)
    return name


def allowed(tx: Tx, project_id: int, name: str, workspace_id: str | None) -> str:
    """The same without making anything."""
    found = sql.get(tx, project_id, [named(name)]).get(name)
    owner = _run_of(tx, name) if found is None else found.workspace_id
    if owner is not None and owner != workspace_id:
        raise Invalid(f"channel {name!r} belongs to another workspace; choose another channel")
    return name


def find(tx: Tx, project_id: int, name: str) -> Channel:
    """The channel. Raises `NotFound`."""
    found = sql.get(tx, project_id, [name]).get(name) if "\0" not in name else None
    if found is None:
        raise NotFound(f"there is no channel {name[:64]!r} in this project")
    return found


def page(tx: Tx, project_id: int, *, after: str = "", limit: int = 50) -> list[Channel]:
    """The project's channels from behind a name on, by name."""
    return sql.page(tx, project_id, after=after, n=limit)


def describe(
    tx: Tx, project_id: int, name: str, workspace_id: str | None, *, display_name: str | None, purpose: str | None
) -> Channel:
    """Make a channel, or say what it is for. Raises `Invalid`."""
    sizes.plain("the display name", display_name, longest=128)
    sizes.plain("the purpose", purpose, longest=1024)
    check(tx, project_id, name, workspace_id)
    channel = sql.lock(tx, project_id, name)
    if channel is None:
        raise NotFound(f"channel {name!r} was deleted at this very moment")
    channel = msgspec.structs.replace(channel, display_name=display_name, purpose=purpose)
    sql.save(tx, channel)
    return channel


def seen_by(tx: Tx, session: Session) -> list[Seen]:
    """The channels the session sees: its own, its workspace's, and those of its workspace's runs, by name."""
    found = {
        one.name: Seen(name=one.name, workspace_id=one.workspace_id, channel=one)
        for one in sql.of_workspace(tx, session.project_id, session.workspace_id, n=MOST)
    }
    if session.channel is not None and session.channel not in found:
        own = sql.get(tx, session.project_id, [session.channel]).get(session.channel)
        found[session.channel] = Seen(name=session.channel, workspace_id=session.workspace_id, channel=own)
    if session.workspace_id is not None:
        for name, task_id, run_id in sql.worked_on(tx, session.project_id, session.workspace_id, MOST):
            before = found.get(name)
            found[name] = Seen(
                name=name,
                workspace_id=session.workspace_id,
                channel=before.channel if before is not None else None,
                task_id=task_id,
                run_id=run_id,
            )
    return sorted(found.values(), key=lambda one: one.name)


def may_see(tx: Tx, session: Session, name: str) -> str:
    """The channel's name, if the session may talk there. Raises `Invalid`, or `Forbidden` for one that is not its."""
    if named(name) == session.channel:
        return name
    found = sql.get(tx, session.project_id, [name]).get(name)
    owner = _run_of(tx, name) if found is None else found.workspace_id
    if (found is None and owner is None) or owner != session.workspace_id:
        raise Forbidden(f"the session has no channel {name!r}: it sees its own and those of its workspace alone")
    return name


def say(tx: Tx, session: Session, name: str, new: NewMessage) -> Message:
    """Say something in a channel; under a key that was used, what was said then.

    Raises `Invalid`, `TooLarge`, or `Forbidden` for a channel the session does not see.
    """
    if new.kind not in KINDS:
        raise Invalid(f"a message is one of {', '.join(KINDS)}, not {new.kind[:64]!r}")
    sizes.within(BODY, "the message", new.body)
    sizes.plain("the idempotency key", new.key, shortest=1, longest=LONGEST_KEY)
    may_see(tx, session, name)
    channel = _made(tx, session.project_id, name, session.workspace_id)
    if new.key is not None:
        said = sql.keyed(tx, session.project_id, name, session.id, new.key)
        if said is not None:
            return said
    message = Message(
        id=tx.new_id(),
        project_id=session.project_id,
        channel=name,
        kind=new.kind,
        sender=session.id,
        recipient=new.recipient,
        reply_to=new.reply_to,
        body=new.body,
        at=tx.now,
        # The channel is locked, so that numbers grow in the order of commits: nobody who read on misses one.
        number=channel.messages + 1,
        key=new.key,
    )
    sql.say(tx, message)
    sql.save(tx, msgspec.structs.replace(channel, active_at=tx.now, messages=message.number))
    tx.wake(topic(session.project_id, name))
    return message


def reply(tx: Tx, session: Session, message_id: str, new: NewMessage) -> Message:
    """Answer a message where it was said, to who said it alone. Raises also `NotFound`."""
    before = find_message(tx, session, message_id)
    return say(tx, session, before.channel, msgspec.structs.replace(new, recipient=before.sender, reply_to=before.id))


def find_message(tx: Tx, session: Session, message_id: str) -> Message:
    """A message the session may read. Raises `NotFound`."""
    found = sql.message(tx, session.project_id, message_id) if "\0" not in message_id else None
    if found is not None and session.id in (found.recipient or session.id, found.sender):
        try:
            may_see(tx, session, found.channel)
        except Forbidden:
            pass
        else:
            return found
    raise NotFound(f"there is no message {message_id[:64]!r} for this session")


def unread(tx: Tx, session: Session, name: str, *, after: int | None = None, limit: int = MOST) -> list[Message]:
    """What others said in the channel after a number, or after what the session has read. Raises `Forbidden`."""
    may_see(tx, session, name)
    if after is None:
        after = sql.read_upto(tx, session.id, [name]).get(name, 0)
    return sql.messages_for(tx, session.project_id, name, session.id, after=after, n=limit)


def receive(tx: Tx, session: Session, name: str, *, after: int | None = None, limit: int = MOST) -> list[Message]:
    """`unread`, and from now on it is read."""
    found = unread(tx, session, name, after=after, limit=limit)
    if found:
        sql.have_read(tx, session.id, name, found[-1].number)
    return found


def messages(tx: Tx, project_id: int, name: str, *, after: int = 0, limit: int = 50) -> list[Message]:
    """Everything that was said in a channel after a number, whomever it was for. Raises `NotFound`."""
    find(tx, project_id, name)
    return sql.messages(tx, project_id, name, after=after, n=limit)


def waiting(tx: Tx, session: Session, names: Sequence[str], limit: int) -> list[Message]:
    """What the session has not read in these channels, at most so many of each."""
    read = sql.read_upto(tx, session.id, names)
    return [
        message
        for name in names
        for message in sql.messages_for(tx, session.project_id, name, session.id, after=read.get(name, 0), n=limit)
    ]


def topic(project_id: int, name: str) -> str:
    """What wakes those who wait for something to be said in a channel."""
    return f"channel:{project_id}:{name}"


def _made(tx: Tx, project_id: int, name: str, workspace_id: str | None) -> Channel:
    """The channel, locked; made where there is none."""
    channel = sql.lock(tx, project_id, name)
    if channel is None:
        fresh = Channel(
            project_id=project_id,
            name=name,
            workspace_id=workspace_id,
            display_name=None,
            purpose=None,
            created_at=tx.now,
            active_at=None,
            messages=0,
        )
        sql.add(tx, fresh)
        channel = sql.lock(tx, project_id, name) or fresh
    return channel


def _run_of(tx: Tx, name: str) -> str | None:
    """The workspace of the run whose own channel it would be."""
    found = _OF_RUN(name)
    row = sql.of_run(tx, str(UUID(found[1]))) if found is not None else None
    return row[1] if row is not None else None
