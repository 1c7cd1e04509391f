"""Shapes of agents (contract §28). Fields with a default are left out where they have it."""

from __future__ import annotations

import msgspec


class AgentSkills(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which skills an agent has not."""

    disabled: list[str] = []


class NewAgent(msgspec.Struct, kw_only=True):
    """An agent to define."""

    name: str
    provider: str = ""
    command: str = ""
    model: str = ""
    reasoning_effort: str = ""
    tools: list[str] = []
    toolsets: list[str] = []
    deny_tools: list[str] = []
    permissions: str = ""
    category_path: list[str] = []
    skills: AgentSkills | None = None
    capabilities: list[str] = []
    prompt: str = ""


class CreateAgentRequest(msgspec.Struct, kw_only=True):
    """An agent to define, for all workspaces or for one."""

    scope: str
    agent: NewAgent
    workspace: str = ""


class Agent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An agent."""

    name: str
    provider: str
    prompt: str
    origin: str
    definition_digest: str
    command: str = ""
    model: str = ""
    reasoning_effort: str = ""
    tools: list[str] = []
    toolsets: list[str] = []
    deny_tools: list[str] = []
    permissions: str = ""
    category_path: list[str] = []
    workspace_id: str = ""
    skills: AgentSkills | None = None
    capabilities: list[str] = []


class AgentAnswer(msgspec.Struct, kw_only=True):
    """An agent."""

    agent: Agent


class AgentsAnswer(msgspec.Struct, kw_only=True):
    """Agents."""

    agents: list[Agent]
