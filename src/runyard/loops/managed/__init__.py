"""Managed runs: the server itself runs their programs, each in a sandbox."""

from runyard.loops.managed.executor import Executor
from runyard.loops.managed.life import Ground

__all__ = ["Executor", "Ground"]
