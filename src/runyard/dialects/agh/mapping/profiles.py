"""Execution profiles on the wire (contract §18). Pure."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from runyard.dialects.agh.mapping.values import instant_or_never, shown, wanted
from runyard.dialects.agh.wire import profiles as wire
from runyard.domain import profiles
from runyard.domain.errors import Invalid
from runyard.domain.profiles import Profile
from runyard.engine.tasks.profiles import Profiled

P = TypeVar("P", bound=msgspec.Struct)
W = TypeVar("W", bound=msgspec.Struct)


def profile_in(task_id: str, data: wire.ProfileRequest, project_id: int) -> Profile:
    """The profile that is given. Raises `Invalid` when it is said to be of another task."""
    if wanted("task", data.task_id, project_id) not in (None, task_id):
        raise Invalid("`task_id` is not the task of the path; leave it out, or name the same")
    return Profile(
        coordinator=_part(profiles.Coordinator, data.coordinator),
        worker=_part(profiles.Worker, data.worker),
        review=_part(profiles.Reviewer, data.review),
        participants=_part(profiles.Participants, data.participants),
        sandbox=_part(profiles.Sandbox, data.sandbox),
        runtime=_part(profiles.Runtime, data.runtime),
    )


def _part(kind: type[P], said: msgspec.Struct | None) -> P:
    given: dict[str, Any] = {} if said is None else msgspec.structs.asdict(said)
    return kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in given.items() if v is not None})


def profile_out(profiled: Profiled) -> wire.ProfileAnswer:
    """A task's profile."""
    profile = profiled.profile
    return wire.ProfileAnswer(
        profile=wire.Profile(
            task_id=shown("task", profiled.task.id),
            coordinator=_shown(wire.Coordinator, profile.coordinator),
            worker=_shown(wire.Worker, profile.worker),
            review=_shown(wire.Review, profile.review),
            participants=_shown(wire.Participants, profile.participants),
            sandbox=_shown(wire.Sandbox, profile.sandbox),
            runtime=_shown(wire.Runtime, profile.runtime),
            created_at=instant_or_never(profile.created_at or None),
            updated_at=instant_or_never(profile.updated_at or None),
        )
    )


def _shown(kind: type[W], part: msgspec.Struct) -> W:
    said = msgspec.structs.asdict(part)
    return kind(**{name: list(v) if isinstance(v, tuple) else v for name, v in said.items() if v not in ("", ())})
