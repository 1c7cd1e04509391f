"""Sandboxes: the server itself opens one for each coding run that asks for it, with an agent at work in it."""

from runyard.loops.sandboxes.executor import Executor
from runyard.loops.sandboxes.ground import Ground

__all__ = ["Executor", "Ground"]
