"""Who is told of what: the enabled webhooks of projects, remembered by each server until one changes anywhere.

A counter grows with every change. A transaction that has news looks at it once, so what a server remembers is never
older than its news, and where nobody listens news cost one look.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from runyard.domain.webhooks import EVERY
from runyard.storage.port import Tx
from runyard.storage.statements import webhooks as sql

_FACT = "listeners"


class Listener(msgspec.Struct, frozen=True):
    """A webhook, as far as those who have news need it."""

    project_id: int
    id: str
    url: str
    events: frozenset[str]

    def hears(self, event: str) -> bool:
        """Whether it is told of the event."""
        return event in self.events or EVERY in self.events


class _Known(msgspec.Struct, frozen=True):
    version: int
    of: Mapping[int, tuple[Listener, ...]]


def of(tx: Tx, project_ids: Collection[int]) -> dict[int, tuple[Listener, ...]]:
    """The webhooks of those of the projects that have any."""
    known = _known(tx)
    missing = [project_id for project_id in project_ids if project_id not in known.of]
    if missing:
        known = tx.learned[_FACT] = _Known(known.version, {**known.of, **_read(tx, missing)})
    return {project_id: found for project_id in project_ids if (found := known.of[project_id])}


def changed(tx: Tx) -> None:
    """Have every server, and the rest of this transaction, look again."""
    sql.changed(tx)
    tx.learned.pop(_FACT, None)


def _known(tx: Tx) -> _Known:
    """What is known; whatever stands in `learned` was looked at in this transaction."""
    seen: _Known | None = tx.learned.get(_FACT)
    if seen is not None:
        return seen
    # First the version, then the webhooks: what changes between the two is looked at once more than it need be.
    version = sql.version(tx)
    known: _Known | None = tx.known.get(_FACT)
    if known is None or known.version != version:
        known = _Known(version, {})
    tx.learned[_FACT] = known
    return known


def _read(tx: Tx, project_ids: Collection[int]) -> dict[int, tuple[Listener, ...]]:
    found: dict[int, list[Listener]] = {project_id: [] for project_id in project_ids}
    for project_id, webhook_id, url, events in sql.enabled(tx, sorted(project_ids)):
        found[project_id].append(Listener(project_id, webhook_id, url, frozenset(events)))
    return {project_id: tuple(listeners) for project_id, listeners in found.items()}
