"""Deliveries as GitHub sends them, in our words."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from runyard.domain.errors import Invalid
from runyard.domain.repositories import Seen
from runyard.engine.hooks import Delivery, Occasion
from runyard.web.errors import WrongType
from runyard.web.github import delivery, signature

REPOSITORY = {
    "id": 1296269,
    "full_name": "acme/app",
    "private": True,
    "description": "An app",
    "language": "Go",
    "default_branch": "main",
    "owner": {"login": "acme"},
}
PUSH: dict[str, Any] = {
    "ref": "refs/heads/feature/login",
    "before": "a" * 40,
    "after": "b" * 40,
    "deleted": False,
    "repository": REPOSITORY,
    "pusher": {"name": "ada"},
    "head_commit": {"id": "b" * 40, "message": "Add login"},
    "commits": [
        {"id": "1", "added": ["a.py"], "removed": [], "modified": ["b.py"]},
        {"id": "2", "added": [], "removed": ["c.py"], "modified": ["a.py"]},
    ],
}
PULL: dict[str, Any] = {
    "action": "opened",
    "number": 42,
    "repository": REPOSITORY,
    "pull_request": {
        "number": 42,
        "title": "Add login",
        "html_url": "https://github.com/acme/app/pull/42",
        "user": {"login": "ada"},
        "draft": True,
        "commits": 3,
        "head": {"ref": "login", "sha": "c" * 40, "repo": {"full_name": "ada/app", "id": 7}},
        "base": {"ref": "main", "sha": "d" * 40, "repo": REPOSITORY},
    },
}


def read(event: str, body: Any, *, number: str = "d1", kind: str | None = "application/json") -> Delivery:
    """The delivery that such a request tells."""
    headers = [(b"x-github-event", event.encode()), (b"x-github-delivery", number.encode())]
    if kind is not None:
        headers.append((b"content-type", kind.encode()))
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return delivery({"headers": headers}, content)


def occasion(told: Delivery) -> Occasion:
    assert told.occasion is not None
    assert told.ignored is None
    return told.occasion


def test_the_signature_is_that_of_githubs_own_example() -> None:
    made = signature("It's a Secret to Everybody", b"Hello, World!")
    assert made == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_a_push_tells_its_branch_its_commit_and_what_changed() -> None:
    told = read("push", PUSH)
    assert (told.id, told.event) == ("d1", "push")
    found = occasion(told)
    assert (found.trigger, found.event, found.branch, found.author) == ("push", None, "feature/login", "ada")
    assert found.paths == ("a.py", "b.py", "c.py")
    assert found.payload == {
        "ref": "refs/heads/feature/login",
        "branch": "feature/login",
        "before": "a" * 40,
        "commit": {"sha": "b" * 40, "message": "Add login"},
    }
    assert told.seen == Seen(
        full_name="acme/app",
        host_id="1296269",
        default_branch="main",
        description="An app",
        language="Go",
        private=True,
    )


def test_a_new_branch_has_nothing_before_it() -> None:
    assert occasion(read("push", {**PUSH, "before": "0" * 40})).payload["before"] is None


def test_what_changed_is_not_known_when_not_all_commits_are_told() -> None:
    for commits in ([], None, [{"added": ["a"]}] * 2048):
        assert occasion(read("push", {**PUSH, "commits": commits})).paths is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"ref": "refs/tags/v1"}, "tags begin no runs"),
        ({"ref": "refs/notes/x"}, "no branch"),
        ({"ref": "refs/heads/"}, "no branch"),
        ({"deleted": True}, "was deleted"),
        ({"after": "0" * 40}, "was deleted"),
    ],
)
def test_other_pushes_begin_nothing_and_say_why(changed: dict[str, Any], reason: str) -> None:
    told = read("push", {**PUSH, **changed})
    assert told.occasion is None
    assert reason in (told.ignored or "")


def test_a_pull_request_tells_its_ends_its_author_and_what_happened() -> None:
    told = read("pull_request", PULL)
    found = occasion(told)
    assert (found.trigger, found.event, found.branch, found.draft) == ("pull_request", "opened", "main", True)
    assert (found.author, found.paths) == ("ada", None)
    assert found.payload == {
        "ref": "refs/pull/42/head",
        "action": "opened",
        "pull_request": {
            "number": 42,
            "title": "Add login",
            "author": "ada",
            "url": "https://github.com/acme/app/pull/42",
            "draft": True,
            "head": {"ref": "login", "sha": "c" * 40, "repository": "ada/app"},
            "base": {"ref": "main", "sha": "d" * 40, "repository": "acme/app"},
        },
        "commit": {"sha": "c" * 40},
    }


def test_a_pull_request_whose_fork_is_gone_is_taken() -> None:
    pull = {**PULL["pull_request"], "head": {"ref": "x", "sha": "e" * 40, "repo": None}, "user": None, "title": None}
    found = occasion(read("pull_request", {**PULL, "pull_request": pull}))
    assert found.payload["pull_request"]["head"]["repository"] is None


def test_a_call_to_see_whether_anybody_listens_makes_nothing() -> None:
    told = read("ping", {"zen": "Anything added dilutes everything else.", "hook_id": 1, "repository": REPOSITORY})
    assert (told.occasion, told.ignored, told.seen.host_id) == (None, None, "1296269")
    assert read("ping", {"zen": "x"}).seen == Seen()


def test_other_events_are_passed_over_with_the_reason() -> None:
    told = read("check_run", {"action": "created", "pull_request": 3, "ref": [], "repository": REPOSITORY})
    assert "check_run begin no runs" in (told.ignored or "")


def test_a_form_holds_the_same() -> None:
    form = urlencode({"payload": json.dumps(PUSH)}).encode()
    assert read("push", form, kind="application/x-www-form-urlencoded") == read("push", PUSH)
    assert read("push", PUSH, kind=None) == read("push", PUSH, kind="Application/JSON; charset=utf-8")


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"other=1",
        b"payload",
        b"payload=%FF",
        b"payload=%7B%7D&payload=%7B%7D",
        b"&".join([b"a=1"] * 20),
        "payload=ä".encode(),
    ],
)
def test_a_form_without_one_payload_is_refused(form: bytes) -> None:
    with pytest.raises(Invalid, match="payload"):
        read("push", form, kind="application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ("push", b"{"),
        ("push", b"\xff"),
        ("push", []),
        ("push", {}),
        ("push", {**PUSH, "ref": 7}),
        ("push", {**PUSH, "commits": "many"}),
        ("push", {**PUSH, "head_commit": {"message": "a\0b"}}),
        ("push", b'{"ref": "refs/heads/\\ud800", "after": "1"}'),
        ("pull_request", {}),
        ("pull_request", {"action": "opened", "pull_request": {}}),
        ("pull_request", {**PULL, "pull_request": {**PULL["pull_request"], "number": "x"}}),
        ("ping", b"[" * 1000),
        ("", PUSH),
        ("push it", PUSH),
        ("x" * 65, PUSH),
    ],
)
def test_what_makes_no_sense_is_refused(event: str, body: Any) -> None:
    with pytest.raises(Invalid):
        read(event, body)


@pytest.mark.parametrize("number", ["", "a b", "x" * 129])
def test_a_delivery_needs_an_id(number: str) -> None:
    with pytest.raises(Invalid, match="X-GitHub-Delivery"):
        read("push", PUSH, number=number)


def test_other_types_are_refused() -> None:
    with pytest.raises(WrongType, match="application/json"):
        read("push", PUSH, kind="text/plain")


def test_what_cannot_be_kept_of_a_repository_is_left_out() -> None:
    odd = {
        "id": "x" * 100,
        "full_name": "a b/../c",
        "default_branch": "..",
        "description": "x" * 5000,
        "language": "y" * 100,
    }
    seen = read("ping", {"repository": odd}).seen
    assert (seen.full_name, seen.default_branch) == (None, None)
    assert [len(text or "") for text in (seen.host_id, seen.description, seen.language)] == [64, 1000, 64]
