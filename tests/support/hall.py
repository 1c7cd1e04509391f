"""The stands of a test process: one server for each engine, shared by the tests of all dialects."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stand import Stand, settings_in
from tests.support.stores import AnyStore, Shelf


class Hall:
    """One stand for each engine, built when first asked for and kept until the session ends."""

    def __init__(self, shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.shelf = shelf
        self.folders = tmp_path_factory
        self.stands: dict[str, Stand] = {}

    def stand(self, engine: str, store: AnyStore) -> Stand:
        """The engine's stand, as it is after the first start of a server."""
        if engine not in self.stands:
            settings = settings_in(self.folders.mktemp(f"stand-{engine}"))
            self.stands[engine] = Stand(store, self.shelf.clock, settings)
        stand = self.stands[engine]
        stand.fresh()
        return stand


@pytest.fixture(scope="session")
def hall(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    """The stands of this process."""
    hall = Hall(shelf, tmp_path_factory)
    yield hall
    for stand in hall.stands.values():
        stand.close()


@pytest.fixture
def stand(hall: Hall, engine: str, store: AnyStore) -> Stand:
    """A server on an empty store of each engine."""
    return hall.stand(engine, store)
