"""The dead letter, bulk operations, jobs, keys, projects, artifacts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.server import AT, OTHER_ID, RUN_ID, Script, page, run

BULK = {"id": "b1", "action": "replay", "state": "completed", "total": 3, "done": 3, "failed": 0, "finished_at": AT}


def test_the_dead_letter_is_listed_and_grouped(cli: Command, server: Script) -> None:
    dead = run(state="dead_letter", error={"message": "boom"}, error_class="ValueError", attempt=3)
    group = {"error_class": "ValueError", "message": "boom", "job": "mail", "count": 5, "sample_run_id": RUN_ID}
    server.on("GET", "/dlq", page(dead))
    server.on("GET", "/dlq/groups", page(group))
    assert "boom" in cli("dlq", "list", "--error-class", "ValueError").out
    assert server.asked[0].query["error_class"] == ["ValueError"]
    assert cli("dlq", "groups", "-o", "json").json[0]["count"] == 5


def test_one_dead_run_is_decided_directly(cli: Command, server: Script) -> None:
    server.on("POST", f"/runs/{RUN_ID}/replay", run(id=OTHER_ID), status=201)
    server.on("POST", f"/runs/{RUN_ID}/discard", run(state="failed"))
    assert cli("dlq", "replay", RUN_ID, "-q").out.strip() == OTHER_ID
    assert cli("dlq", "discard", RUN_ID, "--reason", "old").code == 0
    assert server.asked[1].body == {"reason": "old"}


def test_many_dead_runs_are_one_bulk_operation(cli: Command, server: Script) -> None:
    server.on("POST", "/bulk", BULK, status=202)
    result = cli("dlq", "replay", RUN_ID, OTHER_ID, "-o", "json")
    assert (result.code, result.json["done"]) == (0, 3)
    assert server.asked[0].body["ids"] == [RUN_ID, OTHER_ID]


def test_all_dead_runs_of_a_job_go_by_filter(cli: Command, server: Script) -> None:
    server.on("POST", "/bulk", BULK | {"state": "running", "finished_at": None}, status=202)
    server.on("GET", "/bulk/b1", BULK | {"failed": 1, "errors": [{"run_id": RUN_ID}]})
    result = cli("dlq", "replay", "--all", "--job", "mail", "--yes")
    assert result.code == 1
    assert server.asked[0].body["filter"] == {"state": "dead_letter", "job": "mail"}


def test_dead_runs_of_an_error_class_are_named_one_by_one(cli: Command, server: Script) -> None:
    server.on("GET", "/dlq", page(run(state="dead_letter")))
    server.on("POST", "/bulk", BULK, status=202)
    cli("dlq", "requeue", "--all", "--error-class", "ValueError", "--yes")
    assert server.sent("POST", "/bulk")[0].body["ids"] == [RUN_ID]


def test_all_is_not_done_unasked_without_a_terminal(cli: Command, server: Script) -> None:
    server.on("POST", "/bulk", BULK | {"dry_run": True}, status=202)
    result = cli("dlq", "discard", "--all", "-o", "json")
    assert result.code == 2
    assert "--yes" in result.problem["hint"]
    assert [item.body["dry_run"] for item in server.asked] == [True]


def test_a_dry_run_only_counts(cli: Command, server: Script) -> None:
    server.on("POST", "/bulk", BULK | {"dry_run": True}, status=202)
    assert "dry run" in cli("dlq", "discard", "--all", "--dry-run").out
    assert len(server.asked) == 1


def test_bulk_starts_by_filter_lists_and_cancels(cli: Command, server: Script) -> None:
    server.on("POST", "/bulk", BULK, status=202)
    server.on("GET", "/bulk", page(BULK))
    server.on("POST", "/bulk/b1/cancel", BULK | {"state": "canceled"})
    assert cli("bulk", "start", "cancel", "--state", "queued", "--tag", "x", "-y").code == 0
    assert server.asked[0].body["filter"] == {"state": "queued", "tag": ["x"]}
    assert "3/3" in cli("bulk", "list").out
    assert cli("bulk", "cancel", "b1", "-o", "json").json["state"] == "canceled"


JOB = {"id": "j1", "name": "mail", "version": 2, "enabled": True, "spec": {"queue": "q", "description": "sends"}}


def test_jobs_are_listed_and_shown(cli: Command, server: Script) -> None:
    server.on("GET", "/jobs", page(JOB))
    server.on("GET", "/jobs/mail", JOB)
    server.on("GET", "/jobs/mail/versions", page({"job_id": "j1", "version": 2, "spec": {"queue": "q"}}))
    assert "sends" in cli("jobs", "list").out
    assert cli("jobs", "get", "mail", "-o", "json").json["spec"]["queue"] == "q"
    assert '{"queue":"q"}' in cli("jobs", "versions", "mail").out


def test_options_stand_on_top_of_a_jobs_spec(cli: Command, server: Script) -> None:
    server.on("POST", "/jobs", JOB, status=201)
    spec = '{"name":"ignored","queue":"q","retry":{"max_attempts":1,"jitter":0}}'
    cli("jobs", "create", "mail", "--spec", spec, "--max-attempts", "4", "--concurrency", "2", "--disabled")
    assert server.asked[0].body == {
        "name": "mail",
        "queue": "q",
        "retry": {"max_attempts": 4, "jitter": 0},
        "concurrency": {"max": 2},
        "enabled": False,
    }


def test_jobs_are_updated_switched_and_deleted(cli: Command, server: Script) -> None:
    server.on("PATCH", "/jobs/mail", JOB)
    server.on("DELETE", "/jobs/mail", "", status=204)
    cli("jobs", "update", "mail", "--timeout", "30s")
    cli("jobs", "disable", "mail")
    cli("jobs", "enable", "mail")
    assert cli("jobs", "delete", "mail", "--yes").code == 0
    bodies = [item.body for item in server.sent("PATCH", "/jobs/mail")]
    assert bodies == [{"timeout_seconds": 30}, {"enabled": False}, {"enabled": True}]


KEY = {"id": "k1", "name": "ci", "prefix": "ry_abc", "scopes": ["runs:read"], "project": "default"}


def test_a_new_key_is_shown_once_and_alone_when_quiet(cli: Command, server: Script) -> None:
    server.on("POST", "/keys", KEY | {"key": "ry_abcdef"}, status=201)
    result = cli("keys", "create", "ci", "--scope", "runs:read,runs:write", "--expires", "30d")
    assert "ry_abcdef" in result.out
    assert "cannot be shown again" in result.err
    assert server.asked[0].body["scopes"] == ["runs:read", "runs:write"]
    assert server.asked[0].body["expires_at"]
    assert cli("keys", "create", "ci", "--scope", "runs:read", "-q").out == "ry_abcdef\n"


def test_keys_are_listed_and_revoked(cli: Command, server: Script) -> None:
    server.on("GET", "/keys", page(KEY))
    server.on("DELETE", "/keys/k1", KEY | {"revoked_at": AT})
    assert "ry_abc" in cli("keys", "list").out
    assert cli("keys", "revoke", "k1", "-y", "-o", "json").json["revoked_at"]
    assert cli("keys", "revoke", "k1", "-o", "json").code == 2


def test_projects_are_made_and_listed(cli: Command, server: Script) -> None:
    project = {"number": 2, "slug": "blue", "name": "Blue"}
    server.on("POST", "/projects", project, status=201)
    server.on("GET", "/projects", page(project))
    assert cli("projects", "create", "blue", "--name", "Blue", "-q").out == "blue\n"
    assert "Blue" in cli("projects", "list").out


ARTIFACT = {"id": "a1", "run_id": RUN_ID, "name": "../../etc/passwd", "size": 5, "content_type": "text/plain"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_artifact_is_written_here_whatever_folder_its_name_says(cli: Command, server: Script, here: Path) -> None:
    server.on("GET", f"/runs/{RUN_ID}/artifacts", page(ARTIFACT))
    server.on("GET", f"/runs/{RUN_ID}/artifacts/a1/content", "hello", content_type="text/plain")
    assert cli("artifacts", "get", RUN_ID, "a1").code == 0
    assert (here / "passwd").read_text() == "hello"
    assert cli("artifacts", "get", RUN_ID, "a1").code == 2
    assert cli("artifacts", "get", RUN_ID, "a1", "--force").code == 0
    assert cli("artifacts", "get", RUN_ID, "other").code == 5


def test_an_artifact_is_put(cli: Command, server: Script, here: Path) -> None:
    server.on("POST", f"/runs/{RUN_ID}/artifacts", ARTIFACT, status=201)
    (here / "note.txt").write_text("hello")
    assert cli("artifacts", "put", RUN_ID, "note.txt").code == 0
    assert (server.asked[0].body, server.asked[0].query["name"]) == (b"hello", ["note.txt"])
    assert server.asked[0].headers["content-type"] == "text/plain"
