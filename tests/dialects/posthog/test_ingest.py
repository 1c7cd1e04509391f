"""Events that a sandbox sends by itself (contract §9.9)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from tests.dialects.posthog.client import Posthog, good, path_of
from tests.dialects.posthog.contract import PREFIX
from tests.dialects.posthog.following import following, is_state, whole
from tests.dialects.posthog.test_logs import append, entry
from tests.support.verbs import Json

LINES = {"content-type": "application/x-ndjson"}


class Sandbox:
    """A sandbox that sends the events of one run."""

    def __init__(self, posthog: Posthog, run: Json, token: str | None = None) -> None:
        self.run = run
        if token is None:
            asked = {"seconds": 3600}
            token = posthog.stand.on_loop(
                lambda: posthog.stand.server.signed.ingest(1, run["task"], run["id"], **asked)
            )
        self.posthog = posthog.as_key(token)

    def send(self, *lines: Any, content: Any = None, method: str = "POST", run: Json | None = None) -> httpx2.Response:
        """Send lines, or content as it is."""
        body = b"\n".join(json.dumps(line).encode() for line in lines) if content is None else content
        return self.posthog.send(method, path_of(run or self.run, "event_stream/"), content=body, headers=LINES)

    def raw(self, content: Any, project: str = "1") -> httpx2.Response:
        """Send content piece by piece."""
        url = f"{PREFIX}/api/projects/{project}/{path_of(self.run, 'event_stream')}"
        headers = {"authorization": f"Bearer {self.posthog.key}"}
        return self.posthog.stand.http.post(url, content=content, headers=headers)

    def events(self, first: int, count: int) -> httpx2.Response:
        """Send so many events from a number on."""
        return self.send(*({"seq": n, "event": event(n)} for n in range(first, first + count)))


def event(number: int) -> dict[str, Any]:
    """An event."""
    return entry("m", n=number)


def end(final: int) -> dict[str, Any]:
    """The line behind the last event."""
    return {"type": "_posthog/stream_complete", "final_seq": final}


def took(response: httpx2.Response, accepted: int, duplicate: int, last: int) -> None:
    """The reply must say this."""
    assert good(response) == {"accepted": accepted, "duplicate": duplicate, "last_accepted_seq": last}


def refused(response: httpx2.Response, status: int, code: str, last: int | None) -> None:
    """The reply must be this refusal."""
    assert response.status_code == status, response.text
    said = response.json()
    assert (said["code"], said.get("last_accepted_seq")) == (code, last)


@pytest.fixture
def sandbox(posthog: Posthog) -> Sandbox:
    return Sandbox(posthog, posthog.run(status="in_progress"))


def told(posthog: Posthog, run: Json) -> list[Any]:
    """What followers of a run that has ended are told, but for how it stands."""
    return [one.data for one in whole(posthog, run) if one.id and not is_state(one.data)]


def test_events_are_taken_in_their_order_each_once(posthog: Posthog, sandbox: Sandbox) -> None:
    took(sandbox.send(), 0, 0, 0)
    took(sandbox.events(1, 3), 3, 0, 3)
    took(sandbox.events(2, 4), 2, 2, 5)
    took(sandbox.send(content=b"\n  \n"), 0, 0, 5)
    refused(sandbox.events(7, 1), 409, "sequence_gap", 5)
    refused(sandbox.send({"seq": 6, "event": event(6)}, {"seq": 9, "event": event(9)}), 409, "sequence_gap", 6)
    took(sandbox.send({"seq": 7, "event": event(7)}, end(7)), 1, 0, 7)
    assert told(posthog, sandbox.run) == [event(n) for n in range(1, 8)]


def test_the_end_must_name_the_last_event_and_nothing_follows_it(posthog: Posthog, sandbox: Sandbox) -> None:
    sandbox.events(1, 2)
    refused(sandbox.send(end(3)), 409, "final_seq_mismatch", 2)
    with following(posthog, sandbox.run) as stream:
        for _ in range(3):
            next(stream)
        took(sandbox.send(end(2)), 0, 0, 2)
        assert [one.name for one in stream if one.name] == ["stream-end"]
    took(sandbox.send(end(2)), 0, 0, 2)
    refused(sandbox.events(3, 1), 409, "stream_complete", 2)


def test_a_stream_ends_with_what_the_agent_says_last_and_its_rest_is_still_taken(
    posthog: Posthog, sandbox: Sandbox
) -> None:
    last = entry("_posthog/task_complete")
    took(sandbox.send({"seq": 1, "event": last}), 1, 0, 1)
    assert told(posthog, sandbox.run) == [last]
    took(sandbox.send({"seq": 2, "event": event(2)}, end(2)), 1, 0, 2)
    assert told(posthog, sandbox.run) == [last, event(2)]


def test_lines_that_were_in_the_log_first_are_told_once(posthog: Posthog, sandbox: Sandbox) -> None:
    took(sandbox.send(), 0, 0, 0)
    good(append(posthog, sandbox.run, event(1)))
    took(sandbox.send({"seq": 1, "event": event(1)}, end(1)), 1, 0, 1)
    assert told(posthog, sandbox.run) == [event(1)]


def test_lines_of_the_log_are_not_told_again(posthog: Posthog, sandbox: Sandbox) -> None:
    sandbox.events(1, 1)
    good(append(posthog, sandbox.run, event(1)))
    sandbox.send(end(1))
    assert told(posthog, sandbox.run) == [event(1)]


def test_events_are_told_while_the_body_still_comes(posthog: Posthog, sandbox: Sandbox) -> None:
    go_on = threading.Event()

    def body() -> Iterator[bytes]:
        first = json.dumps({"seq": 1, "event": event(1)}).encode()
        yield first[:20]
        yield first[20:] + b"\n" + b'{"seq": 2,'
        assert go_on.wait(20)
        yield b'"event": {"type": "x"}}'

    with following(posthog, sandbox.run) as stream:
        stream.take(2)
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(sandbox.raw, body())
            assert stream.take(1) == [event(1)]
            go_on.set()
            assert stream.take(1) == [{"type": "x"}]
            took(sending.result(), 2, 0, 2)


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        (b"{", 400, "invalid_line"),
        (b"[]", 400, "invalid_line"),
        (b'{"seq": 0, "event": {}}', 400, "invalid_line"),
        (b'{"seq": "2", "event": {}}', 400, "invalid_line"),
        (b'{"seq": 2, "event": []}', 400, "invalid_line"),
        (b'{"seq": 2}', 400, "invalid_line"),
        (b'{"seq": 2, "event": {"a": "\xff"}}', 400, "invalid_line"),
        (b'{"type": "_posthog/stream_complete"}', 400, "invalid_line"),
        (b'{"seq": 2, "event": {"x": "' + b"y" * 1_000_000 + b'"}}', 413, "line_too_large"),
        (b"\n".join(b'{"seq": 1, "event": {}}' for _ in range(1000)), 413, "too_many_events"),
        (b"\n".join(b'{"seq": 1, "event": {"x": "%b"}}' % (b"y" * 900_000) for _ in range(6)), 413, "body_too_large"),
    ],
)
def test_what_came_before_a_wrong_line_is_kept(sandbox: Sandbox, wrong: bytes, status: int, code: str) -> None:
    right = json.dumps({"seq": 1, "event": event(1)}).encode()
    refused(sandbox.send(content=right + b"\n" + wrong), status, code, 1)
    took(sandbox.send({"seq": 2, "event": {"cut": "\ud83d"}}), 1, 0, 2)


def test_only_the_runs_own_token_is_taken(posthog: Posthog, sandbox: Sandbox) -> None:
    run, other = sandbox.run, posthog.run()
    for token in (posthog.key, "eyJx.y.z", sandbox.posthog.key + "x" if sandbox.posthog.key else None):
        refused(Sandbox(posthog, run, token or "").send(), 401, "authentication_failed", None)
    refused(sandbox.send(run=other), 403, "permission_denied", None)
    refused(sandbox.send(run=run | {"task": other["task"]}), 403, "permission_denied", None)
    gone = {"id": "00000000-0000-0000-0000-000000000000", "task": run["task"]}
    refused(Sandbox(posthog, gone).send(), 404, "not_found", None)
    posthog.stand.clock.forward(hours=2)
    refused(sandbox.send(), 401, "authentication_failed", None)


def test_events_are_sent_by_post_only(sandbox: Sandbox) -> None:
    response = sandbox.send(content=b"", method="GET")
    refused(response, 405, "method_not_allowed", None)
    assert response.headers["allow"] == "POST"


def test_a_current_project_may_stand_in_the_path(sandbox: Sandbox) -> None:
    took(sandbox.raw(b"", "@current"), 0, 0, 0)
