"""First and later starts, a demonstration from a copy of a repository, backup and restore, upgrades."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.cli.main import run as run_command
from runyard.sdk import Client
from tests.e2e.conftest import Fleet
from tests.e2e.processes import ServerProcess, command, environment, free_port
from tests.e2e.repositories import BROKEN, CLEAN, repository


def up(folder: Path, port: int, database: str | None, *arguments: str) -> subprocess.Popen[str]:
    """`runyard up`, as on a new machine of somebody's own."""
    given = {} if database is None else {"RUNYARD_DATABASE": database}
    return subprocess.Popen(
        command("up", "--port", str(port), *arguments),
        env=environment(folder, **given),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def told_until(process: subprocess.Popen[str], line: str) -> str:
    """What it says up to a line with this text."""
    assert process.stdout is not None
    told = ""
    for text in process.stdout:
        told += text
        if line in text:
            return told
    raise AssertionError(f"it ended without saying {line!r}:\n{told}")


def test_the_first_start_makes_and_shows_a_key_and_the_next_ones_just_work(
    fleet: Fleet, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, port = fleet.make(engine).database, free_port()
    first = up(tmp_path, port, database, "--no-agents")
    with first:
        told = told_until(first, "What happens is shown below")
        (key,) = re.findall(r"admin key \(shown once\): (ry_\w+)", told)
        assert f"Runyard is up at http://127.0.0.1:{port}" in told
        credentials = tmp_path / "credentials.json"
        assert credentials.stat().st_mode & 0o777 == 0o600
        # The command line needs no telling where the server is and who asks.
        asked = subprocess.run(
            command("runs", "create", "-q"), env=environment(tmp_path), capture_output=True, text=True, check=True
        )
        run = asked.stdout.strip()
        told_until(first, run)
        first.send_signal(signal.SIGINT)
        assert first.wait(30) == 0

    again = up(tmp_path, port, database, "--no-agents")
    with again:
        told = told_until(again, "What happens is shown below")
        assert key not in told
        assert "admin key" not in told
        monkeypatch.setenv("RUNYARD_CREDENTIALS", str(credentials))
        with Client() as client:
            assert client.runs.get(run).state == "queued"
        again.terminate()
        assert again.wait(30) == 0


def test_a_copy_of_a_repository_demonstrates_itself(tmp_path: Path) -> None:
    folder = repository(tmp_path / "copy", {"good.py": CLEAN, "bad.py": BROKEN})
    done = subprocess.run(
        command("demo"), cwd=folder, env=environment(tmp_path), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "bad.py" in done.stdout
    for kind in ("run.created", "run.claimed", "run.started", "run.completed"):
        assert kind in done.stdout
    assert "nothing left behind" in done.stderr
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "credentials.json").exists()


Local = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Local:
    """The exit code and the JSON of a command about a server's data."""

    def call(server: ServerProcess, *arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            for name, value in server.environment.items():
                patch.setenv(name, value)
            code = run_command([*arguments, "-o", "json"])
        told = capsys.readouterr()
        return code, json.loads(told.out or told.err)

    return call


def test_a_data_folder_is_backed_up_while_the_server_runs_and_put_back_elsewhere(
    fleet: Fleet, said: Local, tmp_path: Path
) -> None:
    server = fleet.fragile("sqlite")
    with server.client() as client:
        run = client.runs.create({"n": 1})
        client.runs.upload(run.id, "note", "hello")
    saved, other = tmp_path / "saved", ServerProcess(tmp_path / "other")
    assert said(server, "backup", str(saved))[0] == 0
    assert said(server, "backup", str(saved))[0] in {2, 6}, "it is there already"
    assert said(server, "restore", str(saved), "--yes")[0] == 6, "a server runs on that folder"

    assert said(other, "restore", str(saved))[0] == 2, "nobody can be asked"
    assert said(other, "restore", str(saved), "--yes") == (0, {"restored": str(saved), "data": str(other.data)})
    try:
        with other.start().client() as client:
            assert client.runs.get(run.id).payload == {"n": 1}
            (file,) = client.runs.artifacts(run.id)
            assert client.runs.artifact_content(run.id, file.id) == b"hello"
    finally:
        other.close()


def test_a_postgresql_database_is_not_backed_up_by_us(fleet: Fleet, said: Local, tmp_path: Path) -> None:
    code, problem = said(fleet.make("postgres"), "backup", str(tmp_path / "saved"))
    assert code == 2
    assert "pg_dump" in problem["message"]


def test_an_upgrade_says_what_it_would_do_and_does_it(fleet: Fleet, engine: str, said: Local) -> None:
    server = fleet.make(engine)
    code, told = said(server, "upgrade", "--check")
    assert (code, told["pending"][0]) == (0, "0001_foundation")
    assert said(server, "upgrade") == (0, {"applied": told["pending"]})
    assert said(server, "upgrade", "--check")[1] == {"pending": []}


def test_a_second_server_on_one_data_folder_refuses(fleet: Fleet) -> None:
    second = subprocess.run(
        command("serve", "--port", "0", "--no-agents"),
        env=fleet.fragile("sqlite").environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert second.returncode == 6
    assert "runyard:" in second.stderr
