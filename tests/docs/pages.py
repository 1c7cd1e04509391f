"""The code blocks of a page, and the shell they are pasted into, one after the other, as a reader would.

`sh` blocks are run in one shell. A `python` block that begins with `# name.py` is saved under that name, any other is
run. A `text` block is what the blocks before it print, in order: `…` stands for anything, and so does every id, time
and duration. `console` blocks and those in other languages are shown only.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"# (\w+\.py)\n")
MARK = "@@@ block "
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of the page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(language=found[1], text=found[2], line=text.count("\n", 0, found.start()) + 1)
        for found in FENCE.finditer(text)
    ]


def script(found: list[Block]) -> str:
    """One shell script of all that is to be pasted; a mark tells after which block an output came."""
    parts = ["set -e"]
    for number, block in enumerate(found):
        parts.append(f"echo {shlex.quote(MARK + str(number))}")
        if block.language == "sh":
            parts.append(block.text)
        elif block.language == "python":
            named = NAME.match(block.text)
            command = f"cat > {named[1]}" if named else "python -"
            parts.append(f"{command} <<'END OF BLOCK'\n{block.text}END OF BLOCK")
    return "\n".join(parts)


def run(found: list[Block], folder: Path, env: Mapping[str, str], *, seconds: float) -> tuple[int, list[str]]:
    """The exit code, and what each block printed; nothing that was started is left behind."""
    said = folder / "said.txt"
    with said.open("wb") as out:
        shell = subprocess.Popen(
            ["bash", "-c", script(found)],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = shell.wait(seconds)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
    printed = [""] * len(found)
    for piece in said.read_text(encoding="utf-8", errors="replace").split(MARK)[1:]:
        number, _, text = piece.partition("\n")
        printed[int(number)] += text
    return code, printed


def missing(expected: str, printed: str) -> str | None:
    """The first expected line that is not there, below the ones before it; None when all are."""
    left = [flat(line) for line in printed.splitlines()]
    for line in expected.splitlines():
        pattern = re.compile(re.escape(flat(line)).replace("…", ".*"))
        while left and not pattern.search(left[0]):
            left.pop(0)
        if not left:
            return line
        left.pop(0)
    return None


def flat(line: str) -> str:
    """The line with single blanks."""
    return " ".join(line.split())


def assert_true(page: Path, folder: Path, env: Mapping[str, str], *, seconds: float) -> None:
    """Paste the page's blocks into a shell and compare what it claims with what comes."""
    found = blocks(page)
    code, printed = run(found, folder, env, seconds=seconds)
    since = ""
    for block, text in zip(found, printed, strict=True):
        if block.language == "text":
            lost = missing(block.text, since)
            assert lost is None, f"{page.name}:{block.line}: not printed: {lost!r}\n--- printed:\n{since}"
            since = ""
        elif block.language in {"sh", "python"}:
            since += text
    assert code == 0, f"{page.name}: the shell ended with {code}\n--- printed last:\n{''.join(printed)[-3000:]}"


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What a reader's shell has: the project's commands on the path, and nothing of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RUNYARD_", "PYTEST_", "PYTHON"))}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "NO_COLOR": "1",
        "COLUMNS": "200",
        **more,
    }
