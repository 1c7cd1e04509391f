"""Runs that are being worked on, made without jobs of the dialect."""

from __future__ import annotations

from typing import Any

from runyard.domain.states import RunState
from runyard.engine.claims import Granted
from tests.dialects.strait.client import Strait, Worker
from tests.support.yard import Known, Yard, id_of


class Hands:
    """What executors do to runs of project 1, and the worker-side calls of such runs."""

    def __init__(self, strait: Strait) -> None:
        self.strait = strait
        self.yard = Yard(strait.stand.store, strait.stand.clock)

    def running(self, **new: Any) -> tuple[Granted, Worker]:
        """A run that was made, claimed and started, and its worker."""
        granted = self.yard.running(**new)
        return granted, self.strait.worker(granted)

    def worker(self, **new: Any) -> Worker:
        """The worker of a run that was made, claimed and started."""
        return self.running(**new)[1]

    def in_state(self, state: RunState) -> Worker:
        """The token that a trigger hands out, of a run in this state."""
        return self.token(self.yard.in_state(state))

    def token(self, run: Known, attempt: int | None = None) -> Worker:
        """Whoever holds a token of the run, or of one attempt at it."""
        strait, run_id = self.strait, id_of(run)
        text = strait.stand.server.tokens.make(self.yard.run(run_id), attempt=attempt)
        return Worker(strait.stand, strait.contract, text, run_id)
