"""A run by itself on the wire (contract §23). Pure."""

from __future__ import annotations

from runyard.dialects.agh.mapping.runs import run_out
from runyard.dialects.agh.mapping.tasks import reference_out
from runyard.dialects.agh.mapping.values import NEVER, instant, shown, shown_if
from runyard.dialects.agh.wire import operating as wire
from runyard.domain.sessions import Session
from runyard.engine.tasks.run_details import RunDetail

MILLION = 1_000_000


def detail_out(found: RunDetail) -> wire.RunDetailAnswer:
    """A run with its task and its session."""
    run, row = found.run.run, found.run.row
    used = run.input_tokens or run.output_tokens
    return wire.RunDetailAnswer(
        run=wire.RunDetail(
            run=run_out(found.run),
            task=reference_out(found.task),
            session=session_out(row.session_id, found.session) if row.session_id is not None else None,
            summary=wire.RunOperations(
                last_activity_at=instant(found.active_at),
                last_event_type=found.last_event.type if found.last_event is not None else "",
                tool_call_count=found.tool_calls or None,
                input_tokens=run.input_tokens if used else None,
                output_tokens=run.output_tokens if used else None,
                total_tokens=run.input_tokens + run.output_tokens if used else None,
                total_cost=run.cost_micro_usd / MILLION if run.cost_micro_usd else None,
                cost_currency="USD" if run.cost_micro_usd else None,
            ),
        )
    )


def session_out(session_id: str, session: Session | None) -> wire.RunSession:
    """The session that has a run; of one that is gone the id alone."""
    if session is None:
        return wire.RunSession(session_id=shown("sess", session_id), created_at=NEVER, updated_at=NEVER)
    return wire.RunSession(
        session_id=shown("sess", session_id),
        created_at=instant(session.created_at),
        updated_at=instant(session.updated_at),
        agent_name=session.agent,
        channel=session.channel or "",
        name=session.name,
        state=session.state.value,
        workspace_id=shown_if("ws", session.workspace_id),
    )
