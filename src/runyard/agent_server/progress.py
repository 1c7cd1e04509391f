"""How far the server is, as `/health` tells it."""

from __future__ import annotations

from typing import Any, Literal

from runyard.agent_server.clock import Clock

CAPABILITIES = ("user_message", "cancel", "close", "permission_response", "set_config_option", "steer", "resume")


class Progress:
    """The steps of the boot, in milliseconds since its beginning."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.monotonic()
        self._steps: dict[str, int] = {}
        self._failure: str | None = None
        self.readiness: Literal["starting", "ready", "failed"] = "starting"

    def step(self, name: str) -> None:
        """Take it that a step is done."""
        self._steps[name] = round((self._clock.monotonic() - self._started) * 1000)

    def fail(self, code: str) -> None:
        """Take it that there is no going on."""
        self.readiness, self._failure = "failed", code

    def health(self, *, has_session: bool) -> dict[str, Any]:
        """What `/health` answers (contract §10)."""
        opened = self._steps.get("session")
        return {
            "status": "ok",
            "hasSession": has_session,
            "readiness": self.readiness,
            "failureCode": self._failure,
            "bootMs": opened,
            "sessionInitMs": None if opened is None else opened - self._steps.get("repository", 0),
            "boot": {"state": self.readiness, "phases": dict(self._steps)},
            "capabilities": list(CAPABILITIES),
        }
