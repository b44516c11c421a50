"""The pidfile: the lock counts, not the text."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from plait.errors import AlreadyRunning, PidfileError
from plait.runner._pidfile import NoPidfile, Pidfile, _why, open_pidfile, read_owner

from .processes import Program, may_isolate, plait, wait_for

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NO_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


@pytest.mark.parametrize(
    "content",
    ["", "999999999\n", "1\n", f"{os.getpid()}\n", "-1\n", "9" * 60, "12 34"],
    ids=["empty", "dead", "init", "alive", "negative", "huge", "text"],
)
def test_what_nobody_locks_is_stale(tmp_path: Path, content: str) -> None:
    """A pidfile without a lock is stale, whatever lives under its number by now."""
    path = tmp_path / "a.pid"
    path.write_text(content)
    if content and not content.strip().isdigit():
        with pytest.raises(PidfileError, match="holds something else than a process number"):
            open_pidfile(str(path))
        assert path.read_text() == content
        return
    assert not read_owner(str(path)).running
    pidfile = open_pidfile(str(path))
    pidfile.write(4711)
    assert path.read_text() == "4711\n"
    pidfile.remove()
    assert not path.exists()


def test_a_lock_is_respected(tmp_path: Path) -> None:
    """While somebody holds it nobody else gets it, and its number is known."""
    path = str(tmp_path / "a.pid")
    pidfile = open_pidfile(path)
    pidfile.write(4711)
    assert read_owner(path) == (True, 4711)
    with pytest.raises(AlreadyRunning, match="process 4711 already runs with it"):
        open_pidfile(path)
    pidfile.remove()
    assert read_owner(path) == (False, None)


def test_a_lock_without_a_number_is_just_starting(tmp_path: Path) -> None:
    """Between lock and number the owner is known to be there."""
    path = str(tmp_path / "a.pid")
    pidfile = open_pidfile(path)
    with pytest.raises(AlreadyRunning, match="another process that is just starting"):
        open_pidfile(path)
    pidfile.remove()


def test_a_file_put_in_its_place_is_left_alone(tmp_path: Path) -> None:
    """At the end only the file that is locked is removed, not one that took its name."""
    path = tmp_path / "a.pid"
    pidfile = open_pidfile(str(path))
    pidfile.write(4711)
    path.unlink()
    path.write_text("12\n")
    pidfile.remove()
    assert path.read_text() == "12\n"


def test_a_symlink_is_not_followed(tmp_path: Path) -> None:
    """A link in its place, as an attacker would put, is refused and its target untouched."""
    target = tmp_path / "precious"
    target.write_text("precious")
    (tmp_path / "a.pid").symlink_to(target)
    with pytest.raises(PidfileError, match="a symbolic link, which is not followed"):
        open_pidfile(str(tmp_path / "a.pid"))
    assert target.read_text() == "precious"


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    """A directory, a missing one and a FIFO are each refused in their own words."""
    with pytest.raises(PidfileError, match="it is a directory"):
        open_pidfile(str(tmp_path))
    with pytest.raises(PidfileError, match=f"there is no directory {tmp_path}/gone"):
        open_pidfile(str(tmp_path / "gone" / "a.pid"))
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(PidfileError, match="not a regular file"):
        open_pidfile(str(tmp_path / "fifo"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this platform has no /dev/full")
def test_a_device_is_refused() -> None:
    """A device is not taken for a pidfile."""
    with pytest.raises(PidfileError, match="not a regular file"):
        open_pidfile("/dev/full")


def test_a_forked_child_does_not_hold_the_lock(tmp_path: Path) -> None:
    """A child that was forked without another program lets the lock go."""
    script = """
import os, sys, time
from plait.runner._pidfile import open_pidfile, read_owner
pidfile = open_pidfile("a.pid")
pidfile.write(os.getpid())
pidfile.keep_from_children()
if not os.fork():
    time.sleep(2)
    os._exit(0)
print(read_owner("a.pid").running)
pidfile.remove()
print(read_owner("a.pid").running)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "True\nFalse\n", done.stderr


