"""Which server to talk to and as whom: arguments, then the environment, then a file that only its owner may read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
import platformdirs

DEFAULT_URL = "http://127.0.0.1:8321"


class Credentials(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A server and a key for it; `project` (number or slug) matters to admin keys only."""

    url: str
    key: str | None = None
    project: str | None = None


def path(env: Mapping[str, str] | None = None) -> Path:
    """The credentials file: `RUNYARD_CREDENTIALS`, else the one in the user's configuration folder."""
    env = os.environ if env is None else env
    return Path(env.get("RUNYARD_CREDENTIALS") or Path(platformdirs.user_config_dir("runyard")) / "credentials.json")


def read(file: Path) -> Credentials | None:
    """What the file says, or None when there is no such file. Raises `ValueError` when it makes no sense."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Credentials)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except msgspec.MsgspecError as error:
        raise ValueError(f"{file} is not a credentials file: {error}") from error


def write(file: Path, credentials: Credentials) -> None:
    """Put the credentials into the file, readable by its owner alone; readers see the old file or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # mkstemp makes the file 0600 from its first moment.
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(credentials)) + b"\n")
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def find(
    url: str | None = None,
    key: str | None = None,
    *,
    project: str | int | None = None,
    env: Mapping[str, str] | None = None,
) -> Credentials:
    """The credentials to use. Raises `ValueError` when a needed credentials file makes no sense."""
    env = os.environ if env is None else env
    url = url or env.get("RUNYARD_URL") or None
    key = key or env.get("RUNYARD_KEY") or None
    wanted = str(project) if project is not None else env.get("RUNYARD_PROJECT") or None
    if key is None:
        stored = read(path(env))
        # The stored key belongs to the stored server: it must never travel to another one.
        if stored is not None and (url is None or _same(url, stored.url)):
            return Credentials(url=url or stored.url, key=stored.key, project=wanted or stored.project)
    return Credentials(url=url or DEFAULT_URL, key=key, project=wanted)


def _same(one: str, other: str) -> bool:
    return one.rstrip("/").replace("://localhost", "://127.0.0.1") == other.rstrip("/").replace(
        "://localhost", "://127.0.0.1"
    )
