"""What job runs need on the command line: triggers, schedules, secrets, environments, waits, restarts, debugging."""

from __future__ import annotations

import getpass
import io
import sys
from collections.abc import Callable
from typing import Any, get_args

import pytest

from runyard.cli.runs import act
from runyard.sdk import fields
from tests.cli.conftest import Command
from tests.cli.server import AT, OTHER_ID, RUN_ID, Script, done, event, page, run

Pipe = Callable[[bytes], None]
TRIGGERED: dict[str, Any] = {"outcome": "created", "run": run(), "payload_hash": "abc", "fire_at": None, "warnings": []}
PUT_OFF: dict[str, Any] = {"outcome": "debounced", "run": None, "payload_hash": None, "fire_at": AT, "warnings": []}
STAGE = {"id": "e1", "name": "stage", "variables": ["A", "B"], "created_at": AT, "updated_at": AT}
WAIT = {"id": "w1", "key": "a/b?", "run_id": RUN_ID, "state": "waiting", "request": {"for": "ann"}, "requested_at": AT}


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Pipe:
    """Send this to standard input."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked for at a terminal, where `hush` is typed in answer."""
    prompts: list[str] = []

    class Keyboard(io.StringIO):
        def isatty(self) -> bool:
            return True

    def ask(prompt: str = "") -> str:
        prompts.append(prompt)
        return "hush"

    monkeypatch.setattr(sys, "stdin", Keyboard())
    monkeypatch.setattr(getpass, "getpass", ask)
    return prompts


def test_a_job_is_triggered_with_all_that_a_trigger_may_say(cli: Command, server: Script) -> None:
    server.on("POST", "/jobs/mail/trigger", TRIGGERED, status=201)
    words = ("--priority", "7", "--tag", "a:b", "--idempotency-key", "k", "--ttl", "1h", "--debounce-key", "d")
    result = cli("jobs", "trigger", "mail", "-p", '{"n": 1}', *words, "--batch-key", "x")
    assert server.asked[0].body == {
        "payload": {"n": 1},
        "priority": 7,
        "tags": {"a": "b"},
        "idempotency_key": "k",
        "ttl_seconds": 3600,
        "debounce_key": "d",
        "batch_key": "x",
    }
    assert "created" in result.out
    assert RUN_ID in result.err
    assert cli("jobs", "trigger", "mail", "-q").out == f"{RUN_ID}\n"
    assert cli("jobs", "trigger", "mail", "-o", "json").json["run"]["id"] == RUN_ID
    assert server.asked[1].body == {}


def test_a_trigger_that_is_put_off_says_until_when(cli: Command, server: Script) -> None:
    server.on("POST", "/jobs/mail/trigger", PUT_OFF, status=202)
    assert "2025-03-01T12:00:00Z" in cli("jobs", "trigger", "mail").out
    assert cli("jobs", "trigger", "mail", "-q").out == ""
    assert cli("jobs", "trigger", "mail", "-o", "json").json["outcome"] == "debounced"
    waited = cli("jobs", "trigger", "mail", "--wait", "-o", "json")
    assert (waited.code, waited.problem["code"]) == (1, "put_off")
    assert "2025-03-01T12:00:00Z" in waited.problem["hint"]


def test_a_dry_run_names_no_run_that_could_be_looked_for(cli: Command, server: Script) -> None:
    server.on("POST", "/jobs/mail/trigger", TRIGGERED | {"outcome": "checked", "warnings": ["it is late"]})
    result = cli("jobs", "trigger", "mail", "--dry-run")
    assert "it is late" in result.out
    assert RUN_ID not in result.out + result.err
    assert server.asked[0].body == {"dry_run": True}
    assert cli("jobs", "trigger", "mail", "--dry-run", "-q").out == ""


def test_a_triggered_run_is_followed_to_its_end(cli: Command, server: Script) -> None:
    server.on("POST", "/jobs/mail/trigger", TRIGGERED, status=201)
    server.stream(f"/runs/{RUN_ID}/stream", event(1, "run.created"), done("failed"))
    server.on("GET", f"/runs/{RUN_ID}", run(state="failed"))
    result = cli("jobs", "trigger", "mail", "--wait", "--timeout", "30s", "-o", "json")
    assert (result.code, result.json["state"]) == (3, "failed")


@pytest.mark.parametrize("words", [("--timeout", "5s"), ("--dry-run", "--wait"), ("--at", "1h", "--delay", "1h")])
def test_a_trigger_that_makes_no_sense_is_not_sent(cli: Command, server: Script, words: tuple[str, ...]) -> None:
    assert cli("jobs", "trigger", "mail", *words).code == 2
    assert server.asked == []


