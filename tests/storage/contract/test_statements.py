"""The little SQL that both engines share: parameters, markers, many rows."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import psycopg
import pytest

from runyard.domain.errors import Invalid
from runyard.storage.port import Ask, Insert, Row, Tx, Update
from runyard.storage.postgres.arrays import ListDumper
from runyard.storage.sql import for_postgres, for_sqlite
from tests.support.stores import AnyStore

PAIRS = Insert("run_state", {"run_id": "text", "name": "text", "value": "text", "updated_at": "bigint"})
KEEP = Insert("run_state", PAIRS.columns, "ON CONFLICT (run_id, name) DO NOTHING")
SET = Update("run_state", {"value": "text", "updated_at": "bigint"}, {"run_id": "text", "name": "text"})


def names(tx: Tx) -> list[tuple[object, ...]]:
    return [
        tuple(row) for row in tx.rows("SELECT run_id, name, value, updated_at FROM run_state ORDER BY run_id, name")
    ]


def together(tx: Tx, asks: Sequence[Ask]) -> list[Sequence[Row]]:
    return tx.together(asks)


def test_many_rows_go_in_at_once(store: AnyStore):
    rows = [("r", f"{n:03}", f'"{n}"', n) for n in range(500)]
    assert store.transact(lambda tx: tx.insert_counted(PAIRS, rows)) == 500
    assert store.look(names) == rows


def test_rows_in_conflict_are_left_out_and_not_counted(store: AnyStore):
    store.transact(lambda tx: tx.insert(PAIRS, [("r", "a", "1", 1)]))
    assert store.transact(lambda tx: tx.insert_counted(KEEP, [("r", "a", "2", 2), ("r", "b", "3", 3)])) == 1
    assert store.look(names) == [("r", "a", "1", 1), ("r", "b", "3", 3)]


def test_many_rows_change_at_once_and_missing_ones_are_passed_over(store: AnyStore):
    store.transact(lambda tx: tx.insert(PAIRS, [("r", name, "0", 0) for name in "abc"]))
    store.transact(lambda tx: tx.update(SET, [("1", 7, "r", "a"), ("2", 8, "r", "c"), ("3", 9, "r", "x")]))
    assert store.look(names) == [("r", "a", "1", 7), ("r", "b", "0", 0), ("r", "c", "2", 8)]


def test_no_rows_are_no_work(store: AnyStore):
    def work(tx: Tx) -> int:
        tx.insert(PAIRS, [])
        tx.update(SET, [])
        return tx.insert_counted(PAIRS, [])

    assert store.transact(work) == 0
    assert store.look(names) == []


TEXTS = {
    "empty": "",
    "quote": "'",
    "double quote": '"',
    "backslash": "\\",
    "percent": "%s",
    "pyformat": "%(x)s",
    "colon": ":name",
    "mark": "?",
    "marker": "{lock}",
    "unicode": "é😀",
    "separator": "\u2028",
    "white space": "a\nb\tc",
    "long": "x" * 100_000,
    "escaped nul": '{"a": "\\u0000"}',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_text_comes_back_as_it_went_in(store: AnyStore, text: str):
    store.transact(lambda tx: tx.insert(PAIRS, [("r", "many", text, 1)]))
    store.transact(lambda tx: tx.run("INSERT INTO run_state VALUES ('r', 'one', :text, 2)", text=text))
    store.transact(lambda tx: tx.insert(PAIRS, [("r", "update", "", 0)]))
    store.transact(lambda tx: tx.update(SET, [(text, 3, "r", "update")]))
    assert [value for _, _, value, _ in store.look(names)] == [text] * 3
    found = store.look(
        lambda tx: tx.rows("SELECT COUNT(*) FROM run_state WHERE value {among texts}", texts=[text, "no"])
    )
    assert found[0][0] == 3


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_text_comes_back_beside_nothing(store: AnyStore, text: str):
    rows = [(text, None, None), ("NULL", text, 1), ("null", None, 2)]

    def kept(tx: Tx) -> list[Row]:
        tx.run("CREATE TEMPORARY TABLE empty_beside (a TEXT, b TEXT, c BIGINT)")
        tx.insert(Insert("empty_beside", {"a": "text", "b": "text", "c": "bigint"}), rows)
        found = tx.rows("SELECT a, b, c FROM empty_beside ORDER BY COALESCE(c, 0)")
        tx.run("DROP TABLE empty_beside")
        return [tuple(row) for row in found]

    assert store.transact(kept) == rows


@pytest.mark.parametrize("texts", [["\0"], ["\0", None], [None, "x\0y"], ['"\0', None]])
def test_postgresql_is_asked_to_keep_no_nul(texts: list[str | None]):
    with pytest.raises(psycopg.DataError):
        ListDumper(list).dump(texts)


@pytest.mark.parametrize("number", [0, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)])
def test_every_number_comes_back_as_it_went_in(store: AnyStore, number: int):
    store.transact(lambda tx: tx.insert(PAIRS, [("r", "many", "", number)]))
    store.transact(lambda tx: tx.run("INSERT INTO run_state VALUES ('r', 'one', '', :n)", n=number))
    assert [at for _, _, _, at in store.look(names)] == [number] * 2
    found = store.look(
        lambda tx: tx.rows("SELECT COUNT(*) FROM run_state WHERE updated_at {among numbers}", numbers=[number])
    )
    assert found[0][0] == 2


def test_a_list_may_be_empty(store: AnyStore):
    store.transact(lambda tx: tx.insert(PAIRS, [("r", "a", "", 1)]))
    assert store.look(lambda tx: tx.rows("SELECT name FROM run_state WHERE name {among names}", names=[])) == []


def test_queries_made_together_answer_in_their_order(store: AnyStore):
    store.transact(lambda tx: tx.insert(PAIRS, [("r", name, name * 2, -(2**53) - 1) for name in "abc"]))
    asks = [
        Ask("SELECT name FROM run_state WHERE name {among names} ORDER BY name", {"names": ["c", "a", "x"]}),
        Ask("SELECT value, updated_at FROM run_state WHERE name = :name", {"name": "b"}, wide=True),
        Ask("SELECT name FROM run_state WHERE name = :name", {"name": "x"}),
    ]
    for some in (asks, asks[:1], []):
        found = [[*map(tuple, rows)] for rows in store.look(together, some)]
        assert found == [[("a",), ("c",)], [("bb", -(2**53) - 1)], []][: len(some)]


def test_one_of_several_queries_may_fail(store: AnyStore):
    asks = [Ask("SELECT name FROM run_state", {}), Ask("SELECT nothing FROM run_state", {})]
    with pytest.raises(store.raises):
        store.look(together, asks)
    assert store.look(together, asks[:1]) == [[]]


@pytest.mark.parametrize("engine", ["postgres"])
def test_a_list_holds_no_nul(store: AnyStore):
    with pytest.raises(Invalid):
        store.look(lambda tx: tx.rows("SELECT name FROM run_state WHERE name {among names}", names=["a", "\0"]))


def test_nothing_found_is_none(store: AnyStore):
    assert store.look(lambda tx: tx.row("SELECT name FROM run_state WHERE name = :name", name="a")) is None


def test_text_sorts_by_code_point(store: AnyStore):
    letters = ["B", "a", "Z", "é", "b", "_", "0", "😀"]
    store.transact(lambda tx: tx.insert(PAIRS, [("r", letter, "", 0) for letter in letters]))
    assert [name for _, name, _, _ in store.look(names)] == sorted(letters)


def test_ids_grow_and_are_uuids_of_version_7(store: AnyStore):
    ids = store.transact(lambda tx: [tx.new_id() for _ in range(1000)])
    assert ids == sorted(set(ids))
    assert {UUID(one).version for one in ids} == {7}


def test_tokens_are_long_and_never_the_same(store: AnyStore):
    tokens = store.transact(lambda tx: {tx.new_token() for _ in range(1000)})
    assert len(tokens) == 1000
    assert min(map(len, tokens)) >= 32


def test_one_text_serves_both_engines():
    text = "SELECT '10:30', x::text FROM t WHERE a = :a AND b {among bs} AND c LIKE 'x%' {skip_locked}"
    assert for_sqlite(text) == (
        "SELECT '10:30', x::text FROM t WHERE a = :a AND b IN (SELECT value FROM json_each(:bs)) AND c LIKE 'x%' "
    )
    assert for_postgres(text) == (
        "SELECT '10:30', x::text FROM t WHERE a = %(a)s AND b = ANY(%(bs)s) AND c LIKE 'x%%' FOR UPDATE SKIP LOCKED"
    )
