"""Shapes of what a session is told of itself (contract §28). Fields with a default are left out where they have it."""

from __future__ import annotations

import msgspec

from runyard.dialects.agh.wire.channels import Metadata
from runyard.dialects.agh.wire.profiles import Profile
from runyard.dialects.agh.wire.runs import Channel, Lease, RunSummary
from runyard.dialects.agh.wire.sessions import Lineage, Permissions, Session
from runyard.dialects.agh.wire.tasks import Reference
from runyard.dialects.agh.wire.timelines import Item


class Self(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who calls."""

    session_id: str
    agent_name: str
    provider: str
    model: str = ""


class Place(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where it works."""

    id: str = ""
    name: str = ""
    root_dir: str = ""


class OwnSession(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Its session."""

    id: str
    state: str
    created_at: str
    updated_at: str
    name: str = ""
    type: str = ""
    channel: str = ""
    lineage: Lineage | None = None


class Capability(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something it can do."""

    id: str
    source: str = ""


class Limits(msgspec.Struct, kw_only=True):
    """What it may have at most."""

    max_children: int
    max_spawn_depth: int
    max_active_task_leases: int
    context_section_limit: int


class Coordinator(msgspec.Struct, kw_only=True):
    """Who leads: nobody, as far as the server knows."""

    enabled: bool = False
    agent_name: str = ""
    default_ttl_seconds: int = 0
    max_children: int = 0
    max_active_sessions_per_workspace: int = 0
    source: str = "default"


class Me(msgspec.Struct, kw_only=True):
    """Who calls, in short."""

    self: Self
    workspace: Place
    session: OwnSession
    capabilities: list[Capability]
    channels: list[Channel]
    active_task_leases: list[Lease]
    coordinator: Coordinator
    limits: Limits


class MeAnswer(msgspec.Struct, kw_only=True):
    """Who calls."""

    me: Me


class Soul(msgspec.Struct, kw_only=True):
    """What its agent is like: nothing that the server knows."""

    enabled: bool = False
    present: bool = False
    active: bool = False
    valid: bool = False
    tone: list[str] = []
    principles: list[str] = []


class RuntimeLimits(msgspec.Struct, kw_only=True):
    """What a run may take; 0 is anything."""

    max_runtime_seconds: int = 0
    summary_max_bytes: int = 0
    context_body_max_bytes: int = 0


class Continuation(msgspec.Struct, kw_only=True):
    """The review that asked for the run."""

    review_id: str
    reviewed_run_id: str
    review_round: int
    outcome: str
    reason: str
    missing_work: list[str]
    next_round_guidance: str


class Reviewed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was said of a run before."""

    review_id: str
    run_id: str
    review_round: int
    attempt: int
    status: str
    outcome: str = ""
    reason: str = ""
    reviewed_at: str = ""
    reviewer_label: str = ""


class Bundle(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All there is to know of what it works on."""

    task: Reference
    latest_event_seq: int
    prior_attempts: list[RunSummary]
    recent_events: list[Item]
    limits: RuntimeLimits
    review_history: list[Reviewed]
    current_run: RunSummary | None = None
    execution_profile: Profile | None = None
    review_continuation: Continuation | None = None


class TaskSection(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What it works on."""

    available: bool
    task: Reference | None = None
    lease: Lease | None = None
    bundle: Bundle | None = None


class ChannelSection(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where those talk who work on the same."""

    available: bool
    channel: Channel | None = None


class Section(msgspec.Struct, kw_only=True):
    """How much of a part is shown."""

    limit: int
    returned: int
    truncated: bool


class InboxItem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A message it has not read."""

    message_id: str
    channel_id: str
    kind: str
    metadata: Metadata
    timestamp: str
    preview: str = ""


class Inbox(msgspec.Struct, kw_only=True):
    """What it has not read."""

    section: Section
    unread_count: int
    items: list[InboxItem]


class Peer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Another session in its workspace."""

    peer_id: str
    capabilities: list[str]
    session_id: str = ""
    display_name: str = ""
    channel_id: str = ""


class Roster(msgspec.Struct, kw_only=True):
    """Who is there besides."""

    section: Section
    peers: list[Peer]


class CapabilitySection(msgspec.Struct, kw_only=True):
    """What it can do."""

    section: Section
    capabilities: list[Capability]


class Provenance(msgspec.Struct, kw_only=True):
    """When all this was so."""

    generated_at: str
    source: str = "server"


class Context(msgspec.Struct, kw_only=True):
    """What a session finds itself in."""

    self: Self
    workspace: Place
    session: OwnSession
    soul: Soul
    task: TaskSection
    coordination_channel: ChannelSection
    inbox_summary: Inbox
    peer_roster: Roster
    capabilities: CapabilitySection
    limits: Limits
    provenance: Provenance


class ContextAnswer(msgspec.Struct, kw_only=True):
    """What a session finds itself in."""

    context: Context


class SpawnRequest(msgspec.Struct, kw_only=True):
    """A session below the caller's that is asked for."""

    agent_name: str
    spawn_role: str
    ttl_seconds: int
    auto_stop_on_parent: bool = False
    permissions: Permissions = msgspec.field(default_factory=Permissions)
    provider: str = ""
    model: str = ""
    name: str = ""
    prompt_overlay: str = ""
    idempotency_key: str = ""
    capabilities: list[str] = []


class Spawned(msgspec.Struct, kw_only=True):
    """A session below the caller's."""

    session: Session
    lineage: Lineage
    permissions: Permissions


class SpawnAnswer(msgspec.Struct, kw_only=True):
    """A session below the caller's."""

    spawn: Spawned
