"""What the routes of the dialect share besides the call."""

from __future__ import annotations

import msgspec

from runyard.dialects.strait.tokens import RunTokens
from runyard.settings import Settings
from runyard.storage.vault import Vault
from runyard.streams.feed import Feeds
from runyard.streams.hub import Hub


class House(msgspec.Struct, frozen=True, kw_only=True):
    """Run tokens, secrets, wake-ups and followers of one server."""

    tokens: RunTokens
    vault: Vault
    hub: Hub
    feeds: Feeds
    settings: Settings
