"""Managed runs: programs that really run, and what becomes of their runs."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import psutil
import pytest

from runyard.domain import presets
from runyard.domain.errors import LeaseLost
from runyard.domain.policy import SECOND, Failure
from runyard.domain.records import Waiting
from runyard.engine import checkpoints, environments, job_secrets, jobs, leases, pauses, resources
from runyard.engine.checkpoints import NewCheckpoint
from runyard.engine.fences import Writer
from runyard.engine.leases import Complete, Fail, Park
from runyard.engine.proofs import Pass
from runyard.loops import watching
from runyard.loops.managed import executor, life, output
from tests.e2e.processes import until
from tests.loops.managed.conftest import Floor
from tests.support.stores import Clock
from tests.support.yard import Known

SLEEP = "import sys, time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
NO_DELAY = {"initial_delay": 0, "min_delay": 0, "jitter": 0.0}


def proof(floor: Floor, run: Known) -> dict[str, Any]:
    """What the program's token proves."""
    now = floor.yard.run(run)
    return {"project_id": now.project_id, "run_id": now.id, "token": Pass(attempt=now.attempt)}


def processes(word: str) -> list[psutil.Process]:
    """The processes of this machine whose command line holds the word."""
    return [one for one in psutil.process_iter(["cmdline"]) if any(word in part for part in one.info["cmdline"] or ())]


def again(floor: Floor, clock: Clock) -> None:
    """Let the next try be due."""
    clock.forward(seconds=2)
    floor.yard.tick()


def test_exit_0_without_a_complete_is_a_failure_of_the_system(floor: Floor) -> None:
    run = floor.python("print('hello')")
    after = floor.reaches(run, "system_failed")
    assert floor.error(run)["message"] == "the program ended without saying that the run is complete"
    assert after.error_class == "server"
    assert floor.printed(run) == ["hello"]
    assert after.worker == "floor"


def test_a_run_that_its_program_completed_stays_so_and_is_charged_for_its_machine(floor: Floor) -> None:
    run = floor.python("import time; print('up', flush=True); time.sleep(1); print('last words')")
    floor.says(run, "up")
    floor.yard.report(leases.complete, Complete(**proof(floor, run), output='{"ok":true}'))
    floor.idle()
    after = floor.yard.run(run)
    assert (after.state, after.output) == ("completed", '{"ok":true}')
    assert floor.printed(run) == ["up", "last words"]
    (line,) = floor.usage(run)
    assert (line.source, line.provider, line.model) == ("managed", "runyard", "micro")
    assert line.cost_micro_usd == after.cost_micro_usd >= 17


def test_a_program_told_by_nobody_but_itself_to_fail_is_not_a_crash(floor: Floor) -> None:
    run = floor.python("print('up', flush=True); import time; time.sleep(0.5); raise SystemExit(3)")
    floor.says(run, "up")
    floor.yard.report(leases.fail, Fail(**proof(floor, run), failure=Failure(message="told", retryable=False)))
    floor.idle()
    assert floor.state(run) == "dead_letter"
    assert floor.error(run)["message"] == "told"


def test_a_crash_is_kept_retried_and_dead_lettered_in_the_end(floor: Floor, clock: Clock) -> None:
    program = "import sys; print('some'); print('the reason', file=sys.stderr); sys.exit(3)"
    run = floor.python(program, policy={"max_attempts": 2, **NO_DELAY})
    until(lambda: floor.yard.run(run).attempt == 2)
    again(floor, clock)
    floor.reaches(run, "dead_letter")
    assert floor.error(run)["message"] == "the program ended with code 3: the reason"
    crashes = [entry for entry in floor.log(run) if entry.type == "container_crash_log"]
    assert [(entry.attempt, entry.level) for entry in crashes] == [(1, "error"), (2, "error")]
    assert json.loads(crashes[0].data or "")["stderr"] == "the reason\n"
    assert [entry.level for entry in floor.log(run) if entry.message == "the reason"] == ["warn", "warn"]


def test_a_crash_waits_longer_each_time(floor: Floor, clock: Clock) -> None:
    run = floor.python("raise SystemExit(1)", policy={"max_attempts": 3, "jitter": 0.0})
    until(lambda: floor.yard.run(run).attempt == 2)
    assert floor.yard.run(run).next_retry_at == clock.now() + SECOND
    clock.forward(seconds=1)
    floor.yard.tick()
    until(lambda: floor.yard.run(run).attempt == 3)
    assert floor.yard.run(run).next_retry_at == clock.now() + 2 * SECOND


def test_a_program_killed_by_a_signal_says_which(floor: Floor) -> None:
    run = floor.python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", policy={"max_attempts": 1})
    floor.reaches(run, "dead_letter")
    assert floor.error(run)["message"] == "the program was killed by SIGSEGV"


