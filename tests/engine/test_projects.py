"""Projects: numbers, slugs, and the one that is always there."""

from __future__ import annotations

import pytest

from runyard.domain.errors import AlreadyExists, Invalid, NotFound
from runyard.domain.projects import ProjectSettings
from runyard.engine import projects


def test_a_project_is_found_by_its_number_and_by_its_slug(store):
    made = store.transact(projects.create, slug="acme", name="Acme Ltd")
    assert made.name == "Acme Ltd"
    assert store.look(projects.find, made.id) == made
    assert store.look(projects.find, "acme") == made


def test_a_project_without_a_name_is_called_by_its_slug(store):
    assert store.transact(projects.create, slug="acme").name == "acme"


def test_a_slug_is_taken_once(store):
    store.transact(projects.create, slug="acme")
    with pytest.raises(AlreadyExists):
        store.transact(projects.create, slug="acme")
    assert len(store.look(projects.page)) == 2


def test_slugs_tell_capitals_apart(store):
    lower, upper = store.transact(projects.create, slug="acme"), store.transact(projects.create, slug="ACME")
    assert store.look(projects.find, "ACME") == upper != lower


@pytest.mark.parametrize("slug", ["", "-a", ".a", "a b", "a/b", "ä", "a\0", "a" * 129, "42", "a\n"])
def test_a_slug_that_cannot_be_one_is_refused(store, slug):
    with pytest.raises(Invalid):
        store.transact(projects.create, slug=slug)


@pytest.mark.parametrize("name", ["", " ", "x" * 129, "a\0b"])
def test_a_name_that_cannot_be_one_is_refused(store, name):
    with pytest.raises(Invalid):
        store.transact(projects.create, slug="acme", name=name)


@pytest.mark.parametrize("wanted", [0, -1, 77, 2**63, 2**80, "", "nobody", "a\0b", "x" * 5000, "%", "'"])
def test_an_unknown_project_is_not_found(store, wanted):
    with pytest.raises(NotFound):
        store.look(projects.find, wanted)


def test_project_1_is_the_default_however_often_one_asks(store):
    first = store.transact(projects.ensure_default)
    assert (first.id, first.slug) == (1, "default")
    assert store.transact(projects.ensure_default) == first


def test_nobody_else_gets_number_1(store):
    assert store.transact(projects.create, slug="acme").id > 1
    assert store.transact(projects.ensure_default).slug == "default"
    with pytest.raises(AlreadyExists):
        store.transact(projects.create, slug="default")


def test_projects_are_listed_newest_first_in_pages(store):
    made = [store.transact(projects.create, slug=f"p-{number}").id for number in range(5)]
    first = store.look(projects.page, limit=3)
    assert [project.id for project in first] == made[:1:-1]
    rest = store.look(projects.page, before=first[-1].id, limit=10)
    assert [project.id for project in rest] == [made[1], made[0], 1]


def test_the_same_slug_asked_for_on_two_servers_is_given_once(two_servers):
    one, other = two_servers
    one.transact(projects.create, slug="acme")
    with pytest.raises(AlreadyExists):
        other.transact(projects.create, slug="acme")


def test_settings_of_a_project_are_changed_one_by_one(store):
    made = store.transact(projects.create, slug="acme", settings=ProjectSettings(max_queued=5))
    changed = store.transact(projects.update, made.id, name="Acme", settings={"timezone": "Asia/Tokyo"})
    assert projects.settings_of(changed) == ProjectSettings(max_queued=5, timezone="Asia/Tokyo")
    assert store.look(projects.find, "acme") == changed
    assert store.transact(projects.update, made.id, settings={}) == changed


@pytest.mark.parametrize(
    "wrong", [{"timezone": "Mars"}, {"max_queued": -1}, {"daily_cost": 2**60}, {"organization": "x" * 129}], ids=str
)
def test_settings_that_make_no_sense_are_refused(store, wrong):
    made = store.transact(projects.create, slug="acme")
    with pytest.raises(Invalid):
        store.transact(projects.update, made.id, settings=wrong)
    with pytest.raises(Invalid):
        store.transact(projects.create, slug="other", settings=ProjectSettings(**wrong))


def test_the_projects_of_an_organization_are_found(store):
    for slug, organization in (("a", "x"), ("b", "y"), ("c", "x")):
        store.transact(projects.create, slug=slug, settings=ProjectSettings(organization=organization))
    assert [one.slug for one in store.look(projects.of_organization, "x")] == ["c", "a"]
