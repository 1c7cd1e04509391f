"""Whether the server answers."""

from __future__ import annotations

from litestar import get

from runyard.dialects.strait.wire import StatusOk


@get("/health", public=True, sync_to_thread=False)
def health() -> StatusOk:
    """The server answers."""
    return StatusOk()


HANDLERS = [health]
