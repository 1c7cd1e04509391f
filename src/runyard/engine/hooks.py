"""Deliveries of code hosts: each makes runs of the agents whose triggers it matches, once.

Whoever takes one has proved before that it is from the host of the repository.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from runyard.domain.agents import AgentProfile
from runyard.domain.errors import DomainError, NotFound
from runyard.domain.hooks import matches, triggers_of
from runyard.domain.jobs import NewRun
from runyard.domain.repositories import HOSTS, Repository, Seen
from runyard.engine import creations, repositories
from runyard.engine.creations import Created
from runyard.engine.facts import CreateRequest
from runyard.engine.specs import spec_of
from runyard.storage.port import Tx
from runyard.storage.sql import FOREVER
from runyard.storage.statements import hooks as sql
from runyard.storage.statements import jobs as jobs_sql
from runyard.storage.statements import repositories as repositories_sql

KEPT = 30 * 86_400 * 1_000_000
PRUNED = 1000
MOST = 100
"""How many agents one delivery makes runs of."""
LISTENING = 1000
"""How many deployed agents of a repository are asked whether a delivery matches their triggers."""
NOBODY = "no deployed agent of this repository has a trigger that matches"
_LAST = "\x7f"
_LONGEST_REASON = 300
_json = msgspec.json.Encoder()


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """What a delivery tells of, where that can begin runs."""

    trigger: str
    """`push` or `pull_request`."""
    event: str | None = None
    branch: str | None = None
    """Pushed to, or to be merged into."""
    paths: tuple[str, ...] | None = None
    """What changed; None when nobody said."""
    draft: bool = False
    author: str | None = None
    payload: dict[str, Any] = {}
    """For the runs, to which the repository and the delivery are added."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What a code host sent."""

    id: str
    event: str
    seen: Seen = Seen()
    occasion: Occasion | None = None
    ignored: str | None = None
    """Why nothing is made of it; neither this nor an occasion is a call to see whether anybody listens."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A run that a delivery made."""

    run: str
    agent: str


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An agent whose triggers matched, and why it took no run."""

    agent: str
    reason: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a delivery."""

    event: str | None = None
    """What exactly happened, as `opened`."""
    ignored: str | None = None
    made: tuple[Made, ...] = ()
    refused: tuple[Refusal, ...] = ()
    left_out: int = 0
    """How many agents matched beyond those a delivery makes runs of."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with what became of it, now or when it came first (`duplicate`)."""

    delivery: str
    event: str
    at: int
    outcome: Outcome
    duplicate: bool = False

    @property
    def word(self) -> Literal["runs", "ignored", "pong"]:
        """What became of it in one word."""
        if self.outcome.ignored is not None:
            return "ignored"
        return "runs" if self.outcome.made else "pong"


_outcome = msgspec.json.Decoder(Outcome).decode


def secret_of(tx: Tx, repository_id: str) -> str | None:
    """The sealed secret that deliveries about the repository are checked by; None when none are taken."""
    return repositories_sql.sealed(tx, repository_id)


def take(tx: Tx, repository_id: str, delivery: Delivery) -> Taken:
    """Make the runs that the delivery is to begin; one that came before is answered as it was then.

    Raises `NotFound`, or what all agents that matched refuse their run with: then it may be delivered again.
    """
    # Held to the commit: of two servers that get the same delivery the second finds what the first made of it.
    repository = repositories_sql.lock(tx, repository_id)
    if repository is None or repository.deleted_at is not None:
        raise NotFound("there is no such repository")
    known = sql.find(tx, repository_id, delivery.id)
    if known is not None:
        return _taken(known, duplicate=True)
    other = _other(repository, delivery.seen)
    outcome = Outcome(ignored=other) if other is not None else _made(tx, repository, delivery)
    if other is None:
        repositories.observed(tx, repository, delivery.seen)
    receipt = sql.Receipt(
        repository_id=repository.id,
        delivery=delivery.id,
        project_id=repository.project_id,
        event=delivery.event,
        outcome=_json.encode(outcome).decode(),
        at=tx.now,
    )
    sql.add(tx, receipt)
    return _taken(receipt)


