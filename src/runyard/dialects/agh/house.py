"""What the routes of the dialect share besides the call."""

from __future__ import annotations

import msgspec

from runyard.settings import Settings
from runyard.storage.vault import Vault
from runyard.streams.feed import Feeds
from runyard.streams.hub import Hub


class House(msgspec.Struct, frozen=True, kw_only=True):
    """Secrets, wake-ups and settings of one server."""

    vault: Vault
    hub: Hub
    feeds: Feeds
    settings: Settings
    started_at: int
    """When the server was started, by its own clock."""
