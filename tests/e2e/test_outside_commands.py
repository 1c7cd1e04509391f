"""The commands about what is outside, against a real server: repositories with their hosts, and webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import Fleet, Place
from tests.e2e.desk import NOBODY, Desk
from tests.e2e.processes import until
from tests.e2e.repositories import CLEAN, repository
from tests.e2e.tables import fields, rows
from tests.support.endpoints import Endpoint, Heard, Say

PUSH = {"ref": "refs/heads/main", "after": "a" * 40, "repository": {"full_name": "acme/app"}}


@pytest.fixture
def desk(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    """The command line on a project of its own."""
    return Desk(place, tmp_path, capsys)


@pytest.fixture
def receiver() -> Iterator[Endpoint]:
    """Where webhooks lead."""
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


def test_repositories_are_connected_and_disconnected(desk: Desk, fleet: Fleet) -> None:
    assert desk.json("repositories", "list") == []
    assert "no repositories" in desk.call("repositories", "list").err
    made = desk.json(
        *("repositories", "connect", "github", "acme/app", "--branch", "trunk", "--description", "sells", "--private")
    )
    assert (made["url"], made["default_branch"]) == ("https://github.com/acme/app.git", "trunk")
    assert (made["description"], made["private"], made["hook"]) == ("sells", True, False)
    folder = repository(fleet.roots / desk.place.project, {"clean.py": CLEAN})
    local = fields(desk.text("repositories", "connect", "local", "acme/tool", "--path", str(folder)))
    assert (local["provider"], local["path"], local["language"]) == ("local", str(folder), "Python")
    other = ("--clone-url", "https://git.example.com/lib.git")
    plain = desk.text("repositories", "connect", "git", "acme/lib", *other, "-q").strip()
    assert desk.client.repositories.get(plain).url == "https://git.example.com/lib.git"

    assert [one["full_name"] for one in desk.shown("repositories", "list")] == ["acme/lib", "acme/tool", "acme/app"]
    assert [row["REPOSITORY"] for row in rows(desk.text("repositories", "list", "--search", "APP"))] == ["acme/app"]
    assert [one["id"] for one in desk.json("repositories", "list", "--provider", "git")] == [plain]
    for code, word, words in (
        (6, "already_exists", ("github", "acme/app")),
        (2, "invalid", ("github", "acme")),
        (2, "invalid", ("git", "acme/none")),
        (2, "invalid", ("local", "acme/none", "--path", "/")),
        (2, "usage", ("svn", "acme/none")),
    ):
        assert desk.json("repositories", "connect", *words, code=code)["code"] == word, words

    assert desk.json("repositories", "disconnect", "acme/app", code=2)["code"] == "usage"
    desk.client.repositories.connect("gitlab", "acme/app")
    several = desk.json("repositories", "disconnect", "acme/app", "--yes", code=6)
    assert (several["code"], made["id"] in several["hint"]) == ("conflict", True)
    assert desk.json("repositories", "disconnect", made["id"], "--yes") == {"disconnected": made["id"]}
    desk.json("repositories", "disconnect", "Acme/App", "-y")
    for wanted in ("acme/app", made["id"]):
        assert desk.json("repositories", "disconnect", wanted, "-y", code=5)["code"] == "not_found"
    assert [one["full_name"] for one in desk.json("repositories", "list")] == ["acme/lib", "acme/tool"]


def pushed(hook: Any, delivery: str) -> int:
    """The status that a push is answered with which is signed by the hook's secret."""
    body = json.dumps(PUSH).encode()
    headers = {
        "content-type": hook["content_type"],
        "x-github-event": "push",
        "x-github-delivery": delivery,
        "x-hub-signature-256": "sha256=" + hmac.new(hook["secret"].encode(), body, hashlib.sha256).hexdigest(),
    }
    return int(httpx2.post(hook["url"], content=body, headers=headers).status_code)


