"""People as the dialect knows them: the keys they call with."""

from __future__ import annotations

import msgspec


class UserBasic(msgspec.Struct, kw_only=True):
    """Who somebody is."""

    id: int
    uuid: str
    distinct_id: str
    first_name: str
    last_name: str
    email: str
    is_email_verified: bool | None
