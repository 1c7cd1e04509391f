"""Logs: appended, read whole, searched, and opened by a link (contract §5)."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from runyard.engine import logs as native_logs
from runyard.engine import sizes
from runyard.engine.coding import logs
from runyard.engine.fences import Writer
from runyard.engine.logs import AppendRequest, NewEntry
from runyard.storage.statements.coding_logs import Wanted
from tests.dialects.posthog.client import Posthog, good, path_of, refused
from tests.support.stand import ADMIN
from tests.support.verbs import Json


def entry(method: str, at: str | None = "2026-03-01T10:00:00.000Z", **params: Any) -> dict[str, Any]:
    """An envelope as the agent writes it."""
    said: dict[str, Any] = {"type": "notification"} | ({"timestamp": at} if at is not None else {})
    return said | {"notification": {"jsonrpc": "2.0", "method": method, "params": params}}


def update(kind: str, at: str | None = "2026-03-01T10:00:00.000Z", **more: Any) -> dict[str, Any]:
    """An envelope around an update of the agent's."""
    return entry("session/update", at, sessionId="s", update={"sessionUpdate": kind, **more})


def append(posthog: Posthog, run: Json, *entries: Any, **more: Any) -> httpx2.Response:
    """Append entries."""
    return posthog.post(path_of(run, "append_log"), {"entries": list(entries)}, **more)


def lines(posthog: Posthog, run: Json) -> list[str]:
    """The log's lines as they are read."""
    response = posthog.get(path_of(run, "logs"))
    assert response.status_code == 200
    return response.text.split("\n") if response.text else []


def found(posthog: Posthog, run: Json, *, judged: bool = True, **query: Any) -> tuple[list[Any], tuple[str, ...]]:
    """What `session_logs` finds, and what its headers count: total, filtered, matching, whether there is more.

    The contract's document knows envelopes only; its text knows that anything may be there (§5.2): `judged` is for it.
    """
    path = path_of(run, "session_logs")
    if judged:
        response = posthog.get(path, **query)
    else:
        sent = {"authorization": f"Bearer {posthog.key}"}
        response = posthog.stand.http.get(f"/posthog/api/projects/1/{path}", params=query, headers=sent)
    names = ("x-total-count", "x-filtered-count", "x-matching-count", "x-has-more")
    return good(response), tuple(response.headers[name] for name in names)


def test_entries_are_read_as_they_were_written(posthog: Posthog) -> None:
    run = posthog.run()
    sent = [update("tool_call", x=1.50, big=1), entry("_posthog/console", level="warn", message="é\u2028")]
    answer = append(posthog, run, *sent)
    assert good(answer)["id"] == run["id"]
    assert answer.headers["server-timing"].startswith("s3_append;dur=")
    good(append(posthog, run, {"any": {"thing": None}}))
    text = lines(posthog, run)
    assert [json.loads(line) for line in text] == [*sent, {"any": {"thing": None}}]
    response = posthog.get(path_of(run, "logs/"))
    assert response.text == "\n".join(text)
    assert (response.headers["content-type"], response.headers["cache-control"]) == ("application/jsonl", "no-cache")


def test_an_entry_stays_on_its_line_and_its_numbers_as_they_were(posthog: Posthog) -> None:
    run = posthog.run()
    body = b'{"entries": [{"a":\n 1.00,\r\n"b": 1e400, "c": 123456789012345678901234567890, "d": "\\n"}]}'
    good(posthog.post(path_of(run, "append_log"), content=body, headers={"content-type": "application/json"}))
    assert lines(posthog, run) == ['{"a":  1.00,  "b": 1e400, "c": 123456789012345678901234567890, "d": "\\n"}']


def test_an_empty_log_is_an_empty_text(posthog: Posthog) -> None:
    run = posthog.run()
    assert lines(posthog, run) == []
    assert found(posthog, run) == ([], ("0", "0", "0", "false"))


def test_pieces_of_messages_are_dropped_and_ended_runs_still_take_entries(posthog: Posthog) -> None:
    run = posthog.run(status="completed")
    good(append(posthog, run, update("agent_message_chunk")))
    assert lines(posthog, run) == []
    good(append(posthog, run, update("agent_message_chunk"), update("plan")))
    assert len(lines(posthog, run)) == 1


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        (b"{}", "required", "entries"),
        (b"", "required", "entries"),
        (b'{"entries": []}', "empty", "entries"),
        (b'{"entries": null}', "null", "entries"),
        (b'{"entries": {}}', "not_a_list", "entries"),
        (b'{"entries": [{}, 1]}', "not_a_dict", "entries__1"),
        (b"[]", "invalid_input", None),
        (b"{", "parse_error", None),
        (b'{"entries": [{"a": "\xff"}]}', "parse_error", None),
        (b'{"entries": [' + b"[" * 100_000, "parse_error", None),
    ],
)
def test_what_is_no_list_of_objects_is_refused(posthog: Posthog, body: bytes, code: str, attr: str | None) -> None:
    run = posthog.run()
    sent = {"content": body, "headers": {"content-type": "application/json"}}
    refused(posthog.post(path_of(run, "append_log"), **sent), 400, code=code, attr=attr)
    run["id"] = "00000000-0000-0000-0000-000000000000"
    refused(posthog.post(path_of(run, "append_log"), **sent), 404, code="not_found")


