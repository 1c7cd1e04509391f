"""Sessions on the wire (contract §28). Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw

from runyard.dialects.agh.mapping.values import instant, one_of, shown, shown_if, trimmed
from runyard.dialects.agh.wire import sessions as wire
from runyard.domain.errors import Invalid
from runyard.domain.policy import SECOND
from runyard.domain.sessions import Permissions, Session, SessionEvent, SessionSettings
from runyard.domain.workspaces import Workspace
from runyard.engine import sessions
from runyard.engine.prompts import Mode, Queued
from runyard.engine.session_lists import Standing
from runyard.engine.session_starts import DEEPEST, MOST_CHILDREN, Beginning

MODES = ("queue", "interrupt", "steer")
IDS = {
    "task_id": "task",
    "run_id": "run",
    "session_id": "sess",
    "parent_id": "sess",
    "workspace_id": "ws",
    "prompt_id": "prompt",
}
"""What is said in events by internal ids, and how each is shown."""
_said = msgspec.json.Decoder(dict[str, Any]).decode
_names = msgspec.json.Decoder(list[str]).decode
_json = msgspec.json.Encoder().encode


def beginning_in(data: wire.CreateSessionRequest) -> Beginning:
    """A session that is asked for."""
    workspace, path = trimmed(data.workspace), trimmed(data.workspace_path)
    if workspace is not None and path is not None:
        raise Invalid("name the workspace by `workspace` or by `workspace_path`, not by both")
    return Beginning(
        agent=data.agent_name.strip(),
        workspace=workspace,
        path=path,
        name=data.name.strip(),
        channel=trimmed(data.channel),
        capabilities=[one.strip() for one in data.capabilities],
        settings=SessionSettings(
            provider=data.provider.strip(),
            model=data.model.strip(),
            reasoning_effort=data.reasoning_effort.strip(),
        ),
        ttl=data.ttl_seconds * SECOND if data.ttl_seconds else None,
    )


def session_out(session: Session, workspace: Workspace | None = None) -> wire.Session:
    """A session; with its workspace, where that is found."""
    settings = sessions.settings_of(session)
    return wire.Session(
        id=shown("sess", session.id),
        agent_name=session.agent,
        provider=settings.provider,
        state=session.state.value,
        created_at=instant(session.created_at),
        updated_at=instant(session.updated_at),
        name=session.name,
        model=settings.model,
        reasoning_effort=settings.reasoning_effort,
        workspace_id=shown_if("ws", session.workspace_id),
        workspace_path=workspace.root_dir if workspace is not None else "",
        channel=session.channel or "",
        type=type_of(session),
        capabilities=_names(session.capabilities),
        stop_reason=session.stop_reason or "",
        failure=wire.Failure(kind="failed", summary=session.failure) if session.failure is not None else None,
        lineage=lineage_out(session, settings) if session.parent_id is not None else None,
    )


def type_of(session: Session) -> str:
    """Whether somebody began it, or another session."""
    return "user" if session.parent_id is None else "spawned"


def lineage_out(session: Session, settings: SessionSettings) -> wire.Lineage:
    """Where a session comes from, and what may be below it."""
    return wire.Lineage(
        parent_session_id=shown("sess", session.parent_id) if session.parent_id is not None else UNSET,
        root_session_id=shown("sess", settings.root_id) if settings.root_id else UNSET,
        spawn_depth=settings.depth,
        spawn_role=session.role or UNSET,
        ttl_expires_at=instant(session.created_at + settings.ttl) if settings.ttl else UNSET,
        auto_stop_on_parent=bool(session.stops_with_parent),
        spawn_budget=wire.SpawnBudget(
            max_children=MOST_CHILDREN, max_depth=DEEPEST, ttl_seconds=settings.ttl // SECOND
        ),
        permission_policy=permissions_out(settings.permissions or Permissions()),
    )


def permissions_out(permissions: Permissions) -> wire.Permissions:
    """What a session may use."""
    return wire.Permissions(**{name: list(getattr(permissions, name)) for name in permissions.__struct_fields__})


def permissions_in(data: wire.Permissions) -> Permissions:
    """What a session is to be allowed."""
    return Permissions(
        **{name: tuple(dict.fromkeys(one.strip() for one in getattr(data, name))) for name in data.__struct_fields__}
    )


def status_out(standing: Standing) -> wire.SessionStatus:
    """How a session stands."""
    session, is_busy = standing.session, standing.run_id is not None
    is_active = session.state == "active"
    reason: Any = UNSET
    if not is_active:
        reason = f"session_{session.state}"
    elif is_busy:
        reason = "active_lease"
    return wire.SessionStatus(
        session_id=shown("sess", session.id),
        workspace_id=shown_if("ws", session.workspace_id),
        agent_name=session.agent,
        state=("working" if is_busy else "idle") if is_active else session.state.value,
        health="failed" if session.failure is not None else ("healthy" if session.is_live else "dead"),
        active_prompt=standing.prompts > 0,
        attachable=session.is_live and not is_busy,
        eligible_for_wake=is_active and not is_busy,
        ineligibility_reason=reason,
        updated_at=instant(session.updated_at),
    )


def text_in(data: wire.PromptRequest) -> tuple[str, Mode]:
    """What is said to a session, and how it is to be taken. Raises `Invalid`."""
    mode: Any = one_of("mode", data.mode, MODES) or "queue"
    text = data.message
    if not text.strip() and data.messages:
        last = data.messages[-1]
        text = last.content or "".join(part.text for part in last.parts if part.type in ("", "text"))
    if not text.strip():
        raise Invalid("`message` must be a text that is not blank, or `messages` must end with one")
    return text, mode


def prompted_out(queued: Queued) -> wire.PromptAnswer:
    """What became of a prompt."""
    return wire.PromptAnswer(
        prompt=wire.Prompted(
            status="queued",
            mode=queued.mode,
            queued=True,
            queue_entry_id=shown("prompt", queued.prompt.id),
            queue_position=queued.position,
            interrupted=queued.mode == "interrupt",
            canceled_queued_entries=queued.canceled,
        )
    )


def prompt_of(event: SessionEvent) -> str:
    """The id of the prompt that an event tells of."""
    return str(_said(event.data).get("prompt_id", ""))


def event_out(session: Session, event: SessionEvent) -> wire.SessionEvent:
    """Something that happened to a session."""
    said = _said(event.data)
    turn = said.get("prompt_id")
    return wire.SessionEvent(
        id=f"{shown('sess', session.id)}-{event.number}",
        session_id=shown("sess", session.id),
        sequence=event.number,
        turn_id=shown("prompt", turn) if isinstance(turn, str) else "",
        type=event.type,
        agent_name=session.agent,
        workspace_id=shown_if("ws", session.workspace_id),
        content=Raw(_json({name: _shown(name, value) for name, value in said.items()})),
        timestamp=instant(event.at),
    )


def _shown(name: str, value: Any) -> Any:
    if name == "prompt_ids" and isinstance(value, list):
        return [shown("prompt", one) for one in value]
    prefix = IDS.get(name)
    return shown(prefix, value) if prefix is not None and isinstance(value, str) else value
