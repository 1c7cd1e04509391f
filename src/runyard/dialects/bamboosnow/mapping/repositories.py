"""Repositories (contract §5, §6)."""

from __future__ import annotations

import msgspec

from runyard.dialects.bamboosnow.mapping.values import seconds, shown
from runyard.dialects.bamboosnow.wire import repositories as wire
from runyard.domain.repositories import Repository

_stack = msgspec.json.Decoder(dict[str, list[str]]).decode


def repository_out(one: Repository) -> wire.Repository:
    """A repository on the wire."""
    return wire.Repository(
        id=shown("repo", one.id),
        provider=one.provider,
        full_name=one.full_name,
        name=one.name,
        owner=one.owner,
        default_branch=one.default_branch,
        description=one.description,
        language=one.language,
        detected_stack=None if one.stack is None else _stack(one.stack),
        is_private=bool(one.private),
        last_synced_at=seconds(one.synced_at),
        created_at=seconds(one.created_at) or "",
        updated_at=seconds(one.updated_at),
    )
