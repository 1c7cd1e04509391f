"""A small model of the engine: what each run must be after every verb. Limits are left to observation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runyard.domain.states import ENDED, FINAL, LEASED, RESOLVABLE, RunState

S = RunState
SECOND = 1_000_000
DELAY = 5 * SECOND
"""Between two attempts."""
LEASE = 20 * SECOND
LOST_LEASES = 3


@dataclass(kw_only=True)
class Modelled:
    """One run as it must be."""

    id: str
    state: RunState
    priority: int
    max_attempts: int
    created_at: int
    rank_at: int
    queued_at: int | None = None
    available_at: int | None = None
    expires_at: int | None = None
    timeout: int | None = None
    retry_at: int | None = None
    attempt: int = 1
    epoch: int = 0
    lost: int = 0
    token: str | None = None
    lease_until: int | None = None
    began_at: int | None = None
    begun: bool = False
    waits_for: str | None = None
    waits_until: int | None = None
    resolved: bool = False
    parent: str | None = None
    replay_of: str | None = None
    time_to_live: int | None = None

    @property
    def place(self) -> tuple[int, int, str]:
        """Where it stands in the claim order."""
        return -self.priority, self.rank_at, self.id

    @property
    def claimable(self) -> bool:
        """Whether it may be claimed now, limits aside."""
        return self.state is S.QUEUED and self.retry_at is None


class Model:
    """All runs of a project as they must be."""

    def __init__(self) -> None:
        self.runs: dict[str, Modelled] = {}

    def in_states(self, states: Iterable[RunState]) -> list[Modelled]:
        """The runs in one of the states."""
        wanted = set(states)
        return [run for run in self.runs.values() if run.state in wanted]

    # Executors

    def holds(self, run: Modelled, token: str, now: int) -> bool:
        """Whether the token gives the right to report."""
        return run.state in LEASED and run.token == token and (run.lease_until or 0) > now

    def claim(self, run: Modelled, token: str, now: int) -> None:
        run.state, run.token, run.epoch = S.CLAIMED, token, run.epoch + 1
        run.lease_until, run.began_at = now + LEASE, now

    def start(self, run: Modelled, now: int) -> None:
        if run.state is not S.RUNNING:
            run.state, run.began_at, run.begun = S.RUNNING, now, True

    def heartbeat(self, run: Modelled, now: int) -> None:
        run.lease_until = now + LEASE

    def complete(self, run: Modelled) -> None:
        run.begun = True
        self._end(run, S.COMPLETED)
        original = run.replay_of
        while original is not None:
            before = self.runs[original]
            before.resolved = before.resolved or before.state in RESOLVABLE
            original = before.replay_of

    def fail(self, run: Modelled, now: int, *, retryable: bool = True, end: RunState = S.DEAD_LETTER) -> None:
        # Whoever reports has begun; what was only claimed until its time was over was not.
        run.begun = run.begun or end is S.DEAD_LETTER
        if retryable and run.attempt < run.max_attempts:
            self._queue(run, now)
            run.attempt += 1
            run.retry_at = now + DELAY
        else:
            self._end(run, end)

    def release(self, run: Modelled, now: int, delay: int | None) -> None:
        self._queue(run, now)
        run.retry_at = now + delay if delay else None

    def park(self, run: Modelled, now: int, kind: str, until: int | None) -> None:
        self._let_go(run)
        run.token = None
        run.state, run.waits_for, run.waits_until = S.WAITING, kind, until
        if kind == "children" and not self._has_live_children(run):
            self._queue(run, now)

    # People

    def cancel(self, run: Modelled, now: int) -> None:
        if run.state is S.CANCELED:
            return
        self._end(run, S.CANCELED)
        for child in self._children(run):
            self._cancel_below(child)

    def _cancel_below(self, run: Modelled) -> None:
        if run.state not in FINAL:
            self._end(run, S.CANCELED)
        for child in self._children(run):
            self._cancel_below(child)

    def pause(self, run: Modelled, now: int) -> None:
        if run.state is not S.PAUSED:
            if run.state in LEASED:
                self._let_go(run)
                run.token = None
            run.state = S.PAUSED

    def resume(self, run: Modelled, now: int) -> None:
        if run.waits_for is not None:
            run.state = S.WAITING
        elif run.queued_at is None and (run.available_at or 0) > now:
            run.state = S.SCHEDULED
        else:
            retry_at = run.retry_at if (run.retry_at or 0) > now else None
            if run.epoch > 0 and run.time_to_live is not None and (run.expires_at or 0) <= now:
                # It was taken in time once, and only then stood still.
                run.expires_at = now + run.time_to_live
            self._queue(run, now)
            run.retry_at = retry_at

    def publish(self, run: Modelled, now: int) -> None:
        if (run.available_at or 0) > now:
            run.state = S.SCHEDULED
        else:
            run.rank_at = now
            self._queue(run, now)

    def reschedule(self, run: Modelled, now: int, at: int | None) -> None:
        begins = at or now
        if run.time_to_live is not None:
            run.expires_at = begins + max(run.time_to_live, 1)
        run.available_at, run.rank_at, run.retry_at = at, begins, None
        if at is None:
            run.state, run.queued_at = S.QUEUED, now
        else:
            run.state, run.queued_at = S.SCHEDULED, None

    def requeue(self, run: Modelled, now: int) -> None:
        ttl = run.time_to_live
        run.state, run.attempt, run.lost, run.token, run.resolved = S.QUEUED, 1, 0, None, False
        run.queued_at = run.rank_at = now
        run.available_at = None
        run.expires_at = now + ttl if ttl is not None else None

    def discard(self, run: Modelled, now: int) -> None:
        run.state, run.resolved = S.FAILED, True

    def resolve(self, run: Modelled, now: int) -> None:
        run.resolved = True

    # Time

    def tick(self, now: int) -> None:
        due = [run for run in self.runs.values() if self._is_due(run, now)]
        for run in due:
            self._overdue(run, now)

    def _is_due(self, run: Modelled, now: int) -> bool:
        times: list[int | None] = []
        match run.state:
            case S.SCHEDULED:
                times = [run.available_at, run.expires_at]
            case S.QUEUED:
                times = [run.retry_at, run.expires_at]
            case S.DRAFT:
                times = [run.expires_at]
            case S.WAITING:
                times = [run.waits_until]
            case S.CLAIMED | S.RUNNING:
                times = [run.lease_until, self._times_out_at(run)]
        return any(at is not None and at <= now for at in times)

    def _overdue(self, run: Modelled, now: int) -> None:
        timeout = self._times_out_at(run)
        if run.state in LEASED and timeout is not None and timeout <= now:
            self.fail(run, now, end=S.TIMED_OUT)
        elif run.state in LEASED and run.lost + 1 >= LOST_LEASES:
            self._end(run, S.DEAD_LETTER)
        elif run.state in LEASED:
            self._queue(run, now)
            run.lost += 1
        elif run.state is S.WAITING:
            self._end(run, S.TIMED_OUT)
        elif run.expires_at is not None and run.expires_at <= now:
            self._end(run, S.EXPIRED)
        elif run.state is S.SCHEDULED:
            run.rank_at = run.available_at or now
            self._queue(run, now)
        else:
            run.retry_at = None

    def expire(self, run: Modelled) -> None:
        self._end(run, S.EXPIRED)

    def _times_out_at(self, run: Modelled) -> int | None:
        return run.began_at + run.timeout if run.began_at is not None and run.timeout is not None else None

    # What follows from a move

    def _queue(self, run: Modelled, now: int) -> None:
        self._let_go(run)
        run.state, run.token, run.retry_at, run.waits_for, run.waits_until = S.QUEUED, None, None, None, None
        run.queued_at = run.queued_at if run.queued_at is not None else now

    def _let_go(self, run: Modelled) -> None:
        run.lease_until = run.began_at = None

    def _end(self, run: Modelled, state: RunState) -> None:
        had_ended = run.state in ENDED
        self._let_go(run)
        run.state, run.retry_at, run.waits_for, run.waits_until = state, None, None, None
        if run.parent is not None and not had_ended:
            self._wake(self.runs[run.parent])

    def _wake(self, parent: Modelled) -> None:
        if parent.waits_for != "children" or self._has_live_children(parent):
            return
        if parent.state is S.WAITING:
            self._queue(parent, parent.created_at)
        elif parent.state is S.PAUSED:
            parent.waits_for = parent.waits_until = None

    def _children(self, run: Modelled) -> list[Modelled]:
        return [child for child in self.runs.values() if child.parent == run.id]

    def _has_live_children(self, run: Modelled) -> bool:
        return any(child.state not in ENDED for child in self._children(run))
