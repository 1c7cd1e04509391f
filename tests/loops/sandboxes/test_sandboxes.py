"""Sandboxes: agents that really run, and what becomes of their runs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Literal

import pytest

from runyard.engine import leases
from runyard.engine.leases import Release
from runyard.loops.sandboxes.ground import Patience
from tests.dialects.posthog.client import good, path_of
from tests.loops.sandboxes.conftest import QUICK, Floor, Open, double, processes
from tests.support.verbs import Json


def repository(root: Path) -> None:
    """A repository `acme/shop` below the folder, with a branch."""
    place = root / "acme" / "shop.git"
    place.mkdir(parents=True)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(place)]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    for branch, text in (("main", "of the main branch"), ("topic", "of the topic")):
        subprocess.run([*git, "checkout", "-q", "-B", branch], check=True)
        (place / "README.md").write_text(f"{text}\n")
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", branch], check=True)
    subprocess.run([*git, "checkout", "-q", "main"], check=True)


def streamed(floor: Floor, run: Json) -> str:
    """What the stream of an ended run tells."""
    return floor.posthog.get(path_of(run, "stream")).text


@pytest.mark.parametrize("isolation", ["auto", "none"])
def test_an_agent_works_on_a_run_from_its_queue_to_its_end(
    floor: Open, tmp_path: Path, isolation: Literal["auto", "none"]
) -> None:
    repository(tmp_path / "git")
    here = floor(sandbox_isolation=isolation, sandbox_repositories=(str(tmp_path / "git"),))
    run = here.ask("please run: cat README.md", repository="acme/shop", branch="topic")
    opened = here.is_open(run)
    assert set(opened["state"]) >= {"sandbox_id", "sandbox_url", "sandbox_jwt_kid", "mode"}
    ended = here.reaches(run, "completed", "failed")
    assert (ended["status"], ended["error_message"]) == ("completed", None)
    assert ended["branch"] == "topic"
    (message,) = here.updates(run, "agent_message")
    assert message["content"]["text"] == "of the topic (0)"
    (edit,) = here.updates(run, "tool_call")
    assert edit["locations"][0]["path"].endswith("/repository/ECHO.md")
    assert [update["status"] for update in here.updates(run, "tool_call_update")] == ["completed"]
    here.idle()
    after = here.posthog.see(run)["state"]
    assert not {"sandbox_url", "sandbox_jwt_kid"} & set(after)
    assert here.told(run) == []
    text = streamed(here, run)
    assert text.count('"agent_message_chunk"') >= 2
    assert text.count('"_posthog/task_complete"') == 1, "what is told live and logged is streamed once"
    assert text.rstrip().endswith('{"status":"complete"}')
    (kept,) = good(here.stand.admin.get(f"/runs/{run['id']}/artifacts"))["data"]
    assert (kept["name"], kept["content_type"]) == ("changes.patch", "text/x-diff")
    patch = here.stand.admin.get(f"/runs/{run['id']}/artifacts/{kept['id']}/content").text
    assert "+++ b/ECHO.md\n@@ -0,0 +1 @@\n+please run: cat README.md\n" in patch
    used = after["token_usage"]
    (line,) = good(here.stand.http.get(f"/runyard/v1/runs/{run['id']}/usage", headers=here._admin))["data"]
    assert (line["input_tokens"], line["output_tokens"]) == (used["input_tokens"], used["output_tokens"])


def test_what_an_agent_asks_leave_for_is_decided_by_people(floor: Open) -> None:
    here = floor()
    run = here.ask("please ask", mode="interactive")
    api = here.stand.admin

    def pending() -> list[Json]:
        found: list[Json] = good(api.get("/approvals?state=pending"))["data"]
        return found

    here.until(pending)
    (asked,) = pending()
    assert (asked["run_id"], asked["action"]) == (run["id"], "Append to ECHO.md")
    assert asked["changes"][0].endswith("/ECHO.md")
    assert here.posthog.see(run)["status"] == "in_progress", "only the agent waits"
    assert here.listed()[0]["run_id"] == run["id"]
    good(api.post(f"/approvals/{asked['id']}/decide", {"approved": True}))
    here.until(lambda: [one["status"] for one in here.updates(run, "tool_call_update")] == ["completed"])
    # An interactive run goes on until somebody ends it.
    good(here.posthog.post(path_of(run, "cancel"), {}), 202)
    here.idle()
    assert here.posthog.see(run)["status"] == "cancelled"


def test_a_canceled_run_leaves_no_sandbox_however_stubborn(floor: Open, tmp_path: Path) -> None:
    here = floor(sandbox_server_command=double("stubborn"))
    run = here.ask(repository="acme/other")
    here.is_open(run)
    (only,) = here.listed()
    assert (only["state"], only["worker"], only["host"].partition(":")[0]) == ("starting", "floor", "127.0.0.1")
    assert here.told(run) == [
        "acme/other is not below a place that RUNYARD_SANDBOX_REPOSITORIES names; the agent begins without it"
    ]
    assert processes(run["id"])
    good(here.posthog.post(path_of(run, "cancel"), {"reason": "enough"}), 202)
    here.idle()
    assert not processes(run["id"])
    assert here.listed() == []
    assert "sandbox_url" not in here.posthog.see(run)["state"]


CRASH = "sh -c 'echo first >&2; echo boom >&2; exit 3'"


@pytest.mark.parametrize(
    ("settings", "patience", "message"),
    [
        (
            {"sandbox_server_command": CRASH},
            QUICK,
            "the agent server ended with code 3 without saying how the run ended: boom",
        ),
        (
            {"sandbox_server_command": "true"},
            QUICK,
            "the agent server ended with code 0 without saying how the run ended",
        ),
        (
            {"sandbox_server_command": double("unready")},
            Patience(ready=0.5, grace=0.5),
            "the agent server was not ready within 0.5 seconds",
        ),
        (
            {"sandbox_server_command": "sh 'x"},
            QUICK,
            "the sandbox could not be opened: RUNYARD_SANDBOX_SERVER_COMMAND is no command line: No closing quotation",
        ),
        ({"sandbox_server_command": double("hopeless")}, QUICK, "the agent server is not ready: no_agent"),
        (
            {"sandbox_server_command": double("idle"), "sandbox_seconds": 1.0},
            QUICK,
            "the sandbox lived longer than 1 seconds",
        ),
        (
            {"sandbox_server_command": double("hungry"), "sandbox_memory_mb": 100},
            QUICK,
            "the sandbox needed more than its 100 MiB",
        ),
    ],
    ids=["crash", "silent end", "unready", "no command", "hopeless", "too long", "too much memory"],
)
def test_a_sandbox_that_ends_badly_fails_its_run_with_the_reason(
    floor: Open, settings: dict[str, Any], patience: Patience, message: str
) -> None:
    here = floor(patience=patience, **settings)
    run = here.ask()
    ended = here.reaches(run, "failed")
    assert ended["error_message"] == message
    here.idle()
    assert not processes(run["id"])
    if "boom" in message:
        (told,) = here.told(run)
        assert told.splitlines()[1:] == ["first", "boom"]


def test_a_server_that_stops_gives_its_runs_back_and_another_goes_on(floor: Open) -> None:
    first = floor(sandbox_server_command=double("idle"))
    run = first.ask()
    first.is_open(run)
    first.stop()
    assert not processes(run["id"])
    assert first.posthog.see(run)["status"] == "queued"
    second = floor(sandbox_server_command=double("idle"))
    second.is_open(run)


def test_a_run_that_is_no_longer_ours_loses_its_sandbox_and_nothing_is_said_of_it(floor: Open) -> None:
    here = floor(sandbox_server_command=double("idle"), sandbox_concurrency=1)
    run = here.ask()
    here.is_open(run)
    (held,) = here.executor.keeper.held.values()
    # As if its lease had run out, and another server had taken the run since.
    here.stand.store.transact(leases.release, [Release(**held.proof)])
    here.until(lambda: held.key not in here.executor.keeper.held)
    assert here.is_open(run)["state"]["sandbox_id"] != held.id
    assert here.posthog.see(run)["error_message"] is None


def test_a_run_that_is_taken_outside_loses_its_sandbox_and_goes_on(floor: Open) -> None:
    here = floor(sandbox_server_command=double("idle"))
    run = here.ask()
    here.is_open(run)
    here.posthog.change(run, environment="local")
    here.idle()
    after = here.posthog.see(run)
    assert (after["environment"], after["error_message"]) == ("local", None)
    assert "sandbox_url" not in after["state"]


def test_a_broken_stream_of_events_is_opened_again(floor: Open) -> None:
    here = floor(sandbox_server_command=double("broken"))
    run = here.ask()
    here.until(lambda: _numbers(here, run) >= 4)
    here.posthog.change(run, status="completed")
    here.idle()


def _numbers(here: Floor, run: Json) -> int:
    """How many events have come."""
    row = here.stand.store.look(
        lambda tx: tx.row("SELECT COUNT(*) FROM chunks WHERE run_id = :id AND stream = 'run-events'", id=run["id"])
    )
    return int(row[0]) if row is not None else 0


def test_no_more_sandboxes_are_opened_than_may_be(floor: Open) -> None:
    here = floor(sandbox_server_command=double("idle"), sandbox_concurrency=1)
    first, second = here.ask(), here.ask()
    here.is_open(first)
    assert here.posthog.see(second)["status"] == "queued"
    here.posthog.change(first, status="completed")
    here.is_open(second)
