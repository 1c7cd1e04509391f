"""Following runs: what is shown, when it stops, what the exit code says."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.cli.display import Display, details
from runyard.cli.invocation import Invocation
from runyard.sdk import Client, LogEntry
from tests.cli.conftest import Command
from tests.cli.server import RUN_ID, Script, done, event, log, run

STREAM = f"/runs/{RUN_ID}/stream"


def ended(server: Script, state: str, *frames: tuple[str, dict[str, Any]]) -> None:
    server.stream(STREAM, *frames, done(state))
    server.on("GET", f"/runs/{RUN_ID}", run(state=state))


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("completed", 0),
        ("failed", 3),
        ("timed_out", 3),
        ("crashed", 3),
        ("system_failed", 3),
        ("expired", 3),
        ("canceled", 8),
        ("dead_letter", 9),
        ("needs_attention", 9),
    ],
)
def test_the_exit_code_tells_the_outcome(cli: Command, server: Script, state: str, code: int) -> None:
    ended(server, state)
    assert cli("runs", "watch", RUN_ID).code == code


def test_watch_prints_events_and_logs_as_they_come(cli: Command, server: Script) -> None:
    ended(server, "completed", event(1, "run.queued"), event(2, "run.claimed", worker="w1"), log(3, "hello there"))
    result = cli("runs", "watch", RUN_ID)
    text = result.out.splitlines()
    assert ["run.queued" in text[0], "worker=w1" in text[1], "hello there" in text[2]] == [True] * 3
    assert f"run {RUN_ID} is completed" in result.err


def test_watch_begins_after_a_sequence_number(cli: Command, server: Script) -> None:
    ended(server, "completed")
    cli("runs", "watch", RUN_ID, "--after", "7")
    assert server.sent("GET", STREAM)[0].query["after"] == ["7"]


def test_watch_as_json_lines_prints_each_item(cli: Command, server: Script) -> None:
    ended(server, "completed", event(1, "run.queued"), log(2, "hi", extra=1))
    result = cli("runs", "watch", RUN_ID, "-o", "jsonl")
    assert [(item["kind"], item["seq"]) for item in result.lines] == [("event", 1), ("log", 2)]
    assert result.lines[1]["data"] == {"extra": 1}


def test_watch_as_json_prints_the_run_alone(cli: Command, server: Script) -> None:
    ended(server, "completed", event(1, "run.queued"), log(2, "hi"))
    result = cli("runs", "watch", RUN_ID, "-o", "json")
    assert result.json["state"] == "completed"
    assert result.err == "", "a program may read standard error too: there is JSON or nothing"


def test_a_run_that_lands_in_the_dead_letter_ends_the_watch(cli: Command, server: Script) -> None:
    server.stream(STREAM, event(1, "run.dead_lettered"), log(2, "never shown"))
    server.on("GET", f"/runs/{RUN_ID}", run(state="dead_letter"))
    result = cli("runs", "watch", RUN_ID)
    assert result.code == 9
    assert "never shown" not in result.out


def test_a_run_that_left_the_dead_letter_is_followed_on(cli: Command, server: Script) -> None:
    server.stream(STREAM, event(1, "run.dead_lettered"), event(2, "run.requeued"), log(3, "again"), done("completed"))
    server.on("GET", f"/runs/{RUN_ID}", run(state="running"), run(state="completed"))
    result = cli("runs", "watch", RUN_ID)
    assert result.code == 0
    assert "again" in result.out


def test_waiting_has_a_limit(cli: Command, server: Script) -> None:
    server.on("GET", f"/runs/{RUN_ID}", run(state="running"))
    server.stream(STREAM, event(1, "run.started"))
    result = cli("runs", "watch", RUN_ID, "--timeout", "0", "-o", "json")
    assert result.code == 7
    assert result.problem["code"] == "timed_out"


def test_ctrl_c_detaches_and_says_how_to_come_back(
    cli: Command, server: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stream(STREAM, event(1, "run.started"), done("completed"))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Display, "event", interrupt)
    result = cli("runs", "watch", RUN_ID)
    assert result.code == 130
    assert f"runyard runs watch {RUN_ID}" in result.err
    assert f"runyard runs cancel {RUN_ID}" in result.err


def test_create_and_wait_prints_the_ended_run(cli: Command, server: Script) -> None:
    server.on("POST", "/runs", run(), status=201)
    ended(server, "completed", log(1, "working"))
    result = cli("runs", "create", "mail", "--wait", "-p", '{"to":"ann"}', "-o", "json")
    assert (result.code, result.json["state"], result.err) == (0, "completed", "")
    assert server.sent("POST", "/runs")[0].body == {"payload": {"to": "ann"}, "job": "mail"}


def test_logs_follow_shows_logs_alone(cli: Command, server: Script) -> None:
    ended(server, "failed", event(1, "run.started"), log(2, "line one"))
    result = cli("runs", "logs", RUN_ID, "--follow")
    assert result.code == 0
    assert "line one" in result.out
    assert "run.started" not in result.out


def test_a_refused_stream_is_the_failure_of_the_command(cli: Command, server: Script) -> None:
    server.refuse("GET", STREAM, 404, "not_found")
    assert cli("runs", "watch", RUN_ID).code == 5


def test_details_leave_out_what_the_type_says_and_show_times_as_times() -> None:
    text = details(
        {"from": "claimed", "to": "queued", "attempt": 1, "error": "boom", "none": None, "at": 1_740_830_400_250_000}
    )
    assert text.startswith("attempt=1 error=boom at=")
    assert text.endswith(":00.250")


def progress(message: str, done_: int, total: int) -> LogEntry:
    return LogEntry(seq=1, message=message, data={"progress": {"done": done_, "total": total}})


def test_progress_without_a_terminal_is_a_line_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 0.0, 3.0, 9.0, 10.5, 12.0])
    with Display(Invocation(), monotonic=lambda: next(clock)) as display:
        for step in range(1, 6):
            display.log(progress(f"step {step}", step, 5))
    assert capsys.readouterr().out.split("\n") == [
        "progress  step 1 (1 of 5)",
        "progress  step 4 (4 of 5)",
        "progress  step 5 (5 of 5)",
        "",
    ]


@pytest.mark.usefixtures("terminal")
def test_progress_on_a_terminal_is_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with Display(Invocation()) as display:
        display.log(progress("half way", 1, 2))
    text = capsys.readouterr().out
    assert "half way" in text
    assert "1 of 2" in text
    assert "\x1b[?25h" in text


def test_silence_is_explained(capsys: pytest.CaptureFixture[str], server: Script) -> None:
    from runyard.cli.follow import follow

    explanation = {"run_id": RUN_ID, "state": "queued", "summary": "no worker asks for queue default", "reasons": []}
    server.on("GET", f"/runs/{RUN_ID}/explain", explanation | {"position": 0})
    server.on("GET", f"/runs/{RUN_ID}", run(state="queued"), run(state="completed"))
    server.refuse("GET", STREAM, 503, "unavailable")
    with Client(server.url, "k") as client, Display(Invocation()) as display:
        follow(Invocation(), client, RUN_ID, display, idle_seconds=0.01)
    assert "queued: no worker asks for queue default" in capsys.readouterr().out
