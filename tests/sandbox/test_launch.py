"""Starting programs, and ending them with everything they started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from runyard.sandbox import gauge
from runyard.sandbox.door import Door, Gate
from runyard.sandbox.images import program
from runyard.sandbox.isolation import Cell
from runyard.sandbox.launch import NotStarted, Running, launch, start
from runyard.sandbox.limits import Limits
from runyard.settings import Settings
from tests.e2e.processes import until
from tests.sandbox.conftest import python, run


def alive(word: str) -> list[int]:
    """The processes of this machine whose command line holds the word."""
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(word in part for part in one.cmdline()):
                found.append(one.pid)
    return found


def test_a_program_gets_its_own_environment_and_an_empty_folder(settings: Settings) -> None:
    ended = run("command: sh -c 'env; ls -A; pwd >&2'", settings, environment={"A": "1", "PATH": "/bin:/usr/bin"})
    assert ended.code == 0
    names = {line.partition("=")[0] for line in ended.out.splitlines()}
    assert names == {"A", "PATH", "HOME", "TMPDIR", "LANG", "PWD"}
    place = ended.err.strip()
    assert f"HOME={place}" in ended.out.splitlines()
    assert not Path(place).exists() or place == "/work"


def test_codes_and_signals_come_through(settings: Settings) -> None:
    assert run("command: sh -c 'exit 7'", settings).code == 7
    assert run("command: sh -c 'kill -9 $$'", settings).code == 128 + signal.SIGKILL
    assert run("command: /usr", settings).code == 126
    assert run("command: no-such-program", settings).code == 127


def test_each_process_is_limited(settings: Settings) -> None:
    limits = Limits(memory=200 << 20, cpus=1, files=50)
    source = (
        "import os, resource as r; "
        "print(*map(r.getrlimit, (r.RLIMIT_NOFILE, r.RLIMIT_CORE, r.RLIMIT_DATA)), len(os.sched_getaffinity(0)))"
    )
    most = 200 << 20
    assert run(python(source), settings, limits=limits).out == f"(50, 50) (0, 0) ({most}, {most}) 1\n"
    assert "MemoryError" in run(python('kept = b"x" * (300 << 20)'), settings, limits=limits).err


def test_a_large_environment_reaches_the_program(settings: Settings) -> None:
    ended = run("command: sh -c 'echo ${#A} ${#B} ${#C}'", settings, environment=dict.fromkeys("ABC", "x" * 100_000))
    assert ended.out == "100000 100000 100000\n"


def test_what_no_environment_can_hold_is_an_error_of_the_program(settings: Settings) -> None:
    for value in ("x" * 300_000, "a\0b"):
        ended = run("command: true", settings, environment={"A": value})
        assert (ended.code, "cannot be started" in ended.err) == (126, True)


def test_a_program_asked_to_end_can_say_a_last_word(settings: Settings) -> None:
    async def ask(running: Running) -> None:
        assert running.process.stdout is not None
        assert await running.process.stdout.readline() == b"up\n"
        running.terminate(gauge.look())

    image = "command: sh -c 'trap \"echo bye; exit 5\" TERM; echo up; while :; do sleep 0.05; done'"
    ended = run(image, settings, meanwhile=ask)
    assert (ended.out, ended.code) == ("bye\n", 5)


def test_killing_leaves_nobody_not_even_who_ran_away(settings: Settings) -> None:
    word = f"runaway-{os.getpid()}-{settings.managed_isolation}"
    away = (
        "import os, sys, time\nif os.fork() == 0:\n    os.setsid()\n    os.fork()\n"
        f"print(1, flush=True)\ntime.sleep(600) # {word}"
    )

    async def kill(running: Running) -> None:
        assert running.process.stdout is not None
        for _ in range(3):
            await running.process.stdout.readline()
        assert len(alive(word)) >= 3
        running.kill()

    run(python(away), settings, meanwhile=kill)
    until(lambda: not alive(word), "somebody is left")


def test_a_program_dies_with_the_process_that_started_it(settings: Settings, tmp_path: Path) -> None:
    word = f"orphan-{os.getpid()}-{settings.managed_isolation}"
    server = tmp_path / "server.py"
    server.write_text(
        textwrap.dedent(
            f"""
            import asyncio
            from runyard.sandbox.images import program
            from runyard.sandbox.launch import launch
            from runyard.sandbox.limits import Limits
            from runyard.settings import Settings

            async def main():
                image = "command: sh -c 'sleep 600 & setsid sleep 600 & sleep 600; : {word}'"
                settings = Settings(managed_isolation={settings.managed_isolation!r})
                running = await launch(program(image), {{}}, Limits(), settings)
                print("up", flush=True)
                await asyncio.sleep(600)

            asyncio.run(main())
            """
        )
    )
    with subprocess.Popen([sys.executable, str(server)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        until(lambda: alive(word), seconds=20)
        until(lambda: len(psutil.Process(process.pid).children(recursive=True)) >= 5, seconds=20)
        below = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        process.kill()
    until(lambda: not any(map(psutil.pid_exists, below)), "an orphan is left", seconds=20)


def test_a_program_that_cannot_be_shut_in_says_why(walled: Settings) -> None:
    settings = Settings(managed_paths=("/no/such/folder",))

    async def start() -> None:
        await launch(program("command: true"), {}, Limits(), settings)

    with pytest.raises(NotStarted, match="/no/such/folder"):
        asyncio.run(start())


def test_the_door_leads_to_the_server_and_nowhere_else(walled: Settings) -> None:
    async def whole() -> tuple[bytes, list[bytes]]:
        heard: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.readline())
            writer.write(b"y" * 300_000 + b"\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        source = (
            "import socket\nfor n in range(3):\n    s = socket.create_connection(('127.0.0.1', 8321)); "
            "s.sendall(b'hello\\n'); print(len(s.makefile('rb').read()), flush=True)"
        )
        running = await launch(program(python(source.replace("'", '"'))), {}, Limits(), walled)
        assert running.door is not None
        door = Door(running.door, *server.sockets[0].getsockname()[:2])
        await door.open()
        try:
            async with asyncio.timeout(20):
                out, err = await running.process.communicate()
        finally:
            running.kill()
            await door.close()
            running.forget()
            server.close()
        assert not err, err
        return out, heard

    out, heard = asyncio.run(whole())
    assert out == b"300001\n" * 3
    assert heard == [b"hello\n"] * 3


def test_the_gate_leads_to_one_port_inside(walled: Settings, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    source = (
        "import socket; s = socket.create_server(('127.0.0.1', 3001)); open('up', 'w').close()\n"
        "print('up', flush=True)\n"
        "while 1:\n    c, _ = s.accept(); c.sendall(c.recv(100) * 2); c.close()"
    )

    async def asked(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello")
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    async def whole() -> tuple[list[bytes], bytes, bytes]:
        cell = Cell(walled=True, work=str(tmp_path), below="below", gate=True)
        running = await start(["/usr/bin/env", "python3", "-c", source], {}, Limits(), cell)
        gate, other = Gate(running, 3001), Gate(running, 3002)
        try:
            async with asyncio.timeout(20):
                await gate.open()
                await other.open()
                assert running.process.stdout is not None
                assert await running.process.stdout.readline() == b"up\n"
                heard = await asyncio.gather(*(asked(gate.port) for _ in range(20)))
                nothing = await asked(other.port)
                running.kill()
                await running.process.wait()
                return heard, nothing, await asked(gate.port)
        finally:
            running.kill()
            await gate.close()
            await other.close()
            running.forget()

    heard, nothing, afterwards = asyncio.run(whole())
    assert heard == [b"hellohello"] * 20
    assert (nothing, afterwards) == (b"", b"")
    assert (tmp_path / "below" / "up").exists(), "its folder is the program's own on this machine"
