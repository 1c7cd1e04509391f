"""Runs a review in a process of its own, bounded in time and memory, of which nothing is left afterwards."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO

import msgspec

from runyard.agents.code_reviewer import messages
from runyard.agents.code_reviewer.messages import Line, Order
from runyard.agents.code_reviewer.model import ModelSettings
from runyard.agents.code_reviewer.pipeline import OnProgress, OnUsage
from runyard.agents.code_reviewer.report import Report
from runyard.agents.code_reviewer.request import Limits, ReviewRequest
from runyard.agents.errors import Cancelled, ChildCrashed, TimeLimit, from_kind

# Without the folder it starts in on the module path (-P): a file there could pass for a module of ours.
CHILD = (sys.executable, "-P", "-m", "runyard.agents.code_reviewer.child")
_PASSED_ON = {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "SSL_CERT_FILE"}
_PASSED_ON |= {"SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}
_LONGEST_LINE = 64 << 20
_LOOK_UP = 0.1  # seconds between looks at the clock and at `cancelled`
_LAST_WORDS = 40  # lines of the child's complaints that are kept


def review(
    request: ReviewRequest,
    *,
    roots: Sequence[Path],
    limits: Limits | None = None,
    model: ModelSettings | None = None,
    options: dict[str, Any] | None = None,
    on_progress: OnProgress = lambda _message, _done, _total: None,
    on_usage: OnUsage = lambda _usage: None,
    cancelled: Callable[[], bool] = lambda: False,
    command: Sequence[str] = CHILD,
) -> Report:
    """Review a repository below one of `roots`. Raises an `AgentError`; what was started is gone by then."""
    limits = limits or Limits()
    order = Order(
        request=request, roots=tuple(str(root) for root in roots), limits=limits, model=model, options=options or {}
    )
    with _child(command, order) as child:
        for line in _lines(child, time.monotonic() + limits.seconds, cancelled):
            if line is None:
                raise TimeLimit(f"The review took longer than the {limits.seconds:.0f} s it may take")
            if line.progress is not None:
                on_progress(line.progress.message, line.progress.done, line.progress.total)
            elif line.usage is not None:
                on_usage(line.usage)
            elif line.report is not None:
                return line.report
            elif line.error is not None:
                raise from_kind(line.error.kind, line.error.message)
        raise ChildCrashed(child.obituary())


class _Child:
    """A running review: its lines arrive in a queue, its complaints are kept short."""

    def __init__(self, process: subprocess.Popen[bytes], order: Order) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.lines: SimpleQueue[bytes] = SimpleQueue()
        self._complaints: deque[bytes] = deque(maxlen=_LAST_WORDS)
        self._threads = (
            threading.Thread(target=_give, args=(process.stdin, msgspec.json.encode(order)), daemon=True),
            threading.Thread(target=_take, args=(process.stdout, self.lines), daemon=True),
            threading.Thread(target=_drain, args=(process.stderr, self._complaints), daemon=True),
        )
        for thread in self._threads:
            thread.start()

    def obituary(self) -> str:
        """Why it ended without an answer, as far as can be told."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)
        self._threads[-1].join(timeout=1)
        code = self.process.poll()
        last = self._complaints[-1].decode("utf-8", "replace").strip()[:500] if self._complaints else ""
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with {code}"
        return f"The review's process {how} without an answer" + (f": {last}" if last else "")

    def end(self) -> None:
        # Before it is waited for: until then its number, and with it the group's, cannot belong to anybody else.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for thread in self._threads:
            thread.join(timeout=5)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


@contextmanager
def _child(command: Sequence[str], order: Order) -> Iterator[_Child]:
    # The writing end stays here alone; it closes with this process, however that ends, and the child sees it.
    lifeline, ours = os.pipe()
    try:
        process = subprocess.Popen(
            [*command, "--lifeline", str(lifeline)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=os.sep,
            env={name: value for name, value in os.environ.items() if name in _PASSED_ON},
            pass_fds=(lifeline,),
            start_new_session=True,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(lifeline)
    child = _Child(process, order)
    try:
        yield child
    finally:
        child.end()
        os.close(ours)


def _lines(child: _Child, deadline: float, cancelled: Callable[[], bool]) -> Iterator[Line | None]:
    """What the child says, until it says no more; None when the time is up. Raises `Cancelled`."""
    while True:
        if cancelled():
            raise Cancelled("The review was cancelled")
        if time.monotonic() > deadline:
            yield None
        try:
            text = child.lines.get(timeout=_LOOK_UP)
        except Empty:
            continue
        if not text:
            return
        try:
            yield messages.decode(text)
        except msgspec.DecodeError:
            raise ChildCrashed("The review's process said something that cannot be understood") from None


def _give(pipe: BinaryIO, order: bytes) -> None:
    with suppress(BrokenPipeError), pipe:
        pipe.write(order)


def _take(pipe: BinaryIO, lines: SimpleQueue[bytes]) -> None:
    while text := pipe.readline(_LONGEST_LINE):
        lines.put(text)
    lines.put(b"")


def _drain(pipe: BinaryIO, complaints: deque[bytes]) -> None:
    while text := pipe.readline(4096):
        complaints.append(text)