def test_a_program_that_is_not_there_is_a_crash_that_says_so(floor: Floor) -> None:
    floor.job("command: no-such-program")
    run = floor.ask(policy={"max_attempts": 1})
    floor.reaches(run, "dead_letter")
    assert "there is no program 'no-such-program'" in floor.error(run)["message"]


def told(floor: Floor, run: Known) -> dict[str, str]:
    """The environment that the program printed first."""
    until(lambda: floor.printed(run), "it printed nothing", seconds=20)
    environment: dict[str, str] = json.loads(floor.printed(run)[-1])
    return environment


ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)), flush=True)"


def test_the_program_gets_the_documented_environment_and_nothing_of_the_servers(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_SECRET", "of the server")
    run = floor.python(ENVIRONMENT, payload='{"a": 1}')
    found = told(floor, run)
    assert {name: value for name, value in found.items() if name.startswith("STRAIT_")} == {
        "STRAIT_RUN_ID": run.id,
        "STRAIT_JOB_SLUG": "job",
        "STRAIT_ATTEMPT": "1",
        "STRAIT_API_URL": f"http://127.0.0.1:{8321 if floor.walled else 9}/strait",
        "STRAIT_SDK_TOKEN": f"token of {run.id}",
        "STRAIT_PAYLOAD": '{"a": 1}',
        "STRAIT_MEMORY_LIMIT_MB": "256",
    }
    assert set(found) - {name for name in found if name.startswith("STRAIT_")} <= {
        "PATH", "HOME", "TMPDIR", "LANG", "PWD", "LC_CTYPE"
    }  # fmt: skip


def test_a_large_payload_is_fetched(floor: Floor) -> None:
    found = told(floor, floor.python(ENVIRONMENT, payload=json.dumps("x" * 70_000)))
    assert found["STRAIT_PAYLOAD_MODE"] == "fetch"
    assert "STRAIT_PAYLOAD" not in found


def test_secrets_and_variables_are_opened_for_the_program_alone(floor: Floor) -> None:
    seal, project = floor.vault.seal, floor.yard.project_id
    floor.job(f"command: python3 -c '{ENVIRONMENT}'")
    named = {"REGION": seal("north", environments.PURPOSE), "LD_PRELOAD": seal("", environments.PURPOSE)}
    made = floor.yard.store.transact(environments.put, project, "production", named)
    floor.yard.store.transact(job_secrets.put, project, "job", "API_KEY", seal("hidden", job_secrets.PURPOSE))
    floor.yard.store.transact(jobs.update, project, "job", spec={"environment_id": made.id})
    found = told(floor, floor.ask())
    assert (found["STRAIT_SECRET_API_KEY"], found["REGION"]) == ("hidden", "north")


def test_a_later_attempt_is_told_of_the_ones_before(floor: Floor, clock: Clock) -> None:
    run = floor.python(
        f"{ENVIRONMENT}; import time; time.sleep(0.5); raise SystemExit(7)", policy={"max_attempts": 2, **NO_DELAY}
    )
    first = told(floor, run)
    assert not {"STRAIT_LAST_CHECKPOINT", "STRAIT_CHECKPOINT_AT", "STRAIT_PREVIOUS_ERROR"} & set(first)
    writer = Writer(project_id=run.project_id, run_id=run.id)
    floor.yard.store.transact(checkpoints.add, writer, NewCheckpoint(state='{"page": 4}'))
    until(lambda: floor.yard.run(run).attempt == 2)
    again(floor, clock)
    floor.reaches(run, "dead_letter")
    second = told(floor, run)
    assert second["STRAIT_ATTEMPT"] == "2"
    assert second["STRAIT_LAST_CHECKPOINT"] == '{"page": 4}'
    assert second["STRAIT_CHECKPOINT_AT"].endswith("Z")
    assert len(second["STRAIT_CHECKPOINT_AT"]) == len("2026-01-01T00:00:00Z")
    assert second["STRAIT_PREVIOUS_ERROR"] == "the program ended with code 7"


def test_out_of_memory_moves_to_the_next_preset(floor: Floor, clock: Clock) -> None:
    # Two processes, neither of which alone has too much: only the watch sees it.
    program = (
        "import json, os, time; second = os.environ['STRAIT_ATTEMPT'] == '2'; "
        "print(json.dumps(dict(os.environ)), flush=True); second and time.sleep(600); "
        "os.fork(); kept = b'x' * (170 << 20); time.sleep(600)"
    )
    run = floor.python(program.replace("'", '"'), policy={"max_attempts": 3, **NO_DELAY, "non_retryable": ("oom",)})
    until(lambda: floor.yard.run(run).attempt == 2, seconds=20)
    after = floor.yard.run(run)
    assert msgspec.json.decode(after.metadata or "{}")[presets.OVERRIDE] == "small-1x"
    assert after.error_class == "oom"
    (entry,) = [entry for entry in floor.log(run) if entry.type == "container_oom"]
    assert json.loads(entry.data or "")["next_preset"] == "small-1x"
    again(floor, clock)
    until(lambda: len(floor.printed(run)) == 2)
    assert told(floor, run)["STRAIT_MEMORY_LIMIT_MB"] == "512"
    floor.yard.cancel(run)


def test_one_process_that_wants_too_much_is_out_of_memory_too(floor: Floor) -> None:
    run = floor.python("kept = b'x' * (1 << 30)".replace("'", '"'), policy={"max_attempts": 2, **NO_DELAY})
    until(lambda: floor.yard.run(run).attempt == 2, seconds=20)
    assert floor.yard.run(run).error_class == "oom"


def test_out_of_memory_at_the_largest_preset_is_dead_lettered_at_once(floor: Floor) -> None:
    run = floor.python("raise MemoryError", preset="large-2x", policy={"max_attempts": 5})
    after = floor.reaches(run, "dead_letter")
    assert (after.attempt, after.error_class) == (1, "oom")


@pytest.mark.parametrize("program", [SLEEP, STUBBORN])
def test_a_canceled_run_has_its_program_stopped(floor: Floor, program: str) -> None:
    run = floor.python(f"{program}; # {id(floor)}")
    floor.says(run, "up")
    floor.yard.cancel(run)
    floor.idle()
    assert not processes(f"# {id(floor)}")
    assert floor.state(run) == "canceled"
    assert len(floor.usage(run)) == 1


def test_everything_a_program_started_ends_with_it(floor: Floor) -> None:
    away = (
        f"import os, time; (os.fork() or os.setsid() or os.fork()) and time.sleep(600); time.sleep(600); # {id(floor)}"
    )
    run = floor.python(f"import subprocess, time; subprocess.Popen(['python3', '-c', '''{away}''']); time.sleep(0.5)"
                       .replace("'", '"'))  # fmt: skip
    floor.reaches(run, "system_failed")
    floor.idle()
    assert not processes(f"# {id(floor)}")


def test_a_paused_run_keeps_nothing_running_and_its_late_answer_is_dropped(floor: Floor) -> None:
    run = floor.python(f"{SLEEP}; # {id(floor)}")
    floor.says(run, "up")
    late = proof(floor, run)
    floor.yard.pause(run)
    with pytest.raises(LeaseLost):
        floor.yard.report(leases.complete, Complete(**late))
    floor.idle()
    assert not processes(f"# {id(floor)}")
    assert floor.state(run) == "paused"
    floor.yard.resume(run)
    until(lambda: floor.printed(run) == ["up", "up"])
    floor.yard.cancel(run)


def test_restart_with_another_preset_starts_anew_in_it(floor: Floor) -> None:
    run = floor.python(f"{ENVIRONMENT}; import time; time.sleep(600)")
    assert told(floor, run)["STRAIT_MEMORY_LIMIT_MB"] == "256"
    floor.yard.do(pauses.restart, run, notes={presets.OVERRIDE: "medium-1x"})
    until(lambda: len(floor.printed(run)) == 2)
    assert told(floor, run)["STRAIT_MEMORY_LIMIT_MB"] == "4096"
    assert floor.yard.run(run).attempt == 1
    floor.yard.cancel(run)


def test_a_program_that_takes_too_long_is_stopped(floor: Floor, clock: Clock) -> None:
    run = floor.python(f"{STUBBORN}; # {id(floor)}", policy={"timeout": 5 * SECOND, "max_attempts": 1})
    floor.says(run, "up")
    clock.forward(seconds=6)
    floor.yard.tick()
    floor.reaches(run, "timed_out")
    floor.idle()
    assert not processes(f"# {id(floor)}")


def test_a_program_dies_with_its_lease(floor: Floor, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.1)
    run = floor.python(f"{SLEEP}; # {id(floor)}")
    floor.says(run, "up")
    clock.forward(seconds=executor.LEASE_SECONDS)
    floor.idle()
    assert not processes(f"# {id(floor)}")
    assert floor.state(run) == "running"
    floor.yard.tick()
    assert "lease_expired" in floor.yard.story(run)
    floor.yard.cancel(run)


def test_a_program_whose_run_waits_has_time_for_last_words_and_is_stopped(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "LAST_WORDS_SECONDS", 0.5)
    run = floor.python(f"{SLEEP}; # {id(floor)}")
    floor.says(run, "up")
    floor.yard.report(leases.park, Park(**proof(floor, run), waiting_for=Waiting(kind="event")))
    floor.idle()
    assert not processes(f"# {id(floor)}")
    assert floor.state(run) == "waiting"


def test_a_run_that_comes_back_ends_the_program_it_left(floor: Floor) -> None:
    run = floor.python(f"{STUBBORN}; # {id(floor)}")
    floor.says(run, "up")
    last = processes(f"# {id(floor)}")
    floor.yard.report(leases.park, Park(**proof(floor, run), waiting_for=Waiting(kind="event")))
    floor.yard.pause(run)
    floor.yard.store.transact(lambda tx: tx.run("UPDATE runs SET waiting_for = NULL WHERE id = :id", id=run.id))
    floor.yard.resume(run)
    until(lambda: len(floor.printed(run)) == 2)
    until(lambda: not any(one.is_running() for one in last), "two programs work on one run", seconds=5)
    assert processes(f"# {id(floor)}")
    floor.yard.cancel(run)


def test_a_server_that_stops_gives_its_runs_back_and_leaves_nobody(floor: Floor) -> None:
    run = floor.python(f"{SLEEP}; # {id(floor)}")
    floor.says(run, "up")
    floor.stop()
    assert not processes(f"# {id(floor)}")
    assert floor.state(run) == "queued"
    assert floor.yard.last(run)["reason"] == "the server stops"
    assert floor.yard.run(run).attempt == 1


def test_output_is_kept_line_by_line_in_order_whatever_it_is(floor: Floor) -> None:
    program = (
        "import sys; o = sys.stdout.buffer; o.write(b'one\\r\\n\\nthree \\xff\\x00\\n'); "
        "o.write(b'y' * 20000 + b'\\nlast'); o.flush()"
    )
    run = floor.python(program.replace("'", '"'))
    floor.reaches(run, "system_failed")
    lines = floor.printed(run)
    assert lines[:3] == ["one", "", "three \ufffd\ufffd"]
    assert [len(line) for line in lines[3:5]] == [output.LONGEST, 20000 - output.LONGEST]
    assert lines[5] == "last"


def test_a_flood_of_output_is_bounded_and_the_program_still_ends(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "MOST_BYTES", 100_000)
    run = floor.python("for n in range(50000): print(n)")
    floor.reaches(run, "system_failed")
    entries = floor.yard.store.look(lambda tx: tx.rows("SELECT COUNT(*), MAX(message) FROM logs"))
    assert 15_000 < entries[0][0] < 25_000
    assert entries[0][1].startswith("the program printed more than")


def test_a_run_without_a_managed_job_is_refused(floor: Floor) -> None:
    run = floor.yard.create(executor="managed")
    floor.reaches(run, "system_failed")
    assert floor.error(run)["message"] == "the run has no managed job to take its program from"


def test_an_image_that_may_not_run_here_is_refused(floor: Floor) -> None:
    floor.job("/etc")
    run = floor.ask()
    floor.reaches(run, "system_failed")
    assert "RUNYARD_MANAGED_ROOTS" in floor.error(run)["message"]


def test_runs_wait_for_the_memory_of_the_machine(floor: Floor) -> None:
    floor.executor.memory = 900
    first, second = (floor.python(SLEEP, preset="small-1x") for _ in range(2))
    third = floor.python(SLEEP, preset="small-1x")
    floor.says(first, "up")
    until(lambda: floor.state(second) == "claimed")
    assert (floor.printed(second), floor.state(third)) == ([], "queued")
    floor.yard.cancel(first)
    floor.says(second, "up")
    floor.yard.cancel(second)
    floor.says(third, "up")
    floor.yard.cancel(third)


def test_a_run_that_waits_for_memory_can_be_canceled(floor: Floor) -> None:
    floor.executor.memory = 900
    first, second = (floor.python(SLEEP, preset="small-1x") for _ in range(2))
    floor.says(first, "up")
    floor.yard.cancel(first)
    until(lambda: floor.state(second) in {"claimed", "running"})
    floor.yard.cancel(second)
    floor.idle()


def test_what_a_program_uses_is_sampled(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SAMPLE_SECONDS", 0.1)
    run = floor.python("kept = b'x' * (50 << 20)\nwhile True: pass".replace("'", '"'))

    def samples() -> list[Any]:
        return list(floor.yard.store.look(resources.of_run, run.id, 100))

    until(lambda: len(samples()) >= 3, seconds=20)
    floor.yard.cancel(run)
    newest = samples()[0]
    assert newest.memory_limit_mb == 256
    assert 50 < newest.memory_mb < 120
    # How much of a processor it gets is the machine's affair.
    assert max(one.cpu_percent for one in samples()) > 0
    assert [one.id for one in samples()] == sorted((one.id for one in samples()), reverse=True)
