"""The PostHog dialect of a whole server over real sockets, on both engines; its contract judges every exchange."""

from __future__ import annotations

import pytest

from tests.dialects.posthog import client
from tests.dialects.posthog.client import Posthog
from tests.dialects.posthog.contract import PosthogContract, the_contract
from tests.support.stand import Stand


@pytest.fixture(scope="session")
def contract() -> PosthogContract:
    """The contract's document as a judge."""
    return the_contract()


@pytest.fixture
def posthog(stand: Stand) -> Posthog:
    """A key of project `default` with all scopes but `admin`."""
    return client.posthog(stand)


@pytest.fixture
def stranger(stand: Stand) -> Posthog:
    """A key of another project, `other`, with all scopes but `admin`."""
    return client.posthog(stand, project=stand.project("other"))
