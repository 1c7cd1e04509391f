"""How each method of `client.event_triggers`, `batch_operations`, `api_keys`, `projects` and `health` is tried."""

from __future__ import annotations

import pytest
import strait

from tests.e2e.published_client.desk import Desk
from tests.e2e.published_client.tries import Try, noted

TRIES: dict[str, Try] = {}
tries = noted(TRIES)


def _waiting(desk: Desk, key: str) -> str:
    worker = desk.executing()
    worker.calls.wait_for_event_run(worker.run_id, {"event_key": key})
    return worker.run_id


@tries
def event_triggers__list_events(desk: Desk) -> None:
    run_id = _waiting(desk, "paid")
    page = desk.client.event_triggers.list_events(query={"status": "waiting"})
    assert [(one["event_key"], one["job_run_id"]) for one in page["data"]] == [("paid", run_id)]


@tries
def event_triggers__get_event(desk: Desk) -> None:
    _waiting(desk, "paid")
    assert desk.client.event_triggers.get_event("paid")["status"] == "waiting"


@tries
def event_triggers__delete_event(desk: Desk) -> None:
    run_id = _waiting(desk, "paid")
    assert desk.client.event_triggers.delete_event("paid")["status"] == "canceled"
    assert desk.status(run_id) == "canceled"


@tries
def event_triggers__send_event(desk: Desk) -> None:
    run_id = _waiting(desk, "paid")
    del desk.endpoint.arrived[run_id]
    assert desk.client.event_triggers.send_event("paid", {"payload": {"ok": True}})["status"] == "received"
    assert desk.client.event_triggers.get_event("paid")["response_payload"] == {"ok": True}
    assert desk.endpoint.dispatched(run_id).headers["x-attempt"] == "1"


@tries
def event_triggers__get_stream(desk: Desk) -> None:
    _waiting(desk, "paid")
    desk.client.event_triggers.delete_event("paid")
    assert [one["status"] for one in desk.client.event_triggers.get_stream("paid")][-1:] == ["canceled"]


@tries
def event_triggers__send_prefix(desk: Desk) -> None:
    _waiting(desk, "order-1")
    assert desk.client.event_triggers.send_prefix("order-", {"payload": 1})["resolved"] == 1


@tries
def event_triggers__purge_event(desk: Desk) -> None:
    assert desk.client.event_triggers.purge_event({"older_than_days": 1, "dry_run": True})["dry_run"] is True
    assert desk.client.event_triggers.purge_event({"older_than_days": 1})["deleted"] == 0


@tries
def event_triggers__get_stat(desk: Desk) -> None:
    _waiting(desk, "paid")
    assert desk.client.event_triggers.get_stat()["waiting_count"] == 1


@tries
def batch_operations__list(desk: Desk) -> None:
    made = desk.client.jobs.bulk_trigger(desk.job("/echo")["id"], {"items": [{"payload": 1}]})
    page = desk.client.batch_operations.list(query={"project_id": desk.project})
    assert [one["id"] for one in page["data"]] == [made["batch_id"]]


@tries
def batch_operations__get(desk: Desk) -> None:
    made = desk.client.jobs.bulk_trigger(desk.job("/echo")["id"], {"items": [{"payload": 1}]})
    assert desk.client.batch_operations.get(made["batch_id"])["created_count"] == 1
    assert len(desk.client.runs.list(query={"batch_id": made["batch_id"]})) == 1


@tries
def api_keys__list(desk: Desk) -> None:
    page = desk.client.api_keys.list(query={"project_id": desk.project})
    assert [one["name"] for one in page["data"]] == ["desk"]


@tries
def api_keys__create(desk: Desk) -> None:
    key = desk.client.api_keys.create({"project_id": desk.project, "name": "reader", "scopes": ["runs:read"]})
    reader = desk.connect(key["key"])
    assert reader.runs.list() == []
    with pytest.raises(strait.UnauthorizedError, match="jobs:write"):
        reader.jobs.create(desk.body())


@tries
def api_keys__delete(desk: Desk) -> None:
    key = desk.client.api_keys.create({"project_id": desk.project, "name": "some"})
    assert desk.client.api_keys.delete(key["id"]) == {"status": "revoked"}
    with pytest.raises(strait.UnauthorizedError):
        desk.connect(key["key"]).runs.list()


@tries
def api_keys__rotate(desk: Desk) -> None:
    key = desk.client.api_keys.create({"project_id": desk.project, "name": "some"})
    fresh = desk.client.api_keys.rotate(key["id"], {"grace_period_minutes": 5})
    assert fresh["old_key_id"] == key["id"]
    for secret in (key["key"], fresh["key"]):
        assert desk.connect(secret).runs.list() == []


@tries
def projects__list(desk: Desk) -> None:
    assert desk.project in {one["id"] for one in desk.internal.projects.list(query={"org_id": "org-1"})}
    with pytest.raises(strait.UnauthorizedError):
        desk.client.projects.list(query={"org_id": "org-1"})


@tries
def projects__create(desk: Desk) -> None:
    made = desk.internal.projects.create({"id": f"{desk.project}-b", "org_id": "org-2", "name": "Another"})
    assert (made["id"], made["org_id"]) == (f"{desk.project}-b", "org-2")


@tries
def projects__get(desk: Desk) -> None:
    assert desk.client.projects.get(desk.project)["name"] == "A desk"


@tries
def projects__delete(desk: Desk) -> None:
    made = desk.internal.projects.create({"id": f"{desk.project}-c", "org_id": "org-2", "name": "Another"})
    assert desk.internal.projects.delete(made["id"]) == {}
    with pytest.raises(strait.NotFoundError):
        desk.internal.projects.get(made["id"])


@tries
def health__list(desk: Desk) -> None:
    assert desk.client.health.list() == {"status": "ok"}


@tries
def health__get_ready(desk: Desk) -> None:
    assert desk.client.health.get_ready() == {"status": "ready"}
