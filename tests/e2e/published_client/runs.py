"""How each method of `client.runs` is tried."""

from __future__ import annotations

from tests.e2e.processes import until
from tests.e2e.published_client.desk import Desk
from tests.e2e.published_client.tries import LATER, Try, noted, telling

TRIES: dict[str, Try] = {}
tries = noted(TRIES)


@tries
def runs__list(desk: Desk) -> None:
    run_id = desk.delayed(tags={"team": "a"}, metadata={"who": "me"})
    other = desk.delayed()
    ids = [run["id"] for run in desk.client.runs.list()]
    assert ids == [other, run_id]
    for query in ({"tag_key": "team", "tag_value": "a", "status": "delayed"}, {"metadata_key": "who", "limit": "10"}):
        assert [run["id"] for run in desk.client.runs.list(query=query)] == [run_id]


@tries
def runs__get(desk: Desk) -> None:
    run = desk.client.runs.get(desk.ended())
    assert (run["status"], run["result"], run["project_id"]) == ("completed", {"got": {"n": 1}}, desk.project)


@tries
def runs__delete(desk: Desk) -> None:
    assert desk.client.runs.delete(desk.delayed())["status"] == "canceled"
    assert desk.client.runs.delete(desk.executing().run_id)["status"] == "canceled"


@tries
def runs__list_checkpoints(desk: Desk) -> None:
    assert [one["state"] for one in desk.client.runs.list_checkpoints(telling(desk))] == [{"step": 1}]


@tries
def runs__get_children(desk: Desk) -> None:
    worker, child = desk.executing(), desk.job("/echo")
    spawned = worker.calls.spawn_run(worker.run_id, {"job_slug": child["slug"], "project_id": desk.project})
    assert [one["id"] for one in desk.client.runs.get_children(worker.run_id)] == [spawned["id"]]


@tries
def runs__debug(desk: Desk) -> None:
    run_id = telling(desk)
    assert desk.client.runs.debug(run_id)["run"]["id"] == run_id


@tries
def runs__get_debug_bundle(desk: Desk) -> None:
    bundle = desk.client.runs.get_debug_bundle(telling(desk))
    assert all(len(bundle[part]) == 1 for part in ("checkpoints", "usage", "tool_calls", "outputs"))


@tries
def runs__list_dependency_status(desk: Desk) -> None:
    first, second = desk.job("/echo"), desk.job("/echo")
    desk.client.jobs.create_dependency(second["id"], {"depends_on_job_id": first["id"]})
    run = desk.client.jobs.trigger(second["id"], {})
    assert run["status"] == "waiting"
    status = desk.client.runs.list_dependency_status(run["id"])
    assert (len(status["dependencies"]), status["dependencies_satisfied"]) == (1, False)
    desk.client.jobs.trigger(first["id"], {})
    until(lambda: desk.status(run["id"]) == "completed", "the dependent was not let go")


@tries
def runs__dlq_replay(desk: Desk) -> None:
    for body in (None, {"reason": "again"}):
        run_id = desk.ended("/refuse")
        assert desk.status(run_id) == "dead_letter"
        again = desk.client.runs.dlq_replay(run_id, body)
        assert (again["id"], again["status"], again["attempt"]) == (run_id, "queued", 1)


@tries
def runs__list_events(desk: Desk) -> None:
    assert [one["message"] for one in desk.client.runs.list_events(telling(desk))] == ["hello"]


@tries
def runs__delete_idempotency_key(desk: Desk) -> None:
    run_id = desk.delayed(idempotency_key="once")
    assert desk.client.runs.delete_idempotency_key(run_id) == {"status": "reset", "run_id": run_id}
    assert "idempotency_key" not in desk.client.runs.get(run_id)


@tries
def runs__get_lineage(desk: Desk) -> None:
    worker = desk.executing()
    after = worker.calls.continue_run(worker.run_id)
    assert [one["id"] for one in desk.client.runs.get_lineage(after["id"])] == [worker.run_id, after["id"]]


@tries
def runs__list_outputs(desk: Desk) -> None:
    assert [one["output_key"] for one in desk.client.runs.list_outputs(telling(desk))] == ["report"]


@tries
def runs__replay(desk: Desk) -> None:
    for body in (None, {"reason": "again"}):
        run_id = desk.failed()
        again = desk.client.runs.replay(run_id, body)
        assert again["id"] != run_id
        assert again["payload"] == {"n": 1}


@tries
def runs__reschedule(desk: Desk) -> None:
    body = {"scheduled_at": LATER, "payload": {"n": 2}}
    run = desk.client.runs.reschedule(desk.delayed(), body)
    assert (run["status"], run["payload"]) == ("delayed", {"n": 2})
    assert run["scheduled_at"].startswith(LATER[:19])


@tries
def runs__list_tool_calls(desk: Desk) -> None:
    assert [one["tool_name"] for one in desk.client.runs.list_tool_calls(telling(desk))] == ["grep"]


@tries
def runs__get_usage(desk: Desk) -> None:
    assert [one["cost_microusd"] for one in desk.client.runs.get_usage(telling(desk))] == [5]


@tries
def runs__bulk_cancel(desk: Desk) -> None:
    done = desk.client.runs.bulk_cancel({"run_ids": [desk.delayed(), desk.executing().run_id]})
    assert (done["total"], done["canceled"], done["failed"]) == (2, 2, 0)


@tries
def runs__bulk_cancel_all(desk: Desk) -> None:
    run_id = desk.delayed()
    done = desk.client.runs.bulk_cancel_all({"status": "delayed"})
    assert (done["canceled"], done["run_ids"]) == (1, [run_id])


@tries
def runs__bulk_dlq_replay(desk: Desk) -> None:
    run_id = desk.ended("/refuse")
    done = desk.client.runs.bulk_dlq_replay({"run_ids": [run_id]})
    assert (done["count"], done["replayed"][0]["id"]) == (1, run_id)
    until(lambda: desk.status(run_id) == "dead_letter", "the run did not fail again")
    assert desk.client.runs.bulk_dlq_replay({"project_id": desk.project, "limit": 5})["count"] == 1


@tries
def runs__bulk_replay(desk: Desk) -> None:
    assert len(desk.client.runs.bulk_replay({"run_ids": [desk.failed(), desk.delayed()]})) == 1


@tries
def runs__get_dlq(desk: Desk) -> None:
    run_id = desk.ended("/refuse")
    assert [run["id"] for run in desk.client.runs.get_dlq()] == [run_id]
    assert [run["error_class"] for run in desk.client.runs.get_dlq(query={"project_id": desk.project})] == ["client"]
