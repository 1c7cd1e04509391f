"""Picking: which queued run each of those gets who ask at the same moment.

Runs stand in pools: one for each class, and one for the run whose own channel a session belongs to. A session looks
into the pools that are open to it and takes the best run that is in front of one. So it never passes over runs that it
may not have, and no run is picked twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from runyard.domain.eligibility import Conditions, Offer, conditions, queue_of
from runyard.domain.policy import claim_rank
from runyard.domain.records import Run
from runyard.domain.sessions import Session
from runyard.engine import classes, sessions
from runyard.engine.tasks import queueing
from runyard.storage.port import Tx
from runyard.storage.sql import FOREVER
from runyard.storage.statements import runs as runs_sql

HIGHEST = 10
"""The highest priority there is."""
KINDS = 1000
"""So many kinds of sessions are remembered at most."""
_requires = msgspec.json.Decoder(list[str]).decode

Place = tuple[int, str]
"""Where a run stands in the order of claims: its rank, then its id."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for a run, and what it offers besides what it says of itself."""

    session: Session
    offered: frozenset[str] = frozenset()
    least_priority: int = 0


class _Looking(msgspec.Struct, frozen=True):
    """Into which pools somebody looks, and up to which rank."""

    pools: tuple[int | str, ...]
    """Ids of classes, and of a run that is a pool of its own."""
    rank: int


def pick(tx: Tx, wishes: Sequence[Wish]) -> list[Run | None]:
    """For each the best run it may have, locked."""
    offers = [_offer(wish) for wish in wishes]
    own = _own_runs(tx, offers)
    known = {one: _known(tx, one) for one in {wish.session.project_id for wish in wishes}}
    looking = [
        _looking(tx, wish, offer, known[wish.session.project_id], own)
        for wish, offer in zip(wishes, offers, strict=True)
    ]
    if looking and len(set(looking)) == 1 and len(looking[0].pools) == 1 and isinstance(looking[0].pools[0], int):
        # All want the same: one look does.
        found = runs_sql.ready(tx, [looking[0].pools[0]], len(wishes), rank=looking[0].rank)
        return [*found, *[None] * (len(wishes) - len(found))]
    picked: list[Run | None] = [None] * len(wishes)
    waiting = [index for index, one in enumerate(looking) if one.pools]
    chosen = _chosen(_heads(tx, looking, waiting, own), looking, waiting)
    for index, run in _locked(tx, chosen).items():
        picked[index] = run
    beaten = [index for index in chosen if picked[index] is None]
    if beaten:
        mine = {run.id for run in picked if run is not None}
        for index, run in _locked(tx, _chosen(_free(tx, looking, beaten, mine), looking, beaten)).items():
            picked[index] = run
        # More may be locked now than is taken; those who find nothing meanwhile look again once it is free.
        for project_id in {wishes[index].session.project_id for index in beaten}:
            tx.wake(f"ready:{project_id}")
    return picked


Pools = dict[int | str, deque[Place]]


def _locked(tx: Tx, chosen: dict[int, str]) -> dict[int, Run]:
    """The runs that were chosen, as far as nobody else has them."""
    found = {run.id: run for run in runs_sql.ready_among(tx, list(chosen.values()))} if chosen else {}
    return {index: found[run_id] for index, run_id in chosen.items() if run_id in found}


def _heads(tx: Tx, looking: Sequence[_Looking], waiting: Sequence[int], own: dict[str, Run]) -> Pools:
    """What is in front of each pool, locked by others or not."""
    pools: Pools = {}
    for pool, ranks in _asking(looking, waiting).items():
        if isinstance(pool, str):
            pools[pool] = deque([(own[pool].rank, pool)])
        else:
            pools[pool] = deque(runs_sql.ready_ranks(tx, pool, len(ranks) + len(own), rank=max(ranks)))
    return pools


def _free(tx: Tx, looking: Sequence[_Looking], waiting: Sequence[int], mine: set[str]) -> Pools:
    """What is in front of each class and nobody else has, locked now; for those who were beaten to what they chose."""
    pools: Pools = {}
    for pool, ranks in _asking(looking, waiting).items():
        found = runs_sql.ready(tx, [pool], len(ranks) + len(mine), rank=max(ranks)) if isinstance(pool, int) else []
        pools[pool] = deque((run.rank, run.id) for run in found if run.id not in mine)
    return pools


def _asking(looking: Sequence[_Looking], waiting: Sequence[int]) -> dict[int | str, list[int]]:
    """The pools that are looked into, and up to which ranks."""
    asking: dict[int | str, list[int]] = {}
    for index in waiting:
        for pool in looking[index].pools:
            asking.setdefault(pool, []).append(looking[index].rank)
    return asking


