"""Repositories, their hooks, and what came through those."""

from __future__ import annotations

import msgspec

from runyard.dialects.native.mapping.values import maybe_when, said_or_none, when
from runyard.dialects.native.wire import repositories as wire
from runyard.domain.repositories import Repository
from runyard.engine.folders import Folder
from runyard.engine.hooks import Taken
from runyard.engine.origins import Change
from runyard.engine.repositories import Rotated

_stack = msgspec.json.Decoder(dict[str, list[str]]).decode
HOOK = "/runyard/v1/hooks/github/"


def repository_out(one: Repository) -> wire.Repository:
    """A repository on the wire."""
    return wire.Repository(
        id=one.id,
        provider=one.provider,
        full_name=one.full_name,
        url=one.url,
        path=one.path,
        default_branch=one.default_branch,
        description=one.description,
        language=one.language,
        stack={} if one.stack is None else _stack(one.stack),
        private=bool(one.private),
        hook=one.secret is not None,
        created_at=when(one.created_at),
        updated_at=when(one.updated_at),
        synced_at=maybe_when(one.synced_at),
    )


def change_in(data: wire.RepositoryPatch, folder: Folder | None) -> Change:
    """What is to change; the folder is the one at the path that was said."""
    return Change(
        full_name=said_or_none(data.full_name),
        url=said_or_none(data.url),
        folder=folder,
        default_branch=said_or_none(data.default_branch),
        description=data.description,
        private=said_or_none(data.private),
    )


def hook_out(done: Rotated) -> wire.RepositoryHook:
    """What to enter at the code host."""
    return wire.RepositoryHook(
        path=HOOK + done.repository.id,
        secret=done.secret,
        content_type="application/json",
        events=["push", "pull_request"],
    )


def delivery_out(taken: Taken) -> wire.ReceivedDelivery:
    """A delivery and what became of it."""
    outcome = taken.outcome
    return wire.ReceivedDelivery(
        delivery=taken.delivery,
        event=taken.event,
        action=outcome.event,
        received_at=when(taken.at),
        outcome=taken.word,
        reason=outcome.ignored,
        runs=[wire.DeliveredRun(run_id=one.run, agent_id=one.agent) for one in outcome.made],
        refused=[wire.RefusedRun(agent_id=one.agent, reason=one.reason) for one in outcome.refused],
        left_out=outcome.left_out,
    )


def reply_out(taken: Taken) -> wire.HookReply:
    """What the code host is answered."""
    return wire.HookReply(
        outcome=taken.word,
        reason=taken.outcome.ignored,
        runs=[one.run for one in taken.outcome.made],
        duplicate=taken.duplicate,
    )
