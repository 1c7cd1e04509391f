"""Tokens for talking to sandboxes (contract §7.7)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class ConnectionToken(msgspec.Struct, kw_only=True):
    """A token that the agent server in the run's sandbox lets its bearer in with."""

    token: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$")]
