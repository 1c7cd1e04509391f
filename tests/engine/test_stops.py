"""Stopping runs that people watch: once, with a reason, and no more when they have ended."""

from __future__ import annotations

import pytest

from runyard.domain.errors import DomainError, IllegalMove, Invalid, NotFound
from runyard.domain.records import LogEntry
from runyard.domain.states import RunState
from runyard.engine import log_lines, stops
from tests.support.yard import Known, Yard, id_of

S = RunState


def log(yard: Yard, run: Known) -> list[LogEntry]:
    """The run's log."""
    return yard.store.look(log_lines.of_run, yard.project_id, id_of(run))


def test_the_reason_stands_in_the_log_and_in_the_journal(yard: Yard):
    run = yard.create()
    stopped = yard.do(stops.stop, run, reason="No longer needed", actor="me")
    assert (stopped.state, stopped.finished_at) == (S.CANCELED, yard.clock.now())
    (line,) = log(yard, run)
    assert (line.level, line.message, line.data) == (
        "info",
        "Canceled: No longer needed",
        '{"reason":"No longer needed"}',
    )
    assert yard.last(run)["reason"] == "No longer needed"


def test_stopping_again_changes_and_tells_nothing(yard: Yard):
    run = yard.create()
    first = yard.do(stops.stop, run)
    yard.clock.forward(seconds=5)
    assert yard.do(stops.stop, run, reason="again") == first
    assert [line.message for line in log(yard, run)] == ["Canceled"]


def test_what_has_ended_otherwise_is_refused(yard: Yard):
    for state in (S.COMPLETED, S.FAILED, S.TIMED_OUT, S.CRASHED, S.SYSTEM_FAILED, S.EXPIRED, S.DEAD_LETTER):
        run = yard.in_state(state)
        with pytest.raises(IllegalMove):
            yard.do(stops.stop, run, reason="too late")
        assert yard.state(run) is state
        assert log(yard, run) == []


def test_whatever_has_not_ended_can_be_stopped(yard: Yard):
    for state in (S.DRAFT, S.SCHEDULED, S.QUEUED, S.CLAIMED, S.STARTING, S.RUNNING, S.WAITING, S.PAUSED):
        assert yard.do(stops.stop, yard.in_state(state)).state is S.CANCELED
    assert yard.do(stops.stop, yard.in_state(S.NEEDS_ATTENTION)).state is S.CANCELED


def test_a_reason_is_bounded_and_the_run_is_the_projects_own(yard: Yard):
    run = yard.create()
    for wrong in ("x" * 1001, "a\0b"):
        with pytest.raises(Invalid):
            yard.do(stops.stop, run, reason=wrong)
    with pytest.raises(NotFound):
        yard.store.transact(stops.stop, 2, run.id)
    assert yard.state(run) is S.QUEUED
    assert yard.do(stops.stop, run, reason="é" * 1000).state is S.CANCELED


def test_of_two_servers_that_stop_a_run_one_tells_why(two_servers, clock):
    first, second = two_servers
    yard = Yard(first, clock)
    for _ in range(5):
        run = yard.create()
        answers = [store.transact(stops.stop, 1, run.id, reason=str(n)) for n, store in enumerate((first, second))]
        assert answers[0].finished_at == answers[1].finished_at
        assert len(log(yard, run)) == 1


def test_what_was_stopped_takes_no_late_end(yard: Yard):
    granted = yard.running()
    yard.do(stops.stop, granted)
    with pytest.raises(DomainError):
        yard.complete(granted)
    assert yard.state(granted) is S.CANCELED
