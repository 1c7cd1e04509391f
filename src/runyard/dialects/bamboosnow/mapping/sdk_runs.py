"""Runs as the SDK sees them, from records to the wire and back (contract §5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import msgspec
from msgspec import Raw

from runyard.dialects.bamboosnow.mapping.runs import agent_id
from runyard.dialects.bamboosnow.mapping.statuses import SDK, phases_in
from runyard.dialects.bamboosnow.mapping.values import Place, millis, seconds, shown, wanted
from runyard.dialects.bamboosnow.wire import sdk_runs as wire
from runyard.domain.agents import TRIGGERS, AgentRun, Phase
from runyard.domain.approvals import Approval
from runyard.domain.findings import Action
from runyard.domain.levels import level_of
from runyard.domain.records import Run
from runyard.domain.thoughts import Step
from runyard.domain.watching import Wanted
from runyard.engine.accounts import Account
from runyard.engine.agent_lists import AgentRunPage, Watched
from runyard.storage.statements.transcripts import Said

MICRO_USD = 1_000_000
_encode = msgspec.json.Encoder().encode
_texts = msgspec.json.Decoder(list[str]).decode
_members = msgspec.json.Decoder(dict[str, Raw]).decode
_ENDS_OF_LINES = str.maketrans({sign: repr(sign)[1:-1] for sign in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"})


class _Failure(msgspec.Struct):
    """What is told of an error, whatever else there is to it."""

    message: str


_failure = msgspec.json.Decoder(_Failure).decode


def wanted_in(project_id: int, *, agent_id: str | None, status: str | None, trigger_type: str | None) -> Wanted:
    """The filters of a list; nothing is of an unknown type of trigger. Raises `Invalid`."""
    known = trigger_type is None or trigger_type in TRIGGERS
    return Wanted(
        project_id=project_id,
        agent_id=wanted("agent", agent_id),
        phases=phases_in(SDK, status),
        trigger=trigger_type if known else "",
    )


def list_out(found: AgentRunPage, place: Place) -> wire.SdkRunPage:
    """A page of runs."""
    return wire.SdkRunPage(
        items=[summary_out(one) for one in found.runs],
        total=found.total,
        page=place.page,
        per_page=place.per_page,
        total_pages=-(-found.total // place.per_page),
    )


def summary_out(one: Watched) -> wire.SdkRunSummary:
    """A run in a list."""
    row, spent = one.row, one.spent
    return wire.SdkRunSummary(
        id=shown("run", row.run_id),
        agent_id=agent_id(one.agent),
        agent_name=one.agent.name,
        status=status_of(row),
        trigger_type=row.trigger,
        tokens_used=spent.input_tokens + spent.output_tokens,
        cost_usd=spent.cost_micro_usd / MICRO_USD,
        requires_approval=row.phase is Phase.DECIDING,
        started_at=seconds(row.began_at),
        completed_at=seconds(row.ended_at),
        created_at=seconds(row.created_at) or "",
        duration_seconds=_duration(row),
    )


def status_of(row: AgentRun) -> wire.Status:
    """How the run stands."""
    return cast("wire.Status", SDK[row.phase])


def _duration(row: AgentRun) -> int | None:
    return None if row.duration is None else row.duration // 1000


def run_out(found: Account) -> wire.SdkAgentRun:
    """A run with all that is told of it."""
    run, row, agent = found.run, found.watched.row, found.watched.agent
    return wire.SdkAgentRun(
        id=shown("run", run.id),
        agent_id=agent_id(agent),
        agent_name=agent.name,
        status=status_of(row),
        trigger_type=row.trigger,
        trigger_payload=_payload(run.payload),
        thought_trace=trace_out(found.steps),
        actions_taken=[_action(one) for one in found.actions],
        result=_result(found),
        error_message=_error_message(run, row),
        tokens_used=run.input_tokens + run.output_tokens,
        cost_usd=run.cost_micro_usd / MICRO_USD,
        requires_approval=row.phase is Phase.DECIDING,
        approval_request=None if found.pending is None else _request(found.pending),
        started_at=seconds(row.began_at),
        completed_at=seconds(row.ended_at),
        created_at=seconds(row.created_at) or "",
        duration_seconds=_duration(row),
    )


def _payload(text: str) -> Raw:
    return Raw(text.encode()) if text.lstrip().startswith("{") else _under("payload", text)


def _under(name: str, text: str) -> Raw:
    return Raw(_encode({name: Raw(text.encode())}))


def _result(found: Account) -> Raw | None:
    """What the run gave back; else its named outputs; else how much it found."""
    output, row = found.run.output, found.watched.row
    if output is not None and output != "null":
        return Raw(output.encode()) if output.lstrip().startswith("{") else _under("output", output)
    if found.outputs:
        return Raw(_encode({one.name: Raw(one.value.encode()) for one in found.outputs}))
    if not row.has_results:
        return None
    by_severity = {"error": row.errors, "warning": row.warnings, "info": row.infos}
    told = {
        "summary": row.summary,
        "filesReviewed": row.files_reviewed or 0,
        "linesAnalyzed": row.lines_analyzed or 0,
        "issuesFound": row.findings,
        "issuesBySeverity": by_severity,
    }
    return Raw(_encode(told))


def _error_message(run: Run, row: AgentRun) -> str | None:
    """Why an ended run did not succeed; of one that took too long it says so."""
    if row.phase not in {Phase.FAILED, Phase.TIMED_OUT, Phase.CANCELED}:
        return None
    message = _message(run.error)
    if row.phase is Phase.TIMED_OUT:
        return f"timed out: {message}" if message and "timed out" not in message else message or "timed out"
    return message or ("the run failed" if row.phase is Phase.FAILED else None)


def _message(error: str | None) -> str | None:
    try:
        return None if error is None else _failure(error).message
    except msgspec.MsgspecError:
        return error


def _request(approval: Approval) -> wire.SdkApprovalRequest:
    return wire.SdkApprovalRequest(
        action=approval.action,
        description=approval.description,
        risk=approval.risk.value,
        changes=_texts(approval.changes),
    )


def trace_out(steps: Iterable[Step]) -> list[wire.SdkThoughtStep]:
    """What the agent saw, thought and did."""
    return [
        wire.SdkThoughtStep(type=one.kind, timestamp=millis(one.at), content=one.content, metadata=one.metadata)
        for one in steps
    ]


def _action(one: Action) -> wire.SdkAgentAction:
    named = {name: value for name, value in (("target", one.target), ("url", one.url)) if value is not None}
    details = (_details(one.details) | named) or None
    return wire.SdkAgentAction(
        type=one.type, description=one.description, timestamp=millis(one.at), result=one.result, details=details
    )


def _details(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        return dict(_members(text))
    except msgspec.ValidationError:
        return {"details": Raw(text.encode())}


def line_out(line: Said) -> str:
    """A line of a log as text, which stays one line whatever it says."""
    return f"{millis(line.at)} {level_of(line.level).upper()} {line.message.translate(_ENDS_OF_LINES)}\n"
