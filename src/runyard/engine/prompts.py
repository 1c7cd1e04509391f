"""Prompts: what is said to sessions waits in order until the session takes it up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from runyard.domain.errors import Conflict, Invalid, NotFound, TooLarge
from runyard.domain.sessions import Prompt, PromptState, Session, SessionState
from runyard.engine import sessions, sizes
from runyard.storage.port import Tx
from runyard.storage.sql import BEYOND
from runyard.storage.statements import session_events as sql

TEXT = 64 << 10
MOST = 100
"""How many may wait in one session."""
Mode = Literal["queue", "interrupt", "steer"]
_json = msgspec.json.Encoder()
_said = msgspec.json.Decoder(dict[str, Any]).decode


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt that waits."""

    prompt: Prompt
    mode: Mode
    position: int
    """How many stand before it, and one."""
    canceled: int = 0
    """How many it took the place of."""


def queue(tx: Tx, project_id: int, session_id: str, text: str, *, mode: Mode = "queue", by: str = "") -> Queued:
    """Say something to a session; `interrupt` takes the place of all that waits.

    Raises `NotFound`, `Invalid`, `TooLarge` for a long text or when too many wait, or `Conflict` when the session is
    stopping or has stopped.
    """
    if not text.strip():
        raise Invalid("a prompt needs a text that is not blank")
    if "\0" in text:
        raise Invalid("the prompt holds a NUL character")
    sizes.within(TEXT, "the prompt", text)
    session = sessions.lock(tx, project_id, session_id)
    if session.state not in (SessionState.STARTING, SessionState.ACTIVE):
        raise Conflict(f"the session is {session.state}; begin a new one")
    waiting = sql.count_queued(tx, session.id)
    if waiting >= MOST and mode != "interrupt":
        raise TooLarge(f"{MOST} prompts wait in this session already, which is as many as may wait")
    canceled = sql.cancel(tx, [session.id]).total() if mode == "interrupt" else 0
    body = {"text": text, "mode": mode, "by": by}
    prompt = Prompt(
        id=tx.new_id(),
        session_id=session.id,
        state=PromptState.QUEUED,
        body=_json.encode(body).decode(),
        created_at=tx.now,
        taken_at=None,
    )
    sql.add_prompt(tx, prompt)
    sessions.write(tx, [session], "user_message", {"prompt_id": prompt.id, **body})
    return Queued(prompt=prompt, mode=mode, position=waiting - canceled + 1, canceled=canceled)


def take(
    tx: Tx, project_id: int, session_id: str, *, limit: int = MOST, only: Sequence[str] | None = None
) -> list[Prompt]:
    """Take up the prompts that wait longest, or those that are named, in order: nobody is given them again.

    Raises `NotFound`.
    """
    session = sessions.lock(tx, project_id, session_id)
    found = [one for one in sql.queued(tx, session.id, limit) if only is None or one.id in only]
    if not found:
        return []
    sql.settle(tx, [one.id for one in found], PromptState.TAKEN)
    sessions.write(
        tx,
        [msgspec.structs.replace(session, active_at=tx.now)],
        "prompts_taken",
        {"prompt_ids": [one.id for one in found]},
    )
    return [msgspec.structs.replace(one, state=PromptState.TAKEN, taken_at=tx.now) for one in found]


def cancel(tx: Tx, project_id: int, session_id: str, prompt_id: str) -> Prompt:
    """Cancel a prompt that waits. Raises `NotFound`, or `Conflict` when it was taken up."""
    session = sessions.lock(tx, project_id, session_id)
    prompt = sql.prompt(tx, session.id, prompt_id) if "\0" not in prompt_id else None
    if prompt is None:
        raise NotFound(f"there is no prompt {prompt_id[:64]!r} in this session")
    if prompt.state is PromptState.TAKEN:
        raise Conflict("the session has taken the prompt up already")
    if prompt.state is PromptState.QUEUED:
        sql.settle(tx, [prompt.id], PromptState.CANCELED)
        sessions.write(tx, [session], "prompt_canceled", {"prompt_id": prompt.id})
    return msgspec.structs.replace(prompt, state=PromptState.CANCELED)


def page(tx: Tx, project_id: int, session_id: str, *, before: str | None = None, limit: int = 50) -> list[Prompt]:
    """What was said to a session, newest first, from below an id on. Raises `NotFound`."""
    session: Session = sessions.find(tx, project_id, session_id)
    return sql.prompts(tx, session.id, before=before or BEYOND, n=limit)


def text_of(prompt: Prompt) -> str:
    """What it says."""
    return str(_said(prompt.body).get("text", ""))
