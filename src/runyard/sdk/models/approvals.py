"""Questions of runs to people, and the answers."""

from __future__ import annotations

from datetime import datetime

from runyard.sdk.models.model import Model


class Approval(Model, frozen=True, kw_only=True):
    """What a run asked people for, and the answer."""

    id: str
    run_id: str
    name: str
    state: str
    action: str = ""
    description: str = ""
    risk: str = "medium"
    changes: list[str] = []
    on_reject: str = "continue"
    comment: str | None = None
    decided_by: str | None = None
    requested_at: datetime | None = None
    decided_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def is_decided(self) -> bool:
        """Whether somebody, or time, said yes or no."""
        return self.state in {"approved", "rejected"}


class Decision(Model, frozen=True, kw_only=True):
    """What people said to a run's question."""

    approved: bool
    comment: str | None = None
    by: str | None = None
    """The key that decided; None where time did."""
