"""`Client` and `AsyncClient` against real servers: long lists, waiting, streams, and that both do the same."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from runyard.sdk import (
    AlreadyExists,
    AsyncClient,
    Client,
    CompleteReport,
    Done,
    FailReport,
    Forbidden,
    HeartbeatReport,
    IllegalMove,
    Invalid,
    NotFound,
    ReleaseReport,
    RunyardError,
    StartReport,
    Unauthorized,
    WaitReport,
    WaitTimeout,
)
from tests.e2e.conftest import Place


def test_lists_go_on_for_as_many_pages_as_there_are(place: Place) -> None:
    runs = place.client.runs
    made = [runs.create_many([{"payload": n, "tags": ["long"]} for n in range(600)]) for _ in range(2)]
    ids = [run.id for batch in made for run in batch]

    assert [run.id for run in runs.list(tag="long")] == ids[::-1]
    assert len([*runs.list(limit=1001)]) == 1001
    assert len([*runs.list(limit=7)]) == 7
    assert [event.run_id for event in place.client.events()] == ids
    first = next(iter(runs.list()))
    assert runs.add_logs(first.id, [{"message": f"{n}"} for n in range(450)]).accepted == 450
    assert [line.message for line in first.logs()] == [f"{n}" for n in range(450)]


def test_waiting_ends_with_the_run_with_the_time_or_with_a_need_for_a_person(place: Place) -> None:
    runs = place.client.runs
    canceled, rests, buried = runs.create(1), runs.create(2, draft=True), runs.create(3, retry={"max_attempts": 1})
    canceled.cancel()
    assert canceled.wait(timeout=5).state == "canceled"
    with pytest.raises(WaitTimeout, match="draft"):
        rests.wait(timeout=0.1)
    (claim,) = runs.claim()
    assert claim.run.id == buried.id
    runs.fail([FailReport(run_id=buried.id, token=claim.lease.token, error="no")])
    assert buried.wait(timeout=5).needs_a_person


def test_refusals_have_a_class_of_their_own(place: Place) -> None:
    client = place.client
    run = client.runs.create()
    run.cancel()
    client.jobs.create("there")
    reader = client.keys.create("reader", scopes=["runs:read"], project=place.project)
    with Client(place.server.url, reader.key) as other, pytest.raises(Forbidden, match="runs:write"):
        other.runs.create()
    with Client(place.server.url, "ry_wrong") as other, pytest.raises(Unauthorized):
        other.runs.get(run.id)
    for kind, act in (
        (IllegalMove, lambda: client.runs.pause(run.id)),
        (NotFound, lambda: client.runs.get("no-id")),
        (AlreadyExists, lambda: client.jobs.create("there")),
        (Invalid, lambda: client.runs.create(priority=99)),
    ):
        with pytest.raises(kind):
            act()


def test_both_clients_have_the_same_methods() -> None:
    blocking, awaited = Client("http://yard.test", "k"), AsyncClient("http://yard.test", "k")
    for name in ("runs", "jobs", "keys", "projects", "dlq", "bulk"):
        assert public(getattr(blocking, name)) == public(getattr(awaited, name))
    assert public(blocking) == {name for name in public(awaited) if name != "patience"}
    asyncio.run(awaited.close())
    blocking.close()


def public(thing: object) -> set[str]:
    """The names that anybody may use."""
    return {name for name in dir(thing) if not name.startswith("_")}


def test_both_clients_do_the_same(place: Place) -> None:
    told = asyncio.run(everything(place.client, "blocking"))
    # In a project of its own: who asked for work before is part of some answers.
    other = place.client.projects.create(f"{place.project}-awaited").slug

    async def awaited() -> list[Any]:
        async with AsyncClient(place.server.url, place.server.key, other) as client:
            return await everything(client, "awaited")

    assert asyncio.run(awaited()) == told


async def answer(value: Any) -> Any:
    """The answer of either client."""
    return await value if inspect.isawaitable(value) else value


async def listed(items: Any) -> list[Any]:
    """All items of either client's list or stream."""
    if isinstance(items, AsyncIterator):
        return [item async for item in items]
    assert isinstance(items, Iterator)
    return list(items)


async def refusal(act: Any) -> str:
    """The class of what either client raises."""
    try:
        await answer(act())
    except RunyardError as error:
        return type(error).__name__
    return "none"


