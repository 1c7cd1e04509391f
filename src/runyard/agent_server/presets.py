"""Which program speaks ACP for which agent."""

from __future__ import annotations

import sys

ECHO = (sys.executable, "-m", "runyard.agent_server.echo")
PRESETS: dict[str, tuple[str, ...]] = {
    # The bridges moved from @zed-industries to the organisation of the protocol.
    "claude": ("npx", "-y", "@agentclientprotocol/claude-agent-acp"),
    "codex": ("npx", "-y", "@agentclientprotocol/codex-acp"),
    # Speaks it itself; before 0.33 the flag was --experimental-acp.
    "gemini": ("gemini", "--acp"),
    "echo": ECHO,
}
"""The command lines of known agents, by the name of their adapter."""
