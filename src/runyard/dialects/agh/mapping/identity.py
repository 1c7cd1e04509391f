"""What a session is told of itself, on the wire (contract §28). Pure."""

from __future__ import annotations

import msgspec

from runyard.dialects.agh.mapping.channels import channel_out, message_out
from runyard.dialects.agh.mapping.profiles import profile_out
from runyard.dialects.agh.mapping.runs import lease_out, summary_out
from runyard.dialects.agh.mapping.sessions import lineage_out, permissions_in, permissions_out, session_out, type_of
from runyard.dialects.agh.mapping.tasks import reference_out
from runyard.dialects.agh.mapping.timelines import item_out
from runyard.dialects.agh.mapping.values import instant, shown
from runyard.dialects.agh.wire import identity as wire
from runyard.domain.channels import Message
from runyard.domain.policy import SECOND
from runyard.domain.reviews import Review
from runyard.domain.sessions import Permissions, Session
from runyard.domain.workspaces import Workspace
from runyard.engine import sessions
from runyard.engine.session_starts import DEEPEST, MOST_CHILDREN, Spawn
from runyard.engine.tasks import queueing
from runyard.engine.tasks.profiles import Profiled
from runyard.engine.tasks.situations import ENTRIES, Situation, Work

PREVIEW = 200
LIMITS = wire.Limits(
    max_children=MOST_CHILDREN, max_spawn_depth=DEEPEST, max_active_task_leases=1, context_section_limit=ENTRIES
)
_items = msgspec.json.Decoder(list[str]).decode


def me_out(found: Situation) -> wire.MeAnswer:
    """Who calls, in short."""
    return wire.MeAnswer(
        me=wire.Me(
            self=_self(found.session),
            workspace=_place(found.workspace),
            session=_session(found.session),
            capabilities=_capabilities(found.session),
            channels=[channel_out(one) for one in found.channels],
            active_task_leases=[lease_out(found.work.run)] if found.work is not None else [],
            coordinator=wire.Coordinator(),
            limits=LIMITS,
        )
    )


def context_out(found: Situation, now: int) -> wire.ContextAnswer:
    """What a session finds itself in."""
    capabilities = _capabilities(found.session)
    return wire.ContextAnswer(
        context=wire.Context(
            self=_self(found.session),
            workspace=_place(found.workspace),
            session=_session(found.session),
            soul=wire.Soul(),
            task=_task(found.work),
            coordination_channel=_coordination(found),
            inbox_summary=wire.Inbox(
                section=_section(len(found.unread), truncated=found.more_unread),
                unread_count=len(found.unread),
                items=[_inbox_item(one) for one in found.unread],
            ),
            peer_roster=wire.Roster(
                section=_section(len(found.peers), truncated=found.more_peers),
                peers=[_peer(one) for one in found.peers],
            ),
            capabilities=wire.CapabilitySection(
                section=wire.Section(limit=len(capabilities), returned=len(capabilities), truncated=False),
                capabilities=capabilities,
            ),
            limits=LIMITS,
            provenance=wire.Provenance(generated_at=instant(now)),
        )
    )


def spawn_in(data: wire.SpawnRequest) -> Spawn:
    """A session below the caller's that is asked for."""
    return Spawn(
        agent=data.agent_name.strip(),
        role=data.spawn_role.strip(),
        ttl=data.ttl_seconds * SECOND,
        permissions=permissions_in(data.permissions),
        stops_with_parent=data.auto_stop_on_parent,
        name=data.name.strip(),
        provider=data.provider.strip(),
        model=data.model.strip(),
        overlay=data.prompt_overlay,
        capabilities=[one.strip() for one in data.capabilities],
        key=data.idempotency_key.strip() or None,
    )


def spawned_out(session: Session) -> wire.SpawnAnswer:
    """A session below the caller's."""
    settings = sessions.settings_of(session)
    return wire.SpawnAnswer(
        spawn=wire.Spawned(
            session=session_out(session),
            lineage=lineage_out(session, settings),
            permissions=permissions_out(settings.permissions or Permissions()),
        )
    )


