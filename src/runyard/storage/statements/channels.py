"""SQL of channels and of what is said in them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import astuple

from runyard.domain.channels import Channel, Message
from runyard.storage.port import Insert, Row, Tx, Update

FIELDS: tuple[str, ...] = Channel.__struct_fields__
COLUMNS = ", ".join(FIELDS)
_NUMBERS = {"project_id", "created_at", "active_at", "messages", "at", "number"}
_TYPES = {name: "bigint" if name in _NUMBERS else "text" for name in FIELDS}
_MOVING = ("display_name", "purpose", "active_at", "messages")
MESSAGE_FIELDS: tuple[str, ...] = Message.__struct_fields__
_MESSAGES = ", ".join(MESSAGE_FIELDS)
ADD = Insert("channels", _TYPES, "ON CONFLICT DO NOTHING")
SAVE = Update("channels", {name: _TYPES[name] for name in _MOVING}, {"project_id": "bigint", "name": "text"})
SAY = Insert("channel_messages", {name: "bigint" if name in _NUMBERS else "text" for name in MESSAGE_FIELDS})
READ = Insert(
    "channel_reads",
    {"session_id": "text", "channel": "text", "number": "bigint"},
    "ON CONFLICT (session_id, channel) DO UPDATE SET number = excluded.number "
    "WHERE channel_reads.number < excluded.number",
)
AMONG = f"SELECT {COLUMNS} FROM channels WHERE project_id = :project_id AND name {{among names}}"
LOCK = f"{AMONG} ORDER BY name {{lock}}"
OF_PROJECT = f"SELECT {COLUMNS} FROM channels WHERE project_id = :project_id AND name > :after ORDER BY name LIMIT :n"
OF_WORKSPACE = (  # by channels_workspace
    f"SELECT {COLUMNS} FROM channels WHERE project_id = :project_id AND workspace_id = :workspace_id AND name > :after "
    "ORDER BY name LIMIT :n"
)
OF_NONE = (  # by channels_workspace
    f"SELECT {COLUMNS} FROM channels WHERE project_id = :project_id AND workspace_id IS NULL AND name > :after "
    "ORDER BY name LIMIT :n"
)
# By task_runs_claimer: runs that somebody has are as few as those who work.
WORKED_ON = (
    "SELECT r.coordination, r.task_id, r.run_id FROM task_runs r JOIN tasks t ON t.id = r.task_id "
    "WHERE r.project_id = :project_id AND r.stage IN ('claimed', 'starting', 'running') AND r.coordination IS NOT NULL "
    "AND t.workspace_id = :workspace_id ORDER BY r.queued_at, r.run_id LIMIT :n"
)
OF_RUN = "SELECT r.coordination, t.workspace_id FROM task_runs r JOIN tasks t ON t.id = r.task_id WHERE r.run_id = :id"
AFTER = (  # by channel_messages_channel
    f"SELECT {_MESSAGES} FROM channel_messages WHERE project_id = :project_id AND channel = :channel "
    "AND number > :after AND sender <> :session_id AND (recipient IS NULL OR recipient = :session_id) "
    "ORDER BY number LIMIT :n"
)
ALL = (
    f"SELECT {_MESSAGES} FROM channel_messages WHERE project_id = :project_id AND channel = :channel "
    "AND number > :after ORDER BY number LIMIT :n"
)
GET = f"SELECT {_MESSAGES} FROM channel_messages WHERE id = :id AND project_id = :project_id"
KEYED = (
    f"SELECT {_MESSAGES} FROM channel_messages "
    "WHERE project_id = :project_id AND channel = :channel AND sender = :sender AND key = :key"
)
READ_UPTO = "SELECT channel, number FROM channel_reads WHERE session_id = :session_id AND channel {among names}"


def from_row(row: Row) -> Channel:
    """A row in the order of `FIELDS` as a record."""
    return Channel(**dict(zip(FIELDS, row, strict=True)))


def message_from_row(row: Row) -> Message:
    """A row in the order of `MESSAGE_FIELDS` as a record."""
    return Message(**dict(zip(MESSAGE_FIELDS, row, strict=True)))


def add(tx: Tx, one: Channel) -> None:
    """Add a channel, unless there is one of its name."""
    tx.insert(ADD, [astuple(one)])


def save(tx: Tx, one: Channel) -> None:
    """Write a channel that was locked."""
    tx.update(SAVE, [(*(getattr(one, name) for name in _MOVING), one.project_id, one.name)])


def get(tx: Tx, project_id: int, names: Sequence[str]) -> dict[str, Channel]:
    """The channels of these names; unknown ones are absent."""
    rows = tx.rows(AMONG, project_id=project_id, names=list(names)) if names else []
    return {one.name: one for one in map(from_row, rows)}


def lock(tx: Tx, project_id: int, name: str) -> Channel | None:
    """The channel, locked."""
    row = tx.row(LOCK, project_id=project_id, names=[name])
    return None if row is None else from_row(row)


def page(tx: Tx, project_id: int, *, after: str, n: int) -> list[Channel]:
    """The project's channels behind a name, by name."""
    return [from_row(row) for row in tx.rows(OF_PROJECT, project_id=project_id, after=after, n=n)]


