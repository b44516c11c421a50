"""Rights given up, on a fake system."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from plait.core import Application
from plait.errors import NotSupported, PrivilegeError, UsageError
from plait.runner import RunPlan
from plait.runner._privileges import rights_of
from plait.runner._setting import mask_of
from plait.system import Identity

from .fakes import FakeSystem


def drop(system: FakeSystem, plan: RunPlan, app: Application | None = None) -> None:
    """Work out the rights and become them."""
    rights_of(plan, app or Application("app"), system).drop(system)


def test_nothing_is_asked_of_the_system_when_nothing_changes() -> None:
    """Without a user or a group the process stays who it is."""
    system = FakeSystem()
    drop(system, RunPlan())
    assert system.calls == []


def test_a_user_brings_groups_and_group() -> None:
    """Groups go first, then the user's own group, then the user."""
    system = FakeSystem()
    drop(system, RunPlan(user="web"))
    assert system.calls == [("set_groups", (34, 50)), ("set_gid", 34), ("set_uid", 33)]


def test_the_application_may_name_its_user() -> None:
    """The application's user counts, and the plan's wins over it."""
    system = FakeSystem()
    drop(system, RunPlan(group="www"), Application("app", user="web"))
    assert system.now.uids == (33, 33, 33)
    assert system.now.gids == (44, 44, 44)


def test_a_number_without_a_name_has_no_other_groups() -> None:
    """A bare number loses every supplementary group but keeps the process's group."""
    system = FakeSystem()
    drop(system, RunPlan(user="1234", group="1235"))
    assert system.now.uids == (1234,) * 3
    assert system.now.gids == (1235,) * 3


def test_effective_only() -> None:
    """With --euid the real and saved ids stay."""
    system = FakeSystem()
    drop(system, RunPlan(user="web", euid=True))
    assert system.now.uids == (0, 33, 0)


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (RunPlan(user="nobodyknows"), "there is no user 'nobodyknows'"),
        (RunPlan(group="nogroup?"), "there is no group 'nogroup\\?'"),
    ],
)
def test_unknown_names_are_refused_early(plan: RunPlan, text: str) -> None:
    """A name the machine does not know is refused before anything is bound."""
    with pytest.raises(PrivilegeError, match=text):
        rights_of(plan, Application("app"), FakeSystem())


def test_without_the_right_nothing_begins() -> None:
    """Who is not root cannot become somebody else, and is told so early."""
    with pytest.raises(PrivilegeError, match=r"this is not root \(uid 1000\)"):
        rights_of(RunPlan(user="web"), Application("app"), FakeSystem(uid=1000))


def test_becoming_oneself_needs_no_right() -> None:
    """Naming the user that the process already is works without root."""
    system = FakeSystem(uid=33)
    rights_of(RunPlan(user="web", group="33"), Application("app"), system)


def test_a_system_that_does_not_obey_is_found_out() -> None:
    """After dropping, the ids are read back."""
    with pytest.raises(PrivilegeError, match="did not obey"):
        drop(FakeSystem(stubborn=True), RunPlan(user="web"))


def test_rights_that_can_be_regained_are_found_out() -> None:
    """After dropping, regaining is tried, and has to fail."""
    system = FakeSystem()
    system.regains = True
    with pytest.raises(PrivilegeError, match="could become root again"):
        drop(system, RunPlan(user="web"))


@pytest.mark.parametrize(
    ("text", "mask"),
    [("027", 0o27), ("0o22", 0o22), ("27", 0o27), ("8", None), ("", None), ("7777", None)],
)
def test_a_mask_is_octal(text: str, mask: int | None) -> None:
    """Masks are read in octal, with and without 0o; anything else is refused."""
    if mask is None and text:
        with pytest.raises(UsageError, match="is not a mask"):
            mask_of(RunPlan(umask=text))
    else:
        assert mask_of(RunPlan(umask=text)) == mask


def test_groups_that_stay_are_found_out() -> None:
    """A system that keeps supplementary groups which the user does not have is not trusted."""

    class Keeps(FakeSystem):
        def set_groups(self, groups: Sequence[int]) -> None:
            """Keep what there is."""

    with pytest.raises(PrivilegeError, match="kept groups that are not its own"):
        drop(Keeps(), RunPlan(user="web"))


@pytest.mark.parametrize("plan", [RunPlan(group="www"), RunPlan(user="web", euid=True)])
def test_a_group_or_an_effective_user_that_is_not_taken_on_is_found_out(plan: RunPlan) -> None:
    """Whatever is to change is read back."""
    with pytest.raises(PrivilegeError, match="did not obey"):
        drop(FakeSystem(stubborn=True), plan)


def test_a_group_of_root_may_be_kept() -> None:
    """Who asks for the group of root may become it again, which is no way back to root."""
    system = FakeSystem()
    drop(system, RunPlan(user="web", group="0"))
    assert (system.now.uids, system.now.gids) == ((33,) * 3, (0,) * 3)


def test_a_system_without_users_is_told() -> None:
    """Where there are no users none can be changed to."""

    class Lacks(FakeSystem):
        def identity(self) -> Identity:
            raise NotSupported("getgroups", "plan9")

    with pytest.raises(PrivilegeError, match="cannot change the user: this platform"):
        drop(Lacks(), RunPlan(user="web"))


def test_a_refusal_is_told() -> None:
    """What the system refuses although this is root is one sentence."""

    class Refuses(FakeSystem):
        def set_uid(self, uid: int, *, effective: bool = False) -> None:
            raise PermissionError(1, "Operation not permitted")

    with pytest.raises(PrivilegeError, match="cannot become user web: Operation not permitted"):
        drop(Refuses(), RunPlan(user="web"))