@pytest.mark.parametrize(
    "odd",
    [
        b'{"notification": "text"}',
        b'{"notification": {"method": 1, "params": [1]}}',
        b'{"notification": {"method": "session/update", "params": {"update": {"sessionUpdate": 5, "content": []}}}}',
        b'{"notification": {"method": "_posthog/console", "params": {"level": 3, "message": {"a": 1}}}}',
        b'{"timestamp": 5, "type": null, "notification": null}',
        b'{"timestamp": "0001-01-01T00:00:00+14:00"}',
        b'{"a": "\\u0000", "notification": {"method": "\\u0000m"}}',
        b'{"a": "cut \\ud83d", "b": "\\\\ud83d \\ud83d\\ude00"}',
        b'{"notification": {"method": "' + b"m" * 5000 + b'"}}',
        b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}",
    ],
)
def test_any_object_is_taken(posthog: Posthog, odd: bytes) -> None:
    run = posthog.run()
    body = b'{"entries": [' + odd + b"]}"
    good(posthog.post(path_of(run, "append_log"), content=body, headers={"content-type": "application/json"}))
    (line,) = lines(posthog, run)
    assert line == odd.decode().replace("cut \\ud83d", "cut \\ufffd")
    assert found(posthog, run, judged=False)[0] == [json.loads(line)]


def test_an_entry_may_be_megabytes(posthog: Posthog) -> None:
    run = posthog.run()
    big = entry("_posthog/sandbox_output", stdout="x" * 3_000_000)
    good(append(posthog, run, big))
    good(append(posthog, run, big, entry("m")))
    assert [len(line) for line in lines(posthog, run)] == [len(json.dumps(big))] * 2 + [len(json.dumps(entry("m")))]


def test_lines_of_others_are_shown_as_envelopes(posthog: Posthog) -> None:
    run = posthog.run(status="in_progress")
    writer = Writer(project_id=1, run_id=run["id"])
    written = NewEntry(message="hello", level="warning", at=1_700_000_000_123_456)
    posthog.stand.store.transact(native_logs.append, [AppendRequest(writer=writer, entries=(written,))])
    good(append(posthog, run, entry("m")))
    shown = {
        "type": "notification",
        "timestamp": "2023-11-14T22:13:20.123Z",
        "notification": {
            "jsonrpc": "2.0",
            "method": "_posthog/console",
            "params": {"sessionId": run["id"], "level": "warn", "message": "hello"},
        },
    }
    assert [json.loads(line) for line in lines(posthog, run)] == [shown, entry("m")]
    assert found(posthog, run, event_types="_posthog/console") == ([shown], ("2", "1", "1", "false"))
    assert found(posthog, run, exclude_types="_posthog/console") == ([entry("m")], ("2", "1", "1", "false"))


def test_native_readers_see_lines_of_text(posthog: Posthog) -> None:
    run = posthog.run()
    said = update("agent_message", content={"type": "text", "text": "I am done"})
    good(append(posthog, run, said, entry("_posthog/console", level="error", message="it broke"), update("plan")))
    page = good(posthog.stand.admin.get(f"/runs/{run['id']}/logs"))["data"]
    assert [(one["level"], one["type"], one["message"]) for one in page] == [
        ("info", "agent_message", "I am done"),
        ("error", "_posthog/console", "it broke"),
        ("info", "plan", "plan"),
    ]
    assert page[0]["data"] == said
    assert page[0]["at"] == "2026-03-01T10:00:00Z"


def test_entries_are_filtered_by_kind_and_instant(posthog: Posthog) -> None:
    run = posthog.run()
    first, second, third, fourth = (
        update("plan", "2026-03-01T10:00:00.000Z"),
        entry("_posthog/status", "2026-03-01T12:00:00+01:00"),
        update("tool_call", None),
        update("tool_call", "2026-03-01T12:00:00.000001Z"),
    )
    good(append(posthog, run, first, second, third, fourth))
    assert found(posthog, run, judged=False, event_types=" plan , tool_call,none")[0] == [first, third, fourth]
    assert found(posthog, run, judged=False, exclude_types="tool_call")[0] == [first, second]
    assert found(posthog, run, judged=False, event_types="plan,tool_call", exclude_types="plan") == (
        [third, fourth],
        ("4", "2", "2", "false"),
    )
    assert found(posthog, run, judged=False, after="2026-03-01T10:00:00Z")[0] == [second, fourth]
    assert found(posthog, run, judged=False, after="2026-03-01T12:00:00+01:00")[0] == [fourth]
    assert found(posthog, run, judged=False, after="2026-03-01T12:00:00.000001+00:00")[0] == []
    assert found(posthog, run, judged=False, event_types="m" * 200)[0] == []


