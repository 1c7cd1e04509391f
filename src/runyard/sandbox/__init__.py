"""Programs of runs: what may be run, how it is shut in and limited, and how it is watched."""

from runyard.sandbox.images import check_image
from runyard.sandbox.isolation import available, sandboxes

__all__ = ["available", "check_image", "sandboxes"]
