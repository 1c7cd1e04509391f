"""People (contract §11): a key is a person, known by a number that stays the same."""

from __future__ import annotations

import re

from runyard.dialects.posthog.wire.users import UserBasic
from runyard.domain.coding import named_uuid, number_of

DOMAIN = "keys.runyard.invalid"
"""Keys have no mail; nobody can have an address of this domain."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


def user_out(creator: str, name: str | None) -> UserBasic:
    """Who calls with a key, or with what stands for one."""
    known = creator if _UUID(creator) is not None else named_uuid(creator)
    return UserBasic(
        id=number_of(creator),
        uuid=known,
        distinct_id=creator,
        first_name=name or "",
        last_name="",
        email=f"{known}@{DOMAIN}",
        is_email_verified=None,
    )
