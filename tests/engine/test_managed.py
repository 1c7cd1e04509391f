"""What a managed run's program is given, and what follows its end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from runyard.domain.errors import LeaseLost, NotFound
from runyard.domain.jobs import Managed
from runyard.domain.policy import SECOND
from runyard.domain.presets import OVERRIDE
from runyard.engine import jobs, managed, resources, usage
from runyard.engine.claims import Granted
from runyard.engine.managed import End
from runyard.engine.proofs import Report
from runyard.engine.resources import NewSample
from runyard.storage.port import Tx
from tests.support.stores import Clock
from tests.support.yard import Yard


def granted(yard: Yard, *, preset: str = "micro", **new: Any) -> Granted:
    """A managed run that was claimed and started."""
    yard.job("work", executor="managed", managed=Managed(image="command: true", preset=preset))
    run = yard.create(job="work", **new)
    one = yard.claim_one(executor="managed")
    assert one.run.id == run.id
    yard.start(one)
    return one


def proof(one: Granted) -> dict[str, Any]:
    return {"project_id": one.run.project_id, "run_id": one.run.id, "token": one.lease.token}


def an_end(one: Granted, **said: Any) -> End:
    return End(**proof(one), **{"charge": Tx.new_id(), "preset": "micro", "seconds": 2.0, **said})


def end(yard: Yard, one: Granted, **said: Any) -> str:
    """Tell that the program has ended; the state of the run then."""
    run = yard.store.transact(managed.ended, an_end(one, **said))
    assert run is not None
    assert yard.run(one).state is run.state
    return run.state.value


@pytest.mark.parametrize(
    ("said", "state", "error"),
    [
        ({"code": 0}, "system_failed", "server"),
        ({"code": 1}, "queued", "crash"),
        ({"code": 137, "oom": True}, "queued", "oom"),
        ({"code": 0, "oom": True, "preset": "large-2x"}, "dead_letter", "oom"),
        ({"unstarted": "no room"}, "queued", "transient"),
        ({"released": "the server stops"}, "queued", None),
    ],
)
def test_what_follows_an_end(yard: Yard, said: dict[str, Any], state: str, error: str | None) -> None:
    one = granted(yard)
    assert end(yard, one, **said) == state
    assert yard.run(one).error_class == error
    assert yard.run(one).attempt == (1 if error in {None, "server"} or state == "dead_letter" else 2)


def test_a_crash_without_attempts_left_is_dead_lettered(yard: Yard) -> None:
    assert end(yard, granted(yard, policy={"max_attempts": 1}), code=2) == "dead_letter"


def test_out_of_memory_without_attempts_left_keeps_its_preset(yard: Yard) -> None:
    one = granted(yard, policy={"max_attempts": 1})
    assert end(yard, one, oom=True) == "dead_letter"
    assert yard.run(one).metadata in {None, "{}"}


@pytest.mark.parametrize("said", [{"code": 1}, {"released": "the server stops"}, {"code": 0}])
def test_an_end_that_is_told_again_is_charged_once(yard: Yard, said: dict[str, Any]) -> None:
    one = granted(yard)
    told = an_end(one, seconds=10.0, **said)
    for _ in range(3):
        # The commit was durable, but its answer got lost.
        yard.store.transact(managed.ended, told)
    assert yard.run(one).cost_micro_usd == 170
    assert len(yard.store.look(usage.of_run, 1, one.run.id).rows) == 1
    assert yard.story(one).count("usage_recorded") == 1
    again = yard.claim(executor="managed")
    for other in again:
        yard.start(other)
        yard.store.transact(managed.ended, told)
        assert end(yard, other, seconds=10.0, code=1) == "queued"
    assert yard.run(one).cost_micro_usd == 170 * (1 + len(again))


def test_the_machine_is_charged_also_when_somebody_else_ended_the_run(yard: Yard) -> None:
    one = granted(yard)
    yard.cancel(one)
    assert end(yard, one, code=143, seconds=10.0) == "canceled"
    assert yard.run(one).cost_micro_usd == 170
    assert yard.story(one)[-1] == "usage_recorded"


def test_an_end_told_twice_or_late_decides_nothing(yard: Yard) -> None:
    one = granted(yard)
    end(yard, one, code=1)
    assert end(yard, one, code=0) == "queued"
    assert yard.run(one).attempt == 2


def test_the_end_of_a_run_that_is_gone_is_no_matter(yard: Yard) -> None:
    lost = End(project_id=1, run_id="00000000-0000-7000-8000-000000000000", token="x", charge="c", preset="micro")
    assert yard.store.transact(managed.ended, lost) is None


def test_only_the_holder_can_refuse_a_run(yard: Yard) -> None:
    one = granted(yard)
    with pytest.raises(LeaseLost):
        yard.store.transact(managed.refuse, Report(**{**proof(one), "token": "other"}), "it cannot run")
    yard.store.transact(managed.refuse, Report(**proof(one)), "it cannot run")
    assert yard.state(one) == "system_failed"


def test_a_run_is_equipped_by_the_version_it_was_made_from(yard: Yard) -> None:
    one = granted(yard)
    yard.store.transact(jobs.update, 1, "work", spec={"managed": Managed(image="command: false", preset="large-1x")})
    equipped = yard.store.look(managed.equipment, one.run)
    assert (equipped.managed.image, equipped.preset.name) == ("command: true", "micro")
    assert (dict(equipped.secrets), dict(equipped.variables), equipped.checkpoint) == ({}, {}, None)


def test_the_metadata_of_a_run_can_name_another_preset(yard: Yard) -> None:
    for named, wanted in (("small-2x", "small-2x"), ("no-such", "micro"), (7, "micro")):
        one = granted(yard)
        marked = msgspec.structs.replace(one.run, metadata=msgspec.json.encode({OVERRIDE: named}).decode())
        assert yard.store.look(managed.equipment, marked).preset.name == wanted
        end(yard, one)


def test_a_run_without_a_managed_job_has_no_equipment(yard: Yard) -> None:
    run = yard.create(executor="managed")
    with pytest.raises(NotFound, match="no managed job"):
        yard.store.look(managed.equipment, run)


def test_output_that_no_database_can_hold_is_kept_as_near_as_can_be(yard: Yard) -> None:
    one = granted(yard, policy={"max_attempts": 1})
    assert end(yard, one, code=1, said="a\0b\ud7ff") == "dead_letter"
    assert msgspec.json.decode(yard.run(one).error or "")["data"]["stderr"] == "a\ufffdb\ud7ff"


def test_samples_come_newest_first(yard: Yard, clock: Clock) -> None:
    one = granted(yard)
    for number in range(3):
        new = NewSample(run_id=one.run.id, cpu_percent=number, memory_mb=1.5, memory_limit_mb=256)
        yard.store.transact(resources.add, [new])
        clock.forward(micros=10 * SECOND)
    found = yard.store.look(resources.of_run, one.run.id, 2)
    assert [(sample.cpu_percent, sample.memory_mb) for sample in found] == [(2.0, 1.5), (1.0, 1.5)]
