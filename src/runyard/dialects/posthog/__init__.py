"""The PostHog dialect at `/posthog`. It is not served yet: whatever is asked of it is not found."""

from __future__ import annotations

from runyard.dialects.posthog.errors import ERRORS
from runyard.streams.asgi import App
from runyard.web.absent import absent
from runyard.web.server import Plumbing

PREFIX = "/posthog"


def app(plumbing: Plumbing) -> App:
    """The dialect as an ASGI app."""
    return absent(PREFIX, plumbing=plumbing, errors=ERRORS)
