"""Timelines on the wire (contract §23, §24). Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from runyard.dialects.agh.mapping.runs import hash_out, key_out, ref_out, summary_out, without_secrets
from runyard.dialects.agh.mapping.tasks import identity_out, reference_out
from runyard.dialects.agh.mapping.values import NEVER, instant, shown
from runyard.dialects.agh.wire import timelines as wire
from runyard.dialects.agh.wire.runs import Identity
from runyard.domain.actors import Actor
from runyard.domain.tasks import TaskEvent
from runyard.engine.tasks.timelines import Item
from runyard.streams.feed import Frame
from runyard.streams.sse import frame
from runyard.web.reply import encode

_json = msgspec.json.Encoder().encode
_members = msgspec.json.Decoder(dict[str, Raw]).decode
_any = msgspec.json.Decoder().decode


def event_out(event: TaskEvent) -> wire.Event:
    """A line in a task's detail."""
    return wire.Event(
        id=shown("evt", event.id),
        task_id=shown("task", event.task_id),
        run_id=shown("run", event.run_id) if event.run_id is not None else "",
        event_type=event.type,
        actor=identity_out(Actor(event.actor_kind, event.actor_ref)),
        origin=Identity(kind=event.origin_kind, ref=event.origin_ref),
        timestamp=instant(event.at),
        payload=payload_out(event),
    )


def item_out(item: Item) -> wire.Item:
    """A line of a timeline."""
    event = item.event
    return wire.Item(
        event_id=shown("evt", event.id),
        sequence=event.seq,
        event_type=event.type,
        actor=identity_out(Actor(event.actor_kind, event.actor_ref)),
        origin=Identity(kind=event.origin_kind, ref=event.origin_ref),
        timestamp=instant(event.at),
        task=reference_out(item.task),
        run=summary_out(item.run) if item.run is not None else None,
        payload=payload_out(event),
    )


def timeline_out(items: Sequence[Item]) -> wire.TimelineAnswer:
    """A task's timeline."""
    return wire.TimelineAnswer(timeline=[item_out(item) for item in items])


def frame_out(item: Item) -> Frame:
    """A line as it is streamed."""
    event = item.event
    said = wire.StreamEvent(sequence=event.seq, type=event.type, timeline=item_out(item))
    return event.seq, frame(encode(said), event=event.type, id=event.seq)


def payload_out(event: TaskEvent) -> Raw | None:
    """What a line says: ids, times and hashes as this dialect has them."""
    said: Mapping[str, Any] = _members(event.payload)
    found = {name: _SHOWN[name](_any(value)) if name in _SHOWN else value for name, value in said.items()}
    if "actor_id" in found:
        found["actor_id"] = ref_out(Actor(event.actor_kind, event.actor_ref))
    if "idempotency_key" in found:
        found["idempotency_key"] = key_out(_any(found["idempotency_key"]), event.task_id)
    if event.type == "task.run_claimed":
        found.setdefault("lease_until", NEVER)
    if not found:
        return None
    return Raw((without_secrets(_json(found).decode()) or "{}").encode())


def _id(prefix: str) -> Callable[[Any], Any]:
    return lambda value: [shown(prefix, one) for one in value] if isinstance(value, list) else shown(prefix, value)


def _somebody(value: Any) -> Any:
    return {**value, "ref": ref_out(Actor(value["kind"], value["ref"]))}


_IDS = {
    "task": (
        "task_id",
        "parent_task_id",
        "child_task_id",
        "depends_on_task_id",
        "propagated_from_task_id",
    ),
    "run": (
        "run_id",
        "source_run_id",
        "new_run_id",
        "previous_run_id",
        "continuation_run_id",
        "canceled_run_ids",
    ),
    "sess": ("session_id", "previous_session_id"),
    "ws": ("workspace_id", "child_workspace_id"),
    "review": ("review_id", "parent_review_id"),
}
_SHOWN: dict[str, Callable[[Any], Any]] = {
    **{name: _id(prefix) for prefix, names in _IDS.items() for name in names},
    **dict.fromkeys(("lease_until", "previous_lease_until", "heartbeat_at", "queued_at"), instant),
    **dict.fromkeys(("claim_token_hash", "previous_claim_token_hash"), hash_out),
    **dict.fromkeys(("claimed_by", "owner"), _somebody),
}
"""How the values of these names are shown; the others are as they were written."""
