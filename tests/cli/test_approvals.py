"""What runs ask for, decided on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.cli.server import AT, OTHER_ID, RUN_ID, Script, page

ID = "0199b3c4-0000-7000-8000-00000000c003"


def approval(**fields: Any) -> dict[str, Any]:
    """An approval as the server tells it."""
    return {
        "id": ID,
        "run_id": RUN_ID,
        "name": "deploy",
        "state": "pending",
        "action": "Deploy v2",
        "risk": "high",
        "changes": ["a.py"],
        "requested_at": AT,
        **fields,
    }


def test_what_waits_is_listed(cli: Command, server: Script) -> None:
    server.on("GET", "/approvals", page(approval()))
    assert "Deploy v2" in cli("approvals", "list").out
    assert server.asked[0].query["state"] == ["pending"]
    assert cli("approvals", "list", "--state", "all", "-o", "json").json[0]["changes"] == ["a.py"]
    assert "state" not in server.asked[1].query


@pytest.mark.parametrize("named", [ID, RUN_ID, "00000000c003", "0000a001"])
def test_it_is_named_by_its_id_or_its_run_or_part_of_either(cli: Command, server: Script, named: str) -> None:
    server.on("GET", "/approvals", page(approval()))
    server.on("GET", f"/approvals/{ID}", approval())
    result = cli("approvals", "get", named)
    assert (result.code, "a.py" in result.out) == (0, True)


@pytest.mark.parametrize(("verb", "approved"), [("approve", True), ("reject", False)])
def test_it_is_decided_with_a_comment(cli: Command, server: Script, verb: str, approved: bool) -> None:
    server.on("GET", "/approvals", page(approval()))
    server.on("POST", f"/approvals/{ID}/decide", approval(state=f"{verb}d", comment="so be it", decided_by="key:x"))
    result = cli("approvals", verb, RUN_ID, "-m", "so be it")
    assert "so be it" in result.out
    assert server.sent("POST", f"/approvals/{ID}/decide")[0].body == {"approved": approved, "comment": "so be it"}


def test_what_was_decided_is_refused(cli: Command, server: Script) -> None:
    server.on("GET", "/approvals", page())
    server.refuse("POST", f"/approvals/{ID}/decide", 409, "conflict", "it was rejected")
    result = cli("approvals", "approve", ID, "-o", "json")
    assert (result.code, result.problem["code"]) == (6, "conflict")


def test_what_does_not_name_one_is_refused(cli: Command, server: Script) -> None:
    server.on("GET", "/approvals", page(approval(), approval(id=OTHER_ID)))
    assert cli("approvals", "approve", RUN_ID).code == 2
    assert cli("approvals", "approve", "nonsense").code == 2
    assert cli("approvals", "approve", "ffffffff").code == 5
    assert not server.sent("POST", f"/approvals/{ID}/decide")
