"""What goes over the wire, shape by shape as the contract has it."""

from runyard.dialects.strait.wire.runs import JobRun
from runyard.dialects.strait.wire.values import Paginated, StatusOk

__all__ = ["JobRun", "Paginated", "StatusOk"]
