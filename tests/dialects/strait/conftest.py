"""The Strait dialect of a whole server, over real sockets, on both engines; every exchange is held to its contract."""

from __future__ import annotations

import pytest

from tests.dialects.strait import client
from tests.dialects.strait.client import Strait
from tests.dialects.strait.contract import StraitContract, the_contract
from tests.support.stand import Stand


@pytest.fixture(scope="session")
def contract() -> StraitContract:
    """The contract's document as a judge."""
    return the_contract()


@pytest.fixture
def internal(stand: Stand, contract: StraitContract) -> Strait:
    """The internal secret: the admin key as `X-Internal-Secret`."""
    return client.internal(stand, contract)


@pytest.fixture
def strait(stand: Stand, contract: StraitContract) -> Strait:
    """A `strait_…` key of project `default` with all scopes."""
    return Strait(stand, contract, client.strait_key(stand))


@pytest.fixture
def stranger(stand: Stand, contract: StraitContract) -> Strait:
    """A `strait_…` key of another project, `other`, with all scopes."""
    return Strait(stand, contract, client.strait_key(stand, project=stand.project("other")))
