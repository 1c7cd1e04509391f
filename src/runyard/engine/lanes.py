"""Lanes: concurrency limits that never make a claim look further, and never overshoot.

A lane lets through at most `cap` runs: those that may be claimed this instant plus those held by executors. The rest
are held back out of the ready index, so a claim needs no check. A run that ranks before one let through but not yet
claimed takes its place. Every change happens under the lane's row lock, taken in id order.
"""

from __future__ import annotations

from collections import Counter
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
_NOBODY = (2**63, "")
"""Goes behind everybody."""


def job_lane(tx: Tx, project_id: int, job_id: str, cap: int) -> int:
    """The lane of all runs of a job."""
    return sql.upsert(tx, project_id, f"job:{job_id}", cap)


def key_lane(tx: Tx, project_id: int, job_id: str | None, key: str, cap: int) -> int:
    """The lane of runs that share a concurrency key: within the job, or within the project for ad-hoc runs."""
    return sql.upsert(tx, project_id, f"key:{job_id or ''}:{key}", cap)


def of(run: Run) -> list[int]:
    """The lanes the run has to pass; the narrower first, so that room made there is room in the wider one too."""
    return [lane for lane in (run.key_lane, run.job_lane) if lane is not None]


class _Claimable(msgspec.Struct, kw_only=True):
    """Claimable runs of a lane that were read at once, the last of them at the end."""

    runs: list[Run]
    all_read: bool


class Traffic:
    """The lanes one operation touches: their counts, locked, and who was let through or made to wait."""

    def __init__(self, tx: Tx, ids: Iterable[int], moving: frozenset[str] = frozenset()) -> None:
        self.tx = tx
        self.moving = moving
        """Runs this operation is about to save; nobody else may change them meanwhile."""
        self.counts = sql.lock(tx, list(ids)) if ids else {}
        self.shifts: dict[int, int] = {}
        self.coming: Counter[int] = Counter()
        """How many runs want to be let through each lane."""
        self._last: dict[int, _Claimable] = {}
        self._displaced: dict[str, tuple[Run, Run]] = {}
        self._first_held: dict[int, tuple[int, str]] | None = None

    def expect(self, runs: Sequence[Run], coming: Sequence[int]) -> list[int]:
        """Prepare for those of the runs that want to be let through; in which order they are to be admitted."""
        self.coming = Counter(lane for index in coming for lane in of(runs[index]))
        return sorted(coming, key=lambda index: _place_in_order(runs[index]))

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

    def admit_in_turn(self, run: Run) -> Run:
        """The run let through, or held: by a full lane, or by one that holds back a run which goes before this one.

        That one is the next in the refill.
        """
        if self._first_held is None:
            self._first_held = sql.first_held(self.tx, self.coming)
        for lane in of(run):
            if self._first_held.get(lane, _NOBODY) < _place_in_order(run):
                return changed(run, hold="lane", hold_lane=lane)
        return self.admit(run)

    def _make_room(self, run: Run, lane: int) -> bool:
        worst = self._worst(run, lane)
        if worst is None:
            return False
        self.shift(worst, -1)
        self._displaced[worst.id] = (worst, changed(worst, hold="lane", hold_lane=lane))
        if self._first_held is not None:
            self._first_held[lane] = min(self._first_held.get(lane, _NOBODY), _place_in_order(worst))
        return True

    def _worst(self, run: Run, lane: int) -> Run | None:
        """The last claimable run of the lane, if it stands behind this one; read for all that want to pass at once."""
        last = self._last.get(lane)
        while True:
            while last is not None and last.runs and last.runs[-1].id in self._displaced:
                last.runs.pop()
            if last is not None and (last.runs or last.all_read):
                break
            last = self._last[lane] = self._read(run, lane)
        return last.runs.pop() if last.runs and last.runs[-1].rank > run.rank else None

    def _read(self, run: Run, lane: int) -> _Claimable:
        many = min(max(1, self.coming[lane]), REFILL)
        by_key = lane == run.key_lane
        passed_over = self.moving | self._displaced.keys()
        found = sql.worst(self.tx, lane, run.rank, many, by_key=by_key, moving=passed_over)
        return _Claimable(runs=found[::-1], all_read=len(found) < many)

    def write(self) -> set[int]:
        """Write the counts, and who was made to wait; the lanes that have a place now and had none before."""
        if self._displaced:
            before, after = zip(*self._displaced.values(), strict=True)
            runs_sql.save(self.tx, before, after)
        known = [(self.counts[lane][1], lane) for lane, by in sorted(self.shifts.items()) if by and lane in self.counts]
        if known:
            sql.count(self.tx, known)
        for lane, by in sorted(self.shifts.items()):
            if by and lane not in self.counts:
                sql.shift(self.tx, lane, by)
        freed = {lane for lane, by in self.shifts.items() if by < 0}
        self.shifts, self._displaced, self._last = {}, {}, {}
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
    for index in traffic.expect(runs, coming):
        runs[index] = traffic.admit_in_turn(runs[index])
    return runs, traffic.write()


def _place_in_order(run: Run) -> tuple[int, str]:
    return run.rank, run.id


def admit_new(tx: Tx, runs: Sequence[Run]) -> tuple[list[Run], set[int]]:
    """New runs let through or held; and the lanes with a place freed, to be refilled once they are written."""
    placed = list(runs)
    coming = [index for index, run in enumerate(runs) if of(run) and occupies(run)]
    if not coming:
        return placed, set()
    traffic = Traffic(tx, {lane for run in runs for lane in of(run)})
    for index in traffic.expect(runs, coming):
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
