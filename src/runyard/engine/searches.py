"""The search behind lists of runs: newest first, by any filter, at a cost that does not grow with the table.

A page is taken from the index that holds the fewest runs beside those asked for (found by looking at the first few of
each), and examines at most `EXAMINED` of them; when that was not enough for a full page, its cursor goes on from there.

What stands in an index, on SQLite and PostgreSQL alike, each in the order of ids: states (and so all runs of a project,
which on PostgreSQL have an index of their own), unresolved dead letters, jobs, batches, parents, tasks, tags with or
without value, error classes, every trigger but the common one, and managed runs. Everything else is examined: queues,
the common trigger, other executors, times (their bounds end the walk, for ids go by time), error classes excluded,
entries of metadata, and what payload or metadata contain.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runyard.domain.containment import document, has_entries, holds
from runyard.domain.states import ENDED, RunState
from runyard.engine.filters import Filter, classes_of, states_of
from runyard.engine.rates import first_id_at
from runyard.storage.port import Tx, Value
from runyard.storage.sql import BEYOND
from runyard.storage.statements import jobs as jobs_sql
from runyard.storage.statements import listing as sql
from runyard.storage.statements.listing import Range

EXAMINED = 2000
"""How many runs one page looks at."""
OPENED = 1000
"""How many when it looks into their payload or metadata."""
READ = 32 << 20
"""How much payload and metadata (characters) one page reads while it looks for a containment."""
PROBE = 200
"""How many runs of each index tell how selective it is."""
SLACK = 60_000_000
"""How far an id's time may be from `created_at`: ids are made while a batch is written, and clocks are set."""
COMMON_TRIGGER = "manual"
"""The trigger no index holds: most runs have it, so that the newest of a project are soon found to have it too."""
INDEXED_EXECUTOR = "managed"


class IdPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of runs' ids."""

    ids: list[str]
    after: str | None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Index ranges that together hold every run wanted, and which conditions their runs meet for sure."""

    ranges: tuple[Range, ...]
    meets: frozenset[str]


class Search:
    """One filter, resolved: where to look, and what is left to check of what is found there."""

    def __init__(self, tx: Tx, project_id: int, wanted: Filter, most: int) -> None:
        self.tx = tx
        most = min(most, EXAMINED)
        opens = wanted.payload is not None or wanted.metadata is not None or bool(wanted.notes)
        self.most = min(most, OPENED) if opens else most
        self.room = READ * self.most // OPENED
        self.project_id = project_id
        self.wanted = wanted
        self.states = states_of(wanted)
        self.resolved = False if wanted.outcome == "unresolved" else wanted.resolved
        self.documents = [document(text) if text is not None else None for text in (wanted.payload, wanted.metadata)]
        self.classes = classes_of(wanted)
        texts = [value for value in msgspec.structs.astuple(wanted) if isinstance(value, str)]
        texts += [text for pair in (*wanted.tags, *wanted.notes) for text in pair if text is not None]
        texts += [*wanted.error_classes, *wanted.but_error_classes]
        self.is_empty = (
            self.states == frozenset()
            or (
                wanted.error_class is not None
                and wanted.error_class not in (wanted.error_classes or (wanted.error_class,))
            )
            or any("\0" in text for text in texts)
            or (wanted.outcome == "unresolved" and wanted.resolved is True)
        )
        self.job_id = None if wanted.job is None or self.is_empty else self._job_id(wanted.job)
        self.floor = "" if wanted.created_after is None else first_id_at(wanted.created_after - SLACK)
        self.ceiling = BEYOND if wanted.created_before is None else first_id_at(wanted.created_before + SLACK)

    def _job_id(self, job: str) -> str:
        """The id of the job; what is no job's name is taken for the id of one that may have been deleted."""
        found = jobs_sql.by_name_or_id(self.tx, self.project_id, [job]).get(job)
        return found.id if found is not None else job

    def page(self, before: str, limit: int) -> IdPage:
        """Ids below `before`, and where to go on."""
        before = min(before, self.ceiling)
        source, head = self._best(before)
        checks, tags = self._left(source)
        is_exact = not checks and not tags and not self.wanted.notes and self.documents == [None, None]
        found: list[str] = []
        examined = read = 0
        while True:
            n = limit + 1 if is_exact else min(PROBE if not examined else PROBE * 3, self.most - examined)
            usable = head is not None and (n <= len(head) or len(head) < PROBE)
            batch = head if head is not None and usable else self._take(source, before, n)
            batch, head = batch[:n], None
            kept, size, stopped = self._kept(batch, checks, tags, self.room - read)
            found += kept
            if len(found) > limit:
                return IdPage(ids=found[:limit], after=found[limit - 1])
            if stopped is not None:
                return IdPage(ids=found, after=stopped)
            if len(batch) < n:
                return IdPage(ids=found, after=None)
            examined, read, before = examined + len(batch), read + size, batch[-1]
            if examined >= self.most:
                return IdPage(ids=found, after=before)

    def _take(self, source: Source, before: str, n: int) -> list[str]:
        return sql.merged(self.tx, self.project_id, source.ranges, before=before, floor=self.floor, n=n)

    def _best(self, before: str) -> tuple[Source, list[str] | None]:
        """The source with the fewest runs: the one that ends first, else the one that reaches back furthest."""
        sources = self._sources()
        if len(sources) == 1:
            return sources[0], None
        probes = []
        for source in sources:
            head = self._take(source, before, PROBE)
            if not head:
                return source, head
            probes.append((source, head))
        return min(probes, key=lambda probe: (len(probe[1]), probe[1][-1]))

    def _sources(self) -> list[Source]:
        wanted, states = self.wanted, self.states
        sources = [
            Source(ranges=(Range(kind, value),), meets=frozenset({kind}))
            for kind, value in (("parent", wanted.parent_id), ("task", wanted.task_id), ("batch", wanted.batch_id))
            if value is not None
        ]
        for tag, value in wanted.tags:
            one = _tag(tag, value)
            sources.append(Source(ranges=(one,), meets=frozenset({"project", f"tag:{tag}:{value}"})))
        if self.job_id is not None:
            sources.append(self._of_job(self.job_id))
        if self.classes:
            ranges = tuple(Range("error", kind) for kind in self.classes)
            sources.append(Source(ranges=ranges, meets=frozenset({"project", "error_classes"})))
        if wanted.trigger is not None and wanted.trigger != COMMON_TRIGGER:
            ranges = (Range("trigger", wanted.trigger),)
            sources.append(Source(ranges=ranges, meets=frozenset({"project", "trigger"})))
        if wanted.executor == INDEXED_EXECUTOR:
            sources.append(Source(ranges=(Range("managed"),), meets=frozenset({"project", "executor"})))
        if states == frozenset({RunState.DEAD_LETTER}) and self.resolved is False:
            sources.append(Source(ranges=(Range("dead"),), meets=frozenset({"project", "states", "resolved"})))
        elif states is None and not sources and self.tx.indexes_projects:
            sources.append(Source(ranges=(Range("project"),), meets=frozenset({"project"})))
        elif states is not None or not sources:
            # All runs of a project are those in any state: one index less to be kept for every run that is made.
            ranges = tuple(Range("state", state.value) for state in sorted(states or frozenset(RunState)))
            sources.append(Source(ranges=ranges, meets=frozenset({"project", "states"})))
        return sources

    def _of_job(self, job_id: str) -> Source:
        states = frozenset(RunState) if self.states is None else self.states
        ended, live = states & ENDED, states - ENDED
        ranges = [Range("job_ended", job_id, state.value) for state in sorted(ended)]
        if live:
            ranges.append(Range("job_live", job_id))
        exact = not live or live == frozenset(RunState) - ENDED
        return Source(ranges=tuple(ranges), meets=frozenset({"job", "states"} if exact else {"job"}))

    def _left(self, source: Source) -> tuple[list[str], list[tuple[str, str | None]]]:
        """The conditions the source does not answer for: checks by name, and tags."""
        wanted = self.wanted
        asked = {
            "project": True,
            "states": self.states is not None,
            "queue": wanted.queue is not None,
            "job": self.job_id is not None,
            "parent": wanted.parent_id is not None,
            "task": wanted.task_id is not None,
            "batch": wanted.batch_id is not None,
            "error_classes": bool(self.classes),
            "but_error_classes": bool(wanted.but_error_classes),
            "trigger": wanted.trigger is not None,
            "executor": wanted.executor is not None,
            "but_executor": wanted.but_executor is not None,
            "created_after": wanted.created_after is not None,
            "created_before": wanted.created_before is not None,
        }
        checks = [name for name, is_asked in asked.items() if is_asked and name not in source.meets]
        if self.resolved is not None and "resolved" not in source.meets:
            checks.append("resolved" if self.resolved else "unresolved")
        tags = [(tag, value) for tag, value in wanted.tags if f"tag:{tag}:{value}" not in source.meets]
        return checks, tags

    def _kept(
        self, batch: Sequence[str], checks: Sequence[str], tags: Sequence[tuple[str, str | None]], room: int
    ) -> tuple[list[str], int, str | None]:
        """Those of the runs that meet what is left; how much was read; the last one looked at when it was too much."""
        kept = list(batch)
        if kept and checks:
            passed = sql.checked(self.tx, kept, checks, self._params())
            kept = [run_id for run_id in kept if run_id in passed]
        for tag, value in tags:
            passed = sql.tagged(self.tx, self.project_id, kept, tag, value) if kept else set()
            kept = [run_id for run_id in kept if run_id in passed]
        if self.wanted.notes and kept:
            texts = sql.notes(self.tx, kept)
            kept = [run_id for run_id in kept if run_id in texts and has_entries(texts[run_id], self.wanted.notes)]
        if not kept or self.documents == [None, None]:
            return kept, 0, None
        return self._containing(kept, room)

    def _containing(self, batch: Sequence[str], room: int) -> tuple[list[str], int, str | None]:
        kept, read, start, step = [], 0, 0, 20
        while start < len(batch):
            some = batch[start : start + step]
            documents = sql.documents(self.tx, some)
            for run_id in some:
                payload, metadata = documents.get(run_id, ("null", None))
                read += len(payload) + len(metadata or "")
                if holds(payload, self.documents[0]) and holds(metadata or "{}", self.documents[1]):
                    kept.append(run_id)
            start += step
            if read > room and start < len(batch):
                return kept, read, some[-1]
            # More at once, as long as what was read so far says that it will be little.
            step = min(2 * step, max(20, (room - read) * start // (4 * read + 1)))
        return kept, read, batch[-1] if read > room else None

    def _params(self) -> dict[str, Value]:
        wanted = self.wanted
        return {
            "project_id": self.project_id,
            "states": sorted(state.value for state in self.states or ()),
            "job_id": self.job_id,
            "queue": wanted.queue,
            "parent_id": wanted.parent_id,
            "task_id": wanted.task_id,
            "batch_id": wanted.batch_id,
            "error_classes": list(self.classes),
            "but_error_classes": list(wanted.but_error_classes),
            "trigger": wanted.trigger,
            "executor": wanted.executor,
            "but_executor": wanted.but_executor,
            "created_after": wanted.created_after,
            "created_before": wanted.created_before,
        }


def _tag(tag: str, value: str | None) -> Range:
    return Range("tag_any", tag) if value is None else Range("tag", tag, value)
