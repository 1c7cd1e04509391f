"""Shapes of bridges (contract §28). Fields with a default are left out where they have it."""

from __future__ import annotations

import msgspec
from msgspec import Raw


class RoutingPolicy(msgspec.Struct, kw_only=True):
    """By what a bridge tells conversations apart."""

    include_peer: bool = False
    include_thread: bool = False
    include_group: bool = False


class CreateBridgeRequest(msgspec.Struct, kw_only=True):
    """A bridge to make."""

    scope: str
    display_name: str
    platform: str
    extension_name: str
    enabled: bool
    routing_policy: RoutingPolicy
    workspace_id: str | None = None
    dm_policy: str | None = None
    provider_config: Raw = Raw(b"")
    delivery_defaults: Raw = Raw(b"")
    notification_suppress: bool | None = None
    secrets: dict[str, str] | None = None
    """Beyond AGH: `url` (where it leads) and `signing_secret`, which can be bound afterwards as well."""


class UpdateBridgeRequest(msgspec.Struct, kw_only=True):
    """What is to change of a bridge."""

    display_name: str | None = None
    dm_policy: str | None = None
    routing_policy: RoutingPolicy | None = None
    provider_config: Raw = Raw(b"")
    delivery_defaults: Raw = Raw(b"")
    notification_suppress: bool | None = None
    clear_degradation: bool | None = None
    secrets: dict[str, str] | None = None


class DeliveryDefaults(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whom a bridge leads to where nobody says."""

    peer_id: str = ""
    group_id: str = ""
    thread_id: str = ""
    mode: str = ""


class Degradation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a bridge does not work as it should."""

    reason: str
    message: str = ""


class Bridge(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A bridge."""

    id: str
    scope: str
    platform: str
    extension_name: str
    display_name: str
    source: str
    enabled: bool
    status: str
    routing_policy: RoutingPolicy
    notification_suppress: bool
    created_at: str
    updated_at: str
    workspace_id: str = ""
    dm_policy: str = ""
    provider_config: Raw | None = None
    delivery_defaults: Raw | None = None
    degradation: Degradation | None = None


class Health(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How a bridge works."""

    bridge_instance_id: str
    status: str
    route_count: int
    delivery_backlog: int
    delivery_dropped_total: int
    delivery_failures_total: int
    auth_failures_total: int
    last_error: str = ""
    degradation: Degradation | None = None


class BridgeAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A bridge, and how it works."""

    bridge: Bridge
    health: Health
    signing_secret: str = ""
    """Beyond AGH: what signs messages, in the one answer after it was made."""


class BridgesAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Bridges."""

    bridges: list[Bridge]
    bridge_health: dict[str, Health] = {}


class Target(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Somebody or something a bridge leads to."""

    bridge_id: str
    canonical_route: str
    display_name: str
    normalized: str
    target_type: str
    capabilities: list[str]
    updated_at: str
    last_seen_at: str
    qualifier: str = ""


class TargetsAnswer(msgspec.Struct, kw_only=True):
    """Whom a bridge leads to."""

    bridge_id: str
    targets: list[Target]
    total: int
    cache_stale: bool
    generated_at: str
    last_successful_refresh_at: str


class ResolveRequest(msgspec.Struct, kw_only=True):
    """A name of somebody."""

    name: str


class Resolved(msgspec.Struct, kw_only=True):
    """Who is meant."""

    match: Target
    step: int
    ambiguous: bool


class ResolvedAnswer(msgspec.Struct, kw_only=True):
    """Who is meant."""

    result: Resolved


class PutSecretRequest(msgspec.Struct, kw_only=True):
    """A secret to bind."""

    secret_value: str
    secret_ref: str | None = None
    kind: str | None = None


class Binding(msgspec.Struct, kw_only=True):
    """A secret that is bound, without its value."""

    bridge_instance_id: str
    binding_name: str
    secret_ref: str
    kind: str
    created_at: str
    updated_at: str


class BindingAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A secret that is bound."""

    binding: Binding
    signing_secret: str = ""
    """Beyond AGH: what signs messages, in the one answer after it was made."""


class BindingsAnswer(msgspec.Struct, kw_only=True):
    """Secrets that are bound."""

    bindings: list[Binding]
