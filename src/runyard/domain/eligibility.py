"""Which sessions may take a queued run of a task, as tokens that the run's class is made of. Pure.

A run is claimed from its class (`engine.classes`), and every run of a class may be taken by the same sessions. So
claiming looks at classes, of which there are few, and never passes over runs.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

GLOBAL = "global"
"""The queue of runs of tasks that belong to no workspace."""
_CAPABILITY, _AGENTS, _SESSION, _CHANNEL, _NOBODY = "needs:", "agents:", "session:", "channel:", "nobody"
_SEPARATOR = "\n"


def queue_of(workspace_id: str | None) -> str:
    """The queue of runs of a workspace's tasks, or of those of none."""
    return GLOBAL if workspace_id is None else f"workspace:{workspace_id}"


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """What a session must be and offer to be given a run."""

    capabilities: frozenset[str] = frozenset()
    agents: frozenset[str] | None = None
    """Names, one of which its agent must have; None is any."""
    session_id: str | None = None
    channel: str | None = None
    """A session that has a channel is given runs of this one alone; one without is given any."""
    nobody: bool = False
    """Whether no session may claim it: somebody who is none owns the task."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """The same as the requirements of a run's class."""
        found = [_CAPABILITY + one for one in self.capabilities]
        if self.agents is not None:
            found.append(_AGENTS + _SEPARATOR.join(sorted(self.agents)))
        if self.session_id is not None:
            found.append(_SESSION + self.session_id)
        if self.channel is not None:
            found.append(_CHANNEL + self.channel)
        if self.nobody:
            found.append(_NOBODY)
        return tuple(sorted(found))

    def met_by(self, offer: Offer) -> bool:
        """Whether a session that offers this may take the run."""
        return (
            not self.nobody
            and self.capabilities <= offer.capabilities
            and (self.agents is None or offer.agent in self.agents)
            and self.session_id in (None, offer.session_id)
            and offer.channel in (None, self.channel)
        )


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a session that asks for work is and can do."""

    session_id: str
    agent: str
    workspace_id: str | None
    channel: str | None
    capabilities: frozenset[str]


def conditions(tokens: Iterable[str]) -> Conditions:
    """What the requirements of a run's class say."""
    agents: frozenset[str] | None = None
    needs: list[str] = []
    session = channel = None
    nobody = False
    for token in tokens:
        if token.startswith(_CAPABILITY):
            needs.append(token.removeprefix(_CAPABILITY))
        elif token.startswith(_AGENTS):
            agents = frozenset(filter(None, token.removeprefix(_AGENTS).split(_SEPARATOR)))
        elif token.startswith(_SESSION):
            session = token.removeprefix(_SESSION)
        elif token.startswith(_CHANNEL):
            channel = token.removeprefix(_CHANNEL)
        else:
            # `nobody`, or what only an executor of another kind understands.
            nobody = True
    return Conditions(capabilities=frozenset(needs), agents=agents, session_id=session, channel=channel, nobody=nobody)