def test_a_host_is_listened_to_while_its_hook_is_open(desk: Desk) -> None:
    near = desk.client.repositories.connect("github", "acme/app").id
    hook = desk.json("repositories", "hook", "acme/app")
    assert {"push", "pull_request"} <= set(hook["events"])
    assert desk.json("repositories", "deliveries", "acme/app") == []
    assert pushed(hook, "d1") == 200
    agent = desk.client.agents.create("Mender", repository_id=near, triggers={"push": True})
    off = desk.client.agents.create("Off", repository_id=near, triggers={"push": True})
    desk.client.jobs.update(off.job, enabled=False)
    assert pushed(hook, "d2") == 200
    (run,) = desk.client.runs.list(job=agent.job)
    newest, oldest = desk.shown("repositories", "deliveries", "acme/app")
    assert (newest["delivery"], newest["outcome"]) == ("d2", "runs")
    assert newest["runs"] == [{"run_id": run.id, "agent_id": agent.id}]
    assert [one["agent_id"] for one in newest["refused"]] == [off.id]
    assert (oldest["delivery"], oldest["outcome"], oldest["runs"]) == ("d1", "ignored", [])
    table = rows(desk.text("repositories", "deliveries", near))
    assert [(row["EVENT"], row["OUTCOME"], row["DELIVERY"]) for row in table] == [
        ("push", "runs", "d2"),
        ("push", "ignored", "d1"),
    ]
    assert table[0]["WHAT BECAME OF IT"].startswith(f"{run.id}; refused: ")
    assert len(desk.json("repositories", "deliveries", near, "-n", "1")) == 1

    assert desk.json("repositories", "hook", "acme/app", code=2)["code"] == "usage"
    assert pushed(hook, "d3") == 200, "the secret stands until somebody says yes"
    said = desk.call("repositories", "hook", "acme/app", "--yes")
    shown = fields(said.out)
    assert (shown["payload URL"], "cannot be shown again" in said.err) == (hook["url"], True)
    assert pushed(hook, "d4") == 401
    assert pushed({**hook, "secret": shown["secret"]}, "d4") == 200
    assert desk.text("repositories", "hook", near, "-y", "-q").strip() not in {hook["secret"], shown["secret"]}
    assert desk.json("repositories", "hook", near, "--close") == {"closed": near}
    assert desk.client.repositories.get(near).hook is False
    assert pushed({**hook, "secret": shown["secret"]}, "d5") == 401
    for verb in ("hook", "deliveries"):
        assert desk.json("repositories", verb, "acme/none", code=5)["code"] == "not_found"
        assert desk.json("repositories", verb, NOBODY, code=5)["code"] == "not_found"


def signed(heard: Heard, secret: str) -> bool:
    """Whether one of the message's signatures is of this secret, by the Standard Webhooks specification."""
    headers = heard.headers
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + heard.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    wanted = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return f"v1,{wanted}" in headers["webhook-signature"].split()


def test_webhooks_are_made_shown_and_changed(desk: Desk) -> None:
    assert desk.json("webhooks", "list") == []
    assert "no webhooks" in desk.call("webhooks", "list").err
    url, known = "https://example.com/hook", "whsec_" + base64.b64encode(b"k" * 32).decode()
    made = desk.json(
        *("webhooks", "create", url, "--event", "agent.failed,agent.completed", "--event", "run.failed"),
        *("--secret", known, "--description", "the team"),
    )
    assert (made["url"], made["secret"], made["description"]) == (url, known, "the team")
    assert set(made["events"]) == {"agent.completed", "agent.failed", "run.failed"}
    said = desk.call("webhooks", "create", f"{url}/all", "--event", "*")
    shown = fields(said.out)
    assert shown["secret"].startswith("whsec_")
    assert "cannot be shown again" in said.err
    listed = desk.shown("webhooks", "list")
    assert [one["id"] for one in listed] == [shown["id"], made["id"]]
    assert desk.shown("webhooks", "get", made["id"]) == listed[1]
    for text in (desk.text("webhooks", "list"), desk.text("webhooks", "get", made["id"]), json.dumps(listed)):
        assert "whsec_" not in text
    row = rows(desk.text("webhooks", "list"))[0]
    assert (row["ADDRESS"], row["EVENTS"], row["ENABLED"]) == (f"{url}/all", "*", "yes")

    changed = desk.json("webhooks", "update", made["id"], "--address", f"{url}/new", "--event", "run.canceled")
    assert (changed["url"], changed["events"], changed["description"]) == (f"{url}/new", ["run.canceled"], "the team")
    assert fields(desk.text("webhooks", "update", made["id"], "--description", "us"))["description"] == "us"
    assert desk.client.webhooks.get(made["id"]).url == f"{url}/new"
    for code, word, words in (
        (2, "usage", ("create", url)),
        (2, "invalid", ("create", url, "--event", "odd")),
        (2, "invalid", ("create", "ftp://example.com/", "--event", "*")),
        (2, "invalid", ("create", url, "--event", "*", "--secret", "short")),
        (2, "usage", ("update", made["id"])),
        (2, "invalid", ("update", made["id"], "--event", "odd")),
        (2, "usage", ("delete", made["id"])),
        *((5, "not_found", (verb, NOBODY)) for verb in ("get", "enable", "disable", "rotate", "test", "deliveries")),
        (5, "not_found", ("update", NOBODY, "--event", "*")),
        (5, "not_found", ("redeliver", made["id"], NOBODY)),
        (5, "not_found", ("delete", NOBODY, "--yes")),
    ):
        assert desk.json("webhooks", *words, code=code)["code"] == word, words

    assert desk.json("webhooks", "delete", made["id"], "--yes") == {"deleted": made["id"]}
    assert desk.json("webhooks", "get", made["id"], code=5)["code"] == "not_found"
    assert [one["id"] for one in desk.json("webhooks", "list")] == [shown["id"]]


