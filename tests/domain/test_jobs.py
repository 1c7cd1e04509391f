"""What a run takes from its job."""

from __future__ import annotations

from runyard.domain.jobs import merged_tags, tag_pairs


def test_two_lists_of_tags_are_joined_without_repetition():
    assert merged_tags(["a", "b"], ["b", "c"]) == ["a", "b", "c"]


def test_the_tags_of_the_run_win_over_those_of_the_job():
    assert merged_tags({"team": "x", "env": "dev"}, {"team": "y"}) == {"team": "y", "env": "dev"}


def test_a_list_and_a_map_meet_as_a_map():
    assert merged_tags(["nightly"], {"team": "y"}) == {"nightly": "", "team": "y"}
    assert merged_tags({"team": "y"}, ["nightly"]) == {"team": "y", "nightly": ""}


def test_nothing_laid_over_tags_leaves_them():
    assert merged_tags(["a"], None) == ["a"]
    assert merged_tags({}, ["a"]) == ["a"]


def test_a_bare_tag_is_indexed_with_an_empty_value():
    assert tag_pairs(["a", "b"]) == [("a", ""), ("b", "")]
    assert tag_pairs({"team": "y"}) == [("team", "y")]
