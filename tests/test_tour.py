"""The README is true: its tour is pasted into a shell and compared with what it claims."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.docs.pages import ROOT, assert_true, environment
from tests.support.postgres import fresh_database


def test_the_tour_of_the_readme_does_what_it_says(tmp_path: Path, postgres_dsn: str) -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    env = environment(tmp_path, RUNYARD_PORT=port, DATABASE_URL=fresh_database(postgres_dsn))
    assert_true(ROOT / "README.md", tmp_path, env, seconds=120)
