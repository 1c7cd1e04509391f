"""Benchmarks run: small, on SQLite, for what they do and not for their figures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT


@pytest.mark.parametrize(("name", "figures"), [("stats", 14), ("review", 2)])
def test_a_benchmark_runs_and_keeps_its_figures(name: str, figures: int, tmp_path: Path) -> None:
    kept = tmp_path / "figures.json"
    command = [sys.executable, "-m", "bench", name, "--quick", "--engine", "sqlite", "--to", str(kept)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(kept.read_text())["figures"]
    assert [one["bench"] for one in found] == [name] * figures
    assert all(one["value"] > 0 for one in found)
    assert done.stdout.count(f"{name}  sqlite") == 2 * figures, "told as they are found, and in a table"
