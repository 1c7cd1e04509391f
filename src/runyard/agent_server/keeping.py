"""Keeps what the agent changed as a file of the run, once, when the run ends or the server has to."""

from __future__ import annotations

import asyncio
import logging

from runyard.agent_server import changes
from runyard.agent_server.changes import Mark, NotKept
from runyard.agent_server.control import Control, ControlError
from runyard.agent_server.journal import Journal
from runyard.agent_server.launch import Launch

log = logging.getLogger("runyard.agent_server")
SECONDS = 10.0
"""How long all of it may take: whoever ends the sandbox does not wait for ever."""


class Keeper:
    """What one run leaves."""

    def __init__(self, launch: Launch, control: Control, journal: Journal) -> None:
        self._launch = launch
        self._control = control
        self._journal = journal
        self._mark: Mark | None = None

    async def begin(self) -> None:
        """Remember how the folder stands, before anybody works in it."""
        if self._launch.keep_changes:
            self._mark = await changes.mark(self._launch)

    async def keep(self, session: str, *, last: bool = False) -> None:
        """Keep what has changed since the beginning; what cannot be kept is told in the run's log.

        Where git fails, as it does when it is asked to end with all else, that is left to the last time.
        """
        mark, self._mark = self._mark, None
        if mark is None:
            return
        try:
            async with asyncio.timeout(SECONDS):
                said = await self._kept(mark)
        except TimeoutError:
            said = f"What the agent changed could not be kept within {SECONDS:.0f} seconds"
        except NotKept as error:
            self._mark = None if last else mark
            said = f"What the agent changed could not be kept: {error}" if last else None
        except ControlError as error:
            said = f"What the agent changed could not be kept: {error}"
        if said is not None:
            log.warning("changes.not_kept %s", said)
            self._journal.console(session, "warn", said)

    async def _kept(self, mark: Mark) -> str | None:
        """Why nothing is kept of what has changed, if so."""
        found = await changes.changed(self._launch, mark, changes.LIMIT_BYTES)
        if found is None:
            return None
        if found.content is None:
            most = changes.LIMIT_BYTES
            return f"What the agent changed is not kept: {found.name} has {found.size} bytes, and may have {most}"
        await self._control.keep(found.name, found.kind, found.content_type, found.content)
        log.info("changes.kept %s with %d bytes", found.name, found.size)
        return None
