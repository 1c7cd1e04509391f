"""`kill -9` while sessions take and complete runs of tasks: what was confirmed stays, and no run has two holders."""

from __future__ import annotations

import itertools
from typing import Any

import httpx2
import msgspec

from runyard.storage.port import Tx
from tests.crash.conftest import reopened
from tests.crash.load import JsonObject, Load
from tests.crash.test_kills import double_holders
from tests.e2e.processes import ServerProcess
from tests.engine.tasks import audit
from tests.support.effort import THOROUGH
from tests.support.yard import broken_rules

KILLS = 10 if THOROUGH else 1


class TaskLoad(Load):
    """One who makes tasks, of which every third waits for the one before, and sessions that do them.

    What was confirmed is kept by task: `created` its number, `completed` what its run came to.
    """

    def _ask(self, http: httpx2.Client, path: str, body: JsonObject) -> JsonObject | None:
        """The answer, a refusal's among them; None when there was none or the server could not."""
        try:
            response = http.post(path, json=body)
        except httpx2.TransportError:
            self._count("gone")
            self._enough.wait(0.02)
            return None
        self._count(response.status_code)
        if response.status_code == 503:
            self._enough.wait(0.05)
            return None
        if response.status_code not in {200, 201, 409}:
            self.wrong.append((path, response.status_code, response.text))
        answer: JsonObject = response.json()
        return answer | {"refused": response.status_code == 409}

    def _surely(self, http: httpx2.Client, path: str, body: JsonObject) -> JsonObject | None:
        """The answer of a server that is there, sooner or later; None when it is enough."""
        answer = None
        while answer is None and not self._enough.is_set():
            answer = self._ask(http, path, body)
        return answer

    def _make(self, http: httpx2.Client) -> None:
        for number in itertools.count():
            if self._no_more.is_set():
                return
            waits = number % 3 == 2
            task = f"1~t-{number}"
            made = self._surely(http, "/tasks", {"id": f"t-{number}", "title": "a task", "auto_enqueue": waits})
            if waits and made is not None:
                made = self._surely(http, f"/tasks/{task}/dependencies", {"depends_on": f"1~t-{number - 1}"})
            # What waits is refused here, and begins when the other one is done.
            if made is not None and self._surely(http, f"/tasks/{task}/start", {}) is not None:
                self.created[task] = number
            self._enough.wait(0.01)

    def _work(self, http: httpx2.Client) -> None:
        session = None
        while not self._enough.is_set():
            session = session or self._surely(http, "/sessions", {"agent": "coder"})
            if session is None:
                return
            who = {"session_id": session["id"]}
            answer = self._ask(http, "/tasks/claim", who | {"lease_seconds": 2, "wait_seconds": 0.2})
            if answer is None or (not answer["refused"] and answer["claim"] is None):
                continue
            run_id = self._held(http, session) if answer["refused"] else answer["claim"]["run"]["id"]
            if run_id is None:
                continue
            self.claimed.append((run_id, session["id"]))
            self._complete_one(http, run_id, who)

    def _complete_one(self, http: httpx2.Client, run_id: str, who: JsonObject) -> None:
        output = {"by": who["session_id"]}
        done = self._surely(http, f"/task-runs/{run_id}/complete", who | {"output": output})
        if done is not None and done["refused"]:
            # Done by this session, if only the answer was lost; or by another one, after the lease was over.
            done = self._seen(http, f"/task-runs/{run_id}")
            if done is not None and done.get("output") != output:
                return
        if done is None:
            return
        if done["output"] != output or self.completed.setdefault(done["task_id"], output) != output:
            self.wrong.append(("completed twice", output, done))

    def _held(self, http: httpx2.Client, session: JsonObject) -> str | None:
        """The run of a session that was refused another: a claim whose answer was lost is its own all the same."""
        situation = self._seen(http, f"/sessions/{session['id']}/situation")
        work = situation["work"] if situation is not None else None
        return None if work is None else str(work["run"]["id"])

    def _seen(self, http: httpx2.Client, path: str) -> JsonObject | None:
        """What there is at the path; None when it is enough."""
        while not self._enough.is_set():
            try:
                response = http.get(path)
            except httpx2.TransportError:
                self._enough.wait(0.02)
                continue
            if response.status_code == 200:
                seen: JsonObject = response.json()
                return seen
            self._enough.wait(0.05)
        return None


def stand(tx: Tx) -> dict[str, tuple[str, list[Any]]]:
    """Every task's status, and what its runs came to."""
    found: dict[str, tuple[str, list[Any]]] = {
        task_id: (status, []) for task_id, status in tx.rows("SELECT id, status FROM tasks")
    }
    for task_id, output in tx.rows("SELECT task_id, output FROM runs WHERE task_id IS NOT NULL"):
        found[task_id][1].append(msgspec.json.decode(output) if output is not None else None)
    return found


def test_no_task_is_lost_or_done_twice_when_the_server_is_killed(server: ServerProcess) -> None:
    server.start()
    with TaskLoad([server.url], server.key, makers=1, executors=3) as load:
        for _ in range(KILLS):
            load.wait_for(created=12, completed=6)
            server.kill()
            server.start()
        load.settle()
    assert load.wrong == []
    assert load.answers["gone"] > 0
    assert server.stop() == 0
    store = reopened(server)
    try:
        assert store.look(audit.broken_rules) == []
        assert store.look(broken_rules) == []
        assert store.look(double_holders) == []
        stands = store.look(stand)
        assert {task: stands.get(task) for task in load.created} == {
            task: ("completed", [load.completed[task]]) for task in load.created
        }
    finally:
        store.close()
