"""The PostHog dialect at `/posthog`: tasks whose runs agents work on in sandboxes, with logs, artifacts and streams."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from litestar.types import ControllerRouterHandler

from runyard import __version__
from runyard.dialects.posthog.auth import PosthogAuth
from runyard.dialects.posthog.errors import ERRORS, ApiError
from runyard.dialects.posthog.house import House
from runyard.dialects.posthog.paths import headed, unslashed
from runyard.dialects.posthog.routes import (
    artifacts,
    commands,
    ingest,
    launching,
    links,
    logs,
    relays,
    runs,
    streams,
    task_sessions,
    tasks,
    tokens,
    uploads,
    users,
)
from runyard.streams.asgi import App
from runyard.web.auth import KeyAuth
from runyard.web.openapi import About
from runyard.web.server import Plumbing, dialect_app

PREFIX = "/posthog"
MAX_BODY = 44 << 20
"""The largest body: 30 MiB of an artifact in base64, and what is around it (contract §6.2)."""
ROUTES = (runs, logs, streams, relays, tasks, launching, users, commands, tokens, artifacts, uploads, task_sessions)
ABOUT = About(
    title="Runyard: PostHog dialect",
    version=__version__,
    description="PostHog's task runs, and what its agent needs of the rest of PostHog, over the runs of this server.",
    error=ApiError,
    headers={},
)


def app(plumbing: Plumbing, authenticate: KeyAuth, house: House) -> App:
    """The dialect as an ASGI app."""
    inner = dialect_app(
        PREFIX,
        [
            *logs.public_handlers(house, plumbing.store),
            *ingest.public_handlers(house, plumbing.store),
            *links.public_handlers(house, plumbing.store),
            *handlers(house),
        ],
        plumbing=msgspec.structs.replace(plumbing, max_body=max(plumbing.max_body, MAX_BODY)),
        authenticate=PosthogAuth(authenticate, house.tokens),
        errors=ERRORS,
        about=ABOUT,
    )
    return headed(unslashed(inner))


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """Every operation of the dialect."""
    return [handler for module in ROUTES for handler in module.handlers(house)]
