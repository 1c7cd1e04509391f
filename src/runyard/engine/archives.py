"""Archives: ended runs with all that belongs to them, one JSON object a line, compressed with Zstandard."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from runyard.artifacts.port import Blobs
from runyard.domain.errors import Invalid
from runyard.domain.records import Run
from runyard.domain.slices import Slice
from runyard.engine import (
    actions,
    approvals,
    artifacts,
    attempts,
    checkpoints,
    events,
    findings,
    logs,
    outputs,
    run_state,
    sizes,
    tool_calls,
    usage,
)
from runyard.storage.port import Store, Tx
from runyard.storage.statements import archives as sql
from runyard.storage.statements import runs as runs_sql
from runyard.storage.statements.archives import Table
from runyard.storage.statements.retention import Claimed

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FOLDER = "archive"
SUFFIX = ".jsonl.zst"
PORTION = 50
PAGE = 100
_encoder = msgspec.json.Encoder()
_raw = msgspec.json.Decoder(msgspec.Raw)
_RUN_JSON = {"requires", "payload", "tags", "metadata", "output", "error", "resolution"}
_HIDDEN = {"project_id", "run_id", "lease_hash"}
"""What the line says already, and what nobody needs once the run has ended."""


class Kind(msgspec.Struct, frozen=True):
    """One list of a line: its table, how to read it page by page, and which fields hold JSON text."""

    name: str
    table: Table
    read: Callable[..., Slice[Any, Any]]
    json: frozenset[str] = frozenset()
    begin: str = "after"


KINDS = (
    Kind("attempts", sql.ATTEMPTS, attempts.of_run, frozenset({"error"})),
    Kind("events", sql.EVENTS, events.of_run, frozenset({"data"})),
    Kind("logs", sql.LOGS, logs.of_run, frozenset({"data"})),
    Kind("checkpoints", sql.CHECKPOINTS, checkpoints.of_run, frozenset({"state"}), begin="before"),
    Kind("usage", sql.USAGE, usage.of_run, frozenset({"price"})),
    Kind("tool_calls", sql.TOOL_CALLS, tool_calls.of_run, frozenset({"input", "output"})),
    Kind("outputs", sql.OUTPUTS, outputs.of_run, frozenset({"value", "schema"})),
    Kind("state", sql.STATE, run_state.of_run, frozenset({"value"})),
    Kind("artifacts", sql.ARTIFACTS, artifacts.of_run),
    Kind("findings", sql.FINDINGS, findings.of_run),
    Kind("actions", sql.ACTIONS, actions.of_run, frozenset({"details"})),
    Kind("approvals", sql.APPROVALS, approvals.of_run, frozenset({"changes"})),
)


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """Some runs with their lists by kind and run; None for a kind that is too much to hold at once."""

    runs: list[Run]
    lists: list[dict[str, list[Any]] | None]


def write(store: Store, blobs: Blobs, claimed: Sequence[Claimed]) -> list[str]:
    """Archive the runs, one file a project and day of their end; the names of the files.

    A file is named by the hash of its content, so archiving the same runs again changes nothing.
    """
    names = []
    for (project_id, day), group in groupby(claimed, key=lambda one: (one.project_id, _day(one.finished_at))):
        folder = f"{FOLDER}/{project_id}/{day}"
        ids = [one.run_id for one in group]
        names.append(blobs.keep(folder, SUFFIX, _compressed(_lines(store, project_id, ids))))
    return names


def read_archive(path: Path) -> Iterator[dict[str, Any]]:
    """The runs of an archive file, one after the other. Raises `Invalid` when it is damaged."""
    try:
        with zstd.open(path, "rb") as file:
            for line in file:
                yield msgspec.json.decode(line)
    except (zstd.ZstdError, EOFError, msgspec.DecodeError) as error:
        raise Invalid(f"{path.name} is no archive, or a damaged one: {error}") from None


def _day(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1e6, UTC).date().isoformat()


def _compressed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    options = {int(zstd.CompressionParameter.compression_level): 6, int(zstd.CompressionParameter.checksum_flag): 1}
    compressor = zstd.ZstdCompressor(options=options)
    for piece in pieces:
        if ready := compressor.compress(piece):
            yield ready
    yield compressor.flush()


def _lines(store: Store, project_id: int, ids: Sequence[str]) -> Iterator[bytes]:
    # Another server may have been faster; what is gone is in its archive.
    ahead = store.look(sql.run_sizes, project_id, ids)
    while ahead:
        count = sizes.fitting([size for _, size in ahead], PORTION)
        portion = store.look(_portion, [run_id for run_id, _ in ahead[:count]])
        ahead = ahead[count:]
        for run in portion.runs:
            yield b'{"run":' + _line_of(run, _RUN_JSON, hidden={"lease_hash"})
            for kind, found in zip(KINDS, portion.lists, strict=True):
                pages = _paged(store, run, kind) if found is None else iter([found.get(run.id, [])])
                yield from _list(kind, pages)
            yield b"}\n"


def _portion(tx: Tx, ids: Sequence[str]) -> Portion:
    found = runs_sql.get(tx, ids)
    lists = [sql.all_of(tx, kind.table, ids, sizes.PAGE) for kind in KINDS]
    return Portion(runs=[found[run_id] for run_id in ids if run_id in found], lists=lists)


def _paged(store: Store, run: Run, kind: Kind) -> Iterator[list[Any]]:
    begin: dict[str, Any] = {}
    while True:
        page = store.look(kind.read, run.project_id, run.id, limit=PAGE, **begin)
        yield page.rows
        if page.more is None:
            return
        begin = {kind.begin: page.more}


def _list(kind: Kind, pages: Iterator[list[Any]]) -> Iterator[bytes]:
    yield f',"{kind.name}":['.encode()
    separator = b""
    for page in pages:
        for record in page:
            yield separator + _line_of(record, kind.json, hidden=_HIDDEN)
            separator = b","
    yield b"]"


def _line_of(record: msgspec.Struct, json: set[str] | frozenset[str], *, hidden: set[str]) -> bytes:
    values: dict[str, Any] = {}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if name not in hidden:
            values[name] = _embedded(value) if name in json and value is not None else value
    return _encoder.encode(values)


def _embedded(text: str) -> Any:
    """JSON text as a part of the line. Line breaks can stand between its tokens only, so blanks do as well."""
    try:
        return _raw.decode(text.replace("\n", " ").replace("\r", " "))
    except msgspec.DecodeError:  # never archive a line that cannot be read back
        return text
