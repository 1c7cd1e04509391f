"""How programs are shut in: bubblewrap gives each a file system, a process table and a network of its own.

Inside there are the system's programs and libraries and the program's own folder, all read-only, and `/work`, `/tmp`
and `/dev/shm` in memory, which end with it. The only way out is the door that the server opens to its own API, unless
the program was given the network.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import msgspec

from runyard.sandbox.images import Program
from runyard.sandbox.limits import Limits
from runyard.settings import Settings

PROBE_SECONDS = 10
WORK = "/work"
APP = "/app"
PYTHON = str(Path(getattr(sys, "_base_executable", None) or sys.executable).resolve())
"""The interpreter without its virtual environment: what starts programs, inside as outside."""

_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "group",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "passwd",
    "pki",
    "protocols",
    "services",
    "ssl",
)
_ETC_NETWORK = ("host.conf", "hosts", "nsswitch.conf", "resolv.conf")
_CONTROLS = ("acpi", "bus", "fs", "irq", "mtrr", "pressure", "scsi", "sys", "sysrq-trigger")
"""Where the kernel is told what to do by files. They belong to root, whose files the programs of a server that runs as
root may write without any capability."""


def available(settings: Settings) -> str | None:
    """Why managed runs cannot be made safe here, in one sentence; None when they can."""
    return _trouble("managed runs", "MANAGED", settings.managed_isolation, settings.managed_paths, settings)


def sandboxes(settings: Settings) -> str | None:
    """Why no sandboxes of coding runs are opened here, in one sentence; None when they are."""
    if settings.sandbox_concurrency < 1:
        return "this server is to open none (RUNYARD_SANDBOX_CONCURRENCY=0)"
    return _trouble("sandboxes", "SANDBOX", settings.sandbox_isolation, settings.sandbox_paths, settings)


def _trouble(what: str, named: str, isolation: str, paths: tuple[str, ...], settings: Settings) -> str | None:
    if isolation == "off":
        return f"{what} are switched off (RUNYARD_{named}_ISOLATION=off)"
    if sys.platform != "linux":
        return f"{what} need Linux"
    if isolation == "none":
        return None
    if settings.allow_anonymous_loopback:
        return f"{what} would get in without a key while --allow-anonymous-loopback is given"
    path = shutil.which("bwrap")
    if path is None:
        return "bubblewrap is not installed here; install the package `bubblewrap`"
    return _probe(path, paths)


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """Where a program runs: within walls or not, and what it is given there."""

    walled: bool
    network: bool = False
    """Whether it has this machine's network; without walls it always has."""
    app: str | None = None
    """A folder that is shown read-only as `/app`."""
    work: str | None = None
    """A folder of this machine that is the program's own, as `/work` within walls; None makes one that ends with it."""
    below: str = ""
    """The folder within that one in which it begins."""
    paths: tuple[str, ...] = ()
    """Further folders that are shown read-only."""
    gate: bool = False
    """Whether this server may reach ports that the program listens on."""

    @property
    def secluded(self) -> bool:
        """Whether the program has a network of its own."""
        return self.walled and not self.network


def cell_of(program: Program, settings: Settings) -> Cell:
    """Where a managed run's program runs."""
    walled = settings.managed_isolation != "none"
    paths = settings.managed_paths
    return Cell(walled=walled, network=program.network, app=program.folder if walled else None, paths=paths)


@lru_cache(maxsize=8)
def _probe(bwrap: str, paths: tuple[str, ...]) -> str | None:
    command = [bwrap, *_walls(Limits(), Cell(walled=True, paths=paths)), "--", PYTHON, "-I", "-S", "-c", "pass"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS, check=False, env={})
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not work here: {str(error)[:200]}"
    if done.returncode == 0:
        return None
    said = done.stderr.decode(errors="replace").strip()[-200:] or f"it ended with {done.returncode}"
    return f"bubblewrap does not work here (are user namespaces allowed?): {said}"


def walls(cell: Cell, limits: Limits) -> list[str]:
    """The words that shut a program in; its command follows them. Raises `FileNotFoundError` without bubblewrap."""
    path = shutil.which("bwrap")
    if path is None:
        raise FileNotFoundError("bwrap")
    return [path, *_walls(limits, cell), "--"]


def _walls(limits: Limits, cell: Cell) -> list[str]:
    words = ["--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"]
    words += ["--die-with-parent", "--new-session", "--hostname", "runyard"]
    words += ["--share-net"] if cell.network else []
    words += ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM:
        place = Path(name)
        if place.is_symlink():
            words += ["--symlink", str(place.readlink()), name]
        elif place.is_dir():
            words += ["--ro-bind", name, name]
    for name in _ETC + (_ETC_NETWORK if cell.network else ()):
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    if cell.app is not None:
        words += ["--ro-bind", cell.app, APP]
    room = str(limits.room)
    words += ["--proc", "/proc"]
    for name in _CONTROLS:
        words += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    words += ["--dev", "/dev", "--size", room, "--tmpfs", "/dev/shm"]  # noqa: S108 (made here)
    words += ["--remount-ro", "/dev", "--size", room, "--tmpfs", "/tmp"]  # noqa: S108
    words += ["--size", room, "--tmpfs", WORK] if cell.work is None else ["--bind", cell.work, WORK]
    # After what would cover them: they may lie anywhere.
    prefix = str(Path(PYTHON).parent.parent)
    for shown in dict.fromkeys([*([] if prefix.startswith("/usr") else [prefix]), *cell.paths]):
        words += ["--ro-bind", shown, shown]
    return [*words, "--remount-ro", "/", "--chdir", WORK]
