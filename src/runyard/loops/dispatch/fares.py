"""What a dispatcher knows of endpoints: what the database says, and what happened since."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from runyard.domain.endpoints import Endpoint, Tried, after, closed_until, share

FRESH = 1.0
"""So many seconds the database's word is believed without asking again."""
MOST = 10_000
MOST_TRIED = 1000

Place = tuple[int, str]
"""A project and a URL."""


class Fares:
    """The endpoints of one dispatcher."""

    def __init__(self) -> None:
        self._known: dict[Place, Endpoint | None] = {}
        self._asked: dict[Place, float] = {}
        self._tried: dict[Place, list[tuple[bool, float]]] = {}
        self._unwell: dict[Place, float] = {}
        """Of the known ones those that may not take all: how much they may."""
        self._serves: dict[int, tuple[Place, int | None]] = {}

    def of(self, place: Place, now: int) -> Endpoint | None:
        """What is known of the place, with what happened since it was last told."""
        known = self._known.get(place)
        since = self._tried.get(place)
        if not since:
            return known
        before = known or Endpoint(project_id=place[0], url=place[1])
        return after(before, Tried(project_id=place[0], url=place[1], results=since), now)

    def stale(self, places: Iterable[Place]) -> list[Place]:
        """Those of the places that the database has to be asked about."""
        now = time.monotonic()
        return sorted(place for place in places if now - self._asked.get(place, -FRESH) >= FRESH)

    def learn(self, told: Mapping[Place, Endpoint], *, asked: Sequence[Place] = ()) -> None:
        """Keep what the database says of the places that were asked about."""
        if len(self._known) > MOST:
            self._known.clear()
            self._asked.clear()
            self._unwell.clear()
            self._serves.clear()
        at = time.monotonic()
        for place in {*told, *asked}:
            endpoint = self._known[place] = told.get(place)
            self._asked[place] = at
            self._unwell.pop(place, None)
            if endpoint is not None and (part := share(endpoint)) < 1:
                self._unwell[place] = part

    def count(self, tried: Tried) -> None:
        """A request came to this."""
        results = self._tried.setdefault((tried.project_id, tried.url), [])
        if len(results) < MOST_TRIED:
            results += tried.results

    def taken(self) -> list[Tried]:
        """What happened since the last time this was asked, to be told to the database."""
        tried, self._tried = self._tried, {}
        return [
            Tried(project_id=project_id, url=url, results=results)
            for (project_id, url), results in sorted(tried.items())
        ]

    def serves(self, class_id: int, place: Place, max_concurrency: int | None) -> None:
        """Runs of the class go there, so many at once."""
        self._serves[class_id] = (place, max_concurrency)

    def served(self, class_ids: Iterable[int]) -> set[Place]:
        """Where runs of these classes go, as far as that is known."""
        return {self._serves[class_id][0] for class_id in class_ids if class_id in self._serves}

    def clear(self, class_ids: Iterable[int], now: int) -> frozenset[int]:
        """Those of the classes whose endpoint is known well enough to say that it may be tried now."""
        known = {class_id: self._serves[class_id][0] for class_id in class_ids if class_id in self._serves}
        stale = set(self.stale(set(known.values())))
        return frozenset(
            class_id
            for class_id, place in known.items()
            if place not in stale and ((endpoint := self.of(place, now)) is None or closed_until(endpoint, now) is None)
        )

    def caps(self) -> dict[int, int]:
        """How many runs of a class may be under way here, for classes whose endpoint is not well."""
        if not self._unwell:
            return {}
        return {
            class_id: max(1, int(most * self._unwell[place]))
            for class_id, (place, most) in self._serves.items()
            if most is not None and place in self._unwell
        }
