"""`runyard repositories …`."""

from __future__ import annotations

from typing import Any

from tests.cli.conftest import Command
from tests.cli.server import AT, OTHER_ID, RUN_ID, Script, page

ID = "0199b3c4-0000-7000-8000-00000000c003"
HOOK = {"path": f"/runyard/v1/hooks/github/{ID}", "secret": "5ec3e7", "content_type": "application/json"}
HOOK_EVENTS: dict[str, Any] = {**HOOK, "events": ["push", "pull_request"]}


def repository(**more: Any) -> dict[str, Any]:
    """A repository as the server tells it."""
    return {"id": ID, "provider": "github", "full_name": "acme/app", "default_branch": "main", "hook": False, **more}


def test_repositories_are_listed_and_connected(cli: Command, server: Script) -> None:
    server.on("GET", "/repositories", page(repository(language="Go", synced_at=AT)))
    server.on("POST", "/repositories", repository(url="https://github.com/acme/app.git"), status=201)
    shown = cli("repositories", "list", "--provider", "github", "--search", "acme").out
    assert "acme/app" in shown
    assert (server.asked[0].query["provider"], server.asked[0].query["search"]) == (["github"], ["acme"])
    made = cli("repositories", "connect", "github", "acme/app", "--branch", "trunk", "--private")
    assert "https://github.com/acme/app.git" in made.out
    assert server.asked[1].body == {
        "provider": "github",
        "full_name": "acme/app",
        "default_branch": "trunk",
        "private": True,
    }
    cli("repositories", "connect", "git", "acme/app", "--clone-url", "https://git.example.com/app.git")
    assert server.asked[2].body["url"] == "https://git.example.com/app.git"
    assert cli("repositories", "connect", "svn", "acme/app").code == 2


def test_a_repository_is_meant_by_its_full_name_or_its_id(cli: Command, server: Script) -> None:
    server.on("GET", "/repositories", page(repository(), repository(id=OTHER_ID, full_name="acme/app-two")))
    server.on("DELETE", f"/repositories/{ID}", status=204)
    assert cli("repositories", "disconnect", "Acme/App", "--yes", "-o", "json").json == {"disconnected": ID}
    assert server.asked[0].query["search"] == ["Acme/App"]
    assert cli("repositories", "disconnect", ID, "-y", "-q").out.strip() == ID
    assert cli("repositories", "disconnect", ID).code == 2
    absent = cli("repositories", "disconnect", "acme/none", "-y", "-o", "json")
    assert (absent.code, absent.problem["code"]) == (5, "not_found")
    server.on("GET", "/repositories", page(repository(), repository(id=OTHER_ID, provider="gitlab")))
    several = cli("repositories", "disconnect", "acme/app", "-y", "-o", "json")
    assert (several.code, OTHER_ID in several.problem["hint"]) == (6, True)


def test_the_hook_says_what_to_enter_at_the_host(cli: Command, server: Script) -> None:
    server.on("GET", f"/repositories/{ID}", repository())
    server.on("POST", f"/repositories/{ID}/hook", HOOK_EVENTS, status=201)
    server.on("DELETE", f"/repositories/{ID}/hook", status=204)
    told = cli("repositories", "hook", ID, "-o", "json").json
    assert told == {
        "url": f"{server.url}{HOOK['path']}",
        "secret": "5ec3e7",
        "content_type": "application/json",
        "events": ["push", "pull_request"],
    }
    shown = cli("repositories", "hook", ID)
    assert HOOK["path"] in shown.out
    assert "cannot be shown again" in shown.err
    assert cli("repositories", "hook", ID, "-q").out == "5ec3e7\n"
    assert cli("repositories", "hook", ID, "--close", "-o", "json").json == {"closed": ID}


def test_a_secret_in_use_is_not_replaced_unasked(cli: Command, server: Script) -> None:
    server.on("GET", f"/repositories/{ID}", repository(hook=True))
    server.on("POST", f"/repositories/{ID}/hook", HOOK_EVENTS, status=201)
    assert cli("repositories", "hook", ID).code == 2
    assert server.sent("POST", f"/repositories/{ID}/hook") == []
    assert cli("repositories", "hook", ID, "--yes", "-q").out == "5ec3e7\n"


def test_deliveries_say_what_became_of_them(cli: Command, server: Script) -> None:
    runs = [{"run_id": RUN_ID, "agent_id": OTHER_ID}]
    refused = [{"agent_id": OTHER_ID, "reason": "the job is disabled"}]
    opened = {"delivery": "d2", "event": "pull_request", "action": "opened", "received_at": AT, "outcome": "runs"}
    passed = {"delivery": "d1", "event": "push", "received_at": AT, "outcome": "ignored", "reason": "tags"}
    server.on("GET", f"/repositories/{ID}/deliveries", page({**opened, "runs": runs, "refused": refused}, passed))
    shown = cli("repositories", "deliveries", ID).out
    assert "pull_request.opened" in shown
    assert "tags" in shown
    assert cli("repositories", "deliveries", ID, "-o", "json").json[0]["runs"] == runs
