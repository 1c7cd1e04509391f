"""What an agent remembers of a task between its runs (contract §11)."""

from __future__ import annotations

import hashlib

import httpx2

from tests.dialects.posthog.client import Posthog, good, path_of, refused
from tests.support.stand import MAX_ARTIFACT
from tests.support.verbs import Json

FIRST, SECOND = b'{"type":"session"}\n', b'{"type":"session"}\n{"type":"message"}\n'


def sha(content: bytes) -> str:
    """Its SHA-256."""
    return hashlib.sha256(content).hexdigest()


def token(posthog: Posthog, run: Json, *, seconds: int = 60) -> str:
    """A token of the run's sandbox."""
    return posthog.stand.server.sandbox_tokens.make(posthog.project, run["task"], run["id"], seconds=seconds)


def sync(posthog: Posthog, run: Json, content: bytes, before: str | None, **said: str | None) -> httpx2.Response:
    """Keep the content, as the package of the agent does."""
    headers: dict[str, str | None] = {
        "content-type": "application/octet-stream",
        "if-match": f'"{before or "none"}"',
        "x-sandbox-id": "box",
        "x-task-run-token": token(posthog, run),
    }
    headers |= {name.replace("_", "-"): value for name, value in said.items()}
    sent = {name: value for name, value in headers.items() if value is not None}
    return posthog.post(path_of(run, "task_session_sync"), content=content, headers=sent)


def session(posthog: Posthog, run: Json) -> Json:
    """What the task has."""
    return dict(good(posthog.get(path_of(run, "task_session"))))


def test_what_one_run_kept_the_next_goes_on_from(posthog: Posthog) -> None:
    task = posthog.task()
    run, following, other = posthog.run(task), posthog.run(task), posthog.run()
    empty = session(posthog, run)
    assert (empty["download_url"], empty["content_sha256"]) == (None, None)
    made = good(sync(posthog, run, FIRST, None))
    assert made == {"id": empty["id"], "content_sha256": sha(FIRST)}
    good(sync(posthog, following, SECOND, sha(FIRST)))
    found = session(posthog, run)
    assert (found["id"], found["content_sha256"]) == (empty["id"], sha(SECOND))
    reply = posthog.stand.http.get(found["download_url"])
    assert (reply.status_code, reply.content) == (200, SECOND)
    assert reply.headers["content-disposition"].startswith("attachment")
    posthog.stand.clock.forward(seconds=3600)
    assert posthog.stand.http.get(found["download_url"]).status_code == 404
    assert session(posthog, other)["content_sha256"] is None


def test_only_who_read_the_last_version_replaces_it(posthog: Posthog) -> None:
    run = posthog.run()
    refused(sync(posthog, run, FIRST, sha(SECOND)), 409)
    good(sync(posthog, run, FIRST, None))
    refused(sync(posthog, run, SECOND, None), 409)
    refused(sync(posthog, run, SECOND, sha(b"")), 409)
    assert session(posthog, run)["content_sha256"] == sha(FIRST)
    good(sync(posthog, run, b"", sha(FIRST)))
    assert session(posthog, run)["content_sha256"] == sha(b"")


def test_a_sandbox_writes_by_the_token_of_its_run_only(posthog: Posthog, stranger: Posthog) -> None:
    run = posthog.run()
    other = posthog.run(run["task"])
    for name in ("if_match", "x_sandbox_id", "x_task_run_token"):
        header = {"if_match": "If-Match", "x_sandbox_id": "X-Sandbox-ID", "x_task_run_token": "X-Task-Run-Token"}[name]
        refused(sync(posthog, run, FIRST, None, **{name: None}), 400, code="required", attr=header)
    for odd in ("none", '"x"', f'W/"{sha(FIRST)}"', f'"{sha(FIRST).upper()}"'):
        refused(sync(posthog, run, FIRST, None, if_match=odd), 400, code="invalid", attr="If-Match")
    for wrong in (token(posthog, other), token(posthog, run, seconds=0), "x", posthog.key):
        refused(sync(posthog, run, FIRST, None, x_task_run_token=wrong), 403, code="permission_denied")
    refused(sync(posthog, run, bytes(MAX_ARTIFACT + 1), None), 413, code="invalid_input")
    refused(stranger.get(path_of(run, "task_session")), 404, code="not_found")
    refused(sync(posthog.with_scopes("task:read"), run, FIRST, None), 403, code="permission_denied")
    assert session(posthog, run)["content_sha256"] is None
    sandbox = posthog.as_key(token(posthog, run))
    good(sync(sandbox, run, FIRST, None))
    refused(sync(sandbox, other, SECOND, sha(FIRST)), 403, code="permission_denied")
    assert session(sandbox, other)["content_sha256"] == sha(FIRST)
