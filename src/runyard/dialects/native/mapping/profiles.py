"""Execution profiles of tasks."""

from __future__ import annotations

from typing import Any

import msgspec

from runyard.dialects.native.mapping.values import maybe_when
from runyard.dialects.native.wire import profiles as wire
from runyard.domain.profiles import Profile
from runyard.engine.tasks.profiles import Profiled


def profile_in(data: wire.TaskProfileIn) -> Profile:
    """The profile that is given."""
    said: dict[str, Any] = msgspec.to_builtins(data)
    return msgspec.convert(said, Profile)


def profile_out(profiled: Profiled) -> wire.TaskProfile:
    """A task's profile."""
    profile = profiled.profile
    parts: dict[str, Any] = msgspec.to_builtins(profile)
    said = msgspec.convert({name: parts[name] for name in wire.TaskProfileIn.__struct_fields__}, wire.TaskProfileIn)
    return wire.TaskProfile(
        task_id=profiled.task.id,
        coordinator=said.coordinator,
        worker=said.worker,
        review=said.review,
        participants=said.participants,
        sandbox=said.sandbox,
        runtime=said.runtime,
        created_at=maybe_when(profile.created_at or None),
        updated_at=maybe_when(profile.updated_at or None),
    )
