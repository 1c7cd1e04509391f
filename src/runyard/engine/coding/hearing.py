"""What the engine itself takes from the events of a sandbox, besides handing them on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from runyard.domain.records import Run
from runyard.engine.coding import permissions, usage
from runyard.storage.port import Tx

_SIGNS = ("permission_re", "usage_update")
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def heard(tx: Tx, run: Run, texts: Iterable[str]) -> None:
    """Take note of what these events, each a JSON document, ask leave for and say was used. The run is locked."""
    events = []
    for text in texts:
        # Nearly all are pieces of messages, which are not worth reading.
        if not any(sign in text for sign in _SIGNS):
            continue
        try:
            events.append(_decode(text))
        except (msgspec.DecodeError, RecursionError):
            continue
    if events:
        permissions.heard(tx, run, events)
        usage.heard(tx, run, events)
