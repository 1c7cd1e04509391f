"""Bodies and queries held to their fields; the first that is wrong is told in words clients know (contract §2.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn
from urllib.parse import parse_qsl

import msgspec

from runyard.dialects.posthog.errors import FieldError
from runyard.domain.canonical import decoded
from runyard.domain.errors import Invalid
from runyard.web.body import MAX_DEPTH, check_depth, check_type
from runyard.web.call import Call

Path = tuple[str | int, ...]
Read = Callable[[Any, Path], Any]
MISSING: Any = msgspec.UNSET


class Field(NamedTuple):
    """How one value is read, and what stands in its place when it is not given: MISSING leaves it out."""

    read: Read
    default: Any = MISSING
    required: bool = False
    null: bool = False


Form = Mapping[str, Field]


def wrong(code: str, detail: str, path: Path) -> NoReturn:
    """Raise the error of one field."""
    raise FieldError(code, detail, *path)


def fill(form: Form, given: Mapping[str, Any], path: Path = ()) -> dict[str, Any]:
    """The values of a form, in its order; names it does not know are passed over. Raises `FieldError`."""
    found: dict[str, Any] = {}
    for name, field in form.items():
        value = given.get(name, MISSING)
        here = (*path, name)
        if value is MISSING:
            if field.required:
                wrong("required", "This field is required.", here)
            if field.default is not MISSING:
                found[name] = field.default
        elif value is None:
            if not field.null:
                wrong("null", "This field may not be null.", here)
            found[name] = None
        else:
            found[name] = field.read(value, here)
    return found


async def body(call: Call, form: Form) -> dict[str, Any]:
    """The request's JSON object as the form has it; nothing at all counts as {}. Raises `FieldError`, `WrongType`."""
    return fill(form, parsed(call, await call.request.body()))


def parsed(call: Call, raw: bytes) -> dict[str, Any]:
    """A body as the object it must be. Raises `FieldError` and `WrongType`."""
    if not raw.strip():
        return {}
    check_type(call.request.scope["headers"])
    try:
        # Quick looks first: a body may have 40 MiB, and while it is looked through nobody else is served.
        if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
            check_depth(raw)
        value = decoded(raw)
    except (UnicodeDecodeError, msgspec.DecodeError, Invalid) as error:
        wrong("parse_error", f"JSON parse error - {error}", ())
    if not isinstance(value, dict):
        wrong("invalid_input", f"Invalid data. Expected a dictionary, but got {type(value).__name__}.", ())
    if b"\\" in raw and b"\\u0000" in raw:
        _refuse_nul(value, ())
    return value


def _refuse_nul(value: Any, path: Path) -> None:
    if isinstance(value, str) and "\0" in value:
        wrong("invalid_input", "Null characters are not allowed.", path)
    if isinstance(value, dict):
        for name, one in value.items():
            _refuse_nul(name, path)
            _refuse_nul(one, (*path, name))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            _refuse_nul(one, (*path, place))


def query(call: Call, form: Form) -> dict[str, Any]:
    """The query as the form has it; of several values of a name the last counts. Raises `FieldError`."""
    raw: bytes = call.request.scope["query_string"]
    given = dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True))
    if any("\0" in text for text in given.values()):
        wrong("invalid_input", "Null characters are not allowed.", ())
    return fill(form, given)


# -- what one field may hold ----------------------------------------------------------------------------------------


def text(*, longest: int | None = None, blank: bool = False, trim: bool = True) -> Read:
    """A text."""

    def read(value: Any, path: Path) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            wrong("invalid_input", "Not a valid string.", path)
        found = str(value).strip() if trim else str(value)
        if not found.strip() and not blank:
            wrong("blank", "This field may not be blank.", path)
        if longest is not None and len(found) > longest:
            wrong("max_length", f"Ensure this field has no more than {longest} characters.", path)
        return found

    return read


def choice(*words: str) -> Read:
    """One of some words."""

    def read(value: Any, path: Path) -> str:
        if not isinstance(value, str) or value not in words:
            wrong("invalid_choice", f'"{str(value)[:100]}" is not a valid choice.', path)
        return value

    return read


def whole(*, least: int | None = None, most: int | None = None) -> Read:
    """A whole number."""

    def read(value: Any, path: Path) -> int:
        digits = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if not digits.removeprefix("-").isascii() or not digits.removeprefix("-").isdigit() or len(digits) > 19:
            wrong("invalid_input", "A valid integer is required.", path)
        number = int(digits)
        if least is not None and number < least:
            wrong("min_value", f"Ensure this value is greater than or equal to {least}.", path)
        if most is not None and number > most:
            wrong("max_value", f"Ensure this value is less than or equal to {most}.", path)
        return number

    return read


def flag() -> Read:
    """True or false."""

    def read(value: Any, path: Path) -> bool:
        if not isinstance(value, bool):
            wrong("invalid_input", "Must be a valid boolean.", path)
        return value

    return read


def anything() -> Read:
    """Any JSON."""
    return lambda value, path: value


def mapping() -> Read:
    """An object."""

    def read(value: Any, path: Path) -> dict[str, Any]:
        if not isinstance(value, dict):
            wrong("not_a_dict", f'Expected a dictionary of items but got type "{type(value).__name__}".', path)
        return value

    return read


def listed(item: Read, *, least: int = 0, most: int = 1000) -> Read:
    """A list, each item of which is read in the same way."""

    def read(value: Any, path: Path) -> list[Any]:
        if not isinstance(value, list):
            wrong("not_a_list", f'Expected a list of items but got type "{type(value).__name__}".', path)
        if len(value) < least:
            wrong("empty", "This list may not be empty.", path)
        if len(value) > most:
            wrong("max_length", f"Ensure this field has no more than {most} elements.", path)
        return [item(one, (*path, place)) for place, one in enumerate(value)]

    return read


def nested(form: Form) -> Read:
    """An object of fields of its own."""

    def read(value: Any, path: Path) -> dict[str, Any]:
        if not isinstance(value, dict):
            wrong("invalid_input", f"Invalid data. Expected a dictionary, but got {type(value).__name__}.", path)
        return fill(form, value, path)

    return read


def names(text_list: Sequence[str] | None) -> tuple[str, ...]:
    """What was listed, without repetitions."""
    return tuple(dict.fromkeys(text_list or ()))
