"""Runs named by part of their id."""

from __future__ import annotations

from tests.cli.conftest import Command
from tests.cli.server import OTHER_ID, RUN_ID, Script, page, run


def test_a_whole_id_costs_no_search(cli: Command, server: Script) -> None:
    server.on("GET", f"/runs/{RUN_ID}", run())
    assert cli("runs", "get", RUN_ID.upper()).code == 0
    assert [item.path for item in server.asked] == [f"/runs/{RUN_ID}"]


def test_a_unique_end_or_beginning_is_enough(cli: Command, server: Script) -> None:
    server.on("GET", "/runs", page(run(), run(id=OTHER_ID)))
    server.on("GET", f"/runs/{RUN_ID}", run())
    assert cli("runs", "get", RUN_ID[-8:], "-o", "json").json["id"] == RUN_ID
    assert cli("runs", "get", RUN_ID[:33], "-o", "json").json["id"] == RUN_ID


def test_the_search_goes_through_pages(cli: Command, server: Script) -> None:
    server.on("GET", "/runs", page(run(id=OTHER_ID), next_cursor="c2"), page(run()))
    server.on("GET", f"/runs/{RUN_ID}", run())
    assert cli("runs", "get", RUN_ID[-8:], "-q").out.strip() == RUN_ID
    assert server.sent("GET", "/runs")[1].query["cursor"] == ["c2"]


def test_an_ambiguous_part_names_the_candidates(cli: Command, server: Script) -> None:
    server.on("GET", "/runs", page(run(), run(id=OTHER_ID)))
    result = cli("runs", "cancel", RUN_ID[:8], "-o", "json")
    assert result.code == 2
    assert OTHER_ID in result.problem["hint"]


def test_an_unknown_part_is_not_found(cli: Command, server: Script) -> None:
    server.on("GET", "/runs", page(run()))
    result = cli("runs", "get", "deadbeef", "-o", "json")
    assert (result.code, result.problem["code"]) == (5, "not_found")
