import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from runyard.agents.code_reviewer.excerpts import Excerpt, excerpts
from runyard.agents.code_reviewer.files import SourceFile
from runyard.agents.code_reviewer.findings import Draft
from runyard.agents.code_reviewer.model import ModelFailed, ModelSettings, Usage, provider, read_answer
from tests.agents.conftest import AWS_KEY, MakeRepo, Repo, ReviewIt

Reply = tuple[int, bytes]


class StandIn:
    """A model endpoint on this machine that keeps what it is asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.reply: Callable[[], Reply] = lambda: (200, completion("[]"))
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.requests.append((self.path, dict(self.headers), body))
                status, content = endpoint.reply()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def settings(self, *, seconds: float = 20.0) -> ModelSettings:
        return ModelSettings(
            url=f"http://127.0.0.1:{self.server.server_address[1]}/v1/", key="sesame", name="small", seconds=seconds
        )

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def completion(findings: str, *, usage: bool = True) -> bytes:
    answer: dict[str, object] = {
        "model": "small-2026",
        "choices": [{"message": {"role": "assistant", "content": f'Here: ```json\n{{"findings": {findings}}}\n```'}}],
    }
    if usage:
        answer["usage"] = {"prompt_tokens": 120, "completion_tokens": 7, "total_tokens": 127}
    return json.dumps(answer).encode()


@pytest.fixture
def endpoint() -> Iterator[StandIn]:
    stand_in = StandIn()
    yield stand_in
    stand_in.close()


@pytest.fixture
def repo(make_repo: MakeRepo) -> Repo:
    return make_repo({"a.py": f'x = 1\nKEY = "{AWS_KEY}"\n', "b.txt": "text\n"})


def test_what_the_model_finds_joins_the_report_and_its_use_is_told(
    repo: Repo, review_it: ReviewIt, endpoint: StandIn
) -> None:
    said = [
        {"file": "a.py", "line": 1, "severity": "error", "type": "bug", "message": "x is wrong", "suggestion": "use 2"}
    ]
    endpoint.reply = lambda: (200, completion(json.dumps(said)))
    usages: list[Usage] = []
    report = review_it(repo, model=endpoint.settings(), usages=usages)
    found = [finding for finding in report.findings if finding.rule == "model:bug"]
    assert [(finding.file, finding.line, finding.message, finding.suggestion) for finding in found] == [
        ("a.py", 1, "x is wrong", "use 2")
    ]
    assert usages == [Usage(provider="127.0.0.1", model="small-2026", input_tokens=120, output_tokens=7)]
    assert report.analysers[-1].name == "model"
    path, headers, body = endpoint.requests[0]
    assert (path, headers["Authorization"], body["model"]) == ("/v1/chat/completions", "Bearer sesame", "small")


def test_the_model_never_sees_a_secret(repo: Repo, review_it: ReviewIt, endpoint: StandIn) -> None:
    review_it(repo, model=endpoint.settings())
    assert AWS_KEY not in json.dumps(endpoint.requests)
    assert "****" in endpoint.requests[0][2]["messages"][1]["content"]


@pytest.mark.parametrize(
    "reply",
    [
        (500, b"{}"),
        (401, b""),
        (302, b""),
        (200, b"not json"),
        (200, b"{}"),
        (200, b'{"choices": []}'),
        (200, b'{"choices": [{"message": {"content": "I cannot."}}]}'),
        (200, completion('"none"')),
        (200, b"x" * (3 << 20)),
    ],
)
def test_a_model_that_fails_is_noted_and_the_review_goes_on(
    repo: Repo, review_it: ReviewIt, endpoint: StandIn, reply: Reply
) -> None:
    endpoint.reply = lambda: reply
    report = review_it(repo, model=endpoint.settings())
    assert [finding.type for finding in report.findings] == ["secret"]
    assert report.notes[-1].startswith("No model looked at the code: ")
    assert "sesame" not in repr(report)


def test_a_model_that_cannot_be_reached_or_does_not_answer_is_noted(
    repo: Repo, review_it: ReviewIt, endpoint: StandIn
) -> None:
    released = threading.Event()
    endpoint.reply = lambda: (released.wait(20), (200, completion("[]")))[1]
    report = review_it(repo, model=endpoint.settings(seconds=0.3))
    released.set()
    assert "could not be reached" in report.notes[-1]
    nowhere = ModelSettings(url="http://127.0.0.1:1", key="", name="x")
    assert "could not be reached" in review_it(repo, model=nowhere).notes[-1]
    assert "could not be reached" in review_it(repo, model=ModelSettings(url="no url", key="", name="x")).notes[-1]


def test_the_request_decides_whether_a_model_is_asked_and_which(
    repo: Repo, review_it: ReviewIt, endpoint: StandIn
) -> None:
    for wish in (None, True, False, "large"):
        review_it(repo, model=endpoint.settings(), wish=wish)
    assert [body["model"] for _, _, body in endpoint.requests] == ["small", "small", "large"]


def test_without_a_model_nothing_is_said_unless_one_was_asked_for(repo: Repo, review_it: ReviewIt) -> None:
    assert review_it(repo).notes == review_it(repo, wish=False).notes == ()
    assert "none is configured" in review_it(repo, wish=True).notes[-1]


def test_findings_on_lines_or_files_that_were_not_shown_are_dropped() -> None:
    shown = [Excerpt(path="a.py", lines=3, text="1: x")]
    said = [
        {"file": "a.py", "line": 3, "message": "yes"},
        {"file": "a.py", "line": 4, "message": "no such line"},
        {"file": "a.py", "line": 0, "message": "no such line"},
        {"file": "b.py", "line": 1, "message": "no such file"},
        {"file": "a.py", "line": 1, "message": "odd", "severity": "fatal"},
        {"file": "a.py", "line": 1},
        "text",
    ]
    assert [draft.message for draft in read_answer(json.dumps({"findings": said}), shown)] == ["yes"]
    with pytest.raises(ModelFailed):
        list(read_answer("", shown))


def test_excerpts_show_changes_with_the_lines_around_them_within_bounds(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "".join(f"line{number}\n" for number in range(1, 101)), "b.py": "z\n" * 50})
    changed = SourceFile(path="a.py", root=str(repo.root), lines=100, is_python=True, changed=((20, 21), (80, 80)))
    whole = SourceFile(path="b.py", root=str(repo.root), lines=50, is_python=True)
    text = excerpts([changed, whole], [], 5000)[1].text
    assert text.startswith("12: line12\n")
    assert "29: line29\n…\n72: line72" in text
    assert "30: " not in text
    assert [excerpt.path for excerpt in excerpts([changed, whole], [], 400)] == ["b.py"]


def test_the_file_with_the_worst_findings_is_shown_first(make_repo: MakeRepo) -> None:
    repo = make_repo({"a.py": "x\n" * 9, "b.py": "x\n", "tests/c.py": "x\n"})
    files = [
        SourceFile(path=path, root=str(repo.root), lines=1, is_python=True) for path in ("tests/c.py", "a.py", "b.py")
    ]
    bad = Draft(severity="error", type="bug", rule="r", file="b.py", line=1, message="m")
    assert [excerpt.path for excerpt in excerpts(files, [bad], 5000)] == ["b.py", "a.py", "tests/c.py"]


def test_no_line_of_a_private_key_is_shown(make_repo: MakeRepo) -> None:
    key = "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIEow\nabcdef\n-----END " + "RSA PRIVATE KEY-----\n"
    repo = make_repo({"a.py": f"x = 1\nK = '''\n{key}'''\ny = 2\n"})
    shown = excerpts([SourceFile(path="a.py", root=str(repo.root), lines=8, is_python=True)], [], 5000)[0].text
    assert "MIIEow" not in shown
    assert "8: y = 2" in shown


def test_providers_are_named_as_price_lists_do() -> None:
    assert provider("https://api.openai.com/v1") == "openai"
    assert provider("http://localhost:11434/v1") == "localhost"
