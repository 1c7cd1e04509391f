"""The BambooSnow dialect at `/bamboosnow`: agents that watch repositories, their runs, findings and statistics.

Two surfaces over the same things: `/v1` in snake_case, and `/api/v1` as the published SDK calls it (contract §1).
"""

from __future__ import annotations

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from runyard import __version__
from runyard.dialects.bamboosnow.auth import BambooSnowAuth
from runyard.dialects.bamboosnow.errors import ERRORS, Error
from runyard.dialects.bamboosnow.house import House
from runyard.dialects.bamboosnow.routes import (
    account,
    agents,
    hooks,
    repositories,
    runs,
    sdk_agents,
    sdk_runs,
    webhooks,
)
from runyard.streams import asgi
from runyard.web.auth import KeyAuth
from runyard.web.openapi import About
from runyard.web.server import Plumbing, dialect_app

PREFIX = "/bamboosnow"
ABOUT = About(
    title="Runyard: BambooSnow dialect",
    version=__version__,
    description="BambooSnow's Runs API, and what its Python SDK calls, over the runs of this server.",
    error=Error,
    headers={"X-Runyard-Project": "The project an admin key acts in, by number or slug; project 1 without it."},
)


def app(plumbing: Plumbing, authenticate: KeyAuth, house: House) -> asgi.App:
    """The dialect as an ASGI app."""
    return dialect_app(
        PREFIX,
        [*hooks.handlers(house, plumbing.store), *handlers(house)],
        plumbing=plumbing,
        authenticate=BambooSnowAuth(authenticate),
        errors=ERRORS,
        about=ABOUT,
    )


def handlers(house: House) -> Sequence[ControllerRouterHandler]:
    """Every operation of the dialect."""
    return [
        *runs.HANDLERS,
        *agents.handlers(house),
        *sdk_runs.HANDLERS,
        *sdk_agents.handlers(house),
        *repositories.handlers(house),
        *account.HANDLERS,
        *webhooks.handlers(house),
    ]
