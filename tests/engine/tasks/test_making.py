"""Tasks are made where they may be, by whom they may be, and under which names."""

from __future__ import annotations

import pytest

from runyard.domain.actors import Actor, Doer, Origin
from runyard.domain.errors import AlreadyExists, Conflict, Invalid, NotFound
from runyard.domain.tasks import MAX_CHILDREN
from runyard.engine import channels, sessions, workspaces
from runyard.engine.tasks import making
from runyard.engine.tasks.making import NewTask
from runyard.engine.workspaces import NewWorkspace
from tests.support.yard import PERSON, Yard

UUID = "01940000-0000-7000-8000-000000000001"


def make(yard: Yard, *, by: Doer = PERSON, parent: str | None = None, workspace: str | None = None, **new):
    asked = NewTask(title="a task", **new)
    return yard.store.transact(making.make, yard.project_id, asked, by, parent_id=parent, workspace=workspace)


def workspace(yard: Yard, name: str) -> str:
    return yard.store.transact(workspaces.create, 1, NewWorkspace(root_dir=f"/srv/{name}", name=name)).id


def test_ids_are_uuids_or_names_of_the_project(yard: Yard):
    assert make(yard, id=UUID).id == UUID
    assert make(yard, id="release").id == "1~release"
    for taken in (UUID, "release", "1~release"):
        with pytest.raises(AlreadyExists):
            make(yard, id=taken)
    for bad in ("", " x", "a/b", "2~release", "x" * 129):
        with pytest.raises(Invalid, match="begins with a letter or digit"):
            make(yard, id=bad)


def test_a_channel_belongs_to_the_first_workspace_that_uses_it(yard: Yard):
    one, two = workspace(yard, "one"), workspace(yard, "two")
    assert make(yard, workspace="one", channel="talk").workspace_id == one
    with pytest.raises(Invalid, match="another workspace"):
        make(yard, workspace=two, channel="talk")
    assert yard.store.look(channels.find, 1, "talk").workspace_id == one
    with pytest.raises(NotFound):
        make(yard, workspace="three")


def test_sessions_make_tasks_of_their_own_workspace_or_of_none(yard: Yard):
    one, two = workspace(yard, "one"), workspace(yard, "two")
    session = yard.session(workspace_id=one)
    by = Doer(Actor("agent_session", session.id), Origin("http", "tasks.create"))
    assert make(yard, by=by, workspace="one").creator_ref == session.id
    assert make(yard, by=by).workspace_id is None
    root = make(yard)
    for parent in (None, root.id):
        with pytest.raises(sessions.IdentityForbidden):
            make(yard, by=by, workspace=two, parent=parent)
    assert yard.task_now(root).children == 0


def test_no_task_has_more_children_than_it_may(yard: Yard):
    root = yard.task()
    for _ in range(MAX_CHILDREN):
        yard.task(parent=root)
    with pytest.raises(Conflict, match="64"):
        yard.task(parent=root)
    assert yard.task_now(root).children == MAX_CHILDREN
