"""How many runs to hold in reserve: more where runs are so short that one would otherwise wait for claims."""

from __future__ import annotations

LOOKAHEAD_SECONDS = 0.1
MOST_AHEAD = 200


class Pace:
    """How quickly runs have been finished of late."""

    def __init__(self, *, fixed: int | None) -> None:
        self._fixed = fixed
        self._rate = 0.0
        self._finished = 0
        self._since: float | None = None

    def finished(self) -> None:
        """One more run is done."""
        self._finished += 1

    def ahead(self, now: float) -> int:
        """How many runs to hold beyond those that can be worked on."""
        if self._fixed is not None:
            return self._fixed
        if self._since is None:
            self._since = now
        elapsed = now - self._since
        if elapsed >= 0.005 and (self._finished or elapsed > 1):
            self._rate = (self._rate + self._finished / elapsed) / 2
            self._since, self._finished = now, 0
        return min(MOST_AHEAD, int(self._rate * LOOKAHEAD_SECONDS))
