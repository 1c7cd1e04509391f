"""How grave a log line is. Executors use words of their own; these four are what people filter by. Pure."""

from __future__ import annotations

LEVELS = ("debug", "info", "warn", "error")
WORDS = {
    "debug": ("debug", "trace", "verbose"),
    "warn": ("warn", "warning"),
    "error": ("error", "err", "severe", "fatal", "critical", "alert", "emergency", "panic"),
}
"""What executors say for each; whatever else they say is `info`."""
_LEVEL_OF = {word: level for level, words in WORDS.items() for word in words}


def level_of(word: str) -> str:
    """The one of `LEVELS` that a word stands for."""
    return _LEVEL_OF.get(word.lower(), "info")
