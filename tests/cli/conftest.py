"""The command line called in this process, and a scripted server for it to talk to."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from _pytest.capture import CaptureIO

from runyard.cli.main import run as run_command
from tests.cli.server import Script, listen


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return msgspec.json.decode(self.out.encode())

    @property
    def lines(self) -> list[Any]:
        """The JSON lines on standard output."""
        return [msgspec.json.decode(line.encode()) for line in self.out.splitlines()]

    @property
    def problem(self) -> dict[str, Any]:
        """The one JSON object on standard error."""
        return msgspec.json.decode(self.err.encode(), type=dict[str, Any])


Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("RUNYARD_") or name in {"NO_COLOR", "FORCE_COLOR"}]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RUNYARD_CREDENTIALS", str(tmp_path / "credentials.json"))
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*arguments: str) -> Result:
        capsys.readouterr()
        code = run_command(arguments)
        said = capsys.readouterr()
        return Result(code=code, out=said.out, err=said.err)

    return call


@pytest.fixture
def server() -> Iterator[Script]:
    script = Script()
    with listen(script) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield script
        listening.shutdown()
        thread.join()


@pytest.fixture
def cli(command: Command, server: Script) -> Command:
    def call(*arguments: str) -> Result:
        return command(*arguments, "--url", server.url, "--key", "ry_test")

    return call


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output and error are a terminal."""
    monkeypatch.setenv("TERM", "xterm")
    # Every phase of a test captures into a new object, so that only their class can be told to be a terminal.
    monkeypatch.setattr(CaptureIO, "isatty", lambda _: True, raising=False)
