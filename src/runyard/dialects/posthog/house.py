"""What the routes of the dialect share besides the call."""

from __future__ import annotations

import msgspec

from runyard.artifacts.port import Blobs
from runyard.outbound.relay import Relay
from runyard.settings import Settings
from runyard.storage.vault import Vault
from runyard.streams.feed import Feeds
from runyard.streams.hub import Hub
from runyard.web.links import Links
from runyard.web.sandbox_tokens import SandboxTokens
from runyard.web.signed_tokens import SignedTokens


class House(msgspec.Struct, frozen=True, kw_only=True):
    """Secrets, wake-ups, bytes and settings of one server."""

    vault: Vault
    hub: Hub
    feeds: Feeds
    blobs: Blobs
    settings: Settings
    tokens: SandboxTokens
    links: Links
    signed: SignedTokens
    relay: Relay
