"""Who wants to be told of a task's end, over which bridge, and where on the other side of it."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from runyard.domain.actors import Doer
from runyard.domain.bridges import Bridge, DeliveryMode, Subscription
from runyard.domain.errors import Conflict, Invalid, NotFound
from runyard.domain.tasks import Task
from runyard.engine import sizes
from runyard.engine.tasks import bridges, desk
from runyard.storage.port import Tx
from runyard.storage.statements import bridges as bridges_sql
from runyard.storage.statements import subscriptions as sql

MOST = 100
"""How many subscriptions a task has at most."""
LONGEST = 256
_NAME = re.compile(r"[A-Za-z0-9._:~@+=-]{1,128}").fullmatch


class NewSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to be told."""

    bridge_id: str
    name: str | None = None
    """What it is called; one of this name that there is becomes the new one."""
    delivery_mode: DeliveryMode = DeliveryMode.DIRECT
    peer_id: str | None = None
    group_id: str | None = None
    thread_id: str | None = None


def put(
    tx: Tx,
    project_id: int,
    task_id: str,
    new: NewSubscription,
    by: Doer,
    *,
    check: Callable[[Task], None] | None = None,
    unnamed: Callable[[str], str] = str,
) -> Subscription:
    """Tell somebody of the task's end; `check` may refuse the task, `unnamed` makes a name where none is given.

    What happened before is told too. Raises `NotFound` or `Invalid`, and `Conflict` when somebody else takes the name.
    """
    _check(new)
    known = sql.named(tx, project_id, new.name) if new.name is not None else None
    taken = desk.take_all(tx, [desk.find(tx, project_id, task_id).id, *([known.task_id] if known is not None else [])])
    task = desk.own(taken.tasks, project_id, task_id)
    if check is not None:
        check(task)
    bridge = _bridge(tx, task, new.bridge_id)
    had = sql.named(tx, project_id, new.name, lock=True) if new.name is not None else None
    if had is not None and had.task_id not in taken.tasks:
        raise Conflict("somebody moved the subscription to another task at this very moment; try again")
    moves = had is None or had.task_id != task.id
    if moves and task.subscriptions >= MOST:
        raise Invalid(f"the task has {MOST} subscriptions, which is as many as it may have; delete one first")
    one = _made(tx, task, bridge, new, by, unnamed) if had is None else _again(tx, had, task, bridge, new)
    if had is not None:
        sql.save(tx, one)
    elif not sql.add(tx, one):
        raise Conflict("somebody made a subscription of this name at this very moment; try again")
    if moves:
        _count(tx, task, 1)
        if had is not None:
            _count(tx, taken.tasks[had.task_id], -1)
    tx.wake(bridges.TOPIC)
    return one


def of_task(
    tx: Tx,
    project_id: int,
    task_id: str,
    *,
    bridge_id: str | None = None,
    workspace_id: str | None = None,
    is_global: bool | None = None,
    limit: int | None = None,
) -> list[Subscription]:
    """The task's subscriptions, the one changed last first. Raises `NotFound`."""
    found = sql.of_task(tx, desk.find(tx, project_id, task_id).id, MOST)
    kept = [
        one
        for one in found
        if bridge_id in (None, one.bridge_id)
        and workspace_id in (None, one.workspace_id)
        and is_global in (None, one.workspace_id is None)
    ]
    return kept[:limit]


def find(tx: Tx, project_id: int, task_id: str, name: str) -> Subscription:
    """The task's subscription of that name or id. Raises `NotFound`."""
    task = desk.find(tx, project_id, task_id)
    return _own(_known(tx, project_id, name), task, name)


def delete(tx: Tx, project_id: int, task_id: str, name: str) -> None:
    """Tell nobody any more. Raises `NotFound`."""
    task, _ = desk.take(tx, project_id, task_id)
    found = _own(_known(tx, project_id, name), task, name)
    one = _own(sql.lock(tx, found.id), task, name)
    sql.delete(tx, one.id)
    _count(tx, task, -1)


def _known(tx: Tx, project_id: int, name: str) -> Subscription | None:
    if "\0" in name:
        return None
    return sql.named(tx, project_id, name) or sql.get(tx, [name]).get(name)


def _own(found: Subscription | None, task: Task, name: str) -> Subscription:
    if found is None or found.task_id != task.id:
        raise NotFound(f"the task has no subscription {name[:128]!r}")
    return found


def _count(tx: Tx, task: Task, more: int) -> None:
    desk.write_one(tx, task, msgspec.structs.replace(task, subscriptions=max(0, task.subscriptions + more)))


def _check(new: NewSubscription) -> None:
    if new.name is not None and _NAME(new.name) is None:
        raise Invalid("the id of a subscription has 1 to 128 letters, digits and . _ : ~ @ + = -")
    for what, text in (("a peer", new.peer_id), ("a group", new.group_id), ("a thread", new.thread_id)):
        sizes.plain(f"the id of {what}", text, shortest=1, longest=LONGEST)
    if new.peer_id is None and new.group_id is None:
        thread = " a thread alone is not enough;" if new.thread_id is not None else ""
        raise Invalid(f"a subscription says whom to tell;{thread} name a peer or a group")


def _bridge(tx: Tx, task: Task, bridge_id: str) -> Bridge:
    found = bridges_sql.keep(tx, bridge_id) if "\0" not in bridge_id else None
    bridge = bridges.own(found, task.project_id, bridge_id)
    if bridge.workspace_id != task.workspace_id:
        raise Invalid("the bridge is of another scope or workspace than the task; use one of the task's own")
    return bridge


def _made(
    tx: Tx, task: Task, bridge: Bridge, new: NewSubscription, by: Doer, unnamed: Callable[[str], str]
) -> Subscription:
    subscription_id = tx.new_id()
    return Subscription(
        id=subscription_id,
        project_id=task.project_id,
        name=new.name or unnamed(subscription_id),
        task_id=task.id,
        bridge_id=bridge.id,
        workspace_id=task.workspace_id,
        delivery_mode=new.delivery_mode,
        peer_id=new.peer_id,
        group_id=new.group_id,
        thread_id=new.thread_id,
        creator_kind=by.actor.kind,
        creator_ref=by.actor.ref,
        created_at=tx.now,
        updated_at=tx.now,
        last_sequence=0,
        last_delivery_id=None,
        last_delivered_at=None,
        last_error=None,
        cursor_at=None,
        look_at=tx.now,
        held=0,
        failures=0,
    )


def _again(tx: Tx, had: Subscription, task: Task, bridge: Bridge, new: NewSubscription) -> Subscription:
    """The subscription with what is said of it now; of another task it begins anew."""
    one = msgspec.structs.replace(
        had,
        task_id=task.id,
        bridge_id=bridge.id,
        workspace_id=task.workspace_id,
        delivery_mode=new.delivery_mode,
        peer_id=new.peer_id,
        group_id=new.group_id,
        thread_id=new.thread_id,
        updated_at=tx.now,
        failures=0,
    )
    one = msgspec.structs.replace(one, **({"held": 2} if one.held else {"look_at": tx.now}))
    if had.task_id == task.id:
        return one
    return msgspec.structs.replace(
        one, last_sequence=0, last_delivery_id=None, last_delivered_at=None, last_error=None, cursor_at=None
    )
