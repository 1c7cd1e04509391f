"""`runyard doctor`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runyard import __version__
from runyard.cli.doctor import clock_check, key_check, schema_check, space_check
from runyard.sdk import Key
from runyard.storage.migrate import available
from tests.cli.conftest import Command
from tests.cli.server import Script

KEY = {"id": "k1", "name": "ci", "prefix": "ry_", "scopes": ["runs:read", "admin"], "project": "default"}


@pytest.fixture
def well(server: Script) -> Script:
    newest = max(step.number for step in available("sqlite"))
    server.on("GET", "/livez", {"status": "ok"})
    server.on("GET", "/readyz", {"status": "ready"})
    server.on("GET", "/keys/self", KEY)
    server.on("GET", "/admin/info", {"version": __version__, "engine": "sqlite", "schema": newest})
    return server


def by_name(result: Any) -> dict[str, str]:
    return {check["name"]: check["status"] for check in result.json["checks"]}


def test_all_is_well(cli: Command, well: Script) -> None:
    result = cli("doctor", "-o", "json")
    assert result.code == 0
    assert set(by_name(result).values()) == {"ok"}
    assert {"server", "ready", "key", "release", "database"} <= set(by_name(result))


def test_scopes_are_shown(cli: Command, well: Script) -> None:
    assert "may runs:read admin" in cli("doctor").out


def test_a_server_that_is_not_ready_fails_and_says_why(cli: Command, well: Script) -> None:
    well.refuse("GET", "/readyz", 503, "unavailable", "the sweep has been silent")
    result = cli("doctor")
    assert result.code == 1
    assert "fail  ready     the sweep has been silent" in result.out


def test_a_key_that_is_not_valid_fails(cli: Command, well: Script) -> None:
    well.refuse("GET", "/keys/self", 401, "unauthorized", "the key is revoked")
    result = cli("doctor", "-o", "json")
    assert (result.code, by_name(result)["key"]) == (1, "fail")


def test_no_key_at_all_is_told_apart(command: Command, well: Script) -> None:
    result = command("doctor", "--url", well.url)
    assert "key       none is set" in result.out


def test_what_only_admins_may_ask_is_a_warning(cli: Command, well: Script) -> None:
    well.refuse("GET", "/admin/info", 403, "forbidden", "needs admin")
    result = cli("doctor", "-o", "json")
    assert (result.code, by_name(result)["release"]) == (0, "warn")


def test_a_server_that_does_not_answer_is_the_one_failure(command: Command) -> None:
    result = command("doctor", "--url", "http://127.0.0.1:1", "-o", "jsonl")
    assert result.code == 1
    assert (result.lines[0]["name"], result.lines[0]["status"]) == ("server", "fail")
    assert "runyard up" in result.lines[0]["remedy"]


def test_thresholds() -> None:
    assert clock_check(3).status == "ok"
    assert "ahead of" in clock_check(90).detail
    assert clock_check(-90).status == "warn"
    assert [space_check(Path("/d"), size).status for size in (2 << 30, 500 << 20, 1 << 20)] == ["ok", "warn", "fail"]
    assert [schema_check("sqlite", has, 4).status for has in (4, 3, 5)] == ["ok", "warn", "warn"]


def test_a_key_about_to_expire_is_a_warning() -> None:
    now = datetime(2025, 3, 1, tzinfo=UTC)
    assert key_check(Key(id="k", expires_at=now + timedelta(days=30)), now).status == "ok"
    assert key_check(Key(id="k", expires_at=now + timedelta(days=1)), now).status == "warn"
    assert key_check(Key(id="k", expires_at=now - timedelta(days=1)), now).status == "warn"


def test_how_managed_runs_are_shut_in_is_told(cli: Command, well: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNYARD_MANAGED_ISOLATION", "off")
    assert "managed runs are refused: managed runs are switched off" in cli("doctor").out
    monkeypatch.setenv("RUNYARD_MANAGED_ISOLATION", "none")
    result = cli("doctor", "-o", "json")
    assert (result.code, by_name(result)["managed"]) == (0, "warn")


def test_how_sandboxes_are_shut_in_is_told(cli: Command, well: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNYARD_SANDBOX_ISOLATION", "off")
    assert "no sandbox is opened here: sandboxes are switched off" in cli("doctor").out
    monkeypatch.setenv("RUNYARD_SANDBOX_ISOLATION", "none")
    result = cli("doctor", "-o", "json")
    assert (result.code, by_name(result)["sandbox"]) == (0, "warn")