def test_schedules_are_listed_with_their_next_times(cli: Command, server: Script) -> None:
    server.on("GET", "/schedules", page({"job": "mail", "job_id": "j", "cron": "0 * * * *", "next": [AT]}))
    assert "2025-03-01T12:00:00Z" in cli("schedules", "list", "--count", "1").out
    assert server.asked[0].query["count"] == ["1"]
    assert cli("schedules", "list", "-q").out == "mail\n"
    assert cli("schedules", "list", "--count", "21").code == 2


def test_a_secret_comes_by_standard_input_and_is_shown_nowhere(cli: Command, server: Script, pipe: Pipe) -> None:
    server.on("PUT", "/jobs/mail/secrets/KEY", {"name": "KEY", "updated_at": AT})
    pipe(b"hu=sh \r\n")
    result = cli("secrets", "set", "mail", "KEY")
    assert (result.code, server.asked[0].body) == (0, {"value": "hu=sh "})
    assert "hu=sh" not in result.out + result.err


def test_a_secret_is_asked_for_at_a_terminal(cli: Command, server: Script, typed: list[str]) -> None:
    server.on("PUT", "/jobs/mail/secrets/KEY", {"name": "KEY", "updated_at": AT})
    result = cli("secrets", "set", "mail", "KEY", "-q")
    assert (result.out, typed, server.asked[0].body) == ("KEY\n", ["KEY: "], {"value": "hush"})


def test_a_secret_is_no_argument(cli: Command, server: Script, pipe: Pipe) -> None:
    pipe(b"other")
    assert cli("secrets", "set", "mail", "KEY", "hush").code == 2
    assert server.asked == []


@pytest.mark.parametrize("text", [b"", b"\n", b"\xff"])
def test_no_secret_at_all_is_a_mistake(cli: Command, server: Script, pipe: Pipe, text: bytes) -> None:
    pipe(text)
    assert cli("secrets", "set", "mail", "KEY").code == 2
    assert server.asked == []


