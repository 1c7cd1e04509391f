"""The command line in the process of the tests, and runs to try it on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runyard.cli.main import run as run_command
from runyard.sdk import CompleteReport, FailReport, Run
from tests.e2e.conftest import Place

NOBODY = "00000000-0000-7000-8000-000000000000"
"""The id of nothing."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


class Desk:
    """The command line in this process, on a project of its own."""

    def __init__(self, place: Place, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.place = place
        self.client = place.client
        self.folder = folder
        self._capsys = capsys
        self._where = ("--url", place.server.url, "--key", place.server.key, "--project", place.project)

    def call(self, *arguments: str, code: int = 0) -> Said:
        """Run a command that must end with this exit code."""
        self._capsys.readouterr()
        ended = run_command([*arguments, *self._where])
        said = self._capsys.readouterr()
        assert ended == code, f"{' '.join(arguments)}: {ended}\n{said.out}\n{said.err}"
        return Said(code=ended, out=said.out, err=said.err)

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Its answer in JSON; a failure is one JSON object on standard error and nothing else."""
        said = self.call(*arguments, "-o", "json", code=code)
        if said.out:
            return json.loads(said.out)
        problem = json.loads(said.err)
        assert {"code", "message"} <= problem.keys()
        return problem

    def lines(self, *arguments: str, code: int = 0) -> list[Any]:
        """Its answer in JSON lines."""
        return [json.loads(line) for line in self.call(*arguments, "-o", "jsonl", code=code).out.splitlines()]

    def text(self, *arguments: str, code: int = 0) -> str:
        """Its answer as a table."""
        return self.call(*arguments, code=code).out

    def shown(self, *arguments: str) -> Any:
        """The same answer in every form; the JSON one. The forms do not depend on the database."""
        told = self.json(*arguments)
        if self.place.server.database is not None:
            return told
        lines = self.lines(*arguments)
        assert lines == (told if isinstance(told, list) else [told])
        assert self.text(*arguments).strip()
        return told

    # What commands are about

    def run(self, **fields: Any) -> Run:
        """A run."""
        return self.client.runs.create({"n": 1}, **fields)

    def claimed(self, **fields: Any) -> tuple[Run, str]:
        """A run at work, and its lease."""
        made = self.run(**fields)
        (claim,) = self.client.runs.claim(worker="by hand")
        assert claim.run.id == made.id
        return made, claim.lease.token

    def completed(self, output: Any = None, **fields: Any) -> Run:
        """A completed run."""
        run, token = self.claimed(**fields)
        self.client.runs.complete([CompleteReport(run_id=run.id, token=token, output=output)])
        return run.refresh()

    def dead(self, error: str = "it broke", **fields: Any) -> Run:
        """A run in the dead letter."""
        run, token = self.claimed(retry={"max_attempts": 1}, **fields)
        self.client.runs.fail([FailReport(run_id=run.id, token=token, error=error)])
        return run.refresh()
