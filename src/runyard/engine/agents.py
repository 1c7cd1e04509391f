"""Agents: jobs with a profile.

The job's definition holds the profile, a row beside it how the agent stands. Only one that is deployed takes new runs,
whoever asks for them (`drafts`); runs that are under way go on whatever becomes of their agent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain.agents import CONFIG, AgentProfile, AgentRow, AgentState, agent_moved
from runyard.domain.errors import DomainError, IllegalMove, Invalid, NotFound
from runyard.domain.jobs import JobSpec, NewRun
from runyard.domain.records import Job, Run
from runyard.engine import agent_profiles as profiles
from runyard.engine import creations, jobs, schedules
from runyard.engine.agent_profiles import AgentPatch, NewAgent
from runyard.engine.creations import AD_HOC, Created
from runyard.engine.facts import CreateRequest
from runyard.engine.specs import spec_of
from runyard.storage.port import JournalLine, Tx
from runyard.storage.statements import agents as sql
from runyard.storage.statements import classes
from runyard.storage.statements import jobs as jobs_sql
from runyard.storage.statements import projects as projects_sql

__all__ = ["Agent", "AgentPatch", "NewAgent", "ask", "create", "delete", "ensure", "find", "move", "update"]

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_TRIES = 50
_json = msgspec.json.Encoder()
_PAST = {"pause": "paused", "resume": "resumed", "archive": "archived"}
_VERBS = {AgentState.PAUSED: "pause", AgentState.DEPLOYED: "resume"}


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


def create(tx: Tx, project_id: int, new: NewAgent, *, actor: str | None = None) -> Agent:
    """Make an agent, deployed at once, and its job, named after it. Raises `Invalid`.

    Without a template it takes the job that workers declared under its name, where that is no agent yet.
    """
    profiles.check(tx, project_id, new.profile)
    _check_name(new.name)
    job = _adopted(tx, project_id, new, actor)
    if job is None:
        name = _job_name(tx, project_id, new.name)
        job = jobs.create(tx, project_id, name=name, spec=profiles.spec_for(new), actor=actor)
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
    agent = Agent(job=job, spec=spec_of(job), row=row)
    _journal(tx, agent, "agent.created", actor)
    return agent


def ensure(tx: Tx, project_id: int, slug: str) -> None:
    """Make an agent of the template, named after it, unless the project has one or had one that was deleted."""
    projects_sql.lock(tx, project_id)  # servers that start at one time must not each make one
    if not sql.was_made(tx, project_id, slug):
        create(tx, project_id, NewAgent(name=slug, profile=AgentProfile(template=slug)))


def find(tx: Tx, project_id: int, wanted: str) -> Agent:
    """The agent of that id, or whose job has that name, whatever its state. Raises `NotFound`, for deleted ones too."""
    job = jobs_sql.by_name_or_id(tx, project_id, [wanted]).get(wanted) if "\0" not in wanted else None
    row = sql.get(tx, [job.id]).get(job.id) if job is not None else None
    if job is None or row is None or row.deleted_at is not None:
        raise NotFound(f"there is no agent {wanted[:128]!r} in this project")
    return Agent(job=job, spec=spec_of(job), row=row)


def update(tx: Tx, project_id: int, wanted: str, patch: AgentPatch, *, actor: str | None = None) -> Agent:
    """Change an agent; a schedule among its triggers is that of its job. Raises `NotFound` or `Invalid`."""
    agent = _locked(tx, project_id, wanted)
    state = _brought(agent.row.state, patch.state)
    profile, changes = profiles.patched(agent.profile, patch), dict[str, Any]()
    if patch.name is not None:
        _check_name(patch.name)
        changes["title"] = patch.name
    if patch.description is not None:
        changes["description"] = patch.description
    if profile != agent.profile:
        profiles.check_alone(profile)
        changes["agent"] = profile
    if patch.triggers is not None:
        changes |= profiles.scheduled(profile)
    job = jobs.update(tx, project_id, agent.id, spec=changes, actor=actor) if changes else agent.job
    row = msgspec.structs.replace(agent.row, state=state)
    if (job, row) == (agent.job, agent.row):
        return agent
    return _saved(tx, Agent(job=job, spec=spec_of(job), row=row), "agent.updated", actor)


def move(tx: Tx, project_id: int, wanted: str, verb: str, *, actor: str | None = None) -> Agent:
    """Pause, resume or archive an agent; runs it has go on. Raises `NotFound` or `IllegalMove`."""
    agent = _locked(tx, project_id, wanted)
    state = agent_moved(agent.row.state, verb)
    if state is agent.row.state:
        return agent
    moved = msgspec.structs.replace(agent, row=msgspec.structs.replace(agent.row, state=state))
    return _saved(tx, moved, f"agent.{_PAST[verb]}", actor)


def delete(tx: Tx, project_id: int, wanted: str, *, actor: str | None = None) -> None:
    """Delete an agent: it is not found any more, and its runs stay, those under way too. Raises `NotFound`.

    Its job is disabled, and gives its name to whoever wants it next.
    """
    agent = _locked(tx, project_id, wanted)
    job = agent.job
    name = f"{job.name[:80]}~{job.id}"
    gone = msgspec.structs.replace(job, name=name, enabled=False, updated_at=tx.now)
    sql.save(tx, msgspec.structs.replace(agent.row, deleted_at=tx.now, updated_at=tx.now))
    jobs_sql.save(tx, gone)
    schedules.forget(tx, job.id)
    classes.changed(tx)
    _journal(tx, agent, "agent.deleted", actor)


def ask(
    tx: Tx,
    project_id: int,
    wanted: str,
    *,
    payload: str = "{}",
    config: Mapping[str, Any] | None = None,
    trigger: str = "manual",
    event: str | None = None,
    roots: Sequence[str] | None = None,
    idempotency_key: str | None = None,
    actor: str | None = None,
) -> Run:
    """A new run of a deployed agent, `config` laid over the agent's own shallowly for this run only.

    With `roots`, the folder that an agent of a template is to work in must lie below one of them. Raises `NotFound`,
    `Invalid`, `Conflict` for an agent that is not deployed, or what the run is refused with.
    """
    agent = find(tx, project_id, wanted)
    if not payload.lstrip().startswith("{"):
        raise Invalid('the payload of an agent is an object, such as {"pr_number": 42}')
    if roots is not None and agent.profile.template is not None:
        profiles.check_place(tx, agent.profile, payload, roots)
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


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > 255 or "\0" in name:
        raise Invalid("an agent's name has 1 to 255 characters")


def _brought(state: AgentState, wanted: AgentState | None) -> AgentState:
    """The state asked for. Raises `Invalid` when no verb leads there."""
    if wanted is None or wanted is state:
        return state
    try:
        return agent_moved(state, _VERBS[wanted])
    except IllegalMove as refused:
        raise Invalid(refused.detail) from None


def _locked(tx: Tx, project_id: int, wanted: str) -> Agent:
    agent = find(tx, project_id, wanted)
    row = sql.lock(tx, agent.id)
    job = jobs_sql.lock(tx, agent.id)
    if row is None or job is None or row.deleted_at is not None:
        raise NotFound(f"there is no agent {wanted[:128]!r} in this project")
    return Agent(job=job, spec=spec_of(job), row=row)


def _saved(tx: Tx, agent: Agent, event: str, actor: str | None) -> Agent:
    row = msgspec.structs.replace(agent.row, updated_at=tx.now)
    sql.save(tx, row)
    if row.state is AgentState.DEPLOYED:
        schedules.plan(tx, agent.job)
    else:
        schedules.forget(tx, agent.id)
    _journal(tx, agent, event, actor)
    return msgspec.structs.replace(agent, row=row)


def _journal(tx: Tx, agent: Agent, event: str, actor: str | None) -> None:
    data = {"agent_id": agent.id, "agent": agent.name, "state": agent.row.state.value}
    tx.emit(JournalLine(agent.job.project_id, None, event, actor, _json.encode(data).decode()))


def _adopted(tx: Tx, project_id: int, new: NewAgent, actor: str | None) -> Job | None:
    """The job of the agent's name that workers take, made an agent's, if there is one."""
    if new.profile.template is not None:
        return None
    job = jobs_sql.by_name_or_id(tx, project_id, [plain := _plain(new.name)]).get(plain)
    if job is None or job.id in sql.get(tx, [job.id]):
        return None
    spec = spec_of(job)
    if spec.agent is not None or spec.executor != AD_HOC.executor:
        return None
    changes: dict[str, Any] = {"agent": new.profile, "title": new.name}
    schedule = profiles.scheduled(new.profile)
    if schedule["cron"] is not None:
        changes |= schedule
    if new.description:
        changes["description"] = new.description
    return jobs.update(tx, project_id, job.id, spec=changes, enabled=True, actor=actor)


def _plain(name: str) -> str:
    """An agent's name as a job's."""
    return _NOT_IN_NAMES.sub("-", name.lower()).strip("-")[:48] or "agent"


def _job_name(tx: Tx, project_id: int, name: str) -> str:
    """A name for the agent's job that is not taken yet."""
    plain = _plain(name)
    names = [plain, *(f"{plain}-{number}" for number in range(2, _TRIES))]
    taken = jobs_sql.by_name_or_id(tx, project_id, names)
    return next((one for one in names if one not in taken), f"{plain}-{tx.new_id()[-12:]}")
