"""What operators force on runs, between the wire and the engine (contract §10). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from runyard.dialects.agh.errors import ERRORS, error_of
from runyard.dialects.agh.mapping.runs import run_out
from runyard.dialects.agh.mapping.values import given, trimmed, wanted
from runyard.dialects.agh.wire import forcing as wire
from runyard.domain.actors import Doer
from runyard.domain.errors import DomainError, Invalid
from runyard.engine.tasks import forcing
from runyard.engine.tasks.forcing import Force
from runyard.engine.tasks.succeeding import Succession
from runyard.engine.tasks.views import RunSeen

Outcome = RunSeen | DomainError


def bulk_release_in(project_id: int, by: Doer, data: wire.BulkForceRequest, *, agents_may: bool) -> Force:
    """Who releases many runs, and why; no metadata is looked at."""
    return Force(project_id=project_id, by=by, agents_may=agents_may, reason=trimmed(data.reason) or "")


def bulk_fail_in(project_id: int, by: Doer, data: wire.BulkForceRequest, *, agents_may: bool) -> Force:
    """Who fails many runs, and why."""
    reason = trimmed(data.reason) or ""
    return Force(project_id=project_id, by=by, agents_may=agents_may, reason=reason, metadata=given(data.metadata))


def runs_in(ids: Sequence[str]) -> dict[str, str]:
    """The runs that are meant, by what was said, each once; what can be no run's id is none's.

    Raises `Invalid` and `BulkTooLarge`.
    """
    forcing.check_ids(ids)
    said = list(dict.fromkeys(text.strip() for text in ids))
    if not all(said):
        raise Invalid("`run_ids` must not contain blanks")
    return {text: wanted("run", text) or text for text in said}


def bulk_out(asked: dict[str, str], outcomes: Sequence[Outcome]) -> wire.BulkForceAnswer:
    """What became of many runs, in their order."""
    return wire.BulkForceAnswer(results=[_item(text, outcome) for text, outcome in zip(asked, outcomes, strict=True)])


def _item(text: str, outcome: Outcome) -> wire.Item:
    if isinstance(outcome, DomainError):
        return wire.Item(run_id=text, ok=False, error=error_of(ERRORS.fault(outcome, "")))
    return wire.Item(run_id=text, ok=True, run=run_out(outcome))


def succession_out(done: Succession) -> wire.RetryAnswer:
    """A run, and the one that takes its place."""
    return wire.RetryAnswer(previous_run=run_out(done.previous), run=run_out(done.run))
