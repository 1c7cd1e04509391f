"""Self-hosted control plane for AI-agent runs."""

__version__ = "0.1.0"
