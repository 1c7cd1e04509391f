"""What a peer's worker process says to whoever started it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

FOLDER = "BENCH_MOMENTS"
"""The environment variable that names the folder for the moments of first jobs."""


def ready() -> None:
    """Everything is loaded; come back when the drain is to begin."""
    print("ready", flush=True)
    sys.stdin.readline()


def begun_once() -> Callable[[], None]:
    """A function for a job to call: the first call leaves the time of day."""
    is_told = False

    def tell() -> None:
        nonlocal is_told
        if not is_told:
            is_told = True
            Path(os.environ[FOLDER], str(os.getpid())).write_text(str(time.time()), encoding="ascii")

    return tell


def earliest(folder: Path) -> float:
    """When the first job of all began."""
    return min(float(file.read_text(encoding="ascii")) for file in folder.iterdir())
