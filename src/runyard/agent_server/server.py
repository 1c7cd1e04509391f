"""One run from boot to end: the session, what is told of it, and how it is over (contract §10)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import httpx2

from runyard import __version__
from runyard.agent_server import beginning, opening
from runyard.agent_server.agent import AgentLost
from runyard.agent_server.beginning import Beginning
from runyard.agent_server.clock import Clock, Ids
from runyard.agent_server.commands import CommandFailed, Session, UserMessage
from runyard.agent_server.control import PATIENT, TERMINAL, Control, ControlError, Refused
from runyard.agent_server.ingest import Ingest
from runyard.agent_server.journal import Journal
from runyard.agent_server.keeping import Keeper
from runyard.agent_server.launch import Launch, Mode
from runyard.agent_server.logbook import Logbook
from runyard.agent_server.opening import BootFailed
from runyard.agent_server.outbox import Outbox
from runyard.agent_server.progress import Progress
from runyard.agent_server.resume import Past
from runyard.agent_server.session import ERROR, Outside, RunSession, Turn
from runyard.agent_server.tokens import Claims
from runyard.agent_server.usage import Usage

log = logging.getLogger("runyard.agent_server")
LOOK_SECONDS = 30.0
"""How often it is asked whether the run is still on."""
LAST_SECONDS = 15.0
FAILED_ATTEMPTS = 5
_FINE = frozenset({"end_turn"})


class AgentServer:
    """What works on one run."""

    def __init__(self, launch: Launch, *, http: httpx2.AsyncClient, clock: Clock, ids: Ids) -> None:
        self._launch = launch
        self._clock = clock
        self._ids = ids
        self._mode: Mode = launch.mode
        self.outbox = Outbox()
        self.control = Control(launch, http, clock)
        self.control.on_status = self._on_status
        self.logbook = Logbook(self.control, clock)
        self._ingest = Ingest(launch, http, clock) if launch.ingest_token else None
        self._journal = Journal(write=self.logbook.add, emit=self._emit, clock=clock, ids=ids)
        self._keeper = Keeper(launch, self.control, self._journal)
        self._session: RunSession | None = None
        self._opening = asyncio.Lock()
        self._booted = asyncio.Event()
        """Set when the first prompt is through, or never will be."""
        self._opened = asyncio.Event()
        self._over = asyncio.Event()
        self._code = 0
        self._ending: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._task: dict[str, Any] = {}
        self._usage = Usage()
        self._progress = Progress(clock)

    # -- what HTTP asks

    def health(self) -> dict[str, Any]:
        """How the server is (contract §10)."""
        return self._progress.health(has_session=self._session is not None)

    def session(self) -> Session | None:
        """The session, while there is one."""
        return self._session

    async def open_for(self, caller: Claims) -> None:
        """Return when there is a session: that of the boot, or another one when that was closed."""
        await self._opened.wait()
        async with self._opening:
            if self._session is None and not self._over.is_set():
                self._mode = caller.mode
                try:
                    self._session = await self._open({}, None)
                except AgentLost as error:
                    await self._fail("agent_not_started", f"The agent could not be started: {error}")

    # -- its life

    async def run(self) -> int:
        """Work on the run until it is over or `stop` is called; the exit code."""
        self._spawn(self.logbook.send_forever(), "log")
        if self._ingest is not None:
            self._spawn(self._ingest.send_forever(), "ingest")
        self._spawn(self._look(), "look")
        self._spawn(self._boot(), "boot")
        await self._over.wait()
        await self._leave()
        return self._code

    def stop(self) -> None:
        """Leave the run as it is, and end; what it still has to tell is told."""
        self._over.set()

    async def _boot(self) -> None:
        try:
            await self._begin()
        except BootFailed as error:
            await self._fail(error.code, str(error))
        except AgentLost as error:
            await self._fail("agent_not_started", f"The agent could not be started: {error}")
        except ControlError as error:
            code = "control_plane_refused" if isinstance(error, Refused) else "control_plane_unreachable"
            await self._fail(code, f"The run could not begin: {error}")
        except CommandFailed as error:
            if not self._over.is_set() and self._session is not None:
                await self._fail("first_prompt", f"The first prompt could not be given: {error}")
        except Exception as error:
            # Nobody else would say so, and the run would hang.
            log.exception("boot.crashed")
            await self._fail("crashed", f"Agent server crashed: {type(error).__name__}: {error}")
        finally:
            self._opened.set()
            self._booted.set()

    async def _begin(self) -> None:
        self._progress.step("http")
        self._task = await self.control.task()
        run = await self.control.run()
        self._progress.step("run")
        if self._over.is_set():
            return
        self._usage = Usage(beginning.state(run).get("token_usage"))
        await opening.repository(self._launch, self._clock)
        await self._keeper.begin()
        self._progress.step("repository")
        past = await opening.past(self._launch, self.control, self._journal, run)
        self._session = session = await self._open(run, past)
        self._progress.step("session")
        self._progress.readiness = "ready"
        remembers = session.agent.was_loaded
        begin = beginning.beginning(self._launch, self._task, run, resumes=past is not None)
        self._journal.note(
            "_posthog/run_started",
            {
                "sessionId": session.agent.session_id,
                "runId": self._launch.run_id,
                "taskId": self._launch.task_id,
                "agentVersion": __version__,
            },
        )
        told = {"taskRunId": self._launch.run_id, "sessionId": session.agent.session_id}
        self._journal.note("_posthog/sdk_session", {**told, "adapter": self._launch.adapter})
        await self.control.update({"status": "in_progress"})
        self._opened.set()
        await opening.settle(self._launch, self._journal, session, run)
        await self._first(session, run, begin, None if remembers else past)

    async def _first(self, session: RunSession, run: dict[str, Any], begin: Beginning, past: Past | None) -> None:
        """Give the first prompt, and what waited behind it."""
        files = await opening.files(self._launch, self.control, run, begin)
        turn: Turn | None = None
        if blocks := beginning.blocks(begin, past) + files if begin.message or files else []:
            if begin.message_id is not None:
                session.remember(begin.message_id)
            turn = await session.turn(blocks, begin.message or "")
        elif self._mode == "background" and not begin.follow_ups and not beginning.state(run).get("prewarmed"):
            raise BootFailed("nothing_to_do", "There is nothing to do: neither a message nor a description of the task")
        if begin.remove_keys and (turn is not None or not blocks):
            await self.control.update({"state_remove_keys": list(begin.remove_keys)})
        for follow_up in begin.follow_ups:
            if session.is_closed:
                return
            await session.user_message(UserMessage(content=follow_up.content, message_id=follow_up.id))
        self._booted.set()
        if turn is not None:
            self._on_turn(session.last_turn or turn)

    async def _open(self, run: dict[str, Any], past: Past | None) -> RunSession:
        """A new agent with an open session. Raises `AgentLost`."""
        outside = Outside(on_turn=self._heard_turn, on_lost=self._on_lost, on_close=self._close)
        session = await opening.session(
            self._launch,
            control=self.control,
            journal=self._journal,
            usage=self._usage,
            ids=self._ids,
            outside=outside,
            run=run,
            past=past,
        )
        self._spawn(self._guard(session), "guard")
        return session

    # -- how it ends

    def _on_status(self, status: str) -> None:
        """The run is over, whoever said so."""
        if status in TERMINAL and self._ending is None:
            log.info("run.over %s", status)
            self._code = 1 if status == "failed" else 0
            self._over.set()

    def _heard_turn(self, turn: Turn) -> None:
        if self._booted.is_set():
            self._on_turn(turn)

    def _on_turn(self, turn: Turn) -> None:
        """In the background, the run is over with its first turn that ends by itself."""
        session = self._session
        if self._mode != "background" or session is None or session.is_closed or session.waiting:
            return
        if self._ending is None and turn.stop_reason != "cancelled":
            self._end(self._finish(turn), "finish")

    def _end(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Begin to end; the server ends in any case, also when that fails."""
        if self._session is not None:
            self._session.is_over = True
        self._ending = asyncio.create_task(work, name=name)
        self._ending.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("end.crashed", exc_info=error)
            self._code = 1
        self._over.set()

    async def _finish(self, turn: Turn) -> None:
        session = self._session.agent.session_id if self._session is not None else ""
        if turn.stop_reason == ERROR:
            await self._failed(f"The agent failed: {turn.error}", "agent_failed")
            return
        if turn.stop_reason not in _FINE:
            await self._failed(f"The agent stopped before the end: {turn.stop_reason}", "agent_stopped")
            return
        try:
            if isinstance(self._task.get("json_schema"), dict):
                await self.control.set_output(beginning.structured(turn.answer))
        except (ControlError, ValueError) as error:
            await self._failed(f"No structured output: {error}", "no_output")
            return
        # Before the run is over, so that whoever waits for it finds them.
        await self._keeper.keep(session)
        self._journal.note("_posthog/task_complete", {"sessionId": session, "stopReason": turn.stop_reason})
        await self.logbook.flush()
        try:
            await self.control.update({"status": "completed"}, attempts=PATIENT)
        except ControlError as error:
            log.error("run.not_completed %s", error)
            self._code = 1

    async def _on_lost(self, how: str) -> None:
        if self._session is not None and not self._over.is_set():
            await self._fail("agent_crashed", f"Agent process crashed: {how}")

    async def _guard(self, session: RunSession) -> None:
        how = await session.agent.gone()
        if not session.is_closed:
            await self._on_lost(how)

    async def _fail(self, code: str, message: str) -> None:
        """Say once that the run has failed, and end."""
        if self._ending is None and not self._over.is_set():
            self._end(self._failed(message, code), "fail")
        if self._ending is not None:
            await asyncio.shield(self._ending)

    async def _failed(self, message: str, code: str) -> None:
        log.error("run.failed %s: %s", code, message)
        self._progress.fail(code)
        self._code = 1
        session = self._session.agent.session_id if self._session is not None else ""
        self._journal.note("_posthog/error", {"sessionId": session, "stopReason": "error", "error": message})
        flushing = asyncio.create_task(self.logbook.flush(1))
        try:
            # At once, whatever becomes of the log: whoever waits for the run is to know.
            await self.control.update({"status": "failed", "error_message": message}, attempts=FAILED_ATTEMPTS)
        except ControlError as error:
            log.error("run.not_failed %s", error)
        await flushing

    async def _close(self) -> None:
        """End the session; the server goes on."""
        session, self._session = self._session, None
        if session is not None:
            await session.end()
            await self.logbook.flush()
            self.outbox.hang_up()

    async def _leave(self) -> None:
        """Tell what is still to be told, and end what is still running."""
        if self._ending is not None:
            await asyncio.wait({self._ending}, timeout=LAST_SECONDS)
        session, self._session = self._session, None
        if session is not None:
            await session.end()
        self._journal.settle()
        await self._keeper.keep(session.agent.session_id if session is not None else "", last=True)
        for task in (*self._tasks, *((self._ending,) if self._ending else ())):
            task.cancel()
        await self.logbook.flush()
        if self._ingest is not None:
            await self._ingest.complete()
        self.outbox.close()

    async def _look(self) -> None:
        """Ask now and then whether the run is still on: it may be cancelled while nothing is sent."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            try:
                await self.control.run(attempts=1)
            except Refused as error:
                if error.status == 404:
                    log.error("run.gone")
                    self._code = 1
                    self._over.set()
            except ControlError as error:
                log.warning("run.not_seen %s", error)

    # -- small things

    def _emit(self, event: dict[str, Any]) -> None:
        if self._ingest is not None:
            self._ingest.put(event)
        self.outbox.put(event)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task.crashed %s", task.get_name(), exc_info=error)
            message = f"Agent server crashed: {type(error).__name__}: {error}"
            self._spawn(self._fail("crashed", message), "crash")
