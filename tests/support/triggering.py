"""Triggers of jobs, as their callers send them."""

from __future__ import annotations

from typing import Any

from runyard.domain.errors import DomainError
from runyard.domain.jobs import NewRun
from runyard.domain.records import Run
from runyard.engine import projects, triggers
from runyard.engine.triggers import Bulk, Rehearsal, Trigger, Triggered, TriggerRequest
from tests.support.yard import SECOND, Yard, all_runs

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def request(job: str = "job", **said: Any) -> TriggerRequest:
    """A call with one trigger."""
    own = {name: said.pop(name) for name in ("debounce_key", "batch_key") if name in said}
    new = NewRun(**{"payload": "{}", **said})
    return TriggerRequest(project_id=1, job=job, triggers=(Trigger(run=new, **own),), actor="apikey:1")


def ask(yard: Yard, *requests: TriggerRequest) -> list[Any]:
    """What becomes of calls that wait together."""
    return list(yard.store.transact(triggers.trigger, list(requests)))


def trigger(yard: Yard, job: str = "job", **said: Any) -> Any:
    """What becomes of one trigger. Raises what it is refused with."""
    (outcome,) = ask(yard, request(job, **said))
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def triggered(yard: Yard, job: str = "job", **said: Any) -> Run:
    """The run of a trigger that makes one."""
    outcome = trigger(yard, job, **said)
    assert isinstance(outcome, Triggered)
    return outcome.run


def bulk(yard: Yard, *items: dict[str, Any], job: str = "job", dry: frozenset[int] = frozenset()) -> Bulk:
    """What a call for many makes. Raises what it is refused with."""
    asked = tuple(
        Trigger(run=NewRun(**{"payload": "{}", **item}), dry=index in dry) for index, item in enumerate(items)
    )
    call = TriggerRequest(project_id=1, job=job, triggers=asked, bulk=True, actor="apikey:1")
    (outcome,) = ask(yard, call)
    if isinstance(outcome, DomainError):
        raise outcome
    assert isinstance(outcome, Bulk)
    return outcome


def rehearse(yard: Yard, **said: Any) -> Rehearsal:
    """What would become of one trigger."""
    return yard.store.look(triggers.rehearse, request(**said))


def count(yard: Yard) -> int:
    """How many runs there are."""
    return len(yard.store.look(all_runs))


def limit(yard: Yard, **settings: Any) -> None:
    """Give the project these settings."""
    yard.store.transact(projects.ensure_default)
    yard.store.transact(projects.update, 1, settings=settings)
