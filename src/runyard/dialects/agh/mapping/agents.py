"""Agents on the wire (contract §28). Pure."""

from __future__ import annotations

import hashlib

from runyard.dialects.agh.mapping.values import shown
from runyard.dialects.agh.wire import agents as wire
from runyard.domain.errors import Invalid
from runyard.domain.personas import Definition, Persona
from runyard.engine import personas


def definition_in(data: wire.NewAgent) -> Definition:
    """What an agent is. Raises `Invalid` without provider or prompt."""
    if not data.provider.strip():
        raise Invalid("`agent.provider` must say who runs the agent")
    if not data.prompt.strip():
        raise Invalid("`agent.prompt` must say what the agent is told")
    return Definition(
        provider=data.provider.strip(),
        command=data.command.strip(),
        model=data.model.strip(),
        reasoning_effort=data.reasoning_effort.strip(),
        tools=tuple(data.tools),
        toolsets=tuple(data.toolsets),
        deny_tools=tuple(data.deny_tools),
        permissions=data.permissions.strip(),
        category=tuple(data.category_path),
        disabled_skills=tuple(data.skills.disabled) if data.skills is not None else None,
        capabilities=tuple(data.capabilities),
        prompt=data.prompt,
    )


def agent_out(persona: Persona) -> wire.Agent:
    """An agent."""
    definition = personas.definition_of(persona)
    skills = definition.disabled_skills
    return wire.Agent(
        name=persona.name,
        provider=definition.provider,
        prompt=definition.prompt,
        origin="workspace" if persona.workspace_id else "global",
        definition_digest=f"sha256:{hashlib.sha256(persona.definition.encode()).hexdigest()}",
        command=definition.command,
        model=definition.model,
        reasoning_effort=definition.reasoning_effort,
        tools=list(definition.tools),
        toolsets=list(definition.toolsets),
        deny_tools=list(definition.deny_tools),
        permissions=definition.permissions,
        category_path=list(definition.category),
        workspace_id=shown("ws", persona.workspace_id) if persona.workspace_id else "",
        skills=wire.AgentSkills(disabled=list(skills)) if skills is not None else None,
        capabilities=list(definition.capabilities),
    )
