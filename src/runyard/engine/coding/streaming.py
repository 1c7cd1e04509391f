"""Following a coding run live: how it stands, what its sandbox tells, and the lines of its log, in one order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from runyard.domain.coding import CodingSeen
from runyard.domain.states import ENDED, RunState
from runyard.engine.coding import news, runs
from runyard.engine.coding.news import RunNews
from runyard.storage.port import Tx
from runyard.storage.statements import coding_logs as sql
from runyard.storage.statements import events as events_sql
from runyard.storage.statements.coding_logs import Head, Kept, Wanted

PORTION = 1 << 20
"""A look ends early when what it found passes this."""
_news = msgspec.json.Decoder(RunNews).decode
_pair = msgspec.json.Decoder(tuple[int, int]).decode


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a follower is told: how the run stands, an event as it was told, or a line of the log."""

    seq: int
    at: int
    """When it was told."""
    state: RunNews | None = None
    event: str | None = None
    line: Kept | None = None


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one look found."""

    told: Sequence[Told]
    upto: int
    """Everything up to this number has been seen."""
    more: bool
    ended: bool
    """Whether nothing will follow: the run has ended or its sandbox has said so, and this is the whole rest."""


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Where a follower begins."""

    seen: CodingSeen
    after: int
    newest: int
    forgotten: bool
    """Whether nothing that the run's followers were told is kept any more."""


def begin(
    tx: Tx,
    project_id: int,
    task_id: str,
    run_id: str,
    *,
    after: int | None = None,
    since: int | None = None,
    latest: bool = False,
) -> Start:
    """Where a follower begins that saw what has the number `after`, or all from before a time; or that wants news only.

    Raises `NotFound`.
    """
    seen = runs.find(tx, project_id, task_id, run_id)
    newest, oldest = events_sql.last(tx), sql.oldest(tx, run_id)
    if after is None and since is not None:
        after = sql.before(tx, run_id, since)
    if oldest is None or (after is None and latest):
        after = newest
    return Start(seen=seen, after=after or 0, newest=newest, forgotten=oldest is None)


def look(tx: Tx, run_id: str, after: int, limit: int) -> Look:
    """What came next, in the order in which it came."""
    ahead = sql.heads(tx, run_id, after, limit + 1, logged=news.LOGGED)
    heads = _fitting(ahead, limit)
    told = [*_told(tx, run_id, heads, after)] if heads else []
    if len(heads) < len(ahead):
        return Look(told=told, upto=heads[-1].seq, more=True, ended=False)
    stands = sql.stands(tx, run_id)
    ended = stands is None or RunState(stands[0]) in ENDED or stands[1] is not None
    return Look(told=told, upto=events_sql.last(tx), more=False, ended=ended)


def _counted(head: Head) -> tuple[int, int]:
    """(things, characters) that the chunk stands for."""
    return (1, head.size) if head.said is None else _pair(head.said)


def _fitting(ahead: Sequence[Head], limit: int) -> Sequence[Head]:
    """As many as make a portion, and at least one."""
    things = size = 0
    for place, head in enumerate(ahead):
        more, bigger = _counted(head)
        things, size = things + more, size + bigger
        if place and (things > limit or size > PORTION):
            return ahead[:place]
    return ahead[:limit]


def _told(tx: Tx, run_id: str, heads: Sequence[Head], after: int) -> Iterator[Told]:
    texts = sql.texts(tx, run_id, heads[0].seq, heads[-1].seq)
    spans = {head.seq: _counted(head)[0] for head in heads if head.said is not None}
    lines: dict[int, Kept] = {}
    if spans:
        first = min(seq - many for seq, many in spans.items())
        found = sql.between(tx, run_id, Wanted(), max(first, after + 1), max(spans))
        lines = {line.seq: line for line in found}
    for head in heads:
        if head.said is not None:
            # Some of them may have been seen before, when a follower was cut off in between.
            for seq in range(max(head.seq - spans[head.seq], after + 1), head.seq):
                if seq in lines:
                    yield Told(seq=seq, at=head.at, line=lines[seq])
        elif head.stream == news.STATE:
            yield Told(seq=head.seq, at=head.at, state=_news(texts[head.seq]))
        elif head.stream == news.EVENTS:
            yield Told(seq=head.seq, at=head.at, event=texts[head.seq])
