"""Agents by name."""

from __future__ import annotations

from datetime import datetime

from runyard.sdk.models.model import Model


class Persona(Model, frozen=True, kw_only=True):
    """What an agent of this name is, in a workspace or in all of them."""

    name: str
    workspace_id: str | None = None
    provider: str = ""
    command: str = ""
    model: str = ""
    reasoning_effort: str = ""
    tools: list[str] = []
    toolsets: list[str] = []
    deny_tools: list[str] = []
    permissions: str = ""
    category: list[str] = []
    disabled_skills: list[str] = []
    capabilities: list[str] = []
    prompt: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
