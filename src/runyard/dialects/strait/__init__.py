"""The Strait dialect at `/strait`: job runs, dispatch, dead letters, lineage, worker-side calls."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from litestar.types import ControllerRouterHandler

from runyard import __version__
from runyard.dialects.strait.auth import StraitAuth
from runyard.dialects.strait.edge import told
from runyard.dialects.strait.errors import ERRORS, ErrorResponse
from runyard.dialects.strait.house import House
from runyard.dialects.strait.routes import (
    admin,
    bulk,
    debug,
    dependencies,
    events,
    health,
    jobs,
    links,
    records,
    runs,
    streams,
    triggers,
    worker,
)
from runyard.streams import asgi
from runyard.web.auth import KeyAuth
from runyard.web.openapi import About
from runyard.web.server import Plumbing, dialect_app

PREFIX = "/strait"
MAX_BODY = 1 << 20
"""Contract §1."""
ABOUT = About(
    title="Runyard: Strait dialect",
    version=__version__,
    description="Strait's job runs API over the runs of this server.",
    error=ErrorResponse,
    headers={
        "X-Internal-Secret": "An admin key, instead of a bearer key.",
        "X-Project-Id": "The project the internal secret acts in.",
        "X-List-Envelope": "`1` wraps lists in `{data, next_cursor, has_more}`.",
    },
)


def app(plumbing: Plumbing, authenticate: KeyAuth, house: House) -> asgi.App:
    """The dialect as an ASGI app."""
    return told(
        dialect_app(
            PREFIX,
            [*health.handlers(plumbing.store), *handlers(house)],
            plumbing=msgspec.structs.replace(plumbing, max_body=min(plumbing.max_body, MAX_BODY)),
            authenticate=StraitAuth(authenticate, house.tokens),
            errors=ERRORS,
            about=ABOUT,
        )
    )


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """Every operation of the dialect."""
    return [
        *jobs.handlers(house),
        *triggers.handlers(house),
        *admin.HANDLERS,
        *runs.HANDLERS,
        *bulk.HANDLERS,
        *debug.HANDLERS,
        *dependencies.HANDLERS,
        *events.handlers(house.feeds),
        *links.handlers(house),
        *records.HANDLERS,
        *worker.HANDLERS,
        *streams.handlers(house.feeds),
    ]
