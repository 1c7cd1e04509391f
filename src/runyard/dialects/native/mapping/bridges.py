"""Bridges and subscriptions."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, structs

from runyard.dialects.native.mapping.values import lenient_id, maybe_text, maybe_when, raw, when
from runyard.dialects.native.wire import bridges as wire
from runyard.dialects.native.wire.task_runs import Who
from runyard.domain.bridges import SIGNING_SECRET, URL, Bridge, DeliveryMode, Subscription
from runyard.engine.tasks import bridges
from runyard.engine.tasks.bridges import Made, NewBridge, Seen
from runyard.engine.tasks.directory import Directory, Found, Target
from runyard.engine.tasks.subscriptions import NewSubscription


def bridge_in(data: wire.BridgeIn) -> NewBridge:
    """The bridge to make."""
    given = {URL: data.url, SIGNING_SECRET: data.signing_secret}
    return NewBridge(
        display_name=data.name,
        extension=data.via,
        platform=data.platform or "",
        workspace=data.workspace_id,
        enabled=data.enabled,
        suppressed=data.suppressed,
        settings={"config": maybe_text(data.config)},
        secrets={name: value for name, value in given.items() if value is not None},
    )


def changes_in(data: wire.BridgePatch) -> tuple[dict[str, Any], dict[str, str | None]]:
    """What is to change, and which secrets."""
    said: dict[str, Any] = {}
    if data.name is not UNSET:
        said["display_name"] = data.name
    if data.suppressed is not UNSET:
        said["suppressed"] = data.suppressed
    if bytes(data.config):
        said["config"] = maybe_text(data.config)
    given = {URL: data.url, SIGNING_SECRET: data.signing_secret}
    return said, {name: value for name, value in given.items() if isinstance(value, str)}


def bridge_out(seen: Seen) -> wire.Bridge:
    """A bridge."""
    return _shape(seen.bridge, seen.waiting)


def made_out(made: Made) -> wire.Bridge:
    """A bridge, and what signs its messages if that was made."""
    shown = _shape(made.bridge, 0)
    return shown if made.signing_secret is None else structs.replace(shown, signing_secret=made.signing_secret)


def _shape(bridge: Bridge, waiting: int) -> wire.Bridge:
    settings = bridges.settings_of(bridge)
    return wire.Bridge(
        id=bridge.id,
        name=bridge.display_name,
        via=settings.sender,
        extension=bridge.extension,
        platform=bridge.platform,
        workspace_id=bridge.workspace_id,
        enabled=bridge.enabled,
        suppressed=bridge.suppressed,
        state=bridge.state.value,
        last_error=bridge.last_error,
        waiting=waiting,
        config=raw(settings.config),
        created_at=when(bridge.created_at),
        updated_at=when(bridge.updated_at),
    )


def targets_out(found: Directory) -> wire.BridgeTargets:
    """Whom a bridge leads to."""
    return wire.BridgeTargets(data=[_target(one) for one in found.targets])


def resolved_out(found: Found) -> wire.ResolvedTarget:
    """Who is meant."""
    return wire.ResolvedTarget(target=_target(found.target), step=found.step)


def _target(target: Target) -> wire.BridgeTarget:
    return wire.BridgeTarget(
        route=target.route,
        kind=target.kind,
        name=target.name,
        qualifier=target.qualifier or None,
        seen_at=when(target.seen_at),
    )


def subscription_in(data: wire.SubscriptionIn) -> NewSubscription:
    """Who wants to be told."""
    return NewSubscription(
        bridge_id=lenient_id(data.bridge_id),
        name=data.name,
        delivery_mode=DeliveryMode(data.delivery_mode),
        peer_id=data.peer_id,
        group_id=data.group_id,
        thread_id=data.thread_id,
    )


def subscription_out(one: Subscription) -> wire.Subscription:
    """Who wants to be told, and how far they were told."""
    return wire.Subscription(
        id=one.id,
        name=one.name,
        task_id=one.task_id,
        bridge_id=one.bridge_id,
        workspace_id=one.workspace_id,
        delivery_mode=one.delivery_mode.value,
        peer_id=one.peer_id,
        group_id=one.group_id,
        thread_id=one.thread_id,
        created_by=Who(kind=one.creator_kind, ref=one.creator_ref),
        created_at=when(one.created_at),
        updated_at=when(one.updated_at),
        last_sequence=one.last_sequence,
        last_delivery_id=one.last_delivery_id,
        last_delivered_at=maybe_when(one.last_delivered_at),
        last_error=one.last_error,
        failures=one.failures,
        next_try_at=maybe_when(one.look_at) if one.failures else None,
    )
