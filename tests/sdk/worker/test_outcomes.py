from __future__ import annotations

from typing import Any

import msgspec

from runyard.dialects.native import wire
from runyard.sdk import models
from runyard.sdk.worker import outcomes
from runyard.sdk.worker.outcomes import TRACEBACK_BYTES

QUESTION = models.ApprovalAsk(name="deploy", action="Deploy", changes=["a.py"], risk="high")


def said(outcome: outcomes.Outcome) -> Any:
    return msgspec.json.decode(outcome.body)


def test_a_failure_keeps_the_end_of_a_long_traceback() -> None:
    try:
        raise ValueError("ä" * 20_000)
    except ValueError as error:
        report = said(outcomes.raised("a", "t", error, started_at=1.0))

    trace = report["error"]["data"]["traceback"]
    assert TRACEBACK_BYTES - 4 <= len(trace.encode()) <= TRACEBACK_BYTES
    assert trace.endswith("ä\n")
    assert len(report["error"]["message"]) == outcomes.MESSAGE_CHARS


def test_an_error_without_words_is_known_by_its_class() -> None:
    report = said(outcomes.raised("a", "t", KeyboardInterrupt(), started_at=0.0))

    assert (report["error"]["message"], report["error"]["kind"]) == ("KeyboardInterrupt", "KeyboardInterrupt")
    assert "started_at" not in report


def test_every_outcome_is_understood_by_the_wire() -> None:
    error = RuntimeError("no")
    made = [
        (outcomes.started("a", "t", started_at=1.0), wire.StartReport),
        (outcomes.completed("a", "t", {"x": 1}, started_at=1.5), wire.CompleteReport),
        (outcomes.raised("a", "t", outcomes.RetryLater(-1), started_at=1.5), wire.FailReport),
        (outcomes.raised("a", "t", outcomes.Park(), started_at=1.5), wire.WaitReport),
        (outcomes.raised("a", "t", outcomes.Park(5.0, approval=QUESTION), started_at=1.5), wire.WaitReport),
        (outcomes.refused("complete", "a", "t", "too large", started_at=1.5), wire.FailReport),
        (outcomes.refused("wait", "a", "t", "no such name", started_at=1.5), wire.FailReport),
        (outcomes.released("a", "t", "x" * 9999), wire.ReleaseReport),
    ]
    for outcome, shape in made:
        read = msgspec.json.decode(outcome.body, type=shape)
        assert (read.run_id, read.token) == ("a", "t")
    assert said(outcomes.raised("a", "t", error, started_at=1.5))["started_at"] == "1970-01-01T00:00:01.500000Z"
