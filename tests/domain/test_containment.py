"""JSON containment by PostgreSQL's rules; the cases are those of its manual and their neighbours."""

from __future__ import annotations

import json

import pytest

from runyard.domain.containment import contains

CASES = [
    ('{"a": 1, "b": 2}', '{"a": 1}', True),
    ('{"a": 1}', '{"a": 1, "b": 2}', False),
    ('{"a": 1}', "{}", True),
    ('{"a": {"b": 1, "c": 2}}', '{"a": {"b": 1}}', True),
    ('{"a": {"b": 1}}', '{"b": 1}', False),
    ("[1, 2, 3]", "[3, 1]", True),
    ("[1, 2, 3]", "[3, 3, 1]", True),
    ("[1, 2]", "[4]", False),
    ("[1, 2]", "[]", True),
    ("[1, 2, [1, 3]]", "[1, 3]", False),
    ("[1, 2, [1, 3]]", "[[1, 3]]", True),
    ("[1, 2, [1, 3]]", "[[3]]", True),
    ('["foo", "bar"]', '"bar"', True),
    ('"bar"', '["bar"]', False),
    ('{"a": [1, 2]}', '{"a": 1}', False),
    ('{"a": [1, 2]}', '{"a": [2]}', True),
    ('[{"a": 1, "b": 2}, {"c": 3}]', '[{"a": 1}]', True),
    ('[{"a": 1, "b": 2}, {"c": 3}]', '[{"a": 1, "c": 3}]', False),
    ("1", "1.0", True),
    ("1", "true", False),
    ("[1]", "[true]", False),
    ("0", "false", False),
    ("null", "null", True),
    ('{"a": null}', '{"a": null}', True),
    ("{}", '{"a": null}', False),
    ("{}", "[]", False),
    ("[]", "{}", False),
    ('"x"', '"x"', True),
    ('"1"', "1", False),
    ("[[1]]", "1", False),
]


@pytest.mark.parametrize(("whole", "part", "expected"), CASES)
def test_a_value_contains_another(whole, part, expected):
    assert contains(json.loads(whole), json.loads(part)) is expected


def test_postgresql_agrees(shelf):
    store = shelf.store("postgres")
    for whole, part, expected in CASES:
        sql = "SELECT CAST(:whole AS jsonb) @> CAST(:part AS jsonb)"
        assert store.look(lambda tx, sql=sql, w=whole, p=part: tx.row(sql, whole=w, part=p)) == (expected,)
