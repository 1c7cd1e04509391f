"""What a managed job names as its image: a command line, or a folder with an executable `run`.

`command: python3 -m agent` is split as a shell would split it, without a shell. `/srv/agents/triage` is a folder below
one of the allowed roots. Either may begin with `network+`, which asks for the server's network.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import msgspec

from runyard.domain.errors import Invalid
from runyard.settings import Settings

COMMAND = "command:"
NETWORK = "network+"
LONGEST = 4096
RUN = "run"
"""The executable that a folder holds."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What to run: words of a command, or the `run` of a folder."""

    words: tuple[str, ...] = ()
    folder: str | None = None
    network: bool = False


def program(image: str) -> Program:
    """The image as a program. Raises `Invalid` when it is neither a command nor an absolute folder."""
    if len(image) > LONGEST or "\0" in image:
        raise Invalid(f"an image has at most {LONGEST} characters and no NUL")
    network, rest = image.startswith(NETWORK), image.removeprefix(NETWORK).strip()
    if rest.startswith("/"):
        return Program(folder=rest, network=network)
    if not rest.startswith(COMMAND):
        raise Invalid(
            "a managed job's image is `command: …` or the absolute path of a folder with an executable `run`; "
            "container images are not pulled"
        )
    try:
        words = tuple(shlex.split(rest.removeprefix(COMMAND)))
    except ValueError as error:
        raise Invalid(f"the image's command cannot be read: {str(error).lower()}") from None
    if not words or not words[0]:
        raise Invalid("the image's command is empty")
    return Program(words=words, network=network)


def check_image(image: str, settings: Settings) -> Program:
    """The program, when this server may run it. Raises `Invalid`."""
    wanted = program(image)
    if wanted.network and not settings.managed_network and settings.managed_isolation != "none":
        raise Invalid("this server gives managed runs no network; RUNYARD_MANAGED_NETWORK=1 lets images ask for it")
    if wanted.folder is not None:
        return msgspec.structs.replace(wanted, folder=_folder(wanted.folder, settings.managed_roots))
    return wanted


def _folder(wanted: str, roots: tuple[str, ...]) -> str:
    """The folder without symbolic links, when it lies below a root."""
    folder = Path(wanted).resolve()
    if not any(folder.is_relative_to(Path(root).resolve()) for root in roots):
        raise Invalid("the image's folder lies outside the folders that RUNYARD_MANAGED_ROOTS names")
    if not os.access(folder / RUN, os.X_OK) or not (folder / RUN).is_file():
        raise Invalid(f"the image's folder has no executable `{RUN}`")
    return str(folder)