def _self(session: Session) -> wire.Self:
    settings = sessions.settings_of(session)
    return wire.Self(
        session_id=shown("sess", session.id),
        agent_name=session.agent,
        provider=settings.provider,
        model=settings.model,
    )


def _place(workspace: Workspace | None) -> wire.Place:
    if workspace is None:
        return wire.Place()
    return wire.Place(id=shown("ws", workspace.id), name=workspace.name, root_dir=workspace.root_dir)


def _session(session: Session) -> wire.OwnSession:
    settings = sessions.settings_of(session)
    return wire.OwnSession(
        id=shown("sess", session.id),
        state=session.state.value,
        created_at=instant(session.created_at),
        updated_at=instant(session.updated_at),
        name=session.name,
        type=type_of(session),
        channel=session.channel or "",
        lineage=lineage_out(session, settings) if session.parent_id is not None else None,
    )


def _capabilities(session: Session) -> list[wire.Capability]:
    return [wire.Capability(id=one, source="session") for one in sorted(sessions.capabilities_of(session))]


def _section(returned: int, *, truncated: bool) -> wire.Section:
    return wire.Section(limit=ENTRIES, returned=returned, truncated=truncated)


def _task(work: Work | None) -> wire.TaskSection:
    if work is None:
        return wire.TaskSection(available=False)
    return wire.TaskSection(
        available=True, task=reference_out(work.task), lease=lease_out(work.run), bundle=_bundle(work)
    )


def _bundle(work: Work) -> wire.Bundle:
    task = work.task.task
    profile = queueing.profile_of(task)
    return wire.Bundle(
        task=reference_out(work.task),
        latest_event_seq=work.task.sequence,
        current_run=summary_out(work.run),
        prior_attempts=[summary_out(one, lease=False) for one in work.before],
        recent_events=[item_out(one) for one in work.lines],
        limits=wire.RuntimeLimits(),
        execution_profile=profile_out(Profiled(task=task, profile=profile)).profile if profile is not None else None,
        review_continuation=_continuation(work.asked_by) if work.asked_by is not None else None,
        review_history=[_reviewed(one) for one in work.reviews],
    )


def _continuation(review: Review) -> wire.Continuation:
    return wire.Continuation(
        review_id=shown("review", review.id),
        reviewed_run_id=shown("run", review.run_id),
        review_round=review.round,
        outcome=review.outcome.value if review.outcome is not None else "",
        reason=review.reason or "",
        missing_work=_items(review.missing_work) if review.missing_work is not None else [],
        next_round_guidance=review.guidance or "",
    )


def _reviewed(review: Review) -> wire.Reviewed:
    judge = review.judge
    return wire.Reviewed(
        review_id=shown("review", review.id),
        run_id=shown("run", review.run_id),
        review_round=review.round,
        attempt=review.attempt,
        status=review.status.value,
        outcome=review.outcome.value if review.outcome is not None else "",
        reason=review.reason or "",
        reviewed_at=instant(review.reviewed_at),
        reviewer_label=review.agent or (judge.kind if judge is not None else ""),
    )


def _coordination(found: Situation) -> wire.ChannelSection:
    """The channel of what it works on, or else its own."""
    name = found.work.run.row.coordination if found.work is not None else found.session.channel
    seen = next((one for one in found.channels if one.name == name), None)
    if seen is None:
        return wire.ChannelSection(available=False)
    return wire.ChannelSection(available=True, channel=channel_out(seen))


def _inbox_item(message: Message) -> wire.InboxItem:
    shown_as = message_out(message)
    return wire.InboxItem(
        message_id=shown_as.message_id,
        channel_id=message.channel,
        kind=message.kind,
        metadata=shown_as.metadata,
        timestamp=shown_as.timestamp,
        preview=bytes(shown_as.body).decode()[:PREVIEW],
    )


def _peer(session: Session) -> wire.Peer:
    return wire.Peer(
        peer_id=shown("sess", session.id),
        session_id=shown("sess", session.id),
        display_name=session.name,
        channel_id=session.channel or "",
        capabilities=sorted(sessions.capabilities_of(session)),
    )
