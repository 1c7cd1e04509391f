"""Sessions of agents: what is asked of them and what is shown of them."""

from __future__ import annotations

from typing import Any

import msgspec

from runyard.dialects.native.mapping.channels import message_out, seen_out
from runyard.dialects.native.mapping.reviews import review_out
from runyard.dialects.native.mapping.task_runs import task_run_out
from runyard.dialects.native.mapping.tasks import task_out
from runyard.dialects.native.mapping.values import SECOND, maybe_when, raw, when
from runyard.dialects.native.mapping.workspaces import workspace_out
from runyard.dialects.native.wire import sessions as wire
from runyard.domain import sessions as domain
from runyard.domain.sessions import Permissions, SessionSettings
from runyard.engine import prompts, sessions
from runyard.engine.session_lists import Standing
from runyard.engine.session_starts import Beginning, Spawn
from runyard.engine.tasks.situations import Situation, Work

_said = msgspec.json.Decoder(dict[str, Any]).decode


def beginning_in(data: wire.SessionIn) -> Beginning:
    """A session to begin."""
    return Beginning(
        agent=data.agent,
        workspace=data.workspace_id,
        name=data.name,
        channel=data.channel,
        capabilities=data.capabilities,
        settings=SessionSettings(
            provider=data.provider,
            model=data.model,
            reasoning_effort=data.reasoning_effort,
            permissions=_permissions_in(data.permissions) if data.permissions is not None else None,
        ),
        ttl=data.ttl_seconds * SECOND if data.ttl_seconds is not None else None,
    )


def spawn_in(data: wire.SpawnIn) -> Spawn:
    """A session below another to begin."""
    return Spawn(
        agent=data.agent,
        role=data.role,
        ttl=data.ttl_seconds * SECOND,
        permissions=_permissions_in(data.permissions),
        stops_with_parent=data.stops_with_parent,
        name=data.name,
        provider=data.provider,
        model=data.model,
        overlay=data.overlay,
        capabilities=data.capabilities,
    )


def session_out(session: domain.Session) -> wire.Session:
    """A session."""
    return wire.Session(**_common(session))


def standing_out(standing: Standing) -> wire.SessionDetail:
    """A session, and what it has to do."""
    return wire.SessionDetail(**_common(standing.session), run_id=standing.run_id, prompts=standing.prompts)


def event_out(event: domain.SessionEvent) -> wire.SessionEvent:
    """Something that happened to a session."""
    data = raw(event.data)
    assert data is not None
    return wire.SessionEvent(number=event.number, type=event.type, at=when(event.at), data=data)


def prompt_out(prompt: domain.Prompt) -> wire.Prompt:
    """Something said to a session."""
    return wire.Prompt(
        id=prompt.id,
        text=prompts.text_of(prompt),
        mode=str(_said(prompt.body).get("mode", "queue")),
        state=prompt.state.value,
        created_at=when(prompt.created_at),
        taken_at=maybe_when(prompt.taken_at),
    )


def queued_out(queued: prompts.Queued) -> wire.Prompt:
    """A prompt that waits."""
    return prompt_out(queued.prompt)


def situation_out(found: Situation) -> wire.Situation:
    """What a session finds itself in."""
    return wire.Situation(
        session=session_out(found.session),
        workspace=workspace_out(found.workspace) if found.workspace is not None else None,
        work=_work(found.work) if found.work is not None else None,
        channels=[seen_out(one) for one in found.channels],
        unread=[message_out(one) for one in found.unread],
        more_unread=found.more_unread,
        peers=[session_out(one) for one in found.peers],
        more_peers=found.more_peers,
    )


def _work(work: Work) -> wire.Work:
    return wire.Work(
        task=task_out(work.task),
        run=task_run_out(work.run),
        before=[task_run_out(one) for one in work.before],
        reviews=[review_out(one) for one in work.reviews],
        asked_by=review_out(work.asked_by) if work.asked_by is not None else None,
    )


def _permissions_in(data: wire.Permissions) -> Permissions:
    return Permissions(**{name: tuple(names) for name, names in msgspec.structs.asdict(data).items()})


def _permissions_out(permissions: Permissions) -> wire.Permissions:
    return wire.Permissions(**{name: list(names) for name, names in msgspec.structs.asdict(permissions).items()})


def _common(session: domain.Session) -> dict[str, Any]:
    settings = sessions.settings_of(session)
    return {
        "id": session.id,
        "agent": session.agent,
        "workspace_id": session.workspace_id,
        "name": session.name,
        "state": session.state.value,
        "channel": session.channel,
        "capabilities": sorted(sessions.capabilities_of(session)),
        "provider": settings.provider,
        "model": settings.model,
        "reasoning_effort": settings.reasoning_effort,
        "permissions": _permissions_out(settings.permissions) if settings.permissions is not None else None,
        "parent_id": session.parent_id,
        "role": session.role,
        "stops_with_parent": bool(session.stops_with_parent),
        "created_at": when(session.created_at),
        "updated_at": when(session.updated_at),
        "active_at": when(session.active_at),
        "expires_at": maybe_when(session.expires_at),
        "stopped_at": maybe_when(session.stopped_at),
        "stop_reason": session.stop_reason,
        "failure": session.failure,
        "events": session.events,
    }
