"""JSON Schema 2020-12 of our wire types.

msgspec's own generator cannot write the default of a `Raw` field and leaves out what is written under a field, which
is where our shapes say what they mean.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from functools import cache
from itertools import pairwise
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from msgspec import inspect as types

Schema = dict[str, Any]
REF = "#/components/schemas/"


class Schemas:
    """Collects the schemas of named types while others refer to them."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}
        self._names: dict[Any, str] = {}

    def of(self, kind: Any) -> Schema:
        """The schema of a type; structs and enums become references."""
        if get_origin(kind) in {UnionType, Union}:  # taken apart here, because no decoder knows which struct is meant
            return self._any_of([self.of(member) for member in get_args(kind)])
        return self._schema(types.type_info(kind))

    def _schema(self, kind: types.Type) -> Schema:
        match kind:
            case types.Metadata():
                return {**self._schema(kind.type), **(kind.extra_json_schema or {})}
            case types.StructType() | types.EnumType():
                return self._reference(kind)
            case types.NoneType():
                return {"type": "null"}
            case types.BoolType():
                return {"type": "boolean"}
            case types.IntType() | types.FloatType():
                return _number(kind)
            case types.StrType():
                return _bounded(
                    {"type": "string"}, minLength=kind.min_length, maxLength=kind.max_length, pattern=kind.pattern
                )
            case types.DateTimeType():
                return {"type": "string", "format": "date-time"}
            case types.DateType():
                return {"type": "string", "format": "date"}
            case types.UUIDType():
                return {"type": "string", "format": "uuid"}
            case types.BytesType():
                return {"type": "string", "contentEncoding": "base64"}
            case types.CollectionType():
                schema: Schema = {"type": "array", "items": self._schema(kind.item_type)}
                return _bounded(schema, minItems=kind.min_length, maxItems=kind.max_length)
            case types.TupleType():
                items = [self._schema(item) for item in kind.item_types]
                return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
            case types.DictType():
                schema = {"type": "object", "additionalProperties": self._schema(kind.value_type)}
                return _bounded(schema, minProperties=kind.min_length, maxProperties=kind.max_length)
            case types.UnionType():
                return self._any_of([self._schema(option) for option in kind.types])
            case types.LiteralType():
                return {"enum": list(kind.values)}
            case types.AnyType() | types.RawType():
                return {}
            case _:
                raise TypeError(f"no schema is known for {kind!r}")

    def _any_of(self, options: list[Schema]) -> Schema:
        plain = [option for option in options if set(option) == {"type"} and isinstance(option["type"], str)]
        if len(plain) == len(options):
            return {"type": [option["type"] for option in options]}
        if {} in options:  # a Raw or Any takes null and everything else already
            return {}
        return {"anyOf": options}

    def _reference(self, kind: types.StructType | types.EnumType) -> Schema:
        name = self._names.get(kind.cls)
        if name is None:
            name = _name(kind.cls)
            if name in self.named:
                name = f"{kind.cls.__module__.rpartition('.')[2]}_{name}"
            self._names[kind.cls] = name
            self.named[name] = {}  # taken, in case the type refers to itself
            self.named[name] = self._named(kind)
        return {"$ref": REF + name}

    def _named(self, kind: types.StructType | types.EnumType) -> Schema:
        origin = getattr(kind.cls, "__origin__", kind.cls)
        schema: Schema = {"description": inspect.cleandoc(origin.__doc__ or "")}
        if isinstance(kind, types.EnumType):
            return schema | {"enum": [member.value for member in kind.cls]}
        notes = field_notes(origin)
        properties: Schema = {}
        for field in kind.fields:
            described = self._schema(field.type)
            if field.name in notes:
                described = {**described, "description": notes[field.name]}
            default = _default(field)
            if default is not msgspec.UNSET:
                described = {**described, "default": default}
            properties[field.encode_name] = described
        required = [field.encode_name for field in kind.fields if field.required]
        schema |= {"type": "object", "properties": properties}
        return schema | ({"required": required} if required else {})


def _number(kind: types.IntType | types.FloatType) -> Schema:
    return _bounded(
        {"type": "integer" if isinstance(kind, types.IntType) else "number"},
        minimum=kind.ge,
        exclusiveMinimum=kind.gt,
        maximum=kind.le,
        exclusiveMaximum=kind.lt,
        multipleOf=kind.multiple_of,
    )


def _bounded(schema: Schema, **bounds: Any) -> Schema:
    return schema | {name: value for name, value in bounds.items() if value is not None}


def _name(kind: Any) -> str:
    """`Page[Run]` becomes `PageOfRun`."""
    arguments = getattr(kind, "__args__", ())
    name: str = getattr(kind, "__origin__", kind).__name__
    return "Of".join([name, *("And".join(_name(argument) for argument in arguments),)]) if arguments else name


def _default(field: types.Field) -> Any:
    """The default as JSON shows it, or UNSET when there is none worth showing."""
    if field.default is msgspec.NODEFAULT:
        return field.default_factory() if field.default_factory in (list, dict) else msgspec.UNSET
    if isinstance(field.default, msgspec.Raw):
        return msgspec.json.decode(field.default) if bytes(field.default) else msgspec.UNSET
    if field.default is None or isinstance(field.default, bool | int | float | str):
        return field.default
    return msgspec.UNSET


@cache
def field_notes(kind: type) -> dict[str, str]:
    """The strings written under the fields of a class and its bases."""
    notes: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith(("builtins", "msgspec", "typing")):
            continue
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
        except (OSError, TypeError, SyntaxError):  # no source at hand: the notes are a courtesy
            continue
        notes |= _notes_in(tree.body[0])
    return notes


def _notes_in(node: ast.stmt) -> dict[str, str]:
    body = node.body if isinstance(node, ast.ClassDef) else []
    notes = {}
    for before, after in pairwise(body):
        if not isinstance(before, ast.AnnAssign) or not isinstance(before.target, ast.Name):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            notes[before.target.id] = re.sub(r"\s+", " ", after.value.value).strip()
    return notes
