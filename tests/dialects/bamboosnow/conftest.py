"""The BambooSnow dialect of a whole server over real sockets, on both engines; its contract judges every exchange."""

from __future__ import annotations

import pytest

from tests.dialects.bamboosnow import client
from tests.dialects.bamboosnow.client import Snow
from tests.dialects.bamboosnow.contract import SnowContract, the_contract
from tests.support.stand import Stand


@pytest.fixture(scope="session")
def contract() -> SnowContract:
    """The contract's document as a judge."""
    return the_contract()


@pytest.fixture
def snow(stand: Stand) -> Snow:
    """A `bs_live_…` key of project `default` with all scopes."""
    return client.snow(stand)


@pytest.fixture
def stranger(stand: Stand) -> Snow:
    """A `bs_live_…` key of another project, `other`, with all scopes."""
    return client.snow(stand, project=stand.project("other"))
