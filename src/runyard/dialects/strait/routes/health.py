"""Whether the server answers, and whether it can do its work."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler

from runyard.dialects.strait.wire import StatusOk
from runyard.storage.port import Store
from runyard.web.health import Readiness


@get("/health", public=True, sync_to_thread=False)
def health() -> StatusOk:
    """The server answers."""
    return StatusOk()


def handlers(store: Store) -> list[HTTPRouteHandler]:
    """Both operations."""
    # Loops that rest do not keep clients of this dialect from being served: only the store counts here.
    readiness = Readiness(store, dict)

    @get("/health/ready", public=True)
    async def ready() -> StatusOk:
        """The store answers too; 503 when it does not."""
        await readiness.check()
        return StatusOk(status="ready")

    return [health, ready]
