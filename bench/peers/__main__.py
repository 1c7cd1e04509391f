"""`python -m bench.peers [names…] [--quick]`: Runyard's drain and theirs, one after the other, in one run."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psycopg

from bench import crew, databases, figures
from bench.figures import Figure
from bench.peers import moments

NAMES = ("pgqueuer", "oban", "dbos", "procrastinate")
WORKERS = 2
ROOT = Path(__file__).parent.parent.parent


def main() -> int:
    """Measure, and say how many times as quick as each of them Runyard was."""
    arguments = _arguments()
    where = figures.machine()
    count = 5_000 if arguments.quick else 20_000
    with databases.postgres() as server:
        found = _ours(server, quick=arguments.quick)
        ours = {figure.engine: figure.value for figure in found}
        for name in arguments.names or NAMES:
            try:
                value = _drain(name, databases.separate(server), count)
            except ImportError as error:
                print(f"{name}: left out, {error}", flush=True)
                continue
            times = ", ".join(f"Runyard on {engine} {mine / value:.2f} times" for engine, mine in ours.items())
            what = f"{count:,} no-op jobs, {WORKERS} workers"
            found.append(
                Figure(bench=name, engine="postgres", what=what, value=value, unit="jobs/s", better="more", note=times)
            )
            print("  ".join(figures.told(found[-1])), flush=True)
    figures.write(figures.RESULTS / "peers.json", where, found)
    print(f"\n{figures.table(found)}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description="Measure other systems beside Runyard.")
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], help="which of them (all)")
    parser.add_argument("--quick", action="store_true", help="fewer jobs; the figures are rougher")
    return parser.parse_args()


def _ours(server: str, *, quick: bool) -> list[Figure]:
    """Runyard's drains, measured by its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "figures.json")
        command = [str(ROOT / ".venv/bin/python"), "-m", "bench", "drain", "--postgres", server, "--to", str(file)]
        subprocess.run([*command, *(["--quick"] if quick else [])], cwd=ROOT, check=True)
        content = json.loads(file.read_text(encoding="utf-8"))
    return [Figure(**{name: value for name, value in one.items() if name != "met"}) for one in content["figures"]]


def _drain(name: str, dsn: str, count: int) -> float:
    """Jobs a second, from the first that began to the last that can be seen as done."""
    peer = importlib.import_module(f"bench.peers.{name}")
    peer.prepare(dsn, count)
    command = [sys.executable, "-m", "bench.peers.worker", name, dsn]
    with tempfile.TemporaryDirectory() as folder:
        environment: Mapping[str, str] = {**os.environ, moments.FOLDER: folder}
        with psycopg.connect(dsn, autocommit=True) as look, crew.crew([command] * WORKERS, environment) as begin:
            begin()
            ended = crew.wait_until(lambda: not (look.execute(peer.LEFT).fetchone() or [True])[0])
        return count / (ended - moments.earliest(Path(folder)))


if __name__ == "__main__":
    raise SystemExit(main())
