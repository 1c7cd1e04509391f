"""SQL of what happened to sessions, and of what was said to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import astuple

from runyard.domain.sessions import Prompt, PromptState, SessionEvent
from runyard.storage.port import Insert, Row, Tx

FIELDS: tuple[str, ...] = SessionEvent.__struct_fields__
COLUMNS = ", ".join(FIELDS)
PROMPT_FIELDS: tuple[str, ...] = Prompt.__struct_fields__
_PROMPTS = ", ".join(PROMPT_FIELDS)
ADD = Insert("session_events", {name: "bigint" if name in {"number", "at"} else "text" for name in FIELDS})
ADD_PROMPT = Insert(
    "session_prompts", {name: "bigint" if name in {"created_at", "taken_at"} else "text" for name in PROMPT_FIELDS}
)
AFTER = (
    f"SELECT {COLUMNS} FROM session_events WHERE session_id = :session_id AND number > :after AND at >= :since "
    "AND (:type = '' OR type = :type) ORDER BY number LIMIT :n"
)
LAST = (
    f"SELECT {COLUMNS} FROM session_events WHERE session_id = :session_id AND at >= :since "
    "AND (:type = '' OR type = :type) ORDER BY number DESC LIMIT :n"
)
# By session_prompts_queue; a session has a bounded number that wait.
QUEUED = (
    f"SELECT {_PROMPTS} FROM session_prompts WHERE session_id = :session_id AND state = 'queued' ORDER BY id LIMIT :n"
)
COUNT_QUEUED = "SELECT COUNT(*) FROM session_prompts WHERE session_id = :session_id AND state = 'queued'"
PROMPTS = (
    f"SELECT {_PROMPTS} FROM session_prompts WHERE session_id = :session_id AND id < :before ORDER BY id DESC LIMIT :n"
)
PROMPT = f"SELECT {_PROMPTS} FROM session_prompts WHERE id = :id AND session_id = :session_id"
SETTLE = "UPDATE session_prompts SET state = :state, taken_at = :at WHERE id {among ids} AND state = 'queued'"
CANCEL = (
    "UPDATE session_prompts SET state = 'canceled' WHERE session_id {among ids} AND state = 'queued' "
    "RETURNING session_id"
)


def from_row(row: Row) -> SessionEvent:
    """A row in the order of `FIELDS` as a record."""
    return SessionEvent(**dict(zip(FIELDS, row, strict=True)))


def prompt_from_row(row: Row) -> Prompt:
    """A row in the order of `PROMPT_FIELDS` as a record."""
    fields = dict(zip(PROMPT_FIELDS, row, strict=True))
    return Prompt(**fields | {"state": PromptState(fields["state"])})


def add(tx: Tx, events: Sequence[SessionEvent]) -> None:
    """Add events."""
    tx.insert(ADD, [astuple(one) for one in events])


def after(tx: Tx, session_id: str, *, after: int | None, n: int, type: str = "", since: int = 0) -> list[SessionEvent]:
    """The session's first `n` events after a number, or its last `n`; oldest first."""
    if after is None:
        rows = tx.rows(LAST, session_id=session_id, type=type, since=since, n=n)[::-1]
    else:
        rows = tx.rows(AFTER, session_id=session_id, after=after, type=type, since=since, n=n)
    return [from_row(row) for row in rows]


def add_prompt(tx: Tx, prompt: Prompt) -> None:
    """Add a prompt."""
    tx.insert(ADD_PROMPT, [astuple(prompt)])


def queued(tx: Tx, session_id: str, n: int) -> list[Prompt]:
    """The session's first prompts that wait."""
    return [prompt_from_row(row) for row in tx.rows(QUEUED, session_id=session_id, n=n)]


def count_queued(tx: Tx, session_id: str) -> int:
    """How many prompts of the session wait."""
    row = tx.row(COUNT_QUEUED, session_id=session_id)
    return int(row[0]) if row is not None else 0


def prompts(tx: Tx, session_id: str, *, before: str, n: int) -> list[Prompt]:
    """The session's prompts below an id, newest first."""
    return [prompt_from_row(row) for row in tx.rows(PROMPTS, session_id=session_id, before=before, n=n)]


def prompt(tx: Tx, session_id: str, prompt_id: str) -> Prompt | None:
    """A prompt of the session."""
    row = tx.row(PROMPT, session_id=session_id, id=prompt_id)
    return None if row is None else prompt_from_row(row)


def settle(tx: Tx, ids: Sequence[str], state: PromptState) -> None:
    """Say what became of prompts that waited."""
    if ids:
        tx.run(SETTLE, ids=list(ids), state=state.value, at=tx.now)


def cancel(tx: Tx, session_ids: Sequence[str]) -> Counter[str]:
    """Cancel what waits in these sessions; how much that was, by session."""
    return Counter(row[0] for row in tx.rows(CANCEL, ids=sorted(set(session_ids)))) if session_ids else Counter()
