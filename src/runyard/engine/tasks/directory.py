"""Whom a bridge leads to: those who were named in its defaults and in subscriptions that go over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from runyard.domain.bridges import Bridge
from runyard.domain.errors import Invalid, NotFound
from runyard.engine import sizes
from runyard.engine.tasks import bridges
from runyard.storage.port import Tx
from runyard.storage.statements import subscriptions as subscriptions_sql

LOOKED_AT = 1000
"""So many of a bridge's newest subscriptions are looked through."""


Kind = Literal["user", "group", "thread"]


class Target(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Somebody or something that messages may be sent to over a bridge."""

    kind: Kind
    name: str
    qualifier: str = ""
    """Of a thread: the group or user it is with."""
    seen_at: int = 0

    @property
    def route(self) -> str:
        """The one way to write it."""
        return f"{self.kind}:{self.qualifier}/{self.name}" if self.qualifier else f"{self.kind}:{self.name}"

    @property
    def plain(self) -> str:
        """Its name as it is looked for."""
        return _plain(self.name)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Who is meant, and by which step of looking that was found: 1 in full, 2 by name, 3 with a qualifier, 4 begun."""

    target: Target
    step: int


class Ambiguous(Invalid):
    """Several are meant by this name; write one in full."""

    code = "target_ambiguous"


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a bridge leads to, and when that was so."""

    bridge: Bridge
    targets: list[Target]
    at: int


class _Defaults(msgspec.Struct):
    peer_id: str = ""
    group_id: str = ""
    thread_id: str = ""


_defaults = msgspec.json.Decoder(_Defaults).decode


def targets(tx: Tx, project_id: int, bridge_id: str, *, query: str = "") -> Directory:
    """Whom the bridge leads to, by name; with a query those whose name holds it. Raises `NotFound` or `Invalid`."""
    sizes.plain("the query", query, longest=256)
    bridge = bridges.get(tx, project_id, bridge_id)
    found = {one.route: one for one in _all(tx, bridge)}
    wanted = _plain(query)
    kept = [one for one in found.values() if wanted in one.plain]
    return Directory(bridge=bridge, targets=sorted(kept, key=lambda one: (one.plain, one.route)), at=tx.now)


def resolve(tx: Tx, project_id: int, bridge_id: str, name: str) -> Found:
    """Who is meant by the name. Raises `Invalid`, `NotFound`, or `Ambiguous`."""
    name = name.strip()
    sizes.plain("the name of a target", name, shortest=1, longest=256)
    known = targets(tx, project_id, bridge_id).targets
    qualifier, _, rest = name.partition("/")
    steps: tuple[Callable[[Target], bool], ...] = (
        lambda one: one.route == name,
        lambda one: one.plain == _plain(name),
        lambda one: bool(rest) and _plain(one.qualifier) == _plain(qualifier) and one.plain == _plain(rest),
        lambda one: bool(_plain(name)) and one.plain.startswith(_plain(name)),
    )
    for number, matches in enumerate(steps, start=1):
        found = [one for one in known if matches(one)]
        if found:
            return Found(target=_only(found, name), step=number)
    raise NotFound(f"the bridge knows no target {name[:64]!r}; targets are known from defaults and subscriptions")


def _only(found: Sequence[Target], name: str) -> Target:
    if len(found) > 1:
        routes = ", ".join(one.route[:128] for one in found[:10])
        raise Ambiguous(f"{name[:64]!r} may be {routes}; name one of them in full")
    return found[0]


def _all(tx: Tx, bridge: Bridge) -> list[Target]:
    text = bridges.settings_of(bridge).defaults
    said = _defaults(text) if text is not None else _Defaults()
    found = _of(said.peer_id or None, said.group_id or None, said.thread_id or None, bridge.updated_at)
    for one in reversed(subscriptions_sql.of_bridge(tx, bridge.id, LOOKED_AT)):
        found += _of(one.peer_id, one.group_id, one.thread_id, one.updated_at)
    return found


def _of(peer: str | None, group: str | None, thread: str | None, at: int) -> list[Target]:
    made = [Target(kind="user", name=peer, seen_at=at)] if peer else []
    if group:
        made.append(Target(kind="group", name=group, seen_at=at))
    if thread:
        made.append(Target(kind="thread", name=thread, qualifier=group or peer or "", seen_at=at))
    return made


def _plain(name: str) -> str:
    return name.strip().lstrip("#@").strip().lower()
