"""Lanes: concurrency limits that never make a claim look further, and never overshoot.

A lane lets through at most `cap` runs: those that may be claimed this instant plus those held by executors. The rest
are held back out of the ready index, so a claim needs no check. A run that ranks before one let through but not yet
claimed takes its place. Every change happens under the lane's row lock, taken in id order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from runyard.domain.moves import changed, occupies
from runyard.domain.records import Move, Run
from runyard.domain.states import RunState
from runyard.storage.port import Tx
from runyard.storage.statements import lanes as sql
from runyard.storage.statements import runs as runs_sql

REFILL = 200
ROUNDS = 8
"""A freed place looks at so many held runs at once, so often; more is left to the next release or sweep."""


def job_lane(tx: Tx, project_id: int, job_id: str, cap: int) -> int:
    """The lane of all runs of a job."""
    return sql.upsert(tx, project_id, f"job:{job_id}", cap)


def key_lane(tx: Tx, project_id: int, job_id: str | None, key: str, cap: int) -> int:
    """The lane of runs that share a concurrency key: within the job, or within the project for ad-hoc runs."""
    return sql.upsert(tx, project_id, f"key:{job_id or ''}:{key}", cap)


def of(run: Run) -> list[int]:
    """The lanes the run has to pass; the narrower first, so that room made there is room in the wider one too."""
    return [lane for lane in (run.key_lane, run.job_lane) if lane is not None]


class Traffic:
    """The lanes one operation touches: their counts, locked, and who was let through or made to wait."""

    def __init__(self, tx: Tx, ids: Iterable[int], moving: frozenset[str] = frozenset()) -> None:
        self.tx = tx
        self.moving = moving
        """Runs this operation is about to save; nobody else may change them meanwhile."""
        self.counts = sql.lock(tx, list(ids)) if ids else {}
        self.shifts: dict[int, int] = {}

    def shift(self, run: Run, by: int) -> None:
        """Count the run in or out of its lanes."""
        for lane in of(run):
            if lane in self.counts:
                self.counts[lane][1] += by
            self.shifts[lane] = self.shifts.get(lane, 0) + by

    def full_lane(self, run: Run) -> int | None:
        """The first lane that has no place for the run."""
        for lane in of(run):
            cap, used = self.counts.get(lane, (1, 0))
            if used >= cap:
                return lane
        return None

    def admit(self, run: Run) -> Run:
        """The run let through, or held by a full lane."""
        lane = self.full_lane(run)
        while lane is not None and self._make_room(run, lane):
            lane = self.full_lane(run)
        if lane is not None:
            return changed(run, hold="lane", hold_lane=lane)
        self.shift(run, +1)
        return changed(run, hold=None, hold_lane=None)

    def _make_room(self, run: Run, lane: int) -> bool:
        worst = sql.worst(self.tx, lane, run.rank, by_key=lane == run.key_lane, moving=self.moving)
        if worst is None:
            return False
        self.shift(worst, -1)
        held = changed(worst, hold="lane", hold_lane=lane)
        runs_sql.save(self.tx, [worst], [held])
        return True

    def write(self) -> set[int]:
        """Write the counts; the lanes that have a place now and had none before."""
        freed = set()
        for lane, by in sorted(self.shifts.items()):
            if by:
                sql.shift(self.tx, lane, by)
            if by < 0:
                freed.add(lane)
        self.shifts = {}
        return freed


def place(tx: Tx, moves: Sequence[Move]) -> tuple[list[Run], set[int]]:
    """The runs as they are to be saved, let through or held; and the lanes in which a place became free."""
    if not any(move.after.job_lane or move.after.key_lane for move in moves):
        return [move.after for move in moves], set()
    moving = frozenset(move.after.id for move in moves)
    traffic = Traffic(tx, {lane for move in moves for lane in of(move.after)}, moving)
    runs = [move.after for move in moves]
    coming = []
    for index, move in enumerate(moves):
        queues = occupies(move.after) and move.after.state is RunState.QUEUED
        if occupies(move.before) and (queues or not occupies(move.after)):
            traffic.shift(move.after, -1)
        if queues and of(move.after):
            coming.append(index)
    for index in sorted(coming, key=lambda index: _place_in_order(runs[index])):
        lane = _better_waits(tx, runs[index])
        runs[index] = changed(runs[index], hold="lane", hold_lane=lane) if lane else traffic.admit(runs[index])
    return runs, traffic.write()


def _better_waits(tx: Tx, run: Run) -> int | None:
    """The lane, if any, that holds back a run which goes before this one; it is the next in the refill."""
    for lane in of(run):
        if any(_place_in_order(held) < _place_in_order(run) for held in sql.held(tx, lane, 1)):
            return lane
    return None


def _place_in_order(run: Run) -> tuple[int, str]:
    return run.rank, run.id


def admit_new(tx: Tx, runs: Sequence[Run]) -> tuple[list[Run], set[int]]:
    """New runs let through or held; and the lanes with a place freed, to be refilled once they are written."""
    placed = list(runs)
    coming = [index for index, run in enumerate(runs) if of(run) and occupies(run)]
    if not coming:
        return placed, set()
    traffic = Traffic(tx, {lane for run in runs for lane in of(run)})
    for index in sorted(coming, key=lambda index: _place_in_order(runs[index])):
        placed[index] = traffic.admit(runs[index])
    return placed, traffic.write()


def refill(tx: Tx, lanes: Iterable[int]) -> int:
    """Let held runs into the free places of these lanes; how many went through."""
    admitted = 0
    for lane in sorted(lanes):
        admitted += _refill(tx, lane)
    return admitted


def _refill(tx: Tx, lane: int) -> int:
    let_through: list[Run] = []
    looks = 1
    for _ in range(ROUNDS):
        cap, used = sql.lock(tx, [lane]).get(lane, (0, 0))
        room = cap - used
        if room <= 0:
            break
        candidates = sql.held(tx, lane, min(max(room, looks), REFILL))
        if not candidates:
            break
        traffic = Traffic(tx, {other for run in candidates for other in of(run)})
        batch: list[tuple[Run, Run]] = []
        for run in candidates:
            full = traffic.full_lane(run)
            if full is None:
                traffic.shift(run, +1)
                batch.append((run, msgspec.structs.replace(run, hold=None, hold_lane=None)))
                let_through.append(run)
            elif full != lane:
                # Another lane holds it now: mark it there, so that this lane never looks at it again in vain.
                batch.append((run, msgspec.structs.replace(run, hold_lane=full)))
        traffic.write()
        runs_sql.save(tx, [before for before, _ in batch], [after for _, after in batch])
        if not batch:
            break
        # Whoever another lane holds as well was in vain: look at more at once, so that many of those end soon too.
        looks *= 4
    for run in let_through:
        tx.wake(f"ready:{run.project_id}")
        tx.wake(f"executor:{run.executor}")
    return len(let_through)