def settled(desk: Desk, webhook: str, wanted: Callable[[Any], object]) -> Any:
    """The newest message to the webhook, as soon as it is as wanted."""
    until(lambda: wanted(desk.json("webhooks", "deliveries", webhook, "-n", "1")[0]))
    return desk.json("webhooks", "deliveries", webhook)[0]


def test_messages_are_sent_tried_and_sent_again(desk: Desk, receiver: Endpoint) -> None:
    made = desk.json("webhooks", "create", receiver.url, "--event", "run.canceled")
    webhook = made["id"]
    assert desk.json("webhooks", "deliveries", webhook) == []
    assert "Nothing was sent" in desk.call("webhooks", "deliveries", webhook).err
    assert fields(desk.text("webhooks", "test", webhook))["event"] == "webhook.test"
    receiver.until(lambda: len(receiver.heard) == 1)
    assert json.loads(receiver.heard[0].body)["type"] == "webhook.test"
    assert signed(receiver.heard[0], made["secret"])

    rotated = desk.json("webhooks", "rotate", webhook, "--grace", "1h")
    assert rotated["secret"] != made["secret"]
    desk.run().cancel()
    receiver.until(lambda: len(receiver.heard) == 2)
    assert json.loads(receiver.heard[1].body)["type"] == "run.canceled"
    assert all(signed(receiver.heard[1], secret) for secret in (made["secret"], rotated["secret"]))
    newer = fields(desk.text("webhooks", "rotate", webhook, "--secret", made["secret"], "--grace", "0s"))
    assert newer["secret"] == made["secret"]

    receiver.behave = lambda heard: Say(status=503, headers={"retry-after": "3600"})
    tried = desk.json("webhooks", "test", webhook)["id"]
    failed = settled(desk, webhook, lambda one: one["tries"])
    assert (failed["id"], failed["state"], failed["tries"][0]["status"]) == (tried, "waiting", 503)
    row = rows(desk.text("webhooks", "deliveries", webhook))[0]
    assert (row["ID"], row["STATE"], row["TRIES"]) == (tried, "waiting", "1")
    assert "503" in row["ERROR"]
    receiver.behave = lambda heard: Say()
    assert desk.json("webhooks", "redeliver", webhook, tried)["id"] == tried
    arrived = settled(desk, webhook, lambda one: one["state"] != "waiting")
    assert (arrived["id"], arrived["state"], len(arrived["tries"])) == (tried, "delivered", 2)
    told = [signed(receiver.heard[-1], secret) for secret in (made["secret"], rotated["secret"])]
    assert told == [True, False]
    again = desk.text("webhooks", "redeliver", webhook, tried, "-q").strip()
    assert again != tried
    receiver.until(lambda: len(receiver.heard) == 5)
    assert receiver.heard[-1].headers["webhook-id"] == receiver.heard[-2].headers["webhook-id"], "the same event"
    assert len(desk.shown("webhooks", "deliveries", webhook)) == 4
    assert [one["id"] for one in desk.json("webhooks", "deliveries", webhook, "-n", "1")] == [again]

    assert desk.json("webhooks", "disable", webhook)["enabled"] is False
    assert desk.json("webhooks", "test", webhook, code=6)["code"] == "conflict"
    assert desk.json("webhooks", "redeliver", webhook, tried, code=6)["code"] == "conflict"
    desk.run().cancel()
    assert fields(desk.text("webhooks", "enable", webhook))["enabled"] == "yes"
    last = desk.run().cancel()
    receiver.until(lambda: last.id in receiver.heard[-1].body.decode())
    assert len(desk.json("webhooks", "deliveries", webhook)) == 5, "what happened meanwhile is told to nobody"
