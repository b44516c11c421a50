"""The real system, asked for what does no harm."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from plait.errors import NotSupported
from plait.system import RealSystem

SYSTEM = RealSystem()

UNIX = pytest.mark.skipif(os.name != "posix", reason="needs users and forks")


@UNIX
def test_users_by_name_and_by_number() -> None:
    """A user is found by name and by number; a number without a name is a user all the same."""
    root = SYSTEM.user("root")
    assert (root.uid, root.gid) == (0, 0)
    assert SYSTEM.user("0") == root
    assert SYSTEM.user("987654") == ("987654", 987654, None)
    assert SYSTEM.groups_of(SYSTEM.user("987654"), 12) == (12,)
    assert 0 in SYSTEM.groups_of(root, 0)


@UNIX
@pytest.mark.parametrize(
    "name", ["no such user", "", "-1", "4294967295", "99999999999999999999", "²"]
)
def test_what_is_no_user(name: str) -> None:
    """Unknown names, and numbers that mean nothing to the kernel, are no users and no groups."""
    with pytest.raises(LookupError):
        SYSTEM.user(name)
    with pytest.raises(LookupError):
        SYSTEM.group(name)


@UNIX
def test_groups_by_name_and_by_number() -> None:
    """A group is found by name and by number; a number without a name is a group all the same."""
    name = SYSTEM.group("0").name
    assert SYSTEM.group(name).gid == 0
    assert SYSTEM.group("987654") == ("987654", 987654)


@UNIX
def test_becoming_who_one_is_changes_nothing() -> None:
    """Setting the ids that the process has leaves them as they are."""
    before = SYSTEM.identity()
    SYSTEM.set_gid(before.gids[1], effective=True)
    SYSTEM.set_uid(before.uids[1], effective=True)
    SYSTEM.set_gid(before.gids[1])
    SYSTEM.set_uid(before.uids[1])
    assert SYSTEM.identity() == before


@UNIX
def test_a_child_is_watched_signalled_and_collected() -> None:
    """A forked child is collected with its status, and its descriptor turns readable."""
    pid = SYSTEM.fork()
    if not pid:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pause()
        SYSTEM.exit(9)
    watch = SYSTEM.watch(pid)
    assert SYSTEM.wait(pid, block=False) is None
    SYSTEM.kill(pid, signal.SIGTERM)
    status = SYSTEM.wait(pid)
    assert status is not None
    assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM
    if watch is not None:
        os.close(watch)
    if hasattr(os, "pidfd_open"):
        with pytest.raises(ProcessLookupError):
            SYSTEM.watch(pid)


@UNIX
def test_dying_by_a_signal() -> None:
    """The default action is restored and unblocked, so the process really dies by the signal."""
    pid = SYSTEM.fork()
    if not pid:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        SYSTEM.leave_no_core()
        SYSTEM.die(signal.SIGTERM)
        SYSTEM.exit(9)
    status = SYSTEM.wait(pid)
    assert status is not None
    assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM


@UNIX
def test_descriptors_are_closed_but_those_to_keep() -> None:
    """Everything above 2 is closed, but for what is to be kept."""
    kept, other = os.pipe()
    pid = SYSTEM.fork()
    if not pid:
        SYSTEM.close_descriptors({kept})
        try:
            os.fstat(kept)
            os.fstat(1)
        except OSError:
            SYSTEM.exit(8)
        try:
            os.fstat(other)
        except OSError:
            SYSTEM.exit(0)
        SYSTEM.exit(9)
    status = SYSTEM.wait(pid)
    os.close(kept)
    os.close(other)
    assert status == 0


def test_places_and_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory and the mask are set, and the mask before is returned."""
    monkeypatch.chdir(".")
    SYSTEM.chdir(str(tmp_path))
    assert Path.cwd() == tmp_path
    before = SYSTEM.umask(0o077)
    assert SYSTEM.umask(before) == 0o077
    assert SYSTEM.pid() == os.getpid()
    assert isinstance(SYSTEM.terminal(), bool)


def test_what_a_platform_lacks_is_one_sentence() -> None:
    """A call that is not there is refused with its name and that of the platform."""
    from plait.system import _os

    with pytest.raises(NotSupported, match=rf"this platform \({sys.platform}\) has no teleport"):
        _os("teleport")
