"""Agents by name: defined, found as a workspace sees them, and deleted. Sessions need no definition of their agent."""

from __future__ import annotations

import msgspec

from runyard.domain.errors import AlreadyExists, Invalid, NotFound
from runyard.domain.personas import Definition, Persona, agent_named, capable
from runyard.engine import sizes, workspaces
from runyard.storage.port import Tx
from runyard.storage.statements import personas as sql

DEFINITION = 256 << 10
MOST = 1000
_json = msgspec.json.Encoder()
_definition = msgspec.json.Decoder(Definition).decode


def create(tx: Tx, project_id: int, name: str, definition: Definition, *, workspace: str | None = None) -> Persona:
    """Define an agent, for all workspaces or for one. Raises `Invalid`, `NotFound`, `TooLarge` or `AlreadyExists`."""
    persona = _made(tx, project_id, name, definition, workspace)
    if not sql.add(tx, persona):
        raise AlreadyExists(f"there is an agent {name!r} here already; choose another name")
    return persona


def redefine(tx: Tx, project_id: int, name: str, definition: Definition, *, workspace: str | None = None) -> Persona:
    """Define an agent anew. Raises `NotFound`, `Invalid` or `TooLarge`."""
    own = workspaces.resolve(tx, project_id, workspace) if workspace is not None else ""
    before = sql.get(tx, project_id, [own], name) if "\0" not in name else None
    if before is None:
        raise NotFound(f"there is no agent {name[:128]!r} here")
    persona = msgspec.structs.replace(_made(tx, project_id, name, definition, workspace), created_at=before.created_at)
    sql.put(tx, persona)
    return persona


def find(tx: Tx, project_id: int, name: str, *, workspace: str | None = None) -> Persona:
    """The agent as the workspace sees it: its own of that name first. Raises `NotFound`."""
    own = workspaces.resolve(tx, project_id, workspace) if workspace is not None else ""
    found = sql.get(tx, project_id, sorted({own, ""}), name) if "\0" not in name else None
    if found is None:
        raise NotFound(f"there is no agent {name[:128]!r}")
    return found


def known(tx: Tx, project_id: int, name: str, workspace_id: str | None) -> Definition:
    """How the agent is defined in the workspace; an empty definition where nobody defined it."""
    found = sql.get(tx, project_id, sorted({workspace_id or "", ""}), name)
    return definition_of(found) if found is not None else Definition()


def seen_in(tx: Tx, project_id: int, *, workspace: str | None = None) -> list[Persona]:
    """All agents as the workspace sees them, by name; those known everywhere where none is named. At most 1000."""
    found = {one.name: one for one in sql.page(tx, project_id, "", after="", n=MOST)}
    if workspace is not None:
        own = workspaces.resolve(tx, project_id, workspace)
        found |= {one.name: one for one in sql.page(tx, project_id, own, after="", n=MOST)}
    return [found[name] for name in sorted(found)][:MOST]


def page(tx: Tx, project_id: int, *, workspace: str | None = None, after: str = "", limit: int = 50) -> list[Persona]:
    """The agents defined for a workspace alone, or for all, from behind a name on, by name. Raises `NotFound`."""
    own = workspaces.resolve(tx, project_id, workspace) if workspace is not None else ""
    return sql.page(tx, project_id, own, after=after, n=limit)


def delete(tx: Tx, project_id: int, name: str, *, workspace: str | None = None) -> None:
    """Forget a definition. Raises `NotFound`."""
    own = workspaces.resolve(tx, project_id, workspace) if workspace is not None else ""
    if "\0" in name or not sql.delete(tx, project_id, own, name):
        raise NotFound(f"there is no agent {name[:128]!r} here")


def definition_of(persona: Persona) -> Definition:
    """What the agent is."""
    return _definition(persona.definition)


def _made(tx: Tx, project_id: int, name: str, definition: Definition, workspace: str | None) -> Persona:
    agent_named(name)
    definition = msgspec.structs.replace(definition, capabilities=capable(definition.capabilities))
    text = _json.encode(definition).decode()
    sizes.within(DEFINITION, "the definition of the agent", text)
    if "\\u0000" in text:
        raise Invalid("the definition of the agent holds a NUL character")
    own = workspaces.resolve(tx, project_id, workspace) if workspace is not None else ""
    return Persona(
        project_id=project_id,
        workspace_id=own,
        name=name,
        definition=text,
        created_at=tx.now,
        updated_at=tx.now,
    )
