"""Which handlers a path means, found as the framework will find them and before it knows them.

To let the framework know a route takes milliseconds, and a server has hundreds of routes; most are never asked for.
A path without parameters counts first and as a whole; else a path is followed word by word, a word that is known
before a parameter, and never back. So what the framework finds for a path of a place that it knows does not depend on
which other places it knows.
"""

from __future__ import annotations

from collections.abc import Iterable

from litestar.handlers import HTTPRouteHandler
from litestar.types import ControllerRouterHandler
from litestar.utils.path import normalize_path


class Place:
    """What paths that differ in the names of their parameters only lead to."""

    __slots__ = ("handlers", "paths")

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.handlers: list[HTTPRouteHandler] = []


class _Node:
    """What follows a part of a path that has parameters."""

    __slots__ = ("any", "place", "takes_rest", "words")

    def __init__(self) -> None:
        self.words: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.place: Place | None = None
        self.takes_rest = False


class Paths:
    """The places of an API."""

    def __init__(self, handlers: Iterable[ControllerRouterHandler]) -> None:
        self.places: list[Place] = []
        self.declared: dict[str, None] = {}
        """Every path once, in the order of the handlers."""
        self._plain: dict[str, Place] = {}
        self._root = _Node()
        for handler in handlers:
            assert isinstance(handler, HTTPRouteHandler), f"{handler} is no handler of a route"
            for path in map(normalize_path, handler.paths):
                self.declared[path] = None
                place = self._place(path)
                place.paths.add(path)
                place.handlers.append(handler)

    def _place(self, path: str) -> Place:
        if "{" not in path:
            return self._plain.get(path) or self._plain.setdefault(path, self._new())
        node = self._root
        for word in path[1:].split("/"):
            if word.startswith("{"):
                node.any = node = node.any or _Node()
                node.takes_rest = node.takes_rest or word.endswith(":path}")
            else:
                node = node.words.setdefault(word, _Node())
        node.place = node.place or self._new()
        return node.place

    def _new(self) -> Place:
        self.places.append(Place())
        return self.places[-1]

    def find(self, path: str) -> tuple[Place, list[str]] | None:
        """The place of a path without empty words, and the words that stand for its parameters."""
        place = self._plain.get(path)
        if place is not None:
            return place, []
        node = self._root
        values: list[str] = []
        for word in path[1:].split("/"):
            following = node.words.get(word)
            if following is None:
                following = node.any
                if following is None or not word:
                    return None
                values.append(word)
            node = following
            if node.takes_rest:
                break
        return (node.place, values) if node.place is not None else None
