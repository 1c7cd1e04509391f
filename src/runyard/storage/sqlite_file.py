"""The SQLite file: how it is opened, and how its write-ahead log is kept short."""

from __future__ import annotations

import threading
from pathlib import Path

import apsw
import structlog

from runyard.storage import migrate

SLICE = 2000
"""Pages that are added to the log before it is copied again."""
LONG = 16_000
"""Pages that the log may have (66 MB) before the writer waits for it to be copied."""
WRITING = ("journal_mode = WAL", "synchronous = NORMAL", "wal_autocheckpoint = 0")

log = structlog.get_logger("runyard.storage")


def connect(path: Path, *, readonly: bool = False) -> apsw.Connection:
    """Open the database with the settings every connection needs.

    No connection copies the log, `Checkpoints` does. No commit syncs it, who commits does (`syncing`): NORMAL leaves
    to SQLite to sync the log before it is copied and begun anew, so the file is whole whenever power is lost.
    """
    mode = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(str(path), flags=mode, statementcachesize=512)
    # Without this, statements are made anew whenever other values are bound: a plan might be better for these.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    for pragma in (
        "busy_timeout = 5000",
        "temp_store = MEMORY",
        "cache_size = -16000",
        "mmap_size = 268435456",
        *(
            ("query_only = 1",)
            if readonly
            else ("journal_mode = WAL", "synchronous = NORMAL", "wal_autocheckpoint = 0")
        ),
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def applied(path: Path) -> dict[int, str]:
    """The migrations that ran on the file, with their checksums; none when there is no file."""
    if not path.exists():
        return {}
    connection = connect(path, readonly=True)
    try:
        return migrate.ran_on(connection)
    except apsw.SQLError:
        return {}
    finally:
        connection.close()


class Checkpoints:
    """Copies the log into the database on a thread beside the writer, whose commit would else wait for it now and then.

    The log begins anew when all of it is copied, which never happens while the writer goes on without a rest. So when
    it is long the writer copies what little is left.
    """

    def __init__(self, path: Path, writer: apsw.Connection) -> None:
        self._path = path
        self._copied = 0
        self._wanted = threading.Event()
        self._over = False
        writer.set_wal_hook(self._committed)
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Copy no more; whoever closes the last connection copies the rest."""
        self._over = True
        self._wanted.set()
        self._thread.join()

    def _committed(self, writer: apsw.Connection, _: str, pages: int) -> int:
        if pages < self._copied:
            self._copied = 0
        if pages >= LONG:
            self._copy(writer)
        elif pages - self._copied >= SLICE:
            self._wanted.set()
        return apsw.SQLITE_OK

    def _work(self) -> None:
        connection = connect(self._path)
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._over:
                connection.close()
                return
            self._copy(connection)

    def _copy(self, connection: apsw.Connection) -> None:
        try:
            _, self._copied = connection.wal_checkpoint()
        except (apsw.BusyError, apsw.LockedError):  # the other one is at it
            return
        except apsw.Error as error:
            log.warning("checkpoint.failed", reason=str(error))
