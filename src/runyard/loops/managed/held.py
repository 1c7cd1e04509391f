"""One managed run that this server holds, from its claim until its program is gone."""

from __future__ import annotations

from typing import Literal

from runyard.domain.presets import Preset
from runyard.domain.states import LEASED, RunState
from runyard.engine.claims import Granted
from runyard.loops import watching
from runyard.storage.port import Tx
from runyard.storage.statements.fences import Fenced

Stop = Literal["now", "soon", "server"]
"""How a program is to end: at once, after a while in which it may end by itself, or because the server does."""
REPORTED = frozenset({RunState.COMPLETED, RunState.FAILED, RunState.WAITING})
"""Where a program itself may have brought its run."""


class Held(watching.Held[Stop]):
    """A run, its lease, and what is known of its program."""

    def __init__(self, granted: Granted) -> None:
        super().__init__(granted)
        self.charge = Tx.new_id()
        """Names what the machine costs in the ledger, however often the end is told."""
        self.preset: Preset | None = None

    def judge(self, standing: Fenced | None) -> None:
        """Stop when the run is no longer ours."""
        if standing is not None and self.is_proved_by(standing) and standing.state in LEASED:
            return
        # Parking takes the proof away, so a waiting run is known by its attempt alone.
        own = standing is not None and standing.state in REPORTED and standing.attempt == self.run.attempt
        self.let_go("soon" if own else "now")