def _chosen(pools: Pools, looking: Sequence[_Looking], waiting: Sequence[int]) -> dict[int, str]:
    """Who takes which run."""
    chosen: dict[int, str] = {}
    taken: set[str] = set()
    for index in waiting:
        best = _best(pools, looking[index], taken)
        if best is not None:
            chosen[index] = best
            taken.add(best)
    return chosen


def _best(pools: Pools, one: _Looking, taken: set[str]) -> str | None:
    heads: list[Place] = []
    for name in one.pools:
        pool = pools[name]
        while pool and pool[0][1] in taken:
            pool.popleft()
        if pool and pool[0][0] <= one.rank:
            heads.append(pool[0])
    return min(heads)[1] if heads else None


def _looking(tx: Tx, wish: Wish, offer: Offer, known: _Classes, own: dict[str, Run]) -> _Looking:
    pools = known.eligible(offer)
    if own:
        run = own.get(queueing.run_of(offer.channel) or "")
        if run is not None and run.project_id == wish.session.project_id and _suits(run, offer):
            pools = (*pools, run.id)
    return _Looking(pools if wish.least_priority <= HIGHEST else (), _last_rank(tx, wish))


def _own_runs(tx: Tx, offers: Iterable[Offer]) -> dict[str, Run]:
    """Runs that may be claimed, in whose own channels sessions are."""
    ids = {run_id for offer in offers if (run_id := queueing.run_of(offer.channel)) is not None}
    return {run.id: run for run in runs_sql.ready_among(tx, sorted(ids))} if ids else {}


def _suits(run: Run, offer: Offer) -> bool:
    """Whether a session in the run's own channel may take it."""
    if run.executor != queueing.EXECUTOR or offer.workspace_id is None or run.queue != queue_of(offer.workspace_id):
        return False
    met = conditions(_requires(run.requires or "[]"))
    return met.channel is None and met.met_by(msgspec.structs.replace(offer, channel=None))


def _offer(wish: Wish) -> Offer:
    session = wish.session
    capabilities = sessions.capabilities_of(session)
    return Offer(
        session_id=session.id,
        agent=session.agent,
        workspace_id=session.workspace_id,
        channel=session.channel,
        capabilities=capabilities | wish.offered if wish.offered else capabilities,
    )


def _last_rank(tx: Tx, wish: Wish) -> int:
    if not wish.least_priority:
        return FOREVER
    return claim_rank(wish.least_priority, tx.now, ageing=tx.ageing)


class _Classes:
    """The classes of a project's runs of tasks, by who may look at them."""

    __slots__ = ("_alike", "anybody", "owned", "source")

    def __init__(self, source: object) -> None:
        self.source = source
        self.anybody: dict[str, list[tuple[int, Conditions]]] = {}
        """By queue."""
        self.owned: dict[str, list[tuple[int, str, Conditions]]] = {}
        """Those for one session alone, by session, with their queue: sessions come and go, and leave theirs behind."""
        self._alike: dict[tuple[object, ...], tuple[int | str, ...]] = {}

    def eligible(self, offer: Offer) -> tuple[int | str, ...]:
        """The classes whose runs the session may have."""
        queue = queue_of(offer.workspace_id)
        found = self._open(queue, offer)
        owned = self.owned.get(offer.session_id)
        if owned is None:
            return found
        return (*found, *(one for one, where, met in owned if where == queue and met.met_by(offer)))

    def _open(self, queue: str, offer: Offer) -> tuple[int | str, ...]:
        """Those for anybody; looked for once for all sessions that are alike, of which there are few kinds."""
        alike = (queue, offer.agent, offer.channel, offer.capabilities)
        found = self._alike.get(alike)
        if found is None:
            if len(self._alike) >= KINDS:
                self._alike.clear()
            found = tuple(one for one, met in self.anybody.get(queue, ()) if met.met_by(offer))
            self._alike[alike] = found
        return found


def _known(tx: Tx, project_id: int) -> _Classes:
    source = classes.of_project(tx, project_id, queueing.EXECUTOR)
    fact = ("task classes", project_id)
    known: _Classes | None = tx.learned.get(fact) or tx.known.get(fact)
    if known is not None and known.source is source:
        return known
    known = _Classes(source)
    for class_id, queue, _, requires in source:
        met = conditions(requires)
        if met.session_id is not None:
            known.owned.setdefault(met.session_id, []).append((class_id, queue, met))
        else:
            known.anybody.setdefault(queue, []).append((class_id, met))
    tx.learned[fact] = known
    return known
