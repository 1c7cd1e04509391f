"""Execution windows: runs of a job start only in minutes that its expression matches."""

from __future__ import annotations

from runyard.domain import cron
from runyard.domain.errors import Invalid
from runyard.domain.jobs import JobSpec
from runyard.domain.projects import ProjectSettings

_UNSET = ProjectSettings()


def zone_of(spec: JobSpec, settings: ProjectSettings | None) -> str:
    """The time zone that the job's expressions are read in: its own, else its project's."""
    return spec.timezone or (settings or _UNSET).timezone


def opening(spec: JobSpec, zone: str, wanted: int) -> int:
    """The first time from `wanted` on at which a run may start. Raises `Invalid` when there is none."""
    if spec.window is None:
        return wanted
    try:
        found = cron.next_match(spec.window, zone, wanted)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"the job's execution window cannot be told: {error}") from None
    if found is None:
        raise Invalid(f"the job's execution window {spec.window!r} never opens")
    return found
