"""Which runs a list is to show."""

from __future__ import annotations

from typing import Literal

import msgspec

from runyard.domain.states import UNSUCCESSFUL, RunState

Outcome = Literal["failed", "succeeded", "canceled", "unresolved"]
OUTCOMES = {
    "failed": UNSUCCESSFUL,
    "succeeded": frozenset({RunState.COMPLETED}),
    "canceled": frozenset({RunState.CANCELED}),
    "unresolved": UNSUCCESSFUL | {RunState.NEEDS_ATTENTION},
}


class Filter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which runs are wanted: those that meet everything said here."""

    states: tuple[RunState, ...] | None = None
    job: str | None = None
    """Name or id."""
    queue: str | None = None
    tags: tuple[tuple[str, str | None], ...] = ()
    """Tag and value; any value where it is None."""
    parent_id: str | None = None
    task_id: str | None = None
    batch_id: str | None = None
    outcome: Outcome | None = None
    error_class: str | None = None
    error_classes: tuple[str, ...] = ()
    """Any of these, where there are any."""
    but_error_classes: tuple[str, ...] = ()
    """Some error class, and none of these."""
    trigger: str | None = None
    executor: str | None = None
    but_executor: str | None = None
    """Any executor but this."""
    resolved: bool | None = None
    created_after: int | None = None
    """At this time or later."""
    created_before: int | None = None
    """Earlier than this time."""
    payload: str | None = None
    """JSON that the payload contains, as by PostgreSQL's `@>`."""
    metadata: str | None = None
    notes: tuple[tuple[str, str | None], ...] = ()
    """Entries of the metadata, by name and text; any value where it is None."""


def states_of(wanted: Filter) -> frozenset[RunState] | None:
    """The states that are wanted, None for all."""
    asked = None if wanted.states is None else frozenset(wanted.states)
    if wanted.outcome is None:
        return asked
    return OUTCOMES[wanted.outcome] if asked is None else asked & OUTCOMES[wanted.outcome]


def classes_of(wanted: Filter) -> tuple[str, ...]:
    """The error classes that are wanted, each once; none where any is as good as none."""
    if wanted.error_class is None:
        return tuple(dict.fromkeys(wanted.error_classes))
    return (wanted.error_class,)
