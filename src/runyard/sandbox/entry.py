"""What stands between the server and a managed program. It is started with the bare interpreter, as text.

Its only argument is the number of a socket, over which the server says, as JSON behind four bytes of length: `words` to
run, their `environment`, the `folder` to run them in, `limits`, `door` (the port to answer on for the server, 0 for
none), `gate` (whether the server may ask for connections to ports in here), and `keep`: whether to stay, end everything
below when the server goes away, and remove the folder it was started in. Inside bubblewrap nobody has to stay, because
everything ends with its process table.
"""

# Only the standard library, and nothing of ours: inside the sandbox there is nothing else.
from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import shutil
import signal
import socket
import sys
import time
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
READY = b"+"
REFUSED = b"-"
GATE_SECONDS = 5.0
NOT_FOUND = 127
NOT_STARTED = 126
LARGEST_FILE = 4 << 30


def main(number: int) -> None:
    """Become the program, or stay with it."""
    control = socket.socket(fileno=number)
    order = json.loads(_read(control, int.from_bytes(_read(control, 4), "big")))
    if order["keep"]:
        _keep(control)
    _limit(order["limits"])
    _open_door(control, order["door"])
    if order["gate"]:
        _mind_gate(control)
    control.close()
    os.chdir(order["folder"])
    _become(order["words"], order["environment"])


def _read(control: socket.socket, size: int) -> bytes:
    said = control.recv(size, socket.MSG_WAITALL)
    if len(said) < size:
        os._exit(NOT_STARTED)
    return said


def _limit(limits: dict[str, int]) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    # Programs of few processors are spread over those there are.
    first = time.monotonic_ns() // 1000 % len(cpus)
    os.sched_setaffinity(0, (cpus[first:] + cpus[:first])[: limits["cpus"]])
    for what, most in (
        (resource.RLIMIT_DATA, limits["memory"]),
        (resource.RLIMIT_NOFILE, limits["files"]),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
        (resource.RLIMIT_CORE, 0),
        *([(resource.RLIMIT_NPROC, limits["processes"])] if limits["processes"] else []),
    ):
        _, hard = resource.getrlimit(what)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))


def _open_door(control: socket.socket, port: int) -> None:
    if not port:
        control.sendall(READY)
        return
    # The server answers on this socket from outside: a socket stays in the network it was made in.
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.1", port))
        door.listen(64)
        socket.send_fds(control, [READY], [door.fileno()])


def _mind_gate(control: socket.socket) -> None:
    """Leave somebody here who connects the server to ports that the program listens on.

    A socket stays in the network it was made in; so the server gets one of this network, and the program none of its.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    # Nobody's child but the first process's, which looks after it.
    if os.fork():
        os._exit(0)
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    while wanted := control.recv(2):
        with socket.socket() as guest:
            guest.settimeout(GATE_SECONDS)
            try:
                guest.connect(("127.0.0.1", int.from_bytes(wanted, "big")))
                guest.setblocking(False)
                socket.send_fds(control, [READY], [guest.fileno()])
            except OSError:
                control.sendall(REFUSED)
    os._exit(0)


def _become(words: list[str], environment: dict[str, str]) -> None:
    # The interpreter ignores these; a program starts with what is usual.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(words[0], words, environment)  # noqa: S606 (no shell is meant)
    except FileNotFoundError:
        _say(f"there is no program {words[0]!r}")
        os._exit(NOT_FOUND)
    except (OSError, ValueError) as error:
        _say(f"{words[0]!r} cannot be started: {error}")
        os._exit(NOT_STARTED)


def _say(sentence: str) -> None:
    os.write(2, f"runyard: {sentence}\n".encode())


def _keep(control: socket.socket) -> None:
    """Return in the child; the parent stays until the child has ended or the server is gone, and leaves nobody."""
    libc: Any = ctypes.CDLL(None, use_errno=True)
    # Whoever loses its parent below becomes our child, so nobody gets away by forking twice.
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    child: int = os.fork()
    if not child:
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
        os.setsid()
        return
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: _signal(child, signal.SIGTERM))
    status = _ended(child, control)
    _sweep()
    shutil.rmtree(os.getcwd(), ignore_errors=True)
    code = os.waitstatus_to_exitcode(status)
    os._exit(128 - code if code < 0 else code)


def _ended(child: int, control: socket.socket) -> int:
    ended = os.pidfd_open(child)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(control, select.POLLIN)
    while ended not in (fds := [fd for fd, _ in poll.poll()]):
        if control.fileno() in fds:
            _signal(child, signal.SIGKILL)
            poll.unregister(control)
    return os.waitpid(child, 0)[1]


def _sweep() -> None:
    """End every descendant; those of an ended one become ours and come next."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return
        for pid in _children():
            _signal(pid, signal.SIGKILL)
        time.sleep(0.01)


def _children() -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rpartition(b") ")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if parent == os.getpid():
            found.append(int(name))
    return found


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


if __name__ == "__main__":
    main(int(sys.argv[1]))
