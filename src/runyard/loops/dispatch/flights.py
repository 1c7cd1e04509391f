"""A run in the dispatcher's hands, from its claim to its report."""

from __future__ import annotations

from typing import Any

import msgspec

from runyard.domain.records import Run
from runyard.engine.claims import Granted


class Flight(msgspec.Struct, kw_only=True, eq=False):
    """A run in our hands."""

    granted: Granted
    class_id: int
    handled_at: int
    """When we got it, by the store's clock."""
    began: float
    """The same, by a clock that measures."""
    started: bool = False
    lost: bool = False
    """Whether somebody else decided about the run meanwhile."""

    @property
    def run(self) -> Run:
        """The run as it was claimed."""
        return self.granted.run

    def proof(self) -> dict[str, Any]:
        """What every report on it names."""
        run = self.granted.run
        return {"project_id": run.project_id, "run_id": run.id, "token": self.granted.lease.token, "actor": "dispatch"}
