"""How often a task is tried, and by which keys the same wish is known again (contract §11)."""

from __future__ import annotations

import pytest

from tests.dialects.agh.client import Agh, good, refused
from tests.support.verbs import Json

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def ask(agh: Agh, task: Json, verb: str, key: str | None = None) -> Json:
    """The run that is answered to a wish for one."""
    response = agh.post(f"/api/tasks/{task['id']}/{verb}", {"idempotency_key": key} if key else {})
    run: Json = good(response, 200 if verb == "publish" else 201)["run"]
    return run


def fail(agh: Agh, run: Json) -> None:
    good(agh.post(f"/api/runs/{run['id']}/fail", {"reason": "it broke"}))


def test_each_run_is_an_attempt_until_there_are_none_left(agh: Agh) -> None:
    task = agh.task(max_attempts=2)
    first = ask(agh, task, "runs")
    fail(agh, first)
    seen = agh.see(task)
    assert (seen["task"]["status"], len(seen["runs"])) == ("ready", 1), "nothing is queued by itself"
    second = ask(agh, task, "start")
    assert (first["attempt"], second["attempt"]) == (1, 2)
    fail(agh, second)
    assert agh.status(task) == "failed"
    for path in (f"/api/tasks/{task['id']}/runs", f"/api/tasks/{task['id']}/start", f"/api/runs/{second['id']}/retry"):
        refused(agh.post(path, {}), 409, "attempts")
    good(agh.patch(f"/api/tasks/{task['id']}", {"max_attempts": 3}))
    assert agh.status(task) == "ready"
    assert ask(agh, task, "start")["attempt"] == 3


def test_a_key_is_known_again_where_it_was_used_whoever_asks_and_whatever_became_of_the_run(agh: Agh) -> None:
    task = agh.task(max_attempts=2)
    run = ask(agh, task, "runs", "k")
    fail(agh, run)
    lines = len(agh.see(task)["events"])
    for who in (agh, agh.as_session()):
        again = ask(who, task, "runs", "k")
        assert (again["id"], again["status"]) == (run["id"], "failed")
    assert len(agh.see(task)["events"]) == lines, "nothing happened"
    other = ask(agh, task, "start", "k")
    assert other["id"] != run["id"], "elsewhere it is another key"
    fail(agh, other)
    assert ask(agh, task, "runs", "k")["id"] == run["id"], "though no attempts are left"
    refused(agh.post(f"/api/tasks/{agh.task()['id']}/runs", {"idempotency_key": "k"}), 400, "another task")


@pytest.mark.parametrize(
    ("verb", "said"), [("start", {}), ("publish", {"draft": True}), ("approve", {"approval_policy": "manual"})]
)
def test_what_was_asked_for_is_answered_though_the_task_has_moved_on(agh: Agh, verb: str, said: Json) -> None:
    task = agh.task(**said)
    run = ask(agh, task, verb, "k")
    good(agh.post(f"/api/tasks/{task['id']}/cancel"))
    assert ask(agh, task, verb, "k")["id"] == run["id"]
    refused(agh.post(f"/api/tasks/{task['id']}/{verb}", {"idempotency_key": "another"}), 409)
    keyless = agh.task(**said)
    first = ask(agh, keyless, verb)
    assert ask(agh, keyless, verb)["id"] == first["id"], "while it is open"
    fail(agh, first)
    assert ask(agh, keyless, verb)["attempt"] == 2


def test_no_key_helps_a_plain_wish_for_a_canceled_task(agh: Agh) -> None:
    task = agh.task()
    ask(agh, task, "runs", "k")
    good(agh.post(f"/api/tasks/{task['id']}/cancel"))
    refused(agh.post(f"/api/tasks/{task['id']}/runs", {"idempotency_key": "k"}), 409, "canceled")
