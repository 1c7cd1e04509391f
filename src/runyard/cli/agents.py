"""`runyard agents …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from runyard.cli import output
from runyard.cli.arguments import Limit, json_object, present
from runyard.cli.confirm import Yes, confirm
from runyard.cli.failures import usage
from runyard.cli.invocation import Given, Invocation
from runyard.cli.runs.wait import Timeout, Wait, answer
from runyard.cli.times import length, stamp

if TYPE_CHECKING:
    from runyard.sdk.models import Agent

Name = Annotated[str, Parameter(name="AGENT", help="Id of the agent, or the name of its job.")]
Json = Annotated[str | None, Parameter(help="A JSON object, @FILE, or - for input.")]


def list_agents(
    *,
    template: Annotated[str | None, Parameter(help="Only agents of this template.")] = None,
    state: Annotated[str | None, Parameter(help="Only agents that stand so, like deployed or paused.")] = None,
    limit: Limit = 50,
    invocation: Given,
) -> None:
    """List agents, newest first."""
    columns: list[output.Column] = [
        ("job", lambda agent: agent.job),
        ("name", lambda agent: agent.name),
        ("template", lambda agent: agent.template or ""),
        ("state", lambda agent: agent.state),
        ("runs", lambda agent: agent.runs.total),
        ("success", lambda agent: f"{agent.runs.success_rate:.0%}"),
        ("last run", lambda agent: stamp(agent.last_run_at)),
    ]
    with invocation.client() as client:
        found = client.agents.list(template=template, state=state, limit=limit)
        output.many(invocation, found, columns, empty="There are no agents.")


def get(agent: Name, /, *, invocation: Given) -> None:
    """Show an agent, and how its runs did."""
    with invocation.client() as client:
        _show(invocation, client.agents.get(agent))


def create(
    name: Annotated[str, Parameter(help="What people call it.")],
    /,
    *,
    template: Annotated[str | None, Parameter(help="What it is made from: see `runyard agents templates`.")] = None,
    description: Annotated[str | None, Parameter(help="What it is for.")] = None,
    repository: Annotated[str | None, Parameter(help="Id of the repository it works on.")] = None,
    triggers: Json = None,
    config: Json = None,
    invocation: Given,
) -> None:
    """Make an agent; it is deployed at once."""
    with invocation.client() as client:
        made = client.agents.create(
            name,
            template=template,
            description=description,
            repository_id=repository,
            triggers=None if triggers is None else json_object(triggers, "--triggers"),
            config=None if config is None else json_object(config, "--config"),
        )
        _show(invocation, made)


def update(
    agent: Name,
    /,
    *,
    name: Annotated[str | None, Parameter(help="What people call it.")] = None,
    description: Annotated[str | None, Parameter(help="What it is for.")] = None,
    triggers: Json = None,
    config: Json = None,
    invocation: Given,
) -> None:
    """Change what is given of an agent; runs made before keep the configuration they were made with."""
    given = present(
        name=name,
        description=description,
        triggers=None if triggers is None else json_object(triggers, "--triggers"),
        config=None if config is None else json_object(config, "--config"),
    )
    if not given:
        raise usage("Nothing to change is given.", "`runyard agents update --help` lists what can be.")
    with invocation.client() as client:
        _show(invocation, client.agents.update(agent, **given))


def run(
    agent: Name,
    /,
    *,
    payload: Annotated[str | None, Parameter(alias="-p", help="A JSON object, @FILE, or - for input.")] = None,
    config: Annotated[str | None, Parameter(help="JSON laid over the agent's own config, for this run.")] = None,
    wait: Wait = False,
    timeout: Timeout = None,
    invocation: Given,
) -> int:
    """Ask an agent for a run."""
    if timeout is not None and not wait:
        raise usage("--timeout goes with --wait")
    asked = None if payload is None else json_object(payload, "--payload")
    over = None if config is None else json_object(config, "--config")
    with invocation.client() as client:
        made = client.agents.run(agent, asked, config=over)
        return answer(invocation, client, made, wait=wait, timeout=timeout)


def pause(agent: Name, /, *, invocation: Given) -> None:
    """Have an agent take no runs until it is resumed."""
    with invocation.client() as client:
        _show(invocation, client.agents.pause(agent))


def resume(agent: Name, /, *, invocation: Given) -> None:
    """Have a paused agent take runs again."""
    with invocation.client() as client:
        _show(invocation, client.agents.resume(agent))


def archive(agent: Name, /, *, yes: Yes = False, invocation: Given) -> None:
    """Have an agent take no runs for good."""
    confirm(invocation, f"Archive the agent {agent} for good?", yes=yes)
    with invocation.client() as client:
        _show(invocation, client.agents.archive(agent))


def delete(agent: Name, /, *, yes: Yes = False, invocation: Given) -> None:
    """Delete an agent; its runs stay."""
    confirm(invocation, f"Delete the agent {agent}?", yes=yes)
    with invocation.client() as client:
        client.agents.delete(agent)
    output.deleted(invocation, agent)


def health(agent: Name, /, *, invocation: Given) -> None:
    """Score how well an agent did in the last 30 days."""
    with invocation.client() as client:
        found = client.agents.health(agent)
    fields: list[tuple[str, object]] = [
        ("grade", found.grade),
        ("overall", found.overall),
        ("reliability", found.reliability),
        ("efficiency", found.efficiency),
        ("cost", found.cost),
        ("activity", found.activity),
    ]
    output.one(invocation, found, fields, name=found.grade)


def stats(
    *,
    period: Annotated[Literal["day", "week", "month"], Parameter(help="Today, or 7 or 30 days up to today.")] = "week",
    agent: Annotated[str | None, Parameter(help="Only runs of this agent, by id or the name of its job.")] = None,
    repository: Annotated[str | None, Parameter(help="Only runs about the repository with this id.")] = None,
    invocation: Given,
) -> None:
    """Count how runs of agents did, day by day in UTC."""
    columns: list[output.Column] = [
        ("day", lambda one: getattr(one, "date", "all")),
        ("runs", lambda one: one.total),
        ("succeeded", lambda one: one.succeeded),
        ("failed", lambda one: one.failed),
        ("success", lambda one: f"{one.success_rate:.0%}"),
        ("took", lambda one: length(one.mean_duration_ms / 1000)),
        ("findings", lambda one: one.findings),
    ]
    with invocation.client() as client:
        wanted = None if agent is None else client.agents.get(agent).id
        found = client.agents.stats(period=period, agent=wanted, repository=repository)
    if invocation.json:
        output.one(invocation, found, [])
    else:
        output.many(invocation, [*found.days, found.whole], columns, empty="")


def templates(*, invocation: Given) -> None:
    """List what agents can be made from."""
    columns: list[output.Column] = [
        ("template", lambda template: template.slug),
        ("category", lambda template: template.category),
        ("usually begun by", lambda template: ", ".join(template.triggers)),
        ("description", lambda template: template.description),
    ]
    with invocation.client() as client:
        output.many(invocation, client.agents.templates(), columns, empty="There are no templates.")


def _show(invocation: Invocation, agent: Agent) -> None:
    runs = agent.runs
    fields: list[tuple[str, object]] = [
        ("name", agent.name),
        ("id", agent.id),
        ("job", agent.job),
        ("template", agent.template or "none"),
        ("state", agent.state),
        ("description", agent.description),
        ("repository", agent.repository_id or "none"),
        ("triggers", output.pretty(agent.triggers)),
        ("config", output.pretty(agent.config)),
        ("runs", f"{runs.total}, {runs.succeeded} succeeded, {runs.failed} failed"),
        ("findings", runs.findings),
        ("last run", stamp(agent.last_run_at)),
        ("created", stamp(agent.created_at)),
    ]
    output.one(invocation, agent, fields, name=agent.job)
