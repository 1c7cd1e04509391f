"""Tables, JSON, and what may never reach a terminal."""

from __future__ import annotations

import sys

import pytest

from runyard.cli import output
from runyard.cli.invocation import Invocation
from tests.cli.conftest import Command
from tests.cli.server import OTHER_ID, RUN_ID, Script, page, run

LONG = "x" * 300


def test_a_piped_table_is_never_truncated(cli: Command, server: Script) -> None:
    server.on("GET", "/runs", page(run(job=LONG, tags=[LONG + "y"]), run(id=OTHER_ID, state="completed")))
    result = cli("runs", "list")
    assert result.code == 0
    header, first, second = result.out.splitlines()
    assert header.split() == ["ID", "STATE", "JOB", "QUEUE", "ATTEMPT", "CREATED", "TOOK", "TAGS"]
    assert first.split()[:3] == [RUN_ID, "queued", LONG]
    assert first.endswith(LONG + "y")
    assert second.split()[1] == "completed"
    assert "\x1b" not in result.out


@pytest.mark.usefixtures("terminal")
def test_a_table_on_a_terminal_keeps_ids_whole(cli: Command, server: Script) -> None:
    server.on("GET", "/runs", page(run(tags={"team": "blue"}), run(id=OTHER_ID, state="failed")))
    result = cli("runs", "list")
    assert RUN_ID in result.out
    assert OTHER_ID in result.out
    assert "\x1b[31m" in result.out


@pytest.mark.usefixtures("terminal")
def test_colours_can_be_turned_off(cli: Command, server: Script) -> None:
    server.on("GET", "/runs", page(run(state="failed")))
    assert "\x1b[31m" not in cli("runs", "list", "--no-color").out


@pytest.mark.usefixtures("terminal")
def test_no_color_in_the_environment_turns_colours_off(
    cli: Command, server: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    server.on("GET", "/runs", page(run(state="failed")))
    assert "\x1b[31m" not in cli("runs", "list").out


def test_json_is_one_document_and_jsonl_one_line_each(cli: Command, server: Script) -> None:
    server.on("GET", "/runs", page(run(), run(id=OTHER_ID)))
    result = cli("runs", "list", "-o", "json")
    assert [item["id"] for item in result.json] == [RUN_ID, OTHER_ID]
    assert result.json[0]["payload"] == {"to": "ann"}
    assert result.err == ""
    assert [item["id"] for item in cli("runs", "list", "-o", "jsonl").lines] == [RUN_ID, OTHER_ID]


def test_an_empty_list_prints_nothing_on_standard_output(cli: Command, server: Script) -> None:
    server.on("GET", "/runs", page())
    result = cli("runs", "list")
    assert (result.code, result.out) == (0, "")
    assert "no runs" in result.err
    assert cli("runs", "list", "-o", "json").json == []


def test_quiet_lists_only_names(cli: Command, server: Script) -> None:
    server.on("GET", "/runs", page(run(), run(id=OTHER_ID)))
    assert cli("runs", "list", "-q").out.split() == [RUN_ID, OTHER_ID]


def test_control_characters_cannot_command_a_terminal(cli: Command, server: Script) -> None:
    server.on("GET", f"/runs/{RUN_ID}", run(job="evil\x1b[2J\x07", error={"message": "a\x9bb"}))
    result = cli("runs", "get", RUN_ID)
    assert "\x1b" not in result.out
    assert "\x9b" not in result.out
    assert "evil\\x1b[2J" in result.out


def test_markup_is_printed_as_it_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    output.pairs(Invocation(), [("name", "[red]not markup[/red]")])
    assert "[red]not markup[/red]" in capsys.readouterr().out


def test_safe_keeps_what_people_write() -> None:
    assert output.safe("naïve – 日本\n\t") == "naïve – 日本\n\t"
