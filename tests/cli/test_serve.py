"""`serve`, `up`, `backup`, `restore`, `upgrade`: what they hand to the app."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from runyard import app
from runyard.cli import serve as serve_module
from runyard.cli import up
from runyard.cli.invocation import Invocation
from runyard.domain.errors import Conflict
from runyard.settings import Settings
from tests.cli.conftest import Command
from tests.cli.server import RUN_ID, Answer, Script, event


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    seen: list[Settings] = []

    def serve(settings: Settings) -> int:
        seen.append(settings)
        return 0

    monkeypatch.setattr(app, "serve", serve)
    return seen


def test_serve_hands_over_only_what_was_given(
    command: Command, served: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_PORT", "9000")
    monkeypatch.setenv("RUNYARD_LOOPS", "0")
    assert command("serve", "--host", "0.0.0.0").code == 0
    assert (served[0].host, served[0].port, served[0].loops, served[0].agents) == ("0.0.0.0", 9000, False, True)


def test_serve_takes_every_flag(command: Command, served: list[Settings], tmp_path: Path) -> None:
    command(
        *("serve", "--port", "0", "--database", "postgresql://x/y", "--data", str(tmp_path), "--no-loops"),
        *("--no-agents", "--allow-anonymous-loopback", "agh", "--allow-anonymous-loopback", "native"),
    )
    settings = served[0]
    assert (settings.port, settings.database, settings.data) == (0, "postgresql://x/y", tmp_path)
    assert (settings.loops, settings.agents) == (False, False)
    assert settings.allow_anonymous_loopback == ("agh", "native")


def test_the_exit_code_of_the_server_is_that_of_the_command(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "serve", lambda _: 6)
    assert command("serve").code == 6


def test_a_bad_setting_in_the_environment_is_a_usage_error(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNYARD_PORT", "many")
    result = command("serve", "-o", "json")
    assert result.code == 2
    assert "RUNYARD_PORT" in result.problem["message"]


def test_a_server_stops_when_its_input_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    stopped = threading.Event()
    signals: list[int] = []

    def kill(_: int, number: int) -> None:
        signals.append(number)
        stopped.set()

    with os.fdopen(reading) as stdin:
        monkeypatch.setattr("sys.__stdin__", stdin)
        monkeypatch.setattr("os.kill", kill)
        serve_module.stop_when_input_ends()
        os.close(writing)
        assert stopped.wait(5)
    assert signals == [signal.SIGTERM]


def test_up_lets_the_reviewer_read_where_it_was_started(
    command: Command, served: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("up", "--port", "0", "-q").code == 0
    assert served[0].review_roots == (str(tmp_path),)
    assert served[0].port > 0
    assert served[0].log_level == "warning"


def test_up_greets_and_shows_what_happens(server: Script, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("GET", "/livez", {"status": "ok"})
    server.stream("/stream", event(1, "run.created", job="mail"), event(2, "run.completed"))
    refusal = Answer(body={"code": "forbidden", "detail": "stopping"}, status=403)
    server.routes["GET", "/stream"].append(refusal)
    up.accompany(Invocation(), server.url, "ry_k")
    text = capsys.readouterr().out
    assert f"Runyard is up at {server.url}" in text
    assert RUN_ID in text
    assert "run.completed" in text


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::1", "http://[::1]:1"),
        ("::", "http://[::1]:1"),
    ],
)
def test_the_address_is_one_that_a_client_here_can_reach(host: str, url: str) -> None:
    assert up.address(host, 1) == url


def test_upgrade_says_what_would_run(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(app, "upgrade", lambda _, check: ["0002_more"] if check else [])
    assert command("upgrade", "--check", "--data", str(tmp_path)).out == "0002_more\n"
    assert command("upgrade", "--check", "-o", "json").json == {"pending": ["0002_more"]}
    assert "up to date" in command("upgrade").err


def test_backup_and_restore_call_the_app(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[tuple[str, Path, Path]] = []
    monkeypatch.setattr(app, "backup", lambda settings, dest: calls.append(("backup", settings.data, dest)))
    monkeypatch.setattr(app, "restore", lambda settings, src: calls.append(("restore", settings.data, src)))
    assert command("backup", "there", "--data", str(tmp_path)).code == 0
    assert command("restore", "there", "--data", str(tmp_path), "-o", "json").code == 2
    assert command("restore", "there", "--data", str(tmp_path), "--yes").code == 0
    assert calls == [("backup", tmp_path, Path("there")), ("restore", tmp_path, Path("there"))]


def test_what_the_app_refuses_has_an_exit_code(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise Conflict("a server runs on it")

    monkeypatch.setattr(app, "restore", refuse)
    result = command("restore", "there", "--yes", "-o", "json")
    assert (result.code, result.problem["message"]) == (6, "a server runs on it")