async def everything(client: Any, name: str) -> list[Any]:
    """Call every method once and tell what came of it, without what differs from one call to the next."""
    runs, queue = client.runs, f"queue-{name}"
    job = await answer(client.jobs.create(name, queue=queue, retry={"max_attempts": 1}, description="one"))
    job = await answer(client.jobs.update(name, description="two"))
    told: list[Any] = [job.version, (await answer(client.jobs.get(name))).spec["description"]]
    told.append([one.version for one in await listed(client.jobs.versions(name))])
    told.append(name in [one.name for one in await listed(client.jobs.list())])

    made = await answer(runs.create_many([{"job": name, "payload": n} for n in range(9)]))
    again = await answer(runs.create(9, job=name, idempotency_key=name))
    same = await answer(runs.create(9, job=name, idempotency_key=name))
    told += [[run.payload for run in made], again.id == same.id, (again.duplicate, same.duplicate)]
    await answer(runs.forget_idempotency_key(again.id))
    told.append((await answer(runs.create(9, job=name, idempotency_key=name))).id == again.id)
    told.append((await answer(runs.explain(made[0].id))).summary)
    told.append((await answer(runs.pause(made[1].id))).state)
    told.append((await answer(runs.resume(made[1].id))).state)
    told.append((await answer(runs.reschedule(made[2].id, delay_seconds=3600, payload="moved"))).state)
    told.append((await answer(runs.publish((await answer(runs.create(1, job=name, draft=True))).id))).state)

    claims = await answer(runs.claim(limit=4, queues=[queue], worker="w", lease_seconds=60))
    done, failed, back, parked = [(one.run.id, one.lease.token) for one in claims]
    told.append([one.run.payload for one in claims])
    for call in (
        runs.start([StartReport(run_id=run_id, token=token) for run_id, token in (done, failed, back, parked)]),
        runs.heartbeat([HeartbeatReport(run_id=done[0], token=done[1])]),
    ):
        told.append([result.ok for result in await answer(call)])
    await answer(runs.add_logs(done[0], [{"message": "hello", "level": "warning"}], token=done[1]))
    await answer(runs.add_checkpoint(done[0], {"at": 1}, token=done[1]))
    await answer(runs.add_usage(done[0], model="m", cost_micro_usd=5, token=done[1]))
    await answer(runs.add_tool_call(done[0], "grep", token=done[1]))
    await answer(runs.put_output(done[0], "out", [1], token=done[1]))
    await answer(runs.put_state(done[0], "key", 1, token=done[1]))
    await answer(runs.put_state(done[0], "gone", 1, token=done[1]))
    await answer(runs.delete_state(done[0], "gone", token=done[1]))
    file = await answer(runs.upload(done[0], "note.txt", "hello", token=done[1]))
    for call in (
        runs.complete([CompleteReport(run_id=done[0], token=done[1], output={"ok": 1})]),
        runs.fail([FailReport(run_id=failed[0], token=failed[1], error="no")]),
        runs.release([ReleaseReport(run_id=back[0], token=back[1])]),
        runs.park([WaitReport(run_id=parked[0], token=parked[1])]),
    ):
        told.append([(result.ok, result.state) for result in await answer(call)])
    ended = await answer(runs.wait(done[0], timeout=5))
    told += [ended.output, ended.is_final, (await answer(runs.get(failed[0]))).needs_a_person]
    told.append([line.message for line in await listed(runs.logs(done[0]))])
    told.append([one.type for one in await listed(runs.events(done[0]))])
    told.append([one.outcome for one in await listed(runs.attempts(done[0]))])
    told.append([one.state for one in await listed(runs.checkpoints(done[0]))])
    told.append((await answer(runs.checkpoint(done[0], 1))).state)
    told.append([one.cost_micro_usd for one in await listed(runs.usage(done[0]))])
    told.append([one.name for one in await listed(runs.tool_calls(done[0]))])
    told.append([one.value for one in await listed(runs.outputs(done[0]))])
    told.append((await answer(runs.output(done[0], "out"))).value)
    told.append([one.key for one in await listed(runs.state(done[0]))])
    told.append((await answer(runs.state_entry(done[0], "key"))).value)
    told.append([one.name for one in await listed(runs.artifacts(done[0]))])
    told.append((await answer(runs.artifact(done[0], file.id))).size)
    told.append(await answer(runs.artifact_content(done[0], file.id)))
    stream = await listed(runs.stream(done[0], after=0))
    told.append([item.state if isinstance(item, Done) else type(item).__name__ for item in stream])

    told.append([run.id == failed[0] for run in await listed(client.dlq.list(job=name))])
    told.append([group.count for group in await listed(client.dlq.groups()) if group.job == name])
    replayed = await answer(runs.replay(failed[0], payload="again"))
    told += [replayed.payload, [run.id == replayed.id for run in (await answer(runs.lineage(failed[0]))).runs]]
    told.append((await answer(runs.requeue(failed[0]))).state)
    told.append((await answer(runs.cancel(failed[0], reason="enough"))).state)
    told.append((await answer(runs.resolve(failed[0]))).resolved is not None)
    told.append((await answer(runs.retry(failed[0]))).state)
    told.append(await refusal(lambda: runs.discard(failed[0])))
    told.append(await listed(runs.children(failed[0])))
    bulk = await answer(client.bulk.start("cancel", filter={"queue": queue, "state": ["queued"]}, dry_run=True))
    told += [bulk.total, (await answer(client.bulk.get(bulk.id))).dry_run]
    told.append(bulk.id in [one.id for one in await listed(client.bulk.list())])
    told.append(await refusal(lambda: client.bulk.cancel("no-such")))

    key = await answer(client.keys.create(name, scopes=["runs:read"]))
    told += [key.scopes, (await answer(client.keys.get(key.id))).key, key.id in ids(await listed(client.keys.list()))]
    told.append((await answer(client.keys.revoke(key.id))).revoked_at is not None)
    project = await answer(client.projects.create(f"{name}-{job.id}", name="One"))
    told += [(await answer(client.projects.get(project.slug))).name]
    told.append(project.number in [one.number for one in await listed(client.projects.list())])
    told.append(len(await listed(client.events(type="run.completed"))) > 0)
    told.append(sorted(await answer(client.stats(job=name))))
    told.append(type(await answer(client.queues())).__name__)
    told.append((await answer(client.info()))["engine"])
    told.append(await refusal(lambda: client.jobs.delete(name)))
    bulk = await answer(client.bulk.start("cancel", filter={"job": name}))
    while bulk.finished_at is None:
        bulk = await answer(client.bulk.get(bulk.id))
    told.append((bulk.done, bulk.failed))
    await answer(client.jobs.delete(name))
    told.append(await refusal(lambda: client.jobs.get(name)))
    return told


def ids(things: list[Any]) -> list[str]:
    """Their ids."""
    return [one.id for one in things]
