"""What the SDK says and understands is what the native API understands and says."""

from __future__ import annotations

import datetime as dt
from typing import Any, get_type_hints

import msgspec
import pytest

from runyard.dialects.native import wire
from runyard.sdk import fields, models

ANSWERS = [
    "Project", "Key", "Job", "JobVersion", "Run", "UsageTotals", "Claim", "Result", "ResultError", "Attempt", "Event",
    "LogEntry", "Chunk", "Checkpoint", "Usage", "ToolCall", "Output", "StateEntry", "Artifact", "Why", "Explanation",
    "Finding", "Counted", "Action", "Assignment", "AssignedRepository", "AssignedPullRequest", "AssignedCommit",
    "Lineage", "Approval", "ProjectWebhook", "WebhookDelivery", "WebhookTry",
]  # fmt: skip
REPORTS = [
    "StartReport",
    "HeartbeatReport",
    "CompleteReport",
    "FailReport",
    "ReleaseReport",
    "WaitReport",
    "ApprovalAsk",
]


def names(struct: Any) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(struct)}


@pytest.mark.parametrize("name", ANSWERS)
def test_every_field_of_an_answer_is_known(name: str) -> None:
    assert names(getattr(wire, name)) == names(getattr(models, name))


@pytest.mark.parametrize("name", REPORTS)
def test_reports_have_the_fields_of_the_wire(name: str) -> None:
    assert names(getattr(wire, name)) == names(getattr(models, name))


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (fields.RetryFields, wire.Retry),
        (fields.ConcurrencyFields, wire.Concurrency),
        (fields.RateLimitFields, wire.RateLimit),
        (fields.NewRun, wire.RunIn),
        (fields.FindingFields, wire.FindingIn),
    ],
)
def test_what_may_be_said_is_what_is_understood(mine: type, theirs: type) -> None:
    assert set(get_type_hints(mine)) == names(theirs)


def test_jobs_may_say_all_that_is_understood() -> None:
    assert set(get_type_hints(fields.JobFields)) == names(wire.JobIn) - {"name"}


def test_reports_are_understood_by_the_wire() -> None:
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    failure = models.Failure(message="no", kind="Oops")
    fail = models.FailReport(run_id="a", token="t", error=failure, retryable=False, started_at=moment)
    complete = models.CompleteReport(run_id="a", token="t", output={"x": [1]}, started_at=moment)

    read_fail = msgspec.json.decode(msgspec.json.encode(fail), type=wire.FailReport)
    read_complete = msgspec.json.decode(msgspec.json.encode(complete), type=wire.CompleteReport)

    assert isinstance(read_fail.error, wire.ErrorIn)
    assert (read_fail.error.kind, read_fail.retryable, read_fail.started_at) == ("Oops", False, moment)
    assert bytes(read_complete.output) == b'{"x":[1]}'


def test_values_are_decoded_when_they_are_looked_at_and_once() -> None:
    run = msgspec.json.decode(b'{"id":"a","state":"completed","output":{"n":[1]}}', type=models.Run)

    assert run.output is run.output
    assert run.output == {"n": [1]}
    assert (run.payload, run.error) == (None, None)
    assert msgspec.json.decode(msgspec.json.encode(run))["output"] == {"n": [1]}


@pytest.mark.parametrize(
    ("state", "final", "settled"),
    [("queued", False, False), ("completed", True, True), ("dead_letter", False, True), ("canceled", True, True)],
)
def test_a_run_knows_whether_it_rests(state: str, final: bool, settled: bool) -> None:
    run = models.Run(id="a", state=state)

    assert (run.is_final, run.is_settled) == (final, settled)
