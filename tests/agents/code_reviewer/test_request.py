import pytest

from runyard.agents.code_reviewer.request import parse
from runyard.agents.errors import BadRequest


def test_a_payload_needs_no_more_than_a_path_and_may_hold_keys_of_others() -> None:
    request = parse({"path": "/srv/code", "pull_request": {"number": 7}})
    assert (request.path, request.base, request.max_findings) == ("/srv/code", None, 1000)


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "path",
        {},
        {"path": ""},
        {"path": 7},
        {"path": "/x", "base": ""},
        {"path": "/x", "include": "*.py"},
        {"path": "/x", "max_findings": 0},
        {"path": "/x", "max_findings": 10_001},
        {"path": "/x", "exclude": ["*"] * 101},
    ],
)
def test_a_payload_of_another_shape_is_refused_and_the_shape_told(payload: object) -> None:
    with pytest.raises(BadRequest, match='"path"'):
        parse(payload)
