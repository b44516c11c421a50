"""Giving up rights for good: looked up early, dropped once everything is bound, and verified."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from plait.core import Application
from plait.errors import NotSupported, PrivilegeError
from plait.runner._plan import RunPlan
from plait.system import Group, System, User

__all__ = ["KeepRights", "Rights", "rights_of"]


class Rights(Protocol):
    """What to become, or to stay."""

    @property
    def uid(self) -> int:
        """Return the number of the user to become; -1 when it stays."""

    @property
    def gid(self) -> int:
        """Return the number of the group to become; -1 when it stays."""

    @property
    def all_groups(self) -> tuple[int, ...]:
        """Return every group it will belong to."""

    def drop(self, system: System) -> None:
        """Become it."""


class KeepRights:
    """Nothing is to change."""

    uid = -1
    gid = -1
    all_groups: tuple[int, ...] = ()

    def drop(self, system: System) -> None:
        """Stay who we are."""


class DropRights(NamedTuple):
    """
    Become another user.

    Args:
        user:
            The user; None to change only the group.
        group:
            The group.
        groups:
            The supplementary groups, which replace all others.
        effective:
            Whether only the effective identities change.
    """

    user: User | None
    group: Group
    groups: tuple[int, ...]
    effective: bool

    @property
    def uid(self) -> int:
        """Return the number of the user to become; -1 when it stays."""
        return -1 if self.user is None else self.user.uid

    @property
    def gid(self) -> int:
        """Return the number of the group to become."""
        return self.group.gid

    @property
    def all_groups(self) -> tuple[int, ...]:
        """Return every group it will belong to."""
        return (self.group.gid, *self.groups)

    def drop(self, system: System) -> None:
        """
        Become it.

        Groups, then the group, then the user: each takes away the right to the one before.

        Raises:
            PrivilegeError: it was refused, or could be undone.
        """
        replaced = system.identity().uids[1] == 0
        try:
            if replaced:
                system.set_groups(self.groups)
            system.set_gid(self.gid, effective=self.effective)
            if self.user is not None:
                system.set_uid(self.uid, effective=self.effective)
        except OSError as error:
            raise PrivilegeError(
                f"cannot become {self._who()}: {error.strerror}; start as root, "
                "or without --user and --group"
            ) from None
        self._verify(system)
        if replaced and set(system.identity().groups) - {*self.groups, self.gid}:
            raise PrivilegeError(f"became {self._who()}, but kept groups that are not its own")

    def _verify(self, system: System) -> None:
        now = system.identity()
        uid = now.uids[1] if self.user is None else self.uid
        if self.effective:
            if (now.uids[1], now.gids[1]) != (uid, self.gid):
                raise PrivilegeError(f"tried to become {self._who()}, but the system did not obey")
            return
        if self.user is None:
            fine = now.gids == (self.gid,) * 3
        else:
            fine = now.uids == (uid,) * 3 and now.gids == (self.gid,) * 3
        if not fine:
            raise PrivilegeError(f"tried to become {self._who()}, but the system did not obey")
        if self.user is not None and self.uid != 0:
            self._try_to_regain(system)

    def _try_to_regain(self, system: System) -> None:
        for regain in (system.set_uid, system.set_gid):
            try:
                regain(0, effective=True)
            except OSError:
                continue
            if regain == system.set_gid and self.gid == 0:
                continue
            raise PrivilegeError(
                f"became {self._who()}, but could become root again; the rights are not given up"
            )

    def _who(self) -> str:
        return f"group {self.group.name}" if self.user is None else f"user {self.user.name}"


def rights_of(plan: RunPlan, app: Application, system: System) -> Rights:
    """
    Work out what to become, before anything listens and before the root directory changes.

    Args:
        plan:
            The plan, whose user and group win over the application's own.
        app:
            The application.
        system:
            The operating system.

    Raises:
        PrivilegeError: there is no such user or group, or no right to become it.
    """
    wanted_user = plan.user or _text(app.user)
    wanted_group = plan.group or _text(app.group)
    if not wanted_user and not wanted_group:
        return KeepRights()
    try:
        now = system.identity()
    except NotSupported as error:
        raise PrivilegeError(f"cannot change the user: {error}") from None
    user = _user(wanted_user, system) if wanted_user else None
    if wanted_group:
        group = _group(wanted_group, system)
    elif user is not None and user.gid is not None:
        group = Group(_group_name(user.gid, system), user.gid)
    else:
        group = Group(str(now.gids[1]), now.gids[1])
    groups = (group.gid,) if user is None else tuple(system.groups_of(user, group.gid))
    if now.uids[1] != 0 and not _is_already(now.uids, now.gids, user, group):
        who = f"user {user.name}" if user is not None else f"group {group.name}"
        raise PrivilegeError(
            f"there is no right to become {who}: this is not root (uid {now.uids[1]}); "
            "start as root, or without --user and --group"
        )
    return DropRights(user, group, groups, plan.euid)


def _is_already(
    uids: tuple[int, int, int], gids: tuple[int, int, int], user: User | None, group: Group
) -> bool:
    return (user is None or set(uids) == {user.uid}) and group.gid in gids


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value)


def _user(name: str, system: System) -> User:
    try:
        return system.user(name)
    except LookupError:
        raise PrivilegeError(
            f"there is no user {name!r} on this machine; give one that exists, or a number"
        ) from None


def _group(name: str, system: System) -> Group:
    try:
        return system.group(name)
    except LookupError:
        raise PrivilegeError(
            f"there is no group {name!r} on this machine; give one that exists, or a number"
        ) from None


def _group_name(gid: int, system: System) -> str:
    return system.group(str(gid)).name