def of_workspace(tx: Tx, project_id: int, workspace_id: str | None, *, after: str = "", n: int) -> list[Channel]:
    """The channels of a workspace (or of none) behind a name, by name."""
    if workspace_id is None:
        rows = tx.rows(OF_NONE, project_id=project_id, after=after, n=n)
    else:
        rows = tx.rows(OF_WORKSPACE, project_id=project_id, workspace_id=workspace_id, after=after, n=n)
    return [from_row(row) for row in rows]


def worked_on(tx: Tx, project_id: int, workspace_id: str, n: int) -> list[tuple[str, str, str]]:
    """(channel, task, run) of runs of the workspace that somebody has."""
    rows = tx.rows(WORKED_ON, project_id=project_id, workspace_id=workspace_id, n=n)
    return [(row[0], row[1], row[2]) for row in rows]


def of_run(tx: Tx, run_id: str) -> tuple[str | None, str | None] | None:
    """(channel, workspace) of a run of a task."""
    row = tx.row(OF_RUN, id=run_id)
    return None if row is None else (row[0], row[1])


def say(tx: Tx, one: Message) -> None:
    """Add a message."""
    tx.insert(SAY, [astuple(one)])


def messages(tx: Tx, project_id: int, channel: str, *, after: int, n: int) -> list[Message]:
    """The first `n` messages of a channel after a number."""
    return [message_from_row(row) for row in tx.rows(ALL, project_id=project_id, channel=channel, after=after, n=n)]


def messages_for(tx: Tx, project_id: int, channel: str, session_id: str, *, after: int, n: int) -> list[Message]:
    """The first `n` messages after a number that others said to the session, or to all."""
    rows = tx.rows(AFTER, project_id=project_id, channel=channel, session_id=session_id, after=after, n=n)
    return [message_from_row(row) for row in rows]


def message(tx: Tx, project_id: int, message_id: str) -> Message | None:
    """The message."""
    row = tx.row(GET, project_id=project_id, id=message_id)
    return None if row is None else message_from_row(row)


def keyed(tx: Tx, project_id: int, channel: str, sender: str, key: str) -> Message | None:
    """What the sender said in the channel under that key."""
    row = tx.row(KEYED, project_id=project_id, channel=channel, sender=sender, key=key)
    return None if row is None else message_from_row(row)


def read_upto(tx: Tx, session_id: str, names: Sequence[str]) -> dict[str, int]:
    """How far the session has read these channels; those of which it read nothing are absent."""
    return {row[0]: row[1] for row in tx.rows(READ_UPTO, session_id=session_id, names=list(names))} if names else {}


def have_read(tx: Tx, session_id: str, channel: str, number: int) -> None:
    """Keep that the session has read the channel up to a number."""
    tx.insert(READ, [(session_id, channel, number)])
