"""Files that the agent reads and writes through us, within its folder only."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from runyard.agent_server.rpc import INVALID_PARAMS, RpcError

MAX_FILE = 20 << 20
_NOT_FOUND = -32002


class ReadTextFile(Struct, frozen=True, kw_only=True):
    """`fs/read_text_file`."""

    path: str
    line: Annotated[int, Meta(ge=0)] | None = None
    limit: Annotated[int, Meta(ge=0)] | None = None


class WriteTextFile(Struct, frozen=True, kw_only=True):
    """`fs/write_text_file`."""

    path: str
    content: str


def within(folder: Path, path: str) -> Path:
    """The path, links followed. Raises `RpcError` when it is relative or leads out of the folder."""
    if "\0" in path or not path.startswith("/"):
        raise RpcError(INVALID_PARAMS, f"{path!r} is no absolute path")
    found = Path(path).resolve()
    if not found.is_relative_to(folder.resolve()):
        raise RpcError(INVALID_PARAMS, f"{path} lies outside {folder}, where this session works")
    return found


def read(folder: Path, asked: ReadTextFile) -> str:
    """The text, or `limit` lines of it from `line` on, which counts from 1. Raises `RpcError`."""
    path = within(folder, asked.path)
    try:
        if path.stat().st_size > MAX_FILE:
            raise RpcError(INVALID_PARAMS, f"{path} is larger than {MAX_FILE} bytes")
        with path.open(encoding="utf-8", newline="") as file:
            if asked.line is None and asked.limit is None:
                return file.read()
            start = max(0, (asked.line or 1) - 1)
            return "".join(islice(file, start, None if asked.limit is None else start + asked.limit))
    except FileNotFoundError:
        raise RpcError(_NOT_FOUND, f"There is no file {path}") from None
    except UnicodeDecodeError:
        raise RpcError(INVALID_PARAMS, f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise RpcError(INVALID_PARAMS, f"{path}: {error.strerror}") from None


def write(folder: Path, asked: WriteTextFile) -> None:
    """Replace the file's content; folders on the way are made. Raises `RpcError`."""
    path = within(folder, asked.path)
    try:
        data = asked.content.encode()
        if len(data) > MAX_FILE:
            raise RpcError(INVALID_PARAMS, f"The content is larger than {MAX_FILE} bytes")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise RpcError(INVALID_PARAMS, f"{path}: {error.strerror}") from None
