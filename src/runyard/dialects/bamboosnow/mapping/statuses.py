"""How runs stand, in the words of both surfaces (contract §1)."""

from __future__ import annotations

from collections.abc import Mapping

from runyard.dialects.bamboosnow.mapping.values import one_of
from runyard.domain.agents import Phase

Words = Mapping[Phase, str]
PLAIN: Words = {
    Phase.QUEUED: "queued",
    Phase.RUNNING: "running",
    Phase.DECIDING: "running",
    Phase.SUCCEEDED: "success",
    Phase.FAILED: "failure",
    Phase.TIMED_OUT: "timeout",
    Phase.CANCELED: "cancelled",
}
"""At `/v1`."""
SDK: Words = {
    Phase.QUEUED: "queued",
    Phase.RUNNING: "running",
    Phase.DECIDING: "waiting_approval",
    Phase.SUCCEEDED: "completed",
    Phase.FAILED: "failed",
    Phase.TIMED_OUT: "failed",
    Phase.CANCELED: "cancelled",
}
"""At `/api/v1`: the published client knows these words only, and waits until it reads one of its own last ones."""


def phases_in(words: Words, status: str | None) -> tuple[Phase, ...] | None:
    """The phases a status of a surface stands for, None for no status. Raises `Invalid` for one it does not have."""
    if one_of("status", status, tuple(dict.fromkeys(words.values()))) is None:
        return None
    return tuple(phase for phase, word in words.items() if word == status)
