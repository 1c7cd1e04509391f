"""The worker process of the built-in agents: `python -m runyard.agents`."""

import logging
import os
import stat
import sys

import structlog

from runyard.agents import lifeline, settings
from runyard.agents.code_reviewer import worker as code_reviewer
from runyard.agents.dependency_auditor import worker as dependency_auditor
from runyard.agents.security_scanner import worker as security_scanner
from runyard.agents.test_runner import worker as test_runner
from runyard.agents.work import Work, register
from runyard.sdk import Worker

_EXECUTOR = "agent"
_CONCURRENCY = 2  # runs at a time: each keeps about one core busy
WORKS: dict[str, Work] = {
    "code-reviewer": code_reviewer.work,
    "security-scanner": security_scanner.work,
    "dependency-auditor": dependency_auditor.work,
    "test-runner": test_runner.work,
}
"""Who works on the runs of agents made from a template."""


def main() -> int:
    """Work until SIGTERM, then drain; end at once when standard input is a pipe and its other end is gone."""
    log(os.environ.get("RUNYARD_LOG_LEVEL", "info"), os.environ.get("RUNYARD_LOG_FORMAT", "auto"))
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line for every request
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        # The server that started us holds the other end. Reviews under way see us go, and end as well.
        lifeline.watch(0, lambda: os._exit(1))
    try:
        read = settings.read(os.environ)
    except ValueError as error:
        print(f"runyard.agents: {error}", file=sys.stderr)
        return 2
    name = f"built-in-agents-{os.getpid()}"
    built_in = Worker(concurrency=_CONCURRENCY, name=name, executor=_EXECUTOR, prefetch=0)
    for slug, work in WORKS.items():
        register(built_in, slug, work, read)
    built_in.run()
    return 0


def log(level: str, style: str) -> None:
    """Log as the server that started us does: readable lines on a terminal or when asked for, else JSON lines."""
    readable = style == "console" or (style == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    if not readable:
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=[
                    structlog.stdlib.add_log_level,
                    structlog.stdlib.add_logger_name,
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    structlog.processors.format_exc_info,
                ],
                processors=[
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(),
                ],
            )
        )
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    logging.basicConfig(level=number, handlers=[handler])


if __name__ == "__main__":
    sys.exit(main())
