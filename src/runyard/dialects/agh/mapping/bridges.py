"""Bridges on the wire (contract §28). Pure."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from runyard.dialects.agh.mapping.subscriptions import delivery_mode
from runyard.dialects.agh.mapping.values import given, instant, one_of, raw, shown, shown_if, trimmed
from runyard.dialects.agh.wire import bridges as wire
from runyard.domain.bridges import Bridge, BridgeState, Routing
from runyard.domain.errors import Invalid
from runyard.domain.records import Json
from runyard.engine.tasks import bridges
from runyard.engine.tasks.bridges import Made, NewBridge, Seen
from runyard.engine.tasks.directory import Directory, Found, Target

STATUSES = {
    BridgeState.DISABLED: "disabled",
    BridgeState.INCOMPLETE: "auth_required",
    BridgeState.READY: "ready",
    BridgeState.FAILING: "degraded",
}
POLICIES = ("open", "allowlist", "pairing")
_INCOMPLETE = wire.Degradation(reason="auth_failed", message="no url is bound; bind the secret `url`")


def bridge_in(data: wire.CreateBridgeRequest) -> NewBridge:
    """A bridge to make. Raises `Invalid`."""
    for name in ("display_name", "platform", "extension_name"):
        if not getattr(data, name).strip():
            raise Invalid(f"`{name}` must not be blank")
    return NewBridge(
        display_name=data.display_name,
        extension=data.extension_name.strip(),
        platform=data.platform.strip(),
        workspace=workspace_in(data.scope, data.workspace_id),
        enabled=data.enabled,
        suppressed=bool(data.notification_suppress),
        settings={
            "routing": _routing(data.routing_policy),
            "policy": one_of("dm_policy", data.dm_policy, POLICIES) or "",
            "config": given(data.provider_config),
            "defaults": _defaults(data.delivery_defaults),
        },
        secrets=data.secrets or {},
    )


def workspace_in(scope: str, workspace_id: str | None) -> str | None:
    """The workspace that is meant, None in the scope `global`. Raises `Invalid`."""
    word, workspace = one_of("scope", scope, ("global", "workspace")), trimmed(workspace_id)
    if word is None:
        raise Invalid("`scope` must be global or workspace")
    if (word == "workspace") != (workspace is not None):
        raise Invalid("scope workspace needs `workspace_id`, and scope global has none")
    return workspace


def changes_in(data: wire.UpdateBridgeRequest) -> dict[str, Any]:
    """What is to change; null is as good as not being said. Raises `Invalid` when that is nothing."""
    said: dict[str, Any] = {}
    if data.display_name is not None:
        said["display_name"] = data.display_name
    if data.dm_policy is not None:
        said["policy"] = one_of("dm_policy", data.dm_policy, POLICIES) or ""
    if data.routing_policy is not None:
        said["routing"] = _routing(data.routing_policy)
    if bytes(data.provider_config):
        said["config"] = given(data.provider_config)
    if bytes(data.delivery_defaults):
        said["defaults"] = _defaults(data.delivery_defaults)
    if data.notification_suppress is not None:
        said["suppressed"] = data.notification_suppress
    if not said and not data.secrets and not data.clear_degradation:
        raise Invalid(
            "say what is to change: display_name, dm_policy, routing_policy, provider_config, delivery_defaults, "
            "notification_suppress, clear_degradation or secrets"
        )
    return said


def _routing(data: wire.RoutingPolicy) -> Routing:
    return Routing(include_peer=data.include_peer, include_thread=data.include_thread, include_group=data.include_group)


def _defaults(value: Raw) -> Json | None:
    text = given(value)
    if text is None:
        return None
    try:
        said = msgspec.json.decode(text, type=wire.DeliveryDefaults)
    except msgspec.ValidationError as error:
        raise Invalid(f"`delivery_defaults` has peer_id, group_id, thread_id and mode, all texts: {error}") from None
    if said.thread_id.strip() and not said.peer_id.strip() and not said.group_id.strip():
        raise Invalid("`thread_id` of `delivery_defaults` needs `peer_id` or `group_id`")
    if said.mode.strip():
        delivery_mode(said.mode)
    return text


def bridge_out(bridge: Bridge) -> wire.Bridge:
    """A bridge."""
    settings = bridges.settings_of(bridge)
    routing = settings.routing
    return wire.Bridge(
        id=shown("brg", bridge.id),
        scope="global" if bridge.workspace_id is None else "workspace",
        workspace_id=shown_if("ws", bridge.workspace_id),
        platform=bridge.platform,
        extension_name=bridge.extension,
        display_name=bridge.display_name,
        source="dynamic",
        enabled=bridge.enabled,
        status=STATUSES[bridge.state],
        dm_policy=settings.policy,
        routing_policy=wire.RoutingPolicy(
            include_peer=routing.include_peer,
            include_thread=routing.include_thread,
            include_group=routing.include_group,
        ),
        provider_config=raw(settings.config),
        delivery_defaults=raw(settings.defaults),
        notification_suppress=bridge.suppressed,
        degradation=_degradation(bridge),
        created_at=instant(bridge.created_at),
        updated_at=instant(bridge.updated_at),
    )


def _degradation(bridge: Bridge) -> wire.Degradation | None:
    if bridge.state is BridgeState.INCOMPLETE:
        return _INCOMPLETE
    if bridge.state is not BridgeState.FAILING:
        return None
    message = bridge.last_error or ""
    timed_out = "within" in message and "seconds" in message
    return wire.Degradation(reason="provider_timeout" if timed_out else "webhook_invalid", message=message)


def health_out(seen: Seen) -> wire.Health:
    """How a bridge works."""
    bridge = seen.bridge
    return wire.Health(
        bridge_instance_id=shown("brg", bridge.id),
        status=STATUSES[bridge.state],
        route_count=0,
        delivery_backlog=seen.waiting,
        delivery_dropped_total=0,
        delivery_failures_total=seen.failures,
        auth_failures_total=0,
        last_error=bridge.last_error or "",
        degradation=_degradation(bridge),
    )


def answer_out(seen: Seen) -> wire.BridgeAnswer:
    """A bridge as the answer."""
    return wire.BridgeAnswer(bridge=bridge_out(seen.bridge), health=health_out(seen))


def made_out(made: Made) -> wire.BridgeAnswer:
    """A bridge that was made or changed as the answer, with what signs its messages if that was made."""
    answer = answer_out(Seen(bridge=made.bridge))
    return msgspec.structs.replace(answer, signing_secret=made.signing_secret or "")


def list_out(found: list[Seen]) -> wire.BridgesAnswer:
    """Bridges as the answer."""
    return wire.BridgesAnswer(
        bridges=[bridge_out(one.bridge) for one in found],
        bridge_health={shown("brg", one.bridge.id): health_out(one) for one in found},
    )


def targets_out(found: Directory, most: int) -> wire.TargetsAnswer:
    """Whom a bridge leads to, as the answer."""
    return wire.TargetsAnswer(
        bridge_id=shown("brg", found.bridge.id),
        targets=[target_out(found.bridge.id, one) for one in found.targets[:most]],
        total=len(found.targets),
        cache_stale=False,
        generated_at=instant(found.at),
        last_successful_refresh_at=instant(found.at),
    )


def target_out(bridge_id: str, target: Target) -> wire.Target:
    """Somebody a bridge leads to."""
    return wire.Target(
        bridge_id=shown("brg", bridge_id),
        canonical_route=target.route,
        display_name=target.name,
        normalized=target.plain,
        target_type=target.kind,
        qualifier=target.qualifier,
        capabilities=[],
        updated_at=instant(target.seen_at),
        last_seen_at=instant(target.seen_at),
    )


def resolved_out(bridge_id: str, found: Found) -> wire.ResolvedAnswer:
    """Who is meant, as the answer."""
    match = target_out(bridge_id, found.target)
    return wire.ResolvedAnswer(result=wire.Resolved(match=match, step=found.step, ambiguous=False))


def bindings_out(bridge: Bridge) -> wire.BindingsAnswer:
    """The names of a bridge's secrets as the answer."""
    return wire.BindingsAnswer(bindings=[_binding(bridge, name) for name in sorted(bridges.secrets_of(bridge))])


def binding_out(made: Made, name: str) -> wire.BindingAnswer:
    """One secret of a bridge as the answer, without its value."""
    return wire.BindingAnswer(binding=_binding(made.bridge, name), signing_secret=made.signing_secret or "")


def secret_in(name: str, data: wire.PutSecretRequest) -> dict[str, str]:
    """The secret to bind. Raises `Invalid`."""
    if not data.secret_value.strip():
        raise Invalid("`secret_value` must not be blank; delete the binding to take a secret away")
    return {name: data.secret_value}


def _binding(bridge: Bridge, name: str) -> wire.Binding:
    return wire.Binding(
        bridge_instance_id=shown("brg", bridge.id),
        binding_name=name,
        secret_ref=f"vault:bridges/{shown('brg', bridge.id)}/{name}",
        kind=name,
        created_at=instant(bridge.created_at),
        updated_at=instant(bridge.updated_at),
    )
