"""The AGH dialect at `/agh`: tasks that agents claim, with dependencies, approvals, reviews and an inbox."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from litestar.types import ControllerRouterHandler

from runyard import __version__
from runyard.dialects.agh.auth import AghAuth
from runyard.dialects.agh.errors import ERRORS, Error
from runyard.dialects.agh.house import House
from runyard.dialects.agh.routes import (
    agents,
    bridges,
    channels,
    claims,
    dashboard,
    forcing,
    identity,
    inspection,
    lifecycle,
    profiles,
    reviews,
    runs,
    scheduler,
    sessions,
    status,
    tasks,
    timelines,
    triage,
    workspaces,
)
from runyard.streams.asgi import App
from runyard.web.auth import KeyAuth
from runyard.web.openapi import About
from runyard.web.server import Plumbing, dialect_app

PREFIX = "/agh"
MAX_BODY = 4 << 20
"""The largest body (contract §1)."""
ROUTES = (
    tasks,
    lifecycle,
    claims,
    runs,
    forcing,
    inspection,
    reviews,
    profiles,
    triage,
    dashboard,
    scheduler,
    timelines,
    bridges,
    workspaces,
    agents,
    sessions,
    identity,
    channels,
    status,
)
ABOUT = About(
    title="Runyard: AGH dialect",
    version=__version__,
    description="AGH's tasks API, and what it needs of the rest of AGH, over the runs of this server.",
    error=Error,
    headers={
        "X-Runyard-Project": "The project an admin key acts in, by number or slug; project 1 without it.",
        "X-AGH-Session-ID": "The session of an agent that calls; a person calls without it.",
        "X-AGH-Agent": "The agent whose session it is.",
        "X-AGH-Workspace-ID": "The workspace of the session, to be checked.",
    },
)


def app(plumbing: Plumbing, authenticate: KeyAuth, house: House) -> App:
    """The dialect as an ASGI app."""
    return dialect_app(
        PREFIX,
        handlers(house),
        plumbing=msgspec.structs.replace(plumbing, max_body=min(plumbing.max_body, MAX_BODY)),
        authenticate=AghAuth(authenticate),
        errors=ERRORS,
        about=ABOUT,
    )


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """Every operation of the dialect."""
    return [handler for module in ROUTES for handler in module.handlers(house)]
