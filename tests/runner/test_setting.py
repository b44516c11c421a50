"""What is settled before any of the user's code runs."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest

from plait.errors import PrivilegeError, UsageError
from plait.runner import RunPlan
from plait.runner._setting import check_plan, check_rotation, enter, preload

from .fakes import FakeSystem


class Rights:
    """What a process is going to be."""

    def __init__(self, uid: int, gid: int, *groups: int) -> None:
        self.uid, self.gid, self.all_groups = uid, gid, (gid, *groups)

    def drop(self, system: object) -> None:
        """Become it."""


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (RunPlan(chdir="gone"), "--chdir: there is no directory gone"),
        (RunPlan(chroot="gone"), "--chroot: there is no directory gone"),
        (RunPlan(chroot="jail", chdir="/gone"), "--chdir: there is no directory jail/gone"),
        (RunPlan(umask="99"), "--umask: '99' is not a mask"),
        (RunPlan(daemon=True, log_file="-"), "a daemon has no standard output"),
        (RunPlan(start_timeout=math.nan), "--start-timeout: nan is no number of seconds"),
        (RunPlan(stop_timeout=-1.0), "--stop-timeout: -1.0 is no number of seconds"),
        (RunPlan(stall_limit=math.inf), "--stall-limit: inf is no number of seconds"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: RunPlan, text: str
) -> None:
    """Directories that are not there and masks that are none are refused in one sentence."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jail").mkdir()
    with pytest.raises(UsageError, match=text):
        check_plan(plan)


def test_one_text_does_for_an_option_that_may_be_repeated() -> None:
    """`plait.run(app, log_level="debug")` means one level, not its letters."""
    options: Any = {"log_level": "debug"}
    plan = check_plan(RunPlan(**options, stop_timeout=math.inf))
    assert (plan.log_level, plan.stop_timeout) == (("debug",), math.inf)


def test_a_daemon_gets_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon logs to plait.log unless it is told another place; paths become absolute."""
    monkeypatch.chdir(tmp_path)
    assert check_plan(RunPlan(daemon=True)).log_file == str(tmp_path / "plait.log")
    assert check_plan(RunPlan(daemon=True, log_file="a")).log_file == str(tmp_path / "a")
    assert check_plan(RunPlan(daemon=True, syslog=True)).log_file == ""
    assert check_plan(RunPlan()).log_file == ""


@pytest.mark.parametrize(
    ("mode", "rights", "refused"),
    [
        (0o755, Rights(4711, 4711), True),
        (0o757, Rights(4711, 4711), False),
        (0o775, Rights(4711, 4711, os.getgid()), False),
        (0o755, Rights(4711, os.getgid()), True),
        (0o700, Rights(os.getuid() or 1, 4711), os.getuid() == 0),
        (0o755, Rights(-1, -1), False),
    ],
)
def test_rotation_needs_a_directory_to_write_to(
    tmp_path: Path, mode: int, rights: Rights, refused: bool
) -> None:
    """Whether the log can be rotated later follows from the directory's owner, group and mode."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs").chmod(mode)
    plan = RunPlan(log_rotate="1MB", log_file=str(tmp_path / "logs" / "a.log"))
    check_rotation(plan._replace(log_rotate=""), rights)
    check_rotation(plan._replace(log_file="/no/such/place/a.log"), rights)
    if refused:
        with pytest.raises(PrivilegeError, match="the log could not be rotated"):
            check_rotation(plan, rights)
    else:
        check_rotation(plan, rights)


def test_places_are_entered_in_order() -> None:
    """First the root, then the directory, then the mask."""
    system = FakeSystem()
    enter(RunPlan(chroot="/jail", chdir="/data", umask="027"), system)
    assert system.calls == [("chroot", "/jail"), ("chdir", "/data"), ("umask", 0o027)]


def test_a_root_without_the_right_is_refused() -> None:
    """Without the right to change the root, one sentence."""

    class Unprivileged(FakeSystem):
        def chroot(self, path: str) -> None:
            raise PermissionError(1, "Operation not permitted")

        def chdir(self, path: str) -> None:
            raise NotADirectoryError(20, "Not a directory")

    with pytest.raises(PrivilegeError, match="no right to make /jail the root directory"):
        enter(RunPlan(chroot="/jail"), Unprivileged())
    with pytest.raises(UsageError, match="cannot enter /data: Not a directory"):
        enter(RunPlan(chdir="/data"), Unprivileged())


def test_what_is_imported_late_can_be_imported_early() -> None:
    """Everything a run may import late is there to be imported before."""
    preload()
