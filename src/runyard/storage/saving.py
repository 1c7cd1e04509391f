"""Writing records back to the table that they were read from: as many columns as differ in any of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple

from runyard.storage.port import Tx, Update


class Saver:
    """Writes structs, whose fields are the columns of a table, to their rows.

    Only columns that changed are named: an UPDATE that names an indexed column rewrites that index, changed or not.
    """

    def __init__(
        self,
        table: str,
        types: Mapping[str, str],
        *,
        key: str,
        fixed: Collection[str],
        stored: Mapping[int, Callable[[Any], str | None]] | None = None,
    ) -> None:
        """`types` are the columns with their PostgreSQL types, in the order of the fields; `fixed` ones never change.

        `stored` says, by place, what is stored of fields that are not stored as they are.
        """
        self.table = table
        self.names = tuple(types)
        self.types = types
        self.key = self.names.index(key)
        self.stored = stored or {}
        self._moving = tuple(place for place, name in enumerate(self.names) if name not in {key, *fixed})
        self._updates: dict[tuple[int, ...], Update] = {}

    def save(self, tx: Tx, before: Sequence[msgspec.Struct], after: Sequence[msgspec.Struct]) -> None:
        """Write what differs between records that this transaction locked and what they are now."""
        if not after:
            return
        # Whole columns are compared at once, which costs next to nothing where both hold the same objects.
        old, new = list(zip(*map(astuple, before), strict=True)), list(zip(*map(astuple, after), strict=True))
        places = tuple(place for place in self._moving if old[place] != new[place])
        if places:
            columns = [self._column(place, new[place]) for place in places]
            tx.update_columns(self._update(places), [*columns, new[self.key]])

    def _column(self, place: int, values: tuple[Any, ...]) -> tuple[Any, ...]:
        stored = self.stored.get(place)
        return values if stored is None else tuple(map(stored, values))

    def _update(self, places: tuple[int, ...]) -> Update:
        found = self._updates.get(places)
        if found is None:
            columns = {self.names[place]: self.types[self.names[place]] for place in places}
            found = self._updates[places] = Update(self.table, columns, {self.names[self.key]: "text"})
        return found
