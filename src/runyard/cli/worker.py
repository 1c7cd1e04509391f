"""`runyard worker`."""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from runyard.cli.failures import usage
from runyard.cli.invocation import Given

if TYPE_CHECKING:
    from runyard.sdk import Worker


def worker(
    target: Annotated[str, Parameter(name="MODULE:WORKER", help="The module, and the `Worker` in it.")],
    /,
    *,
    concurrency: Annotated[int | None, Parameter(validator=Number(gte=1), help="How many runs at one time.")] = None,
    invocation: Given,
) -> None:
    """Run a worker of your own, defined with `runyard.sdk.Worker`, until it is told to stop."""
    found = load(target)
    # Options win over what the module says.
    found.url = invocation.url or found.url
    found.key = invocation.key or found.key
    found.project = invocation.project or found.project
    found.concurrency = concurrency or found.concurrency
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("runyard").setLevel(logging.WARNING if invocation.quiet else logging.INFO)
    try:
        found.run()
    except ValueError as error:
        raise usage(str(error)) from None


def load(target: str) -> Worker:
    """The worker that `MODULE:WORKER` names, looked for in the current folder too. Raises a usage `Failure`."""
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise usage(f"{target!r} does not name a worker", "Write MODULE:WORKER, for example tasks:worker.")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name.partition(".")[0] and error.name != module_name:
            raise
        raise usage(
            f"there is no module {module_name!r}", "It is looked for in the current folder, then where Python looks."
        ) from None
    from runyard.sdk import Worker

    found = getattr(module, attribute, None)
    if not isinstance(found, Worker):
        raise usage(f"{target} is not a runyard.sdk.Worker", _workers_in(module_name, vars(module), Worker))
    return found


def _workers_in(module: str, names: dict[str, object], kind: type[Worker]) -> str:
    there = [f"{module}:{name}" for name, value in names.items() if isinstance(value, kind)]
    return f"There is {', '.join(there)}." if there else f"Make one in {module}: worker = Worker()."
