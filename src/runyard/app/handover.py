"""What a server that answers hands to others: its admin key to its user, and a key to the built-in agents."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from pathlib import Path

import msgspec
import structlog

from runyard.app.server import Server
from runyard.engine import keys
from runyard.sdk import credentials

log = structlog.get_logger("runyard")


def say(line: str) -> None:
    """A line on standard output that whoever started the server may wait for."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def hand_over(server: Server, url: str, admin_key: str | None) -> None:
    """Print a key that was just made, once, and keep it for this user's command line."""
    file = credentials.path()
    if admin_key is None or server.settings.admin_key is not None:
        _mend(server, file, url)
        return
    say(f"admin key (shown once): {admin_key}")
    try:
        credentials.write(file, credentials.Credentials(url=url, key=admin_key))
    except OSError as error:
        log.warning("credentials.not_written", file=str(file), detail=str(error))
    else:
        say(f"kept for the command line in {file}")


def _mend(server: Server, file: Path, url: str) -> None:
    """Let kept credentials that hold a key of this server name the address it has now."""
    with contextlib.suppress(ValueError, OSError):
        kept = credentials.read(file)
        if kept is None or kept.key is None or kept.url == url:
            return
        if server.store.look(keys.find_by_hash, keys.hash_of(kept.key)) is not None:
            credentials.write(file, msgspec.structs.replace(kept, url=url))


def agents_command() -> list[str]:
    return [sys.executable, "-P", "-m", "runyard.agents"]


def agents_environment(server: Server, url: str) -> dict[str, str]:
    """What the built-in agents need: an own key, good for this process's life, and the folders they may read."""
    # Servers that share a database must not end each other's keys.
    where = f" of {socket.gethostname()[:64]} {url[:32]}" if server.settings.database else ""
    issued = server.store.transact(keys.renew_agents, name=f"built-in agents{where}")
    return {
        **os.environ,
        "RUNYARD_URL": url,
        "RUNYARD_LOG_LEVEL": server.settings.log_level,
        "RUNYARD_LOG_FORMAT": server.settings.log_format,
        "RUNYARD_KEY": issued.secret,
        "RUNYARD_REVIEW_ROOTS": os.pathsep.join(server.settings.review_roots),
        "RUNYARD_ALLOW_PRIVATE_ENDPOINTS": "1" if server.settings.allow_private_endpoints else "0",
    }
