"""How each method of `client.jobs` is tried."""

from __future__ import annotations

from typing import Any

import pytest
import strait

from tests.e2e.published_client.desk import Desk
from tests.e2e.published_client.tries import LATER, Try, noted

TRIES: dict[str, Try] = {}
tries = noted(TRIES)


@tries
def jobs__list(desk: Desk) -> None:
    job = desk.job(tags={"team": "a"})
    desk.job()
    assert len(desk.client.jobs.list()["data"]) == 2
    page = desk.client.jobs.list(query={"tag_key": "team", "project_id": desk.project})
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([job["id"]], False)


@tries
def jobs__create(desk: Desk) -> None:
    more = {"webhook_url": "https://example.com/hook", "webhook_secret": "hush", "retry_strategy": "fixed"}
    job = desk.client.jobs.create(desk.body("/echo", **more))
    assert (job["version"], job["enabled"], job["retry_strategy"]) == (1, True, "fixed")
    assert "webhook_secret" not in job


@tries
def jobs__get(desk: Desk) -> None:
    job = desk.job()
    assert desk.client.jobs.get(job["id"]) == job


@tries
def jobs__update(desk: Desk) -> None:
    job = desk.client.jobs.update(desk.job()["id"], {"timeout_secs": 9})
    assert (job["timeout_secs"], job["version"]) == (9, 2)


@tries
def jobs__delete(desk: Desk) -> None:
    job = desk.job()
    assert desk.client.jobs.delete(job["id"]) == {}
    with pytest.raises(strait.NotFoundError):
        desk.client.jobs.get(job["id"])


@tries
def jobs__clone(desk: Desk) -> None:
    copy = desk.client.jobs.clone(desk.job(tags={"a": "b"})["id"], {"name": "Copy", "slug": "copy"})
    assert (copy["slug"], copy["tags"], copy["version"]) == ("copy", {"a": "b"}, 1)


@tries
def jobs__get_health(desk: Desk) -> None:
    run = desk.client.runs.get(desk.ended())
    health = desk.client.jobs.get_health(run["job_id"])
    assert (health["window"], health["completed_runs"]) == ("7d", 1)


@tries
def jobs__trigger(desk: Desk) -> None:
    job = desk.job("/echo")
    body = {"payload": {"a": 1}, "idempotency_key": "k", "priority": 2, "metadata": {"who": "me"}}
    first = desk.client.jobs.trigger(job["id"], {**body, "scheduled_at": LATER})
    again = desk.client.jobs.trigger(job["id"], {**body, "scheduled_at": LATER})
    assert (again["id"], again["idempotency_hit"], first["idempotency_hit"]) == (first["id"], True, False)
    assert desk.client.runs.get(first["id"])["metadata"]["who"] == "me"
    assert "id" not in desk.client.jobs.trigger(job["id"], {"payload": {}, "dry_run": True})


@tries
def jobs__bulk_trigger(desk: Desk) -> None:
    items = [{"payload": 1, "metadata": {"a": "b"}, "dry_run": False}, {"payload": 2, "idempotency_key": "k"}]
    done = desk.client.jobs.bulk_trigger(desk.job("/echo")["id"], {"items": items})
    assert (done["total"], done["created"], len(done["results"])) == (2, 2, 2)


def _changed(desk: Desk) -> dict[str, Any]:
    job = desk.job()
    desk.client.jobs.update(job["id"], {"timeout_secs": 9})
    return job


@tries
def jobs__list_versions(desk: Desk) -> None:
    job = _changed(desk)
    page = desk.client.jobs.list_versions(job["id"], query={"limit": "5"})
    assert [one["version_id"] for one in page["data"]] == [job["version_id"]]


@tries
def jobs__get_version(desk: Desk) -> None:
    job = _changed(desk)
    assert desk.client.jobs.get_version(job["id"], job["version_id"])["version"] == 1


@tries
def jobs__list_dependencies(desk: Desk) -> None:
    first, second = desk.job(), desk.job()
    made = desk.client.jobs.create_dependency(second["id"], {"depends_on_job_id": first["id"]})
    assert desk.client.jobs.list_dependencies(second["id"])["data"] == [made]


@tries
def jobs__create_dependency(desk: Desk) -> None:
    body = {"depends_on_job_id": desk.job()["id"], "condition": "failed"}
    assert desk.client.jobs.create_dependency(desk.job()["id"], body)["condition"] == "failed"


@tries
def jobs__delete_dependency(desk: Desk) -> None:
    job = desk.job()
    made = desk.client.jobs.create_dependency(job["id"], {"depends_on_job_id": desk.job()["id"]})
    assert desk.client.jobs.delete_dependency(job["id"], made["id"]) == {}
    assert desk.client.jobs.list_dependencies(job["id"])["data"] == []


@tries
def jobs__batch(desk: Desk) -> None:
    done = desk.client.jobs.batch({"jobs": [desk.body(), {**desk.body(), "endpoint_url": "nowhere"}]})
    assert len(done["created"]) == 1
    assert [one["index"] for one in done["errors"]] == [1]


@tries
def jobs__batch_disable(desk: Desk) -> None:
    job = desk.job()
    assert desk.client.jobs.batch_disable({"ids": [job["id"]]}) == {"updated": 1}
    with pytest.raises(strait.ApiError, match="disabled"):
        desk.client.jobs.trigger(job["id"], {})


@tries
def jobs__batch_enable(desk: Desk) -> None:
    job = desk.job("/echo")
    desk.client.jobs.batch_disable({"ids": [job["id"]]})
    assert desk.client.jobs.batch_enable({"ids": [job["id"]]}) == {"updated": 1}
    assert desk.client.jobs.trigger(job["id"], {})["status"] == "queued"
