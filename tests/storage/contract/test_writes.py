"""Group commit: whatever is written together, each caller is answered as if it were alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from runyard.domain.errors import Conflict, Invalid, NotFound, Overloaded
from runyard.storage import pending
from runyard.storage.port import Insert, JournalLine, Tx, Update, many
from tests.support.stalling import committers, stalled, submit
from tests.support.stores import AnyStore, Clock

ADD = "INSERT INTO projects (slug, name, created_at) VALUES (:slug, :slug, :now)"


def add(tx: Tx, slug: str) -> str:
    tx.run(ADD, slug=slug, now=tx.now)
    return slug


ROWS = Insert("projects", {"slug": "text", "name": "text", "created_at": "bigint"})
RENAME = Update("projects", {"slug": "text"}, {"name": "text"})


def add_rows(tx: Tx, *names: str) -> None:
    tx.insert(ROWS, [(name, name, tx.now) for name in names])


def rename_rows(tx: Tx, *pairs: tuple[str, str]) -> None:
    tx.update(RENAME, [(slug, name) for name, slug in pairs])


def slugs(tx: Tx) -> list[str]:
    return [slug for (slug,) in tx.rows("SELECT slug FROM projects ORDER BY slug")]


def events(tx: Tx) -> list[str]:
    return [kind for (kind,) in tx.rows("SELECT type FROM events ORDER BY seq")]


def journal(tx: Tx, kind: str) -> None:
    tx.emit(JournalLine(1, None, kind, None, "{}"))


def add_then_refuse(tx: Tx, slug: str) -> None:
    journal(tx, slug)
    add(tx, slug)
    tx.learned[slug] = True
    raise NotFound(slug)


def refuse_after_journal(tx: Tx) -> None:
    journal(tx, "never")
    raise NotFound("nothing")


def add_then_break(tx: Tx, slug: str) -> None:
    add(tx, slug)
    raise ZeroDivisionError(slug)


@many
def add_many(tx: Tx, items: Sequence[str]) -> list[str | Conflict]:
    """Adds all but those called `taken`; breaks on `poison`."""
    answers: list[str | Conflict] = []
    for item in items:
        if item == "poison":
            raise ZeroDivisionError
        answers.append(Conflict(item) if item == "taken" else f"{add(tx, item)} of {len(items)}")
    return answers


def test_what_was_written_is_read(store: AnyStore):
    assert store.transact(add, "a") == "a"
    assert store.look(slugs) == ["a"]


def test_what_was_awaited_is_read(store: AnyStore):
    async def work() -> list[str]:
        await store.write(add, "a")
        return await store.read(slugs)

    assert asyncio.run(work()) == ["a"]


def test_an_operation_sees_what_it_wrote(store: AnyStore):
    assert store.transact(lambda tx: (add(tx, "a"), slugs(tx))[1]) == ["a"]


def test_arguments_reach_the_operation(store: AnyStore):
    def op(tx: Tx, first: int, *, second: int) -> tuple[int, int]:
        return first, second

    assert store.transact(op, 1, second=2) == (1, 2)
    assert store.look(op, 1, second=2) == (1, 2)


def test_a_transaction_has_one_time_from_the_clock_of_the_store(store: AnyStore, clock: Clock):
    def op(tx: Tx) -> tuple[int, int]:
        before = tx.now
        clock.forward(seconds=1)
        return before, tx.now

    at = clock.now()
    assert store.transact(op) == (at, at)
    assert store.look(lambda tx: tx.now) == store.now() == clock.now()


def test_a_refusal_after_a_write_is_undone_completely(store: AnyStore):
    store.transact(add, "a")
    with pytest.raises(NotFound, match="b"):
        store.transact(add_then_refuse, "b")
    assert store.look(slugs) == ["a"]
    assert store.look(events) == []
    assert "b" not in store.known
    store.transact(add, "b")


def test_a_refusal_that_wrote_only_the_journal_leaves_no_line(store: AnyStore):
    with stalled(store):
        refused, written = submit(store, refuse_after_journal), submit(store, journal, "kept")
    with pytest.raises(NotFound):
        refused.result()
    written.result()
    assert store.look(events) == ["kept"]


def test_an_error_in_an_operation_reaches_its_caller_and_leaves_nothing(store: AnyStore):
    with pytest.raises(ZeroDivisionError):
        store.transact(add_then_break, "a")
    assert store.look(slugs) == []
    store.transact(add, "a")


def test_operations_that_go_wrong_do_not_harm_the_others_of_their_batch(store: AnyStore):
    def op(number: int) -> tuple[object, ...]:
        slug = f"{number:03}"
        match number % 5:
            case 1:
                return add_then_refuse, slug
            case 2:
                return add_then_break, slug
            case 3:
                return add, "000"
            case _:
                return add, slug

    async def work() -> list[object]:
        return await asyncio.gather(*(store.write(*op(n)) for n in range(100)), return_exceptions=True)  # type: ignore[arg-type]

    answers = asyncio.run(work())
    expected: list[object] = ["answer", NotFound, ZeroDivisionError, Conflict, "answer"] * 20
    assert [type(a) if isinstance(a, Exception) else "answer" for a in answers] == expected
    good = [f"{n:03}" for n in range(100) if n % 5 in (0, 4)]
    assert store.look(slugs) == good


def test_rows_that_were_written_before_one_that_cannot_be_are_not_left(store: AnyStore):
    store.transact(add, "a")
    with stalled(store):
        before, refused, after = (
            submit(store, add, "b"),
            submit(store, add_rows, "c", "d", "a", "e"),
            submit(store, add, "f"),
        )
    assert isinstance(refused.exception(), store.raises)
    assert (before.result(), after.result()) == ("b", "f")
    with pytest.raises(Conflict):
        store.transact(rename_rows, ("a", "x"), ("b", "f"))
    assert store.look(slugs) == ["a", "b", "f"]


def test_what_stood_behind_a_write_that_failed_can_be_written_later(store: AnyStore):
    store.transact(add_rows, "a")

    def fail_then_rename(tx: Tx) -> None:
        add_rows(tx, "a")
        rename_rows(tx, ("a", "b"))

    for _ in range(20):
        with pytest.raises(Conflict):
            store.transact(fail_then_rename)
        store.transact(rename_rows, ("a", "a"))


def test_a_refusal_that_returned_what_it_wrote_leaves_nothing(store: AnyStore):
    def add_returning(tx: Tx, slug: str) -> None:
        raise NotFound(str(tx.rows(f"{ADD} RETURNING slug", slug=slug, now=tx.now)))

    with stalled(store):
        refused, written = submit(store, add_returning, "a"), submit(store, add, "b")
    with pytest.raises(NotFound):
        refused.result()
    assert (written.result(), store.look(slugs)) == ("b", ["b"])


def test_operations_that_wait_together_are_written_in_the_order_they_came(store: AnyStore):
    with stalled(store):
        waiting = [submit(store, journal, str(n)) for n in range(100)]
    for one in waiting:
        one.result()
    kinds = [int(kind) for kind in store.look(events)]
    if committers(store) == 1:
        assert kinds == list(range(100))
    assert sorted(kinds) == list(range(100))


def test_calls_of_one_list_operation_that_wait_together_become_one(store: AnyStore):
    with stalled(store):
        waiting = [submit(store, add_many, [f"{n}a", f"{n}b"]) for n in range(10)]
    answers = [one.result() for one in waiting]
    assert [[text.partition(" ")[0] for text in answer] for answer in answers] == [  # type: ignore[attr-defined]
        [f"{n}a", f"{n}b"] for n in range(10)
    ]
    sizes = {text.rpartition(" ")[2] for answer in answers for text in answer}  # type: ignore[attr-defined]
    assert sizes != {"2"}
    if committers(store) == 1:
        assert sizes == {"20"}


def test_each_item_of_merged_calls_is_answered_for_itself(store: AnyStore):
    with stalled(store):
        good, mixed, empty = (submit(store, add_many, items) for items in (["a"], ["taken", "b"], []))
    assert [type(answer) for answer in mixed.result()] == [Conflict, str]  # type: ignore[attr-defined]
    assert len(good.result()) == 1  # type: ignore[arg-type]
    assert empty.result() == []
    assert store.look(slugs) == ["a", "b"]


def test_a_call_that_breaks_a_merged_one_is_the_only_one_to_suffer(store: AnyStore):
    with stalled(store):
        good, bad, other = (submit(store, add_many, items) for items in (["a"], ["b", "poison"], ["c"]))
    good.result()
    other.result()
    with pytest.raises(ZeroDivisionError):
        bad.result()
    assert store.look(slugs) == ["a", "c"]


def test_a_list_operation_that_breaks_alone_leaves_nothing(store: AnyStore):
    with pytest.raises(ZeroDivisionError):
        store.transact(add_many, ["a", "poison"])
    assert store.look(slugs) == []


def test_too_many_waiting_writes_are_refused_at_once(store: AnyStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pending, "QUEUE_LIMIT", 3)
    with stalled(store):
        waiting = [submit(store, add, slug) for slug in "abc"]
        with pytest.raises(Overloaded) as refusal:
            store.transact(add, "d")
        assert refusal.value.retry_after >= 1
    for one in waiting:
        one.result()
    assert store.look(slugs) == ["a", "b", "c"]
    store.transact(add, "d")


def test_a_caller_that_goes_away_harms_nobody(store: AnyStore):
    async def work() -> str:
        with stalled(store) as go:
            leaving = asyncio.create_task(store.write(add, "a"))
            staying = asyncio.create_task(store.write(add, "b"))
            await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
            go()
            return await staying

    assert asyncio.run(work()) == "b"
    assert "b" in store.look(slugs)


def test_a_loop_that_closes_before_its_answer_harms_nobody(store: AnyStore):
    async def leave() -> None:
        waiting = asyncio.ensure_future(store.write(add, "a"))
        await asyncio.sleep(0)
        waiting.cancel()

    with stalled(store):
        asyncio.run(leave())
        other = submit(store, add, "b")
    assert other.result() == "b"


def test_callers_on_several_loops_are_each_answered_on_their_own(store: AnyStore):
    answers: dict[int, list[str]] = {}

    def work(number: int) -> None:
        async def all_of_them() -> list[str]:
            return await asyncio.gather(*(store.write(add, f"{number}-{n}") for n in range(20)))

        answers[number] = asyncio.run(all_of_them())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: [f"{number}-{n}" for n in range(20)] for number in range(3)}


def test_something_that_exists_already_is_a_conflict(store: AnyStore):
    store.transact(add, "a")
    with pytest.raises(Conflict):
        store.transact(add, "a")

    async def work() -> None:
        await store.write(add, "a")

    with pytest.raises(Conflict):
        asyncio.run(work())


def test_a_number_that_does_not_fit_is_invalid(store: AnyStore):
    def op(tx: Tx, number: int) -> int:
        return tx.run("UPDATE counters SET value = :n WHERE name = 'none'", n=number)

    for number in (2**63, -(2**63) - 1, 10**30):
        with pytest.raises(Invalid):
            store.transact(op, number)


def test_a_text_that_is_none_is_invalid(store: AnyStore):
    with pytest.raises(Invalid):
        store.transact(add, "\ud800")


def test_facts_learned_are_known_after_the_commit_only(store: AnyStore):
    def learn(tx: Tx) -> bool:
        tx.learned["fact"] = 1
        return "fact" in tx.known

    assert store.transact(learn) is False
    assert store.transact(lambda tx: tx.known.get("fact")) == 1
    assert store.look(lambda tx: tx.known.get("fact")) == 1
