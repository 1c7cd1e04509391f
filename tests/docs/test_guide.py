"""The guide is true: what each page shows is pasted into a shell before a real server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runyard.sdk import Client
from tests.docs.counter import open_counter
from tests.docs.pages import ROOT, assert_true, blocks, environment

GUIDE = ROOT / "docs" / "guide"
PAGES = sorted(GUIDE.glob("*.md"))
KEY = "ry_" + "guide" * 8
LINK = re.compile(r"\]\(([^)#\s]+)?(?:#([\w-]+))?\)")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server's folder and URL, as the environment of a reader's shell."""
    folder = tmp_path_factory.mktemp("guide")
    env = environment(
        folder,
        RUNYARD_DATA=str(folder / "data"),
        RUNYARD_CREDENTIALS=str(folder / "credentials.json"),
        RUNYARD_REVIEW_ROOTS=str(folder.parent),
        # The pages' endpoints are on this machine, as the pages say.
        RUNYARD_ALLOW_PRIVATE_ENDPOINTS="1",
        RUNYARD_ENDPOINT_PORTS="*",
        # Walls are tried elsewhere; not every machine that runs tests has bubblewrap.
        RUNYARD_SANDBOX_ISOLATION="none",
    )
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "runyard", "serve", "--port", "0"],
            env={**env, "RUNYARD_ADMIN_KEY": KEY},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdout is not None
        try:
            line = next(line for line in process.stdout if line.startswith("runyard ready on "))
            yield {**env, "RUNYARD_URL": line.split()[-1], "RUNYARD_KEY": KEY}
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
            process.stdout.close()


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The folder of the command `runyard`."""
    folder = tmp_path_factory.mktemp("counter")
    with open_counter(folder):
        yield str(folder)


@pytest.mark.parametrize("page", [page.name for page in PAGES if any(b.language == "text" for b in blocks(page))])
def test_what_the_page_shows_is_what_happens(page: str, server: dict[str, str], counter: str, tmp_path: Path) -> None:
    # The built-in agents work in project 1; every other page has one of its own.
    project = "default" if page == "reviewer.md" else page.removesuffix(".md")
    if project != "default":
        with Client(server["RUNYARD_URL"], KEY) as client:
            client.projects.create(project)
    path = f"{counter}{os.pathsep}{server['PATH']}"
    env = {**server, "PATH": path, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "RUNYARD_PROJECT": project}
    assert_true(GUIDE / page, tmp_path, env, seconds=60)


@pytest.mark.parametrize("page", [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in LINK.findall(re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)):
        if "://" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {path}"
        if anchor and target.suffix == ".md":
            heads = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in anchors, f"{page.name} links to {path}#{anchor}"
