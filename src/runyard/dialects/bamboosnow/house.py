"""What the routes of the dialect share besides the call."""

from __future__ import annotations

import msgspec

from runyard.settings import Settings
from runyard.storage.vault import Vault


class House(msgspec.Struct, frozen=True, kw_only=True):
    """Secrets and settings of one server."""

    vault: Vault
    settings: Settings
