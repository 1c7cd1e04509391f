"""One managed run that this server holds, from its claim until its program is gone."""

from __future__ import annotations

import asyncio
from typing import Literal

from runyard.domain.presets import Preset
from runyard.domain.records import Lease, Run
from runyard.domain.states import LEASED, RunState
from runyard.engine.claims import Granted
from runyard.engine.proofs import token_hash
from runyard.sandbox.gauge import Measure
from runyard.sandbox.launch import Running
from runyard.storage.port import Tx
from runyard.storage.statements.fences import Fenced

Stop = Literal["now", "soon", "server"]
"""How a program is to end: at once, after a while in which it may end by itself, or because the server does."""
REPORTED = frozenset({RunState.COMPLETED, RunState.FAILED, RunState.WAITING})
"""Where a program itself may have brought its run."""


class Held:
    """A run, its lease, and what is known of its program."""

    def __init__(self, granted: Granted) -> None:
        self.run: Run = granted.run
        self.lease: Lease = granted.lease
        self.charge = Tx.new_id()
        """Names what the machine costs in the ledger, however often the end is told."""
        self.until = granted.lease.until
        self.preset: Preset | None = None
        self.running: Running | None = None
        self.stop: Stop | None = None
        self.stopping = asyncio.Event()
        self.excess: Literal["memory", "processes"] | None = None
        """Of what its program had more than its preset allows, for which it was ended."""
        self.measured: Measure | None = None
        self.measured_at = 0.0
        self.sample_due = 0.0

    @property
    def key(self) -> tuple[str, int]:
        """Names this holding among all: a run can come back while its last program is still ending."""
        return self.run.id, self.run.epoch

    def let_go(self, stop: Stop) -> None:
        """Have the program stopped; the first reason counts."""
        if self.stop is None:
            self.stop = stop
            self.stopping.set()

    def judge(self, standing: Fenced | None) -> None:
        """Stop when the run is no longer ours."""
        ours = standing is not None and standing.lease_hash == token_hash(self.lease.token)
        if standing is not None and ours and standing.state in LEASED:
            return
        # Parking takes the proof away, so a waiting run is known by its attempt alone.
        own = standing is not None and standing.state in REPORTED and standing.attempt == self.run.attempt
        self.let_go("soon" if own else "now")