def received(
    tx: Tx, project_id: int, repository_id: str, *, before: tuple[int, str] | None = None, limit: int = 50
) -> list[Taken]:
    """What came about the repository, newest first, from before a time and id on. Raises `NotFound`."""
    one = repositories.get(tx, project_id, repository_id)
    return [_taken(receipt) for receipt in sql.page(tx, one.id, before=before or (FOREVER, _LAST), n=limit)]


def prune(tx: Tx, limit: int = PRUNED) -> int:
    """Drop receipts older than they are kept; how many there were (at most `limit`)."""
    return sql.prune(tx, tx.now - KEPT, limit)


def _taken(receipt: sql.Receipt, *, duplicate: bool = False) -> Taken:
    return Taken(
        delivery=receipt.delivery,
        event=receipt.event,
        at=receipt.at,
        outcome=_outcome(receipt.outcome),
        duplicate=duplicate,
    )


def _other(repository: Repository, seen: Seen) -> str | None:
    """Why a delivery is not about the repository, as when a whole organization's are sent here."""
    if repository.host_id is not None and seen.host_id is not None:
        same = repository.host_id == seen.host_id
    else:
        # Without an id a rename cannot be told from another repository. Hosts ignore the case of names.
        named = seen.full_name is not None and repository.provider in HOSTS
        same = not named or (seen.full_name or "").lower() == repository.full_name.lower()
    if same:
        return None
    return (
        f"it is about {(seen.full_name or 'another repository')[:255]}, and this is the hook of {repository.full_name}"
    )


def _made(tx: Tx, repository: Repository, delivery: Delivery) -> Outcome:
    """Make the runs. Raises what all agents refuse theirs with."""
    occasion = delivery.occasion
    if occasion is None:
        return Outcome(ignored=delivery.ignored)
    agents = _matching(tx, repository, occasion)
    if not agents:
        return Outcome(event=occasion.event, ignored=NOBODY)
    new = NewRun(payload=_payload(repository, delivery, occasion), trigger=occasion.trigger, event=occasion.event)
    answers: Sequence[list[Created] | DomainError] = creations.create(
        tx,
        [
            CreateRequest(
                project_id=repository.project_id,
                runs=(msgspec.structs.replace(new, job=agent),),
                actor=f"hook:{repository.id}",
            )
            for agent in agents[:MOST]
        ],
    )
    pairs = list(zip(agents, answers, strict=False))
    refused = [(agent, answer) for agent, answer in pairs if isinstance(answer, DomainError)]
    if len(refused) == len(pairs):
        raise refused[0][1]
    return Outcome(
        event=occasion.event,
        made=tuple(Made(run=answer[0].run.id, agent=agent) for agent, answer in pairs if isinstance(answer, list)),
        refused=tuple(Refusal(agent=agent, reason=error.detail[:_LONGEST_REASON]) for agent, error in refused),
        left_out=max(0, len(agents) - MOST),
    )


def _matching(tx: Tx, repository: Repository, occasion: Occasion) -> Sequence[str]:
    """The ids of deployed agents whose triggers the occasion matches."""
    ids = sql.listening(tx, repository.id, LISTENING)
    jobs = jobs_sql.by_name_or_id(tx, repository.project_id, ids) if ids else {}
    return [
        agent
        for agent in ids
        if (job := jobs.get(agent)) is not None
        and matches(
            triggers_of(spec_of(job).agent or AgentProfile()),
            occasion.trigger,
            occasion.event,
            occasion.branch,
            occasion.paths,
            default_branch=repository.default_branch,
            draft=occasion.draft,
            author=occasion.author,
        )
    ]


def _payload(repository: Repository, delivery: Delivery, occasion: Occasion) -> str:
    named = delivery.seen.full_name if repository.provider in HOSTS else None
    payload = {
        **occasion.payload,
        "repository": {
            "id": repository.id,
            "full_name": named or repository.full_name,
            "default_branch": delivery.seen.default_branch or repository.default_branch,
        },
        "event": delivery.event,
        "delivery": delivery.id,
    }
    return _json.encode(payload).decode()
