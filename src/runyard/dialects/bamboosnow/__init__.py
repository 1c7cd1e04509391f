"""The BambooSnow dialect at `/bamboosnow`. It is not served yet: whatever is asked of it is not found."""

from __future__ import annotations

from runyard.dialects.bamboosnow.errors import ERRORS
from runyard.streams.asgi import App
from runyard.web.absent import absent
from runyard.web.server import Plumbing

PREFIX = "/bamboosnow"


def app(plumbing: Plumbing) -> App:
    """The dialect as an ASGI app."""
    return absent(PREFIX, plumbing=plumbing, errors=ERRORS)
