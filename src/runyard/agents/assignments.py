"""What a run is to do, as the built-in agents read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runyard.sdk.models import AssignedCommit, AssignedPullRequest, AssignedRepository, Assignment

__all__ = ["AssignedCommit", "AssignedPullRequest", "AssignedRepository", "Assignment", "base_of", "wishes"]


def wishes(assignment: Assignment) -> dict[str, Any]:
    """What is asked for, by name: the agent's configuration, and over it what the payload says."""
    return {**assignment.config, **assignment.payload}


def base_of(assignment: Assignment) -> str | None:
    """What to compare with, where somebody says: the payload, the base of its pull request, or the configuration."""
    said = assignment.payload.get("base")
    if isinstance(said, str) and said:
        return said
    pull_request = assignment.payload.get("pull_request")
    base = pull_request.get("base") if isinstance(pull_request, Mapping) else None
    for found in (_commit(base), assignment.config.get("base")):
        if isinstance(found, str) and found:
            return found
    return None


def _commit(base: object) -> object:
    """What a code host says of a base, or just its name."""
    return base.get("sha") or base.get("ref") if isinstance(base, Mapping) else base
