"""The command `runyard` for the shells that pages are pasted into, less the half second that its imports take."""

from __future__ import annotations

import ast
import contextlib
import os
import select
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.support.offspring import Offspring

ROOM = 1 << 20
"""Bytes of the longest command line with its environment."""
COMMAND = """#!{python} -IS
# Imports almost nothing. Whoever kills it ends what it asked for.
import _signal, _socket, array, os, sys

counter = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
counter.connect({name!r})
asked = ascii((sys.argv[1:], dict(os.environ), os.getcwd())).encode()
counter.sendmsg([asked], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
process = int(counter.recv(64))
for number in (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP):
    if _signal.getsignal(number) != _signal.SIG_IGN:
        _signal.signal(number, lambda number, _: os.kill(process, number))
code = int(counter.recv(64))
if code < 0:
    _signal.signal(-code, _signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


@contextlib.contextmanager
def open_counter(folder: Path) -> Iterator[None]:
    """Put the command into the folder, and do what it is asked for until the block ends."""
    name = f"\0runyard-counter-{os.getpid()}"
    command = folder / "runyard"
    command.write_text(COMMAND.format(python=sys.executable, name=name))
    command.chmod(0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(name)
        door.listen()
        thread = threading.Thread(target=_answer, args=(door,))
        thread.start()
        try:
            yield
        finally:
            door.shutdown(socket.SHUT_RDWR)
            thread.join()


def _answer(door: socket.socket) -> None:
    while True:
        try:
            caller, _ = door.accept()
        except OSError:  # it is closed
            return
        threading.Thread(target=_serve, args=(caller,), daemon=True).start()


def _serve(caller: socket.socket) -> None:
    with caller:
        message, files, _, _ = socket.recv_fds(caller, ROOM, 3)
        arguments, env, cwd = ast.literal_eval(message.decode())
        into, out, err = files
        process = Offspring(arguments, env=env, into=into, out=out, err=err, cwd=Path(cwd))
        for file in files:
            os.close(file)
        # A caller says nothing more: only its end makes it readable.
        with contextlib.suppress(OSError):
            caller.send(str(process.pid).encode())
            select.select([caller.fileno(), process.fileno()], [], [])
            if process.poll() is None:
                process.kill()
            caller.send(str(process.wait()).encode())
