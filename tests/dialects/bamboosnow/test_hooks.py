"""Deliveries of code hosts, signed, over HTTP: at the dialect's path and at the native one."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from runyard.dialects.bamboosnow.mapping.values import read
from runyard.engine import agents, repositories
from runyard.storage.vault import Vault
from runyard.web.github import signature
from tests.dialects.bamboosnow.client import Snow, good, refused
from tests.support.api import good as native_good
from tests.support.stand import MAX_BODY, Stand
from tests.support.verbs import Json
from tests.web.test_github import PULL, PUSH

MOUNTS = ["bamboosnow", "runyard"]


class Host:
    """A code host that knows the secret of a repository's hook."""

    def __init__(self, snow: Snow, repository: Json, mount: str = "bamboosnow") -> None:
        self.snow = snow
        self.stand = snow.stand
        self.id = read("repo", repository["id"])
        self.mount = mount
        self.hook: Json = native_good(self.stand.admin.within(snow.project).post(f"/repositories/{self.id}/hook"), 201)
        self.secret: str = self.hook["secret"]

    @property
    def path(self) -> str:
        """Where deliveries go."""
        return self.hook["path"] if self.mount == "runyard" else f"/bamboosnow/hooks/github/{shown(self.id)}"

    def send(self, event: str = "push", body: Any = PUSH, number: str = "d1", **more: Any) -> httpx2.Response:
        """Deliver; `more` replaces headers, None leaves one out."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        path = more.pop("path", self.path)
        headers = {
            "content-type": "application/json",
            "x_github_event": event,
            "x_github_delivery": number,
            "x_hub_signature_256": signature(self.secret, content),
            **more,
        }
        said = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        return self.stand.http.post(path, content=content, headers=said)

    def received(self) -> list[Json]:
        """What came so far."""
        return self.stand.admin.within(self.snow.project).listed(f"/repositories/{self.id}/deliveries")


def shown(repository_id: str) -> str:
    return f"repo_{repository_id.replace('-', '')}"


@pytest.fixture
def repository(snow: Snow) -> Json:
    made: Json = good(snow.post("/api/v1/repositories", {"provider": "github", "fullName": "acme/app"}), 201)
    return made


@pytest.fixture(params=MOUNTS)
def host(request: pytest.FixtureRequest, snow: Snow, repository: Json) -> Host:
    return Host(snow, repository, request.param)


@pytest.fixture
def only(snow: Snow, repository: Json) -> Host:
    return Host(snow, repository)


def test_a_pull_request_becomes_a_run_that_shows_what_it_is_about(snow: Snow, host: Host, repository: Json) -> None:
    agent = snow.agent(template="code-reviewer", repository_id=repository["id"])
    reply = good(host.send("pull_request", PULL))
    assert (reply["outcome"], reply["reason"], reply["duplicate"]) == ("runs", None, False)
    (run_id,) = reply["runs"]
    run = snow.see(run_id if run_id.startswith("run_") else f"run_{run_id.replace('-', '')}")
    assert run["trigger"] == {"type": "pull_request", "event": "opened"}
    assert run["agent"]["id"] == agent["id"]
    assert run["repository"] == {"id": repository["id"], "name": "acme/app"}
    assert run["pull_request"] == {
        "number": 42,
        "title": "Add login",
        "author": "ada",
        "url": "https://github.com/acme/app/pull/42",
    }
    assert run["commit"]["sha"] == "c" * 40
    now = good(snow.get(f"/api/v1/repositories/{repository['id']}"))
    assert (now["language"], now["isPrivate"], now["description"]) == ("Go", True, "An app")
    assert now["lastSyncedAt"] is not None


def test_a_push_becomes_a_run_and_a_redelivery_becomes_none(snow: Snow, host: Host, repository: Json) -> None:
    snow.agent(triggers={"push": {"branches": ["feature/*"]}}, repository_id=repository["id"])
    first, again = good(host.send()), good(host.send())
    assert again == {**first, "duplicate": True}
    assert len(first["runs"]) == 1
    assert good(snow.get("/v1/runs", repository_id=repository["id"]))["meta"]["total"] == 1
    with ThreadPoolExecutor(6) as pool:
        replies = [one.json() for one in pool.map(lambda _: host.send(number="d2"), range(12))]
    assert len({tuple(one["runs"]) for one in replies}) == 1
    assert [one["duplicate"] for one in replies].count(False) == 1


def test_a_form_is_taken_as_well(snow: Snow, host: Host, repository: Json) -> None:
    snow.agent(triggers={"push": {}}, repository_id=repository["id"])
    form = urlencode({"payload": json.dumps(PUSH)}).encode()
    kind = "application/x-www-form-urlencoded"
    assert good(host.send(body=form, **{"content-type": kind}))["outcome"] == "runs"


def test_a_ping_is_answered_and_other_events_are_passed_over(host: Host) -> None:
    assert good(host.send("ping", {"zen": "x"}))["outcome"] == "pong"
    passed = good(host.send("star", {"action": "created"}, "d2"))
    assert (passed["outcome"], "star begin no runs" in passed["reason"]) == ("ignored", True)
    tag = good(host.send("push", {**PUSH, "ref": "refs/tags/v1"}, "d3"))
    assert (tag["outcome"], tag["runs"]) == ("ignored", [])
    none = good(host.send("push", PUSH, "d4"))
    assert "no deployed agent" in none["reason"]
    assert [one["outcome"] for one in host.received()] == ["ignored", "ignored", "ignored", "pong"]


def test_whatever_is_wrong_with_the_proof_the_refusal_is_the_same(
    snow: Snow, host: Host, repository: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    snow.agent(triggers={"push": {}}, repository_id=repository["id"])
    secretless = good(snow.post("/api/v1/repositories", {"provider": "github", "fullName": "acme/bare"}), 201)
    right = signature(host.secret, json.dumps(PUSH).encode())
    base = host.path.rpartition("/")[0]
    unknown = "0199b3c4-0000-7000-8000-00000000a001"
    if host.mount == "bamboosnow":
        wrong_ids = [shown(unknown), secretless["id"], "repo_1", unknown, host.id]
    else:
        wrong_ids = [unknown, read("repo", secretless["id"]), repository["id"] + "0", "1", "a" * 300]
    opened: list[str] = []
    open_one = Vault.open

    def counted(vault: Vault, sealed: str, purpose: str) -> str:
        opened.append(sealed)
        return open_one(vault, sealed, purpose)

    monkeypatch.setattr(Vault, "open", counted)
    replies = [
        host.send(x_hub_signature_256=None),
        host.send(x_hub_signature_256=""),
        host.send(x_hub_signature_256=signature("other", json.dumps(PUSH).encode())),
        host.send(x_hub_signature_256=right.removeprefix("sha256=")),
        host.send(x_hub_signature_256=right.upper()),
        host.send(x_hub_signature_256=right[:-1]),
        host.send(x_hub_signature_256="sha256=ä".encode()),
        host.send(x_hub_signature_256=None, x_hub_signature="sha1=" + "0" * 40),
        host.send(body=b"not even JSON", x_hub_signature_256=right),
        host.send("", PUSH, "", x_hub_signature_256="x"),
        *(host.send(path=f"{base}/{wrong}") for wrong in wrong_ids),
    ]
    assert {one.status_code for one in replies} == {401}
    bodies = {json.dumps({**one.json(), "request_id": ""}, sort_keys=True) for one in replies}
    assert len(bodies) == 1, bodies
    assert len(opened) == len(replies), "a refusal that takes less work tells what is wrong"
    assert host.received() == []
    assert good(snow.get("/v1/runs"))["meta"]["total"] == 0


def test_what_is_proved_and_makes_no_sense_is_told(host: Host) -> None:
    wrong = (
        (host.send(x_github_event=None), 400, "X-GitHub-Event"),
        (host.send(x_github_delivery=None), 400, "X-GitHub-Delivery"),
        (host.send(body=b"{"), 400, "JSON"),
        (host.send(body=b""), 400, "JSON"),
        (host.send(body={"ref": 1}), 400, "ref"),
        (host.send(body=b'{"ref": "a\\u0000", "after": "1"}'), 400, "U+0000"),
        (host.send(body=b"[" * 100 + b"]" * 100), 400, "deep"),
        (host.send(**{"content-type": "text/xml"}), 415, "application/json"),
        (host.send(body=b" " * (MAX_BODY + 1)), 413, "larger"),
    )
    for response, status, word in wrong:
        assert response.status_code == status, response.text
        assert word in response.text


def test_a_new_secret_ends_the_one_before_and_a_closed_hook_takes_nothing(snow: Snow, only: Host) -> None:
    before = only.secret
    only.secret = native_good(snow.stand.admin.post(f"/repositories/{only.id}/hook"), 201)["secret"]
    assert only.secret != before
    content = json.dumps(PUSH).encode()
    assert only.send(x_hub_signature_256=signature(before, content)).status_code == 401
    assert only.send().status_code == 200
    native_good(snow.stand.admin.delete(f"/repositories/{only.id}/hook"), 204)
    assert only.send(number="d2").status_code == 401
    again = Host(snow, {"id": shown(only.id)})
    good(snow.delete(f"/api/v1/repositories/{shown(only.id)}"), 204)
    assert again.send(number="d3").status_code == 401


def test_a_secret_that_was_sealed_by_another_server_proves_nothing(snow: Snow, only: Host) -> None:
    foreign = Vault("another secret key of 32 characters!!").seal(only.secret, repositories.PURPOSE)
    snow.stand.store.transact(repositories.rotate_secret, 1, only.id, lambda _: foreign)
    assert only.send().status_code == 401


def test_a_paused_agent_takes_no_runs_from_a_host(snow: Snow, only: Host, repository: Json) -> None:
    agent = snow.agent(triggers={"push": {}}, repository_id=repository["id"])
    snow.stand.store.transact(agents.move, 1, read("agent", agent["id"]), "pause")
    assert good(only.send())["outcome"] == "ignored"


def test_a_limit_refuses_the_delivery_until_it_is_sent_again(
    snow: Snow, stand: Stand, only: Host, repository: Json
) -> None:
    snow.agent(triggers={"push": {}}, repository_id=repository["id"])
    native_good(stand.admin.patch("/projects/default", {"settings": {"max_queued": 0}}))
    refusal = refused(only.send(), 429)
    assert refusal["error"] == "rate_limited"
    native_good(stand.admin.patch("/projects/default", {"settings": {"max_queued": 5}}))
    assert good(only.send())["outcome"] == "runs"


def test_each_project_has_hooks_of_its_own(snow: Snow, stranger: Snow, repository: Json) -> None:
    theirs = good(stranger.post("/api/v1/repositories", {"provider": "github", "fullName": "acme/app"}), 201)
    stranger.agent(triggers={"push": {}}, repository_id=theirs["id"])
    mine, other = Host(snow, repository), Host(stranger, theirs)
    assert good(mine.send())["outcome"] == "ignored"
    assert good(other.send())["outcome"] == "runs"
    assert good(snow.get("/v1/runs"))["meta"]["total"] == 0
    assert good(stranger.get("/v1/runs"))["meta"]["total"] == 1
