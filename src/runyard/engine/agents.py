"""Agents: jobs with a profile (DESIGN §2).

The job's definition holds the profile, a row beside it how the agent stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from runyard.domain.agents import CONFIG, EXECUTOR, AgentProfile, AgentRow, AgentState
from runyard.domain.errors import Conflict, DomainError, Invalid, NotFound
from runyard.domain.jobs import JobSpec, NewRun
from runyard.domain.records import Job, Run
from runyard.domain.templates import TEMPLATES
from runyard.engine import creations, jobs
from runyard.engine.creations import Created
from runyard.engine.facts import CreateRequest
from runyard.engine.specs import spec_of
from runyard.storage.port import Tx
from runyard.storage.statements import agents as sql
from runyard.storage.statements import jobs as jobs_sql
from runyard.storage.statements import projects as projects_sql

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_TRIES = 50


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent with its job."""

    job: Job
    spec: JobSpec
    row: AgentRow

    @property
    def id(self) -> str:
        """The id of the agent, which is that of its job."""
        return self.job.id

    @property
    def name(self) -> str:
        """What people call it."""
        return self.spec.title or self.job.name

    @property
    def profile(self) -> AgentProfile:
        """What makes its job an agent."""
        return self.spec.agent or AgentProfile()


class NewAgent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent asked for."""

    name: str
    description: str = ""
    profile: AgentProfile = AgentProfile()


def create(tx: Tx, project_id: int, new: NewAgent, *, actor: str | None = None) -> Agent:
    """Make an agent, deployed at once, and its job, named after it. Raises `Invalid`."""
    check(tx, project_id, new.profile)
    if not new.name.strip() or len(new.name) > 255 or "\0" in new.name:
        raise Invalid("an agent's name has 1 to 255 characters")
    job = jobs.create(tx, project_id, name=_job_name(tx, project_id, new.name), spec=_spec(new), actor=actor)
    row = AgentRow(
        job_id=job.id,
        project_id=project_id,
        template=new.profile.template,
        repository_id=new.profile.repository_id,
        state=AgentState.DEPLOYED,
        created_at=tx.now,
        updated_at=tx.now,
    )
    sql.add(tx, row)
    return Agent(job=job, spec=spec_of(job), row=row)


def ensure(tx: Tx, project_id: int, slug: str) -> None:
    """Make an agent of the template, named after it, unless the project has one or had one that was deleted."""
    projects_sql.lock(tx, project_id)  # servers that start at one time must not each make one
    if not sql.was_made(tx, project_id, slug):
        create(tx, project_id, NewAgent(name=slug, profile=AgentProfile(template=slug)))


def find(tx: Tx, project_id: int, agent_id: str) -> Agent:
    """The agent, whatever its state; one that was deleted is not found. Raises `NotFound`."""
    row = sql.get(tx, [agent_id]).get(agent_id)
    if row is None or row.project_id != project_id or row.deleted_at is not None:
        raise NotFound(f"there is no agent {agent_id} in this project")
    job = jobs.get(tx, project_id, agent_id)
    return Agent(job=job, spec=spec_of(job), row=row)


def ask(
    tx: Tx,
    project_id: int,
    agent_id: str,
    *,
    payload: str = "{}",
    config: Mapping[str, Any] | None = None,
    trigger: str = "manual",
    event: str | None = None,
    idempotency_key: str | None = None,
    actor: str | None = None,
) -> Run:
    """A new run of a deployed agent, `config` laid over the agent's own shallowly for this run only.

    Raises `NotFound`, `Conflict` for an agent that is not deployed, or what the run is refused with.
    """
    agent = find(tx, project_id, agent_id)
    if agent.row.state is not AgentState.DEPLOYED:
        raise Conflict(f"the agent is {agent.row.state} and takes no runs; deploy or resume it first")
    new = NewRun(
        job=agent.id,
        payload=payload,
        metadata={CONFIG: {**agent.profile.config, **config}} if config else None,
        trigger=trigger,
        event=event,
        idempotency_key=idempotency_key,
    )
    made: list[Created] | DomainError = creations.create(
        tx, [CreateRequest(project_id=project_id, runs=(new,), actor=actor)]
    )[0]
    if isinstance(made, DomainError):
        raise made
    return made[0].run


def check(tx: Tx, project_id: int, profile: AgentProfile) -> None:
    """Make sure that a profile makes sense. Raises `Invalid`."""
    if profile.template is not None and profile.template not in TEMPLATES:
        raise Invalid(f"there is no template {profile.template[:64]!r}; there are {', '.join(TEMPLATES)}")


def _spec(new: NewAgent) -> JobSpec:
    spec = JobSpec(title=new.name, description=new.description, agent=new.profile)
    if new.profile.template is None:
        return spec
    template = TEMPLATES[new.profile.template]
    return msgspec.structs.replace(spec, executor=EXECUTOR, queue=template.slug, policy=template.policy)


def _job_name(tx: Tx, project_id: int, name: str) -> str:
    """A name for the agent's job that is not taken yet."""
    plain = _NOT_IN_NAMES.sub("-", name.lower()).strip("-")[:48] or "agent"
    names = [plain, *(f"{plain}-{number}" for number in range(2, _TRIES))]
    taken = jobs_sql.by_name_or_id(tx, project_id, names)
    return next((one for one in names if one not in taken), f"{plain}-{tx.new_id()[-12:]}")
