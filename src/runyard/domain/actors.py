"""Who does something to a task, and by which way it came. Pure."""

from __future__ import annotations

import msgspec


class Actor(msgspec.Struct, frozen=True):
    """A person or a program: `human`, `agent_session`, `automation`, `extension`, `network_peer` or `daemon`."""

    kind: str
    ref: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.ref}"


class Origin(msgspec.Struct, frozen=True):
    """The door something came through, and what was asked for there."""

    kind: str
    ref: str


class Doer(msgspec.Struct, frozen=True):
    """Who does something, and by which way it came."""

    actor: Actor
    origin: Origin

    @property
    def is_session(self) -> bool:
        """Whether it is an agent's session and no person."""
        return self.actor.kind == "agent_session"


def server(what: str) -> Doer:
    """The server itself, on its own behalf."""
    return Doer(Actor("daemon", "runyard"), Origin("daemon", what))
