"""`runyard personas …`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, Spec, json_object, present, text_value
from runyard.cli.confirm import Yes, confirm
from runyard.cli.invocation import Given, Invocation
from runyard.cli.times import stamp

if TYPE_CHECKING:
    from runyard.sdk.models import Persona

Name = Annotated[str, Parameter(name="PERSONA", help="Name of the agent, which its sessions are begun under.")]
Place = Annotated[
    str | None, Parameter(name="--workspace", help="The workspace it is known in, by name or id; all without one.")
]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """The options that define an agent."""

    spec: Spec = None
    provider: Annotated[str | None, Parameter(help="Who runs its model.")] = None
    model: Annotated[str | None, Parameter(help="The model it uses.")] = None
    effort: Annotated[str | None, Parameter(help="How hard the model is to think.")] = None
    command: Annotated[str | None, Parameter(help="The command that starts it.")] = None
    prompt: Annotated[str | None, Parameter(help="What it is told first; or @FILE, or - for input.")] = None
    capability: Annotated[list[str] | None, Parameter(help="What its sessions can do (repeatable).")] = None
    tool: Annotated[list[str] | None, Parameter(help="A tool that it has (repeatable).")] = None
    toolset: Annotated[list[str] | None, Parameter(help="A set of tools that it has (repeatable).")] = None
    deny_tool: Annotated[list[str] | None, Parameter(help="A tool that it must not use (repeatable).")] = None
    disabled_skill: Annotated[list[str] | None, Parameter(help="A skill that it does without (repeatable).")] = None
    category: Annotated[list[str] | None, Parameter(help="Where it is listed, from the top down (repeatable).")] = None
    permissions: Annotated[str | None, Parameter(help="How it asks for leave.")] = None


NOTHING = Definition()


def list_personas(*, workspace: Place = None, limit: Limit = 50, invocation: Given) -> None:
    """List the agents defined for a workspace alone, or for all of them, by name."""
    columns: list[output.Column] = [
        ("name", lambda one: one.name),
        ("provider", lambda one: one.provider),
        ("model", lambda one: one.model),
        ("capabilities", lambda one: " ".join(one.capabilities)),
        ("updated", lambda one: stamp(one.updated_at)),
    ]
    with invocation.client() as client:
        found = client.personas.list(workspace_id=workspace, limit=limit)
        output.many(invocation, found, columns, empty="No agents are defined here.")


def get(persona: Name, /, *, workspace: Place = None, invocation: Given) -> None:
    """Show an agent as a workspace sees it: its own of that name first."""
    with invocation.client() as client:
        _show(invocation, client.personas.get(persona, workspace_id=workspace))


def create(persona: Name, /, *, workspace: Place = None, definition: Definition = NOTHING, invocation: Given) -> None:
    """Define an agent, for all workspaces or for one."""
    fields = _fields(definition)
    with invocation.client() as client:
        _show(invocation, client.personas.create(persona, workspace_id=workspace, **fields))


def redefine(persona: Name, /, *, workspace: Place = None, definition: Definition = NOTHING, invocation: Given) -> None:
    """Define an agent anew: what is not given is empty; sessions that are there stay as they are."""
    fields = _fields(definition)
    with invocation.client() as client:
        _show(invocation, client.personas.redefine(persona, workspace_id=workspace, **fields))


def delete(persona: Name, /, *, workspace: Place = None, yes: Yes = False, invocation: Given) -> None:
    """Forget the definition of an agent."""
    confirm(invocation, f"Forget the agent {persona}?", yes=yes)
    with invocation.client() as client:
        client.personas.delete(persona, workspace_id=workspace)
    output.deleted(invocation, persona)


def _fields(given: Definition) -> dict[str, Any]:
    """The definition: `--spec`, with the options on top of it. Raises a usage `Failure`."""
    fields = json_object(given.spec, "--spec") if given.spec is not None else {}
    # A definition may be what `get` printed; whose it is, is said beside it.
    for name in ("name", "workspace_id", "created_at", "updated_at"):
        fields.pop(name, None)
    return fields | present(
        provider=given.provider,
        model=given.model,
        reasoning_effort=given.effort,
        command=given.command,
        prompt=None if given.prompt is None else text_value(given.prompt, "--prompt"),
        capabilities=given.capability,
        tools=given.tool,
        toolsets=given.toolset,
        deny_tools=given.deny_tool,
        disabled_skills=given.disabled_skill,
        category=given.category,
        permissions=given.permissions,
    )


def _show(invocation: Invocation, one: Persona) -> None:
    fields: list[tuple[str, object]] = [
        ("name", one.name),
        ("workspace", one.workspace_id or "all"),
        ("provider", one.provider),
        ("model", one.model),
        ("effort", one.reasoning_effort),
        ("command", one.command),
        ("capabilities", " ".join(one.capabilities)),
        ("tools", " ".join(one.tools)),
        ("toolsets", " ".join(one.toolsets)),
        ("not", " ".join(one.deny_tools)),
        ("without skills", " ".join(one.disabled_skills)),
        ("category", " / ".join(one.category)),
        ("permissions", one.permissions),
        ("prompt", one.prompt),
        ("created", stamp(one.created_at)),
        ("updated", stamp(one.updated_at)),
    ]
    output.one(invocation, one, fields, name=one.name)
