from pathlib import Path

import pytest

from runyard.agents.settings import AgentSettings, CloneLimits, SuiteLimits, read


def test_without_any_variable_nothing_may_be_read_cloned_privately_or_executed() -> None:
    settings = read({})
    assert settings == AgentSettings()
    assert (settings.roots, settings.allow_private, settings.run_tests) == ((), False, "off")


def test_every_setting_can_be_given() -> None:
    settings = read(
        {
            "RUNYARD_REVIEW_ROOTS": "/srv/code",
            "RUNYARD_ALLOW_PRIVATE_ENDPOINTS": "1",
            "RUNYARD_CLONE_MB": "10",
            "RUNYARD_CLONE_SECONDS": "20",
            "RUNYARD_RUN_TESTS": "any",
            "RUNYARD_TEST_SECONDS": "30",
            "RUNYARD_TEST_MEMORY_MB": "40",
            "RUNYARD_ADVISORIES": "/srv/osv",
            "RUNYARD_ADVISORIES_URL": "https://osv.example/",
        }
    )
    assert (settings.roots, settings.allow_private, settings.run_tests) == ((Path("/srv/code"),), True, "any")
    assert settings.clone == CloneLimits(seconds=20, total_bytes=10 << 20)
    assert settings.tests == SuiteLimits(seconds=30, memory_bytes=40 << 20)
    assert (settings.advisories, settings.advisories_url) == (Path("/srv/osv"), "https://osv.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUNYARD_RUN_TESTS", "yes"),
        ("RUNYARD_ADVISORIES", "osv"),
        ("RUNYARD_ADVISORIES_URL", "osv.example"),
        ("RUNYARD_CLONE_MB", "0"),
        ("RUNYARD_CLONE_SECONDS", "soon"),
        ("RUNYARD_TEST_SECONDS", "-1"),
        ("RUNYARD_TEST_MEMORY_MB", "inf"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        read({name: value})
