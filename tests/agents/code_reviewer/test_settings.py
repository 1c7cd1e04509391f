import os
from pathlib import Path

import pytest

from runyard.agents.code_reviewer.settings import ReviewerSettings, read


def test_without_settings_nothing_may_be_read_and_no_model_is_asked() -> None:
    assert read({}) == ReviewerSettings()


def test_settings_are_read_by_name() -> None:
    found = read(
        {
            "RUNYARD_REVIEW_ROOTS": os.pathsep.join(["/srv/a", " /srv/b ", ""]),
            "RUNYARD_REVIEW_SECONDS": "90.5",
            "RUNYARD_REVIEW_MEMORY_MB": "512",
            "RUNYARD_REVIEW_MODEL_URL": "http://127.0.0.1:8000/v1",
            "RUNYARD_REVIEW_MODEL_KEY": "sesame",
            "RUNYARD_REVIEW_MODEL_NAME": "small",
        }
    )
    assert found.roots == (Path("/srv/a"), Path("/srv/b"))
    assert (found.limits.seconds, found.limits.memory_bytes) == (90.5, 512 << 20)
    assert found.model is not None
    assert (found.model.url, found.model.key, found.model.name) == ("http://127.0.0.1:8000/v1", "sesame", "small")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUNYARD_REVIEW_ROOTS", "code"),
        ("RUNYARD_REVIEW_SECONDS", "soon"),
        ("RUNYARD_REVIEW_SECONDS", "0"),
        ("RUNYARD_REVIEW_SECONDS", "nan"),
        ("RUNYARD_REVIEW_MEMORY_MB", "-5"),
        ("RUNYARD_REVIEW_MEMORY_MB", "inf"),
        ("RUNYARD_REVIEW_MODEL_NAME", "small"),
        ("RUNYARD_REVIEW_MODEL_URL", "http://x"),
    ],
)
def test_a_setting_that_is_wrong_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        read({name: value})
