"""What all sandboxes of a server stand on, and what is known of each run that has one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from runyard.domain.states import LEASED, RunState
from runyard.engine.claims import Granted
from runyard.loops import watching
from runyard.outbound.relay import Relay
from runyard.settings import Settings
from runyard.storage.port import Store, Tx
from runyard.storage.statements.fences import Fenced
from runyard.streams.hub import Hub
from runyard.web.sandbox_tokens import SandboxTokens
from runyard.web.signed_tokens import SignedTokens

Stop = Literal["told", "called off", "lost", "server"]
"""Why a sandbox is to end: its agent has told the end of the run, somebody else has, the run is no longer ours, or the
server stops."""
TOLD = frozenset({RunState.COMPLETED, RunState.FAILED})
"""Where an agent itself may have brought its run."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long is waited for what, in seconds."""

    ready: float = 300.0
    """For an agent server to be ready: a bridge to its agent may have to be fetched first."""
    last_words: float = 10.0
    """For an agent server to end by itself when its run has ended."""
    close: float = 10.0
    """For an answer to being told to close."""
    grace: float = 20.0
    """Between asking a sandbox's processes to end and ending them: what the agent changed is kept meanwhile."""
    again: float = 2.0
    """Before a broken stream of events is opened once more; a little longer each time."""


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What the sandboxes of a server stand on."""

    store: Store
    hub: Hub
    settings: Settings
    relay: Relay
    signed: SignedTokens
    tokens: SandboxTokens
    address: Callable[[], tuple[str, int] | None]
    """Where this server answers; None before it does."""
    patience: Patience = Patience()

    @property
    def walled(self) -> bool:
        """Whether agents are shut in."""
        return self.settings.sandbox_isolation != "none"

    @property
    def folder(self) -> Path:
        """Where the folders are that agents work in."""
        return self.settings.data / "sandboxes"


class Held(watching.Held[Stop]):
    """A run, its lease, and what is known of its sandbox."""

    def __init__(self, granted: Granted) -> None:
        super().__init__(granted)
        self.id = Tx.new_id()
        """Names the sandbox among all."""

    @property
    def proof(self) -> dict[str, Any]:
        """What reports on the run name."""
        return {"project_id": self.run.project_id, "run_id": self.run.id, "token": self.lease.token}

    def judge(self, standing: Fenced | None) -> None:
        """Have it ended when the run is no longer ours."""
        ours = self.is_proved_by(standing)
        if standing is not None and ours and standing.state in LEASED:
            return
        if standing is None or not ours or standing.state in LEASED:
            self.let_go("called off" if standing is not None and standing.state is RunState.CANCELED else "lost")
            return
        self.let_go("told" if standing.state in TOLD else "called off")
