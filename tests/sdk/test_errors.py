from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from runyard.domain import errors as domain
from runyard.sdk.errors import BY_CODE, Conflict, Forbidden, LeaseLost, RunyardError, Unavailable, error_of, retry_after

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def test_a_problem_becomes_the_class_of_its_code() -> None:
    body = msgspec.json.encode(
        {
            "status": 409,
            "title": "Lease lost",
            "detail": "Another executor holds it.",
            "code": "lease_lost",
            "request_id": "r-7",
            "errors": [{"pointer": "/reports/0"}],
        }
    )

    error = error_of(409, {}, body, now=NOW)

    assert isinstance(error, LeaseLost)
    assert isinstance(error, Conflict)
    assert (error.status, error.code, error.detail) == (409, "lease_lost", "Another executor holds it.")
    assert (error.request_id, error.errors, error.retryable) == ("r-7", [{"pointer": "/reports/0"}], False)


def test_an_unknown_code_falls_back_to_its_status() -> None:
    error = error_of(403, {}, b'{"code":"from_the_future","detail":"No."}', now=NOW)

    assert type(error) is Forbidden
    assert error.code == "from_the_future"


def test_something_in_front_of_the_server_may_answer_in_html() -> None:
    error = error_of(502, {"retry-after": "3"}, b"<html>Bad gateway</html>", now=NOW)

    assert isinstance(error, Unavailable)
    assert "Bad gateway" in error.detail
    assert (error.retryable, error.retry_after) == (True, 3.0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("5", 5.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("soon", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, now=NOW) == seconds


def test_every_code_of_the_server_has_a_class() -> None:
    codes = {kind.code for kind in _subclasses(domain.DomainError) if kind.__module__ == domain.__name__}

    assert codes <= set(BY_CODE) | {"error"}


def test_an_error_without_words_says_what_its_class_means() -> None:
    assert "Somebody else holds this run" in str(LeaseLost())
    assert issubclass(LeaseLost, RunyardError)


def _subclasses(kind: type[domain.DomainError]) -> set[type[domain.DomainError]]:
    return {kind}.union(*(_subclasses(below) for below in kind.__subclasses__()))