def test_the_oldest_matching_entries_come_first(posthog: Posthog) -> None:
    run = posthog.run()
    every = [update("plan" if n % 2 else "tool_call", n=n) for n in range(10)]
    good(append(posthog, run, *every))
    assert found(posthog, run, limit=3) == (every[:3], ("10", "10", "10", "true"))
    assert found(posthog, run, limit=3, offset=7) == (every[7:], ("10", "10", "10", "false"))
    assert found(posthog, run, offset=10) == ([], ("10", "10", "10", "false"))
    assert found(posthog, run, event_types="plan", limit=2, offset=1) == (
        [every[3], every[5]],
        ("10", "5", "5", "true"),
    )


@pytest.mark.parametrize(
    ("query", "code", "attr"),
    [
        ({"limit": 0}, "min_value", "limit"),
        ({"limit": 5001}, "max_value", "limit"),
        ({"limit": "x"}, "invalid_input", "limit"),
        ({"offset": -1}, "min_value", "offset"),
        ({"after": "yesterday"}, "invalid_input", "after"),
        ({"event_types": " "}, "blank", "event_types"),
    ],
)
def test_a_query_out_of_range_is_refused(posthog: Posthog, query: Any, code: str, attr: str) -> None:
    run = posthog.run()
    refused(posthog.get(path_of(run, "session_logs"), **query), 400, code=code, attr=attr)


def test_a_log_is_opened_by_the_runs_link_without_a_key(posthog: Posthog) -> None:
    run = posthog.run()
    good(append(posthog, run, entry("m"), entry("n")))
    nobody = posthog.stand.http
    response = nobody.get(run["log_url"])
    assert (response.status_code, response.headers["content-type"]) == (200, "application/jsonl")
    assert response.text.split("\n") == lines(posthog, run)
    assert nobody.get(run["log_url"][:-2] + "xx").status_code == 404
    posthog.stand.clock.forward(minutes=61)
    assert nobody.get(run["log_url"]).status_code == 404


def test_logs_of_others_are_not_there(posthog: Posthog, stranger: Posthog) -> None:
    run = posthog.run()
    other = posthog.run()
    wrong = {"id": run["id"], "task": other["task"]}
    for path in ("logs", "session_logs"):
        refused(posthog.get(path_of(wrong, path)), 404, code="not_found")
        refused(stranger.get(path_of(run, path)), 404, code="not_found")
    refused(append(posthog, wrong, {}), 404, code="not_found")
    refused(append(stranger, run, {}), 404, code="not_found")
    refused(append(posthog.with_scopes("task:read"), run, {}), 403, code="permission_denied")
    assert lines(posthog.as_key(ADMIN), run) == []


def test_whoever_writes_is_alive(posthog: Posthog) -> None:
    run = posthog.run(status="in_progress")
    clock = posthog.stand.clock
    beats = []
    for _ in range(3):
        good(append(posthog, run, entry("m")))
        beats.append(good(posthog.stand.admin.get(f"/runs/{run['id']}"))["heartbeat_at"])
        clock.forward(seconds=40)
    assert beats[0] == beats[1] != beats[2]


def test_a_long_log_is_read_in_portions_of_bounded_size(posthog: Posthog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "PAGE", 80_000)
    run = posthog.run()
    store = posthog.stand.store
    line = logs.WholeLine(data=json.dumps({"x": "y" * 40_000}), type="big")
    size = 0
    for count in (300, 50):
        small = tuple(logs.WholeLine(data=f'{{"n":{n}}}', type="small") for n in range(count))
        ask = logs.Append(project_id=1, task_id=run["task"], run_id=run["id"], lines=(*small, *([line] * 8)))
        store.transact(logs.append, [ask])
        size += sum(len(one.data) + 1 for one in ask.lines)
    after, portions, look = 0, [], 100
    while True:
        found = store.look(logs.portion, run["id"], Wanted(), after, 2**62, look)
        portions.append(sum(len(one.data or "") for one in found.rows))
        if found.more is None:
            break
        after, look = found.more, logs.next_lines(len(found.rows))
    assert max(portions) < 120_000
    assert sum(portions) + 366 == size
    response = posthog.get(path_of(run, "logs"))
    assert len(response.content) == size - 1
