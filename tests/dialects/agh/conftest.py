"""The AGH dialect of a whole server over real sockets, on both engines; its contract judges every exchange."""

from __future__ import annotations

import pytest

from tests.dialects.agh import client
from tests.dialects.agh.client import Agh
from tests.dialects.agh.contract import AghContract, the_contract
from tests.support.stand import Stand


@pytest.fixture(scope="session")
def contract() -> AghContract:
    """The contract's document as a judge."""
    return the_contract()


@pytest.fixture
def agh(stand: Stand) -> Agh:
    """A key of project `default` with all scopes but `admin`, as a person."""
    return client.agh(stand)


@pytest.fixture
def stranger(stand: Stand) -> Agh:
    """A key of another project, `other`, with all scopes but `admin`."""
    return client.agh(stand, project=stand.project("other"))
