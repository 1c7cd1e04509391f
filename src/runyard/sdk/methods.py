"""How a request builder becomes a method: it keeps its arguments and documentation, and its call is carried out.

A noun belongs to a client. In a blocking one its methods return answers, in an async one awaitables of answers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Generic, ParamSpec, TypeVar, overload

from runyard.sdk.call import Call
from runyard.sdk.handles import AsyncRun, Run
from runyard.sdk.models import Page, Triggered

P = ParamSpec("P")
T = TypeVar("T")

PAGE_LIMIT = 200


class Noun:
    """What the methods about one kind of thing hang from, in a blocking client."""

    def __init__(self, client: Any) -> None:
        self._client = client


class AsyncNoun:
    """What the methods about one kind of thing hang from, in an async client."""

    def __init__(self, client: Any) -> None:
        self._client = client


class Method(Generic[P, T]):
    """A builder that becomes a method of the nouns it is put into."""

    def __init__(self, build: Callable[P, Call[T]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    def _bound(self, noun: Any) -> Any:
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return noun._client.send(self._build(*args, **kwargs))

        method.__doc__ = self.__doc__
        return method


class Sends(Method[P, T]):
    """A method that sends one call."""

    @overload
    def __get__(self, noun: Noun, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, noun: AsyncNoun, owner: type) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, noun: Noun | AsyncNoun, owner: type) -> Any:
        return self._bound(noun)


class SendsForRun(Method[P, Any]):
    """A method that sends one call and answers with a run."""

    @overload
    def __get__(self, noun: Noun, owner: type) -> Callable[P, Run]: ...
    @overload
    def __get__(self, noun: AsyncNoun, owner: type) -> Callable[P, Awaitable[AsyncRun]]: ...
    def __get__(self, noun: Noun | AsyncNoun, owner: type) -> Any:
        return self._bound(noun)


class SendsForRuns(Method[P, Any]):
    """A method that sends one call and answers with runs."""

    @overload
    def __get__(self, noun: Noun, owner: type) -> Callable[P, list[Run]]: ...
    @overload
    def __get__(self, noun: AsyncNoun, owner: type) -> Callable[P, Awaitable[list[AsyncRun]]]: ...
    def __get__(self, noun: Noun | AsyncNoun, owner: type) -> Any:
        return self._bound(noun)


class SendsTrigger(Method[P, Any]):
    """A method that sends one trigger and answers with what became of it."""

    @overload
    def __get__(self, noun: Noun, owner: type) -> Callable[P, Triggered[Run]]: ...
    @overload
    def __get__(self, noun: AsyncNoun, owner: type) -> Callable[P, Awaitable[Triggered[AsyncRun]]]: ...
    def __get__(self, noun: Noun | AsyncNoun, owner: type) -> Any:
        return self._bound(noun)


class PagedMethod(Method[P, Page[T]]):
    """A builder that becomes a method which goes through a list, page by page as far as it is read."""

    def _bound(self, noun: Any) -> Any:
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            # The limit of a list is its caller's; that of a page is ours.
            most: Any = kwargs.get("limit")
            if most is not None:
                kwargs["limit"] = max(1, min(most, PAGE_LIMIT))
            return noun._client.each(self._build(*args, **kwargs), most=most)

        method.__doc__ = self.__doc__
        return method


class Lists(PagedMethod[P, T]):
    """A method that goes through a list."""

    @overload
    def __get__(self, noun: Noun, owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, noun: AsyncNoun, owner: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, noun: Noun | AsyncNoun, owner: type) -> Any:
        return self._bound(noun)


class ListsRuns(PagedMethod[P, Any]):
    """A method that goes through a list of runs."""

    @overload
    def __get__(self, noun: Noun, owner: type) -> Callable[P, Iterator[Run]]: ...
    @overload
    def __get__(self, noun: AsyncNoun, owner: type) -> Callable[P, AsyncIterator[AsyncRun]]: ...
    def __get__(self, noun: Noun | AsyncNoun, owner: type) -> Any:
        return self._bound(noun)
