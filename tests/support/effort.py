"""How much is tried where there is no end to what could be: enough for every change, or all that time allows."""

from __future__ import annotations

import os

from hypothesis import settings

THOROUGH = "RUNYARD_TEST_THOROUGH" in os.environ
"""Whether to take hours: other examples each time and many more of them, on both engines."""

# A busy machine is no fault of the code. The quick profile tries the same examples each time: a failure is a change's.
settings.register_profile("quick", deadline=None, derandomize=True, database=None)
settings.register_profile("thorough", deadline=None)
settings.load_profile("thorough" if THOROUGH else "quick")
