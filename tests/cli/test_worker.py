"""`runyard worker MODULE:WORKER`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runyard.sdk import Worker
from tests.cli.conftest import Command


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Worker]:
    found: list[Worker] = []

    def run(worker: Worker) -> None:
        found.append(worker)

    monkeypatch.setattr(Worker, "run", run)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return found


def test_the_module_is_found_in_the_current_folder(command: Command, ran: list[Worker], tmp_path: Path) -> None:
    (tmp_path / "chores_one.py").write_text("from runyard.sdk import Worker\nworker = Worker('http://a', 'k')\n")
    result = command("worker", "chores_one:worker", "--concurrency", "3", "--url", "http://b")
    assert result.code == 0, result.err
    assert (ran[0].concurrency, ran[0].url, ran[0].key) == (3, "http://b", "k")


def test_what_is_no_worker_is_refused_and_the_right_one_named(
    command: Command, ran: list[Worker], tmp_path: Path
) -> None:
    (tmp_path / "chores_two.py").write_text("from runyard.sdk import Worker\nmine = Worker()\nother = 5\n")
    result = command("worker", "chores_two:other", "-o", "json")
    assert (result.code, ran) == (2, [])
    assert "chores_two:mine" in result.problem["hint"]


def test_a_module_that_misses_another_says_which(command: Command, ran: list[Worker], tmp_path: Path) -> None:
    (tmp_path / "chores_three.py").write_text("import no_such_module_anywhere\n")
    result = command("worker", "chores_three:worker", "-o", "json")
    assert (result.code, ran) == (1, [])
    assert "no_such_module_anywhere" in result.problem["message"]


def test_a_worker_without_handlers_is_a_usage_error(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "chores_four.py").write_text("from runyard.sdk import Worker\nworker = Worker()\n")
    result = command("worker", "chores_four:worker", "-o", "json")
    assert result.code == 2
    assert "no handlers" in result.problem["message"]
