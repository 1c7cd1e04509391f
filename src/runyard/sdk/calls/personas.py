"""Requests about agents by name: what they are, in a workspace or in all of them."""

from __future__ import annotations

from typing import Unpack

from runyard.sdk import models
from runyard.sdk.call import Call, get, present, query, segment, send
from runyard.sdk.room_fields import PersonaFields


def create(name: str, *, workspace_id: str | None = None, **definition: Unpack[PersonaFields]) -> Call[models.Persona]:
    """Define an agent, for all workspaces or for one. Raises `AlreadyExists` for a name that is taken there."""
    return send("POST", "/personas", models.Persona, {**present(name=name, workspace_id=workspace_id), **definition})


def list_all(*, workspace_id: str | None = None, limit: int | None = None) -> Call[models.Page[models.Persona]]:
    """The agents defined for a workspace alone, or for all of them, by name."""
    return get("/personas", models.Page[models.Persona], query(workspace_id=workspace_id, limit=limit))


def read(name: str, *, workspace_id: str | None = None) -> Call[models.Persona]:
    """An agent, as the workspace sees it: its own of that name first."""
    return get(f"/personas/{segment(name)}", models.Persona, query(workspace_id=workspace_id))


def redefine(
    name: str, *, workspace_id: str | None = None, **definition: Unpack[PersonaFields]
) -> Call[models.Persona]:
    """Define an agent anew: what is not given is empty. Sessions that are there stay as they are."""
    return send("PUT", f"/personas/{segment(name)}", models.Persona, definition, query(workspace_id=workspace_id))


def delete(name: str, *, workspace_id: str | None = None) -> Call[None]:
    """Forget the definition of an agent."""
    return send("DELETE", f"/personas/{segment(name)}", None, query=query(workspace_id=workspace_id))
