"""The native API of a whole server, over real sockets, on both engines."""

from __future__ import annotations

import pytest

from tests.support.api import Api
from tests.support.stand import Stand


@pytest.fixture
def api(stand: Stand) -> Api:
    """A key of project 1 that may do everything but administer."""
    return stand.key()


@pytest.fixture
def admin(stand: Stand) -> Api:
    """The admin key."""
    return stand.admin