def test_ctrl_d_at_the_prompt_gives_no_secret(
    cli: Command, server: Script, typed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(prompt: str = "") -> str:
        raise EOFError

    monkeypatch.setattr(getpass, "getpass", leave)
    assert cli("secrets", "set", "mail", "KEY").code == 2
    assert server.asked == []


def test_secrets_are_listed_and_deleted_when_that_is_meant(cli: Command, server: Script) -> None:
    server.on("GET", "/jobs/mail/secrets", page({"name": "KEY", "updated_at": AT}))
    server.on("DELETE", "/jobs/mail/secrets/KEY", "", status=204)
    assert cli("secrets", "list", "mail", "-q").out == "KEY\n"
    assert cli("secrets", "delete", "mail", "KEY").code == 2
    assert cli("secrets", "delete", "mail", "KEY", "-y").code == 0
    assert len(server.sent("DELETE", "/jobs/mail/secrets/KEY")) == 1


def test_an_environment_is_made_of_lines(cli: Command, server: Script, pipe: Pipe) -> None:
    server.on("PUT", "/environments/stage", STAGE)
    pipe(b"# of the stage\nA=1=2\n\n B = two words\n")
    result = cli("environments", "set", "stage", "-o", "json")
    assert (result.code, result.json["variables"]) == (0, ["A", "B"])
    assert server.asked[-1].body == {"variables": {"A": "1=2", "B": " two words"}}


def test_variables_that_would_be_gone_are_asked_about(cli: Command, server: Script, pipe: Pipe) -> None:
    server.on("GET", "/environments/stage", STAGE | {"variables": ["A", "OLD"]})
    server.on("PUT", "/environments/stage", STAGE)
    pipe(b"A=1\n")
    refused = cli("environments", "set", "stage")
    assert (refused.code, server.sent("PUT", "/environments/stage")) == (2, [])
    assert "also has OLD," in refused.err
    pipe(b"A=1\n")
    assert cli("environments", "set", "stage", "--yes").code == 0
    pipe(b"A=1\nOLD=2\n")
    assert cli("environments", "set", "stage").code == 0


def test_values_of_variables_are_asked_for_at_a_terminal(cli: Command, server: Script, typed: list[str]) -> None:
    server.on("PUT", "/environments/stage", STAGE)
    assert cli("environments", "set", "stage", "A", "B", "-q").out == "stage\n"
    assert (typed, server.asked[-1].body) == (["A: ", "B: "], {"variables": {"A": "hush", "B": "hush"}})
    assert cli("environments", "set", "stage").code == 2


@pytest.mark.parametrize(
    "text", [b"", b"# nothing\n", b"A=1\nhush\n", b"A=\n", b"=hush\n", b"A=1\nA=hush\n", b"\xff=1"]
)
def test_lines_that_are_no_variables_are_refused_unread(cli: Command, server: Script, pipe: Pipe, text: bytes) -> None:
    pipe(text)
    result = cli("environments", "set", "stage")
    assert (result.code, server.asked) == (2, [])
    assert "hush" not in result.err


def test_variables_are_not_asked_for_where_nobody_can_answer(cli: Command, server: Script, pipe: Pipe) -> None:
    pipe(b"A=1\n")
    assert cli("environments", "set", "stage", "A").code == 2
    assert server.asked == []


def test_environments_are_listed_shown_and_deleted(cli: Command, server: Script) -> None:
    server.on("GET", "/environments", page(STAGE))
    server.on("GET", "/environments/stage", STAGE)
    server.on("DELETE", "/environments/stage", "", status=204)
    assert "A B" in cli("environments", "list").out
    assert "A B" in cli("environments", "get", "stage").out
    assert cli("environments", "delete", "stage").code == 2
    assert cli("environments", "delete", "stage", "--yes").code == 0
    assert len(server.sent("DELETE", "/environments/stage")) == 1


def test_waits_are_listed_answered_and_canceled(cli: Command, server: Script) -> None:
    server.on("GET", "/event-waits", page(WAIT))
    server.on("POST", "/event-waits/send", WAIT | {"state": "received", "payload": {"yes": True}, "received_at": AT})
    server.on("POST", "/event-waits/cancel", WAIT | {"state": "canceled"})
    assert "a/b?" in cli("waits", "list", "--state", "waiting").out
    assert server.asked[0].query["state"] == ["waiting"]
    assert '{"yes": true}' in cli("waits", "send", "a/b?", "-p", '{"yes": true}').out
    assert cli("waits", "send", "a/b?", "-q").out == f"{RUN_ID}\n"
    assert cli("waits", "cancel", "a/b?", "-o", "json").json["state"] == "canceled"
    assert [one.body for one in server.asked[1:]] == [
        {"key": "a/b?", "payload": {"yes": True}},
        {"key": "a/b?"},
        {"key": "a/b?"},
    ]
    assert cli("waits", "list", "--state", "lost").code == 2


def test_runs_are_restarted_perhaps_with_another_preset(cli: Command, server: Script) -> None:
    server.on("POST", f"/runs/{RUN_ID}/restart", run())
    server.refuse("POST", f"/runs/{OTHER_ID}/restart", 409, "illegal_move")
    assert cli("runs", "restart", RUN_ID, "--preset", "small-2x", "--reason", "too small").code == 0
    assert server.asked[0].body == {"preset": "small-2x", "reason": "too small"}
    assert cli("runs", "restart", OTHER_ID).code == 6
    assert cli("runs", "restart", RUN_ID, "--preset", "gigantic").code == 2
    assert get_args(act.Preset) == get_args(fields.Preset)


def bundle(**fields: Any) -> dict[str, Any]:
    """A debug bundle with something in every list."""
    of_run = {"run_id": RUN_ID, "at": AT}
    return {
        "run": run(debug=True),
        "logs": [{**of_run, "seq": 2, "message": "later"}, {**of_run, "seq": 1, "message": "sooner"}],
        "checkpoints": [{**of_run, "number": 1, "state": {"page": 3}}],
        "usage": [{**of_run, "id": "u", "model": "large", "total_tokens": 15, "cost_micro_usd": 20}],
        "tool_calls": [{**of_run, "id": "t", "name": "grep", "status": "ok"}],
        "outputs": [{**of_run, "key": "report", "value": [1]}],
        "samples": [{**of_run, "id": "s", "cpu_percent": 50.0, "memory_mb": 10.5, "memory_limit_mb": 256.0}],
        **fields,
    }


def test_everything_about_a_run_is_shown_in_one_piece(cli: Command, server: Script) -> None:
    server.on("GET", f"/runs/{RUN_ID}/debug", bundle())
    told = cli("runs", "debug", RUN_ID).out
    assert told.index("sooner") < told.index("later")
    for word in ('{"page":3}', "large", "$0.000020", "grep", "report", "256.0"):
        assert word in told
    assert cli("runs", "debug", RUN_ID, "-o", "json").json["samples"][0]["memory_mb"] == 10.5
    assert cli("runs", "debug", RUN_ID, "-q").out == f"{RUN_ID}\n"
    server.on("GET", f"/runs/{RUN_ID}/debug", {"run": run()})
    assert "checkpoints" not in cli("runs", "debug", RUN_ID).out


def test_more_is_told_of_a_run_until_no_more_is_asked_for(cli: Command, server: Script) -> None:
    server.on("POST", f"/runs/{RUN_ID}/debug", run(debug=True), run())
    assert "debug" in cli("runs", "debug", RUN_ID, "--on").out
    assert "debug" not in cli("runs", "debug", RUN_ID, "--off").out
    assert [one.body for one in server.asked] == [{"on": True}, {"on": False}]
    assert cli("runs", "debug", RUN_ID, "--on", "--off").code == 2
