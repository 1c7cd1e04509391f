"""One process at a time on one SQLite file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from runyard.domain.errors import Conflict


class FileLock:
    """Keeps a second process off the database file. Raises `Conflict` when another holds it."""

    def __init__(self, path: Path) -> None:
        self.file: IO[str] = open(path, "a+", encoding="utf-8")  # noqa: SIM115 (held for the life of the store)
        try:
            _lock(self.file)
        except OSError:
            self.file.seek(0)
            holder = self.file.read(32).strip() or "unknown"
            self.file.close()
            raise Conflict(
                f"another process (pid {holder}) already serves {path.with_suffix('')}; "
                "stop it, choose another --data folder, or use PostgreSQL for several servers"
            ) from None
        self.file.seek(0)
        self.file.truncate()
        self.file.write(str(os.getpid()))
        self.file.flush()

    def release(self) -> None:
        """Let the next process in."""
        self.file.close()


def _lock(file: IO[str]) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt  # type: ignore[import-not-found,unused-ignore]

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
