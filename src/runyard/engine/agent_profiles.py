"""What an agent is made of: profiles, what may stand in them, and what they make of the agent's job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from runyard.domain import hooks, places
from runyard.domain.agents import EXECUTOR, AgentProfile, AgentState
from runyard.domain.errors import Invalid
from runyard.domain.jobs import Cron, JobSpec
from runyard.domain.templates import TEMPLATES
from runyard.storage.port import Tx
from runyard.storage.statements import agents as sql
from runyard.storage.statements import repositories as repositories_sql

_TOLD = 10
"""How many repositories a refusal names."""
_MOST_CONFIG = 65_536
_json = msgspec.json.Encoder()


class NewAgent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent asked for."""

    name: str
    description: str = ""
    profile: AgentProfile = AgentProfile()


class AgentPatch(msgspec.Struct, frozen=True, kw_only=True):
    """What to change of an agent; None leaves it."""

    name: str | None = None
    description: str | None = None
    triggers: Mapping[str, Any] | Sequence[str] | None = None
    """All of them, or the list that `hooks.merged` takes."""
    config: Mapping[str, Any] | None = None
    state: AgentState | None = None


def check(tx: Tx, project_id: int, profile: AgentProfile) -> None:
    """Make sure that a profile makes sense. Raises `Invalid`."""
    if profile.template is not None and profile.template not in TEMPLATES:
        raise Invalid(f"there is no template {profile.template[:64]!r}; there are {', '.join(TEMPLATES)}")
    check_alone(profile)
    if profile.repository_id is None:
        return
    found = repositories_sql.get(tx, [profile.repository_id]).get(profile.repository_id)
    if found is None or found.project_id != project_id or found.deleted_at is not None:
        names = sql.repositories(tx, project_id, _TOLD + 1)
        told = ", ".join(names[:_TOLD]) + (" and others" if len(names) > _TOLD else "")
        raise Invalid(f"there is no such repository in this project; connected are: {told or 'none yet'}")


def check_alone(profile: AgentProfile) -> None:
    """Make sure of all that needs no looking up. Raises `Invalid`."""
    hooks.check(profile.triggers or {})
    if len(_json.encode(profile.config)) > _MOST_CONFIG:
        raise Invalid("an agent's config takes at most 64 KiB")


def patched(profile: AgentProfile, patch: AgentPatch) -> AgentProfile:
    """The profile with what the patch says of it. Raises `Invalid`."""
    changes: dict[str, Any] = {}
    if isinstance(patch.triggers, Mapping):
        changes["triggers"] = dict(patch.triggers)
    elif patch.triggers is not None:
        changes["triggers"] = hooks.merged(hooks.triggers_of(profile), patch.triggers)
    if patch.config is not None:
        changes["config"] = dict(patch.config)
    return msgspec.structs.replace(profile, **changes)


def spec_for(new: NewAgent) -> JobSpec:
    """The definition of a new agent's job."""
    spec = JobSpec(title=new.name, description=new.description, agent=new.profile, **scheduled(new.profile))
    if new.profile.template is None:
        return spec
    template = TEMPLATES[new.profile.template]
    return msgspec.structs.replace(spec, executor=EXECUTOR, queue=template.slug, policy=template.policy)


def scheduled(profile: AgentProfile) -> dict[str, Any]:
    """What the triggers make of the job's schedule."""
    schedule = hooks.schedule_of(profile.triggers or {})
    if schedule is None:
        return {"cron": None, "timezone": None}
    return {"cron": Cron(expression=schedule[0]), "timezone": schedule[1]}


def check_place(tx: Tx, profile: AgentProfile, payload: str, roots: Sequence[str]) -> None:
    """Make sure that the folder a run is to work in may be read; whether there is one, its executor finds out."""
    said = _path_in(payload)
    if said is not None:
        places.check(said, roots)
    elif (repository_id := profile.repository_id) is not None:
        repository = repositories_sql.get(tx, [repository_id]).get(repository_id)
        if repository is not None and repository.path is not None:
            places.check(repository.path, roots)


def _path_in(payload: str) -> Any:
    if '"path"' not in payload and "\\u" not in payload:
        return None
    return msgspec.json.decode(payload, type=dict[str, Any]).get("path")
