"""Annotations: short texts that executors merge into a run's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from runyard.domain.errors import Invalid
from runyard.domain.moves import changed
from runyard.domain.records import Run
from runyard.engine import fences, sizes
from runyard.engine.fences import Writer
from runyard.storage.port import Tx
from runyard.storage.statements import runs as sql

ENTRIES = 50
NAME = 128
VALUE = 1024
METADATA = 256 << 10
"""What all metadata of a run takes at most."""
_json = msgspec.json.Encoder()


def annotate(tx: Tx, writer: Writer, values: Mapping[str, str]) -> Run:
    """Merge values into the run's metadata, in the place of older ones. Raises what `fences.open_for` raises,
    `Invalid` and `TooLarge`.
    """
    if not 1 <= len(values) <= ENTRIES:
        raise Invalid(f"{len(values)} annotations in one call; 1 to {ENTRIES} are right")
    for name, value in values.items():
        sizes.plain("the name of an annotation", name, longest=NAME, shortest=1)
        if name.startswith("_"):
            raise Invalid(f"the annotation {name[:32]!r} begins with `_`, as only the server's own do")
        sizes.plain(f"the annotation {name[:32]!r}", value, longest=VALUE)
    fenced = fences.open_for(tx, writer)
    run = sql.lock(tx, [fenced.id])[fenced.id]
    kept: dict[str, Any] = msgspec.json.decode(run.metadata) if run.metadata else {}
    text = _json.encode(kept | dict(values)).decode()
    sizes.within(METADATA, "the run's metadata", text)
    after = changed(run, metadata=text, updated_at=tx.now)
    sql.save(tx, [run], [after])
    fences.journal(tx, fenced, "run.annotated", writer.actor, {"keys": sorted(values)})
    return after