def test_without_a_pidfile_nothing_is_done() -> None:
    """The absence of a pidfile is an object that does nothing."""
    pidfile = NoPidfile()
    pidfile.write(1)
    pidfile.keep_from_children()
    pidfile.remove()
    assert pidfile.descriptors == ()


def test_a_glance_of_another_is_waited_for(tmp_path: Path) -> None:
    """Whoever holds the lock for a moment only, to ask, does not keep a start from happening."""
    import fcntl

    path = tmp_path / "a.pid"
    path.touch()
    with open(path, "rb") as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        timer = threading.Timer(0.02, fcntl.flock, (asking, fcntl.LOCK_UN))
        timer.start()
        pidfile = open_pidfile(str(path))
        timer.join()
    pidfile.remove()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this platform has no /dev/full")
def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file system that takes no number is told by name and reason."""
    pidfile = Pidfile(str(tmp_path / "a.pid"), os.open("/dev/full", os.O_RDWR))
    with pytest.raises(PidfileError, match="it cannot be written"):
        pidfile.write(1)
    pidfile.remove()
    pidfile.remove()  # again it does nothing


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PermissionError(13, "Permission denied"), "there is no permission to write it"),
        (OSError(5, "Input/output error"), r"it cannot be opened \(Input/output error\)"),
    ],
)
def test_why_it_cannot_be_opened(error: OSError, text: str) -> None:
    """Each reason has its words."""
    assert re.match(text, _why("/nowhere/a.pid", error))


@pytest.mark.process
def test_kill_leaves_it_stale_and_the_next_start_works(tmp_path: Path) -> None:
    """After KILL the file stays; status knows, and the next start takes it over."""
    (tmp_path / "a.tac").write_text(
        "from plait import Application\napplication = Application('a')\n"
    )
    words = ("run", "--pidfile", "a.pid", "a.tac")
    with Program(tmp_path, *words) as program:
        program.until("a is ready")
        program.send(signal.SIGKILL)
        program.ends()
    assert (tmp_path / "a.pid").read_text() != ""
    assert plait(tmp_path, "status", "--pidfile", "a.pid").ends() == 3
    with Program(tmp_path, *words) as program:
        program.until("a is ready")
        second = plait(tmp_path / ".", *words)
        assert second.ends() == 3
        assert f"process {program.process.pid} already runs with it" in second.err
        program.send(signal.SIGTERM)
        assert program.ends() == -signal.SIGTERM
    wait_for(lambda: not (tmp_path / "a.pid").exists(), "the removal")


@pytest.mark.root
@pytest.mark.process
@pytest.mark.skipif(not may_isolate(), reason="needs root and the right to make namespaces")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """On a full disk the start is refused with the reason."""
    (tmp_path / "small").mkdir()
    (tmp_path / "a.tac").write_text(
        "from plait import Application\napplication = Application('a')\n"
    )
    script = (
        "mount -t tmpfs -o size=4k none small && head -c 4096 /dev/zero > small/fill; "
        f"{shlex.quote(sys.executable)} -m plait run --pidfile small/a.pid a.tac"
    )
    command = ("unshare", "-m", "sh", "-c", script)
    with Program(tmp_path, command=command) as program:
        assert program.ends() == 3
        assert "cannot use the pidfile" in program.err
        assert "No space left" in program.err


@pytest.mark.root
@pytest.mark.process
@AS_ROOT
def test_without_permission_it_is_told(tmp_path: Path) -> None:
    """Who may not write the file or its directory is told so."""
    script = """
import os
os.setgid(65534); os.setuid(65534)
from plait.errors import PidfileError
from plait.runner._pidfile import open_pidfile, read_owner
for function in (open_pidfile, read_owner):
    try:
        function("dir/a.pid")
    except PidfileError as error:
        print(error)
"""
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "a.pid").write_text("1\n")
    (tmp_path / "dir" / "a.pid").chmod(0o600)
    tmp_path.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", "import plait.runner, asyncio\n" + script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "there is no permission to write it" in done.stdout, done.stderr
    assert "it cannot be read" in done.stdout
