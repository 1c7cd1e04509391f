"""The native API at `/runyard/v1`."""

from __future__ import annotations

from runyard import __version__
from runyard.artifacts.port import Blobs
from runyard.dialects.native.routes import (
    admin,
    agent_stats,
    agents,
    approvals,
    artifacts,
    bridges,
    bulks,
    channels,
    coding,
    counts,
    debug,
    executors,
    findings,
    following,
    inbox,
    jobs,
    profiles,
    queries,
    records,
    repositories,
    reviews,
    runs,
    sandboxes,
    scheduler,
    secrets,
    sessions,
    signing,
    talking,
    task_claims,
    task_forcing,
    task_runs,
    task_verbs,
    tasks,
    threads,
    triggers,
    waits,
    webhooks,
    workspaces,
)
from runyard.outbound.relay import Relay
from runyard.settings import Settings
from runyard.storage.vault import Vault
from runyard.streams import asgi
from runyard.streams.feed import Feeds
from runyard.streams.hub import Hub
from runyard.web.auth import KeyAuth
from runyard.web.openapi import About
from runyard.web.problems import PROBLEMS
from runyard.web.server import Plumbing, dialect_app
from runyard.web.signed_tokens import SignedTokens

PREFIX = "/runyard"
ABOUT = About(
    title="Runyard",
    version=__version__,
    description="The control plane for AI-agent runs: a durable queue with leases, and the whole record of every run.",
    headers={"X-Runyard-Project": "The project an admin key acts in, by number or slug; project 1 without it."},
)


def app(
    plumbing: Plumbing,
    authenticate: KeyAuth,
    *,
    hub: Hub,
    feeds: Feeds,
    blobs: Blobs,
    settings: Settings,
    vault: Vault,
    signed: SignedTokens,
    relay: Relay,
    started: float,
    started_at: int,
) -> asgi.App:
    """The native API as an ASGI app."""
    return dialect_app(
        PREFIX,
        [
            *admin.HANDLERS,
            admin.info(settings, started),
            *jobs.handlers(settings, vault),
            *secrets.handlers(settings, vault),
            *signing.handlers(signed),
            *agents.handlers(settings),
            *repositories.handlers(plumbing.store, settings, vault),
            *webhooks.handlers(settings, vault),
            *bridges.handlers(settings, vault),
            *runs.HANDLERS,
            *debug.HANDLERS,
            *triggers.HANDLERS,
            *waits.HANDLERS,
            *approvals.HANDLERS,
            *queries.HANDLERS,
            *bulks.HANDLERS,
            *counts.HANDLERS,
            *agent_stats.HANDLERS,
            *records.HANDLERS,
            *threads.HANDLERS,
            *findings.HANDLERS,
            *executors.handlers(hub),
            *reviews.handlers(hub),
            *profiles.HANDLERS,
            *following.handlers(feeds),
            *scheduler.handlers(hub, feeds),
            *tasks.HANDLERS,
            *coding.HANDLERS,
            *talking.handlers(settings, vault, signed, relay),
            *inbox.handlers(started_at),
            *task_verbs.HANDLERS,
            *task_claims.handlers(hub),
            *task_runs.HANDLERS,
            *task_forcing.HANDLERS,
            *workspaces.HANDLERS,
            *sessions.handlers(hub, feeds),
            *sandboxes.handlers(settings),
            *channels.handlers(hub),
            *artifacts.handlers(blobs, limit=settings.max_artifact_bytes),
        ],
        plumbing=plumbing,
        authenticate=authenticate,
        errors=PROBLEMS,
        about=ABOUT,
    )
