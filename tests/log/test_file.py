"""Files: append mode, rotation, and what may happen to the path."""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from pathlib import Path

import pytest

from plait.errors import BadLogOption, LogUnavailable
from plait.log import make_handler
from plait.log._file import FileSink
from plait.log._rotation import Rotation
from plait.log._writer import Entry

from .records import attached, lines, run, until

pytestmark = pytest.mark.process

DAY = 86400.0


class Clock:
    """A wall clock that stands where it is put."""

    def __init__(self, moment: float) -> None:
        self.moment = moment

    def __call__(self) -> float:
        return self.moment


def noon(year: int, month: int, day: int) -> float:
    """Return noon of a day, in local time."""
    return time.mktime((year, month, day, 12, 0, 0, 0, 0, -1))


def say(sink: FileSink, *entries: str) -> None:
    """Write some entries through a sink that looks at its path first."""
    batch: list[Entry] = list(entries)
    sink._next_look = 0.0
    sink.write(batch)
    assert batch == []


def names(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_append(tmp_path: Path) -> None:
    """What is in the file already stays."""
    path = tmp_path / "log"
    path.write_text("old\n")
    sink = FileSink(str(path))
    say(sink, "new", "er")
    sink.close()
    assert lines(path) == ["old", "new", "er"]


def test_rotation_by_size(tmp_path: Path) -> None:
    """No file grows beyond the size, the newest old one is .1, and the bound holds."""
    path = tmp_path / "log"
    sink = FileSink(str(path), Rotation(size=30, keep=2))
    for number in range(12):
        say(sink, f"line {number:04d}")  # ten bytes with its line break
    sink.close()
    assert names(tmp_path) == ["log", "log.1", "log.2"]
    found = [lines(tmp_path / name) for name in ("log.2", "log.1", "log")]
    assert found == [[f"line {n + i:04d}" for i in range(3)] for n in (3, 6, 9)]


def test_one_batch_over_several_files(tmp_path: Path) -> None:
    """A batch is cut at its lines, so that each file stays below the size."""
    path = tmp_path / "log"
    sink = FileSink(str(path), Rotation(size=30, keep=10))
    say(sink, *(f"line {number:04d}" for number in range(12)), "x" * 100)
    sink.close()
    assert names(tmp_path) == ["log", "log.1", "log.2", "log.3", "log.4"]
    assert all((tmp_path / f"log.{n}").stat().st_size == 30 for n in range(1, 5))
    assert lines(path) == ["x" * 100]


def test_keep_nothing(tmp_path: Path) -> None:
    """With a bound of 0 the old file is removed."""
    path = tmp_path / "log"
    sink = FileSink(str(path), Rotation(size=10, keep=0))
    say(sink, "a" * 9, "b" * 9)
    sink.close()
    assert (names(tmp_path), lines(path)) == (["log"], ["b" * 9])


def test_lowered_bound(tmp_path: Path) -> None:
    """Old files beyond a bound that was lowered are removed at the next rotation."""
    path = tmp_path / "log"
    for number in range(1, 6):
        (tmp_path / f"log.{number}").write_text(f"{number}\n")
    sink = FileSink(str(path), Rotation(size=10, keep=2))
    say(sink, "a" * 9, "b" * 9)
    sink.close()
    assert names(tmp_path) == ["log", "log.1", "log.2"]
    assert lines(tmp_path / "log.2") == ["1"]


def test_mode_is_kept(tmp_path: Path) -> None:
    """A new file has the mode of the old one, whatever the umask is by then."""
    path = tmp_path / "log"
    path.touch(mode=0o640)
    path.chmod(0o640)
    sink = FileSink(str(path), Rotation(size=10))
    old = os.umask(0o077)
    try:
        say(sink, "a" * 9, "b" * 9)
    finally:
        os.umask(old)
    sink.close()
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in names(tmp_path)] == [
        0o640,
        0o640,
    ]


def test_rotation_by_day(tmp_path: Path) -> None:
    """Each day has its own file, with the date in digits that sort, and the bound holds."""
    path = tmp_path / "log"
    clock = Clock(noon(2026, 1, 5))
    sink = FileSink(str(path), Rotation(daily=True, keep=2), clock=clock)
    for day in range(4):
        say(sink, f"day {day}", "more")
        clock.moment += DAY
    sink.close()
    assert names(tmp_path) == ["log", "log.2026-01-06", "log.2026-01-07"]
    assert lines(tmp_path / "log.2026-01-06") == ["day 1", "more"]


def test_rotation_by_day_and_size(tmp_path: Path) -> None:
    """Further files of one day are numbered, and the oldest go first."""
    path = tmp_path / "log"
    clock = Clock(noon(2026, 1, 5))
    sink = FileSink(str(path), Rotation(size=10, daily=True, keep=3), clock=clock)
    say(sink, "a" * 9, "b" * 9, "c" * 9)
    clock.moment += DAY
    say(sink, "d" * 9, "e" * 9, "f" * 9)
    sink.close()
    assert names(tmp_path) == ["log", "log.2026-01-05.2", "log.2026-01-06", "log.2026-01-06.1"]
    assert lines(tmp_path / "log.2026-01-05.2") == ["c" * 9]


def test_a_file_of_yesterday(tmp_path: Path) -> None:
    """A file that was last written yesterday is rotated before today's first line."""
    path = tmp_path / "log"
    path.write_text("old\n")
    os.utime(path, (noon(2026, 1, 5), noon(2026, 1, 5)))
    sink = FileSink(str(path), Rotation(daily=True), clock=Clock(noon(2026, 1, 6)))
    say(sink, "new")
    sink.close()
    assert lines(tmp_path / "log.2026-01-05") == ["old"]
    assert lines(path) == ["new"]


def test_quiet_days(tmp_path: Path) -> None:
    """A day without a line leaves no file."""
    clock = Clock(noon(2026, 1, 5))
    sink = FileSink(str(tmp_path / "log"), Rotation(daily=True), clock=clock)
    sink.open()
    clock.moment += 3 * DAY
    say(sink, "x")
    sink.close()
    assert names(tmp_path) == ["log"]


def test_moved_away(tmp_path: Path) -> None:
    """After an external mv a new file is begun, without a signal, with the same mode."""
    path = tmp_path / "log"
    path.touch()
    path.chmod(0o640)
    sink = FileSink(str(path))
    say(sink, "one")
    path.rename(tmp_path / "moved")
    say(sink, "two")
    sink.close()
    assert (lines(tmp_path / "moved"), lines(path)) == (["one"], ["two"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_removed(tmp_path: Path) -> None:
    """A file that was removed is made again."""
    path = tmp_path / "log"
    sink = FileSink(str(path))
    say(sink, "one")
    path.unlink()
    say(sink, "two")
    sink.close()
    assert lines(path) == ["two"]


def test_truncated(tmp_path: Path) -> None:
    """After somebody emptied the file, writing goes on at its beginning, without a hole."""
    path = tmp_path / "log"
    sink = FileSink(str(path), Rotation(size=1000))
    say(sink, "one")
    os.truncate(path, 0)
    say(sink, "two")
    sink.close()
    assert path.read_bytes() == b"two\n"


def test_signal_after_mv_makes_the_file(tmp_path: Path) -> None:
    """After mv and a reopen the new file is there although nothing was logged."""
    path = tmp_path / "log"
    handler = make_handler(log_file=str(path))
    with attached(handler) as log:
        log.info("one")
        handler.flush()
        path.rename(tmp_path / "moved")
        handler.reopen()  # type: ignore[attr-defined]  # a handler that plait made has it
        until(path.exists)


def test_directory_removed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """When the directory goes it is said once; when it is back all that was kept is written."""
    folder = tmp_path / "logs"
    folder.mkdir()
    handler = make_handler(log_file=str(folder / "log"))
    with attached(handler) as log:
        handler.writer._retry = 0.02  # type: ignore[attr-defined]  # a handler that plait made has it
        log.info("one")
        handler.flush()
        shutil.rmtree(folder)
        time.sleep(0.06)  # the path is looked at every 50 ms
        for number in range(10):
            log.info("kept %d", number)
        handler.flush()
        folder.mkdir()
        until((folder / "log").exists)
        handler.flush()
    assert [line[-6:] for line in lines(folder / "log")] == [f"kept {n}" for n in range(10)]
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1
    assert "No such file or directory" in said[0]


def test_dev_full(capfd: pytest.CaptureFixture[str]) -> None:
    """A full disk is said once, the program goes on, and the loss is counted at the end."""
    handler = make_handler(log_file="/dev/full")
    with attached(handler) as log:
        for _ in range(5):
            log.info("x")
            handler.flush()
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 2
    assert "cannot write the log to /dev/full: No space left on device" in said[0]
    assert "5 log messages were lost at the end" in said[1]


def test_fifo_without_reader(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A FIFO that nobody reads does not hold the program up; a reader gets what was kept."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    handler = make_handler(log_file=str(path), log_level=("info",))
    with attached(handler) as log:
        handler.writer._retry = 0.02  # type: ignore[attr-defined]  # a handler that plait made has it
        log.info("one")
        handler.flush()
        for _ in range(2):  # a second reader comes after the first has gone
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as reader:
                log.info("two")
                got = b""
                deadline = time.monotonic() + 10
                while b"two\n" not in got and time.monotonic() < deadline:
                    got += reader.read() or b""
                    time.sleep(0.005)
                assert b"two\n" in got
    assert "nobody reads it" in capfd.readouterr().err


def test_slow_fifo_loses_nothing(tmp_path: Path) -> None:
    """A FIFO whose reader is slow gets every line once, in order."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    handler = make_handler(log_file=str(path))
    got = b""
    with attached(handler) as log, open(descriptor, "rb") as reader:
        for number in range(5000):
            log.info("line %04d %s", number, "x" * 40)
        deadline = time.monotonic() + 20
        while got.count(b"\n") < 5000 and time.monotonic() < deadline:
            got += reader.read(30_000) or b""
            time.sleep(0.002)
    assert [int(n) for n in re.findall(rb"line (\d+) x{40}\n", got)] == list(range(5000))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no/such/log", "No such file or directory; make the directory"),
        (".", "Is a directory; name a file"),
        ("file/log", "Not a directory; name a file in a directory"),
    ],
)
def test_what_is_wrong_at_the_start_is_told(tmp_path: Path, name: str, words: str) -> None:
    """A path that cannot be opened is an error at the start, in one sentence."""
    (tmp_path / "file").touch()
    with pytest.raises(LogUnavailable, match=re.escape(words)):
        make_handler(log_file=str(tmp_path / name))


@pytest.mark.parametrize("text", ["10XB", "weekly", "0", "MB"])
def test_rotation_that_cannot_be_understood(tmp_path: Path, text: str) -> None:
    """A rotation that is neither a size nor daily is refused with an example."""
    with pytest.raises(BadLogOption, match="a size such as 10MB"):
        make_handler(log_file=str(tmp_path / "log"), log_rotate=text)


WRITER = """
    import logging, sys
    from plait.log import make_handler
    path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    handler = make_handler(log_file=path, log_rotate="100KB", log_keep=200)
    log = logging.getLogger(name)
    log.addHandler(handler)
    log.setLevel(10)
    for number in range(count):
        log.info("%06d", number)
        if number % 100 == 0:
            handler.flush()
"""


def test_two_processes_on_one_rotated_file(tmp_path: Path) -> None:
    """Two processes that log into one file, which both rotate, lose and repeat nothing."""
    import subprocess
    import sys
    import textwrap

    script = textwrap.dedent(WRITER)
    path, count = tmp_path / "log", 10_000
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(path), name, str(count)])
        for name in ("a", "b")
    ]
    assert [process.wait(60) for process in running] == [0, 0]
    old = sorted(tmp_path.glob("log.*"), key=lambda file: -int(file.suffix[1:]))
    assert len(old) > 2
    texts = [line for file in [*old, path] for line in lines(file)]
    for name in ("a", "b"):
        mine = [int(line[-6:]) for line in texts if f"[{name}#" in line]
        assert sorted(mine) == list(range(count))


STORM = """
    import logging, os, signal, sys
    from plait.log import LogPlan, configure
    system = configure(LogPlan(log_file=sys.argv[1]))
    signal.signal(signal.SIGUSR1, lambda *_: system.reopen())
    print("ready", flush=True)
    log = logging.getLogger("storm")
    for number in range(50_000):
        log.info("%05d", number)
    system.close()
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
"""


def test_signal_storm_with_moves(tmp_path: Path) -> None:
    """50,000 lines in a storm of SIGUSR1 and mv arrive, each once and in order."""
    import signal
    import subprocess
    import sys
    import textwrap

    path = tmp_path / "log"
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(STORM), str(path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        moved = 0
        while process.poll() is None:
            if path.exists():
                path.rename(tmp_path / f"moved.{moved:05d}")
                moved += 1
            process.send_signal(signal.SIGUSR1)
            time.sleep(0.003)
    assert process.returncode == 0
    files = sorted(tmp_path.glob("moved.*")) + ([path] if path.exists() else [])
    assert len(files) > 3
    numbers = [int(line[-5:]) for file in files for line in lines(file)]
    assert numbers == list(range(50_000))


LOGROTATE = """
{path} {{
    size 1
    rotate 5
    create 0640
    nocompress
    postrotate
        kill -USR1 {pid}
    endscript
}}
"""


@pytest.mark.peer("logrotate")
def test_logrotate(tmp_path: Path) -> None:
    """Debian's logrotate moves the file away and signals; every line is there once."""
    import signal
    import subprocess

    path = tmp_path / "log"
    handler = make_handler(log_file=str(path))
    old = signal.signal(signal.SIGUSR1, lambda *_: handler.reopen())  # type: ignore[attr-defined]  # a handler that plait made has it
    config = tmp_path / "conf"
    config.write_text(LOGROTATE.format(path=path, pid=os.getpid()))
    config.chmod(0o600)
    tmp_path.chmod(0o755)
    try:
        with attached(handler) as log:
            for turn in range(3):
                for number in range(500):
                    log.info("%d", turn * 500 + number)
                handler.flush()
                subprocess.run(
                    ["logrotate", "-f", "-s", str(tmp_path / "state"), str(config)],
                    check=True,
                    env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                )
                until(path.exists)
    finally:
        signal.signal(signal.SIGUSR1, old)
    old_files = sorted(tmp_path.glob("log.*"), key=lambda file: -int(file.suffix[1:]))
    assert len(old_files) == 3
    texts = [line for file in [*old_files, path] for line in lines(file)]
    assert [int(line.rsplit(" ", 1)[1]) for line in texts] == list(range(1500))


TMPFS = """
    import logging, os, subprocess, sys
    folder = sys.argv[1]
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=True)
    with open(f"{folder}/ballast", "wb") as ballast:
        ballast.write(bytes(900_000))
    from plait.log import make_handler
    handler = make_handler(log_file=f"{folder}/log")
    handler.writer._retry = 0.02
    log = logging.getLogger("full")
    log.addHandler(handler)
    log.setLevel(10)
    for number in range(5000):
        log.info("%04d %s", number, "x" * 50)
    handler.flush()
    assert handler.writer._since is not None, "it was to be full"
    os.unlink(f"{folder}/ballast")
    assert handler.writer.flush(5), "it was to have room again"
    with open(f"{folder}/log") as file:
        texts = [line.split("] ", 1)[1] for line in file]
    assert texts == [f"{number:04d} {'x' * 50}\\n" for number in range(5000)], len(texts)
    handler.close()
"""


@pytest.mark.root
def test_full_file_system(tmp_path: Path) -> None:
    """On a tmpfs of 1 MiB that fills up and is emptied every line arrives once, none torn."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs the rights of root")
    wrap = ("unshare", "--mount", "--propagation", "private")
    done = run(TMPFS, tmp_path, wrap=wrap)
    if "permission denied" in done.stderr.lower() or "not permitted" in done.stderr.lower():
        pytest.skip("no right to mount")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("No space left on device") == 1


DROP = """
    import logging, os, sys
    from plait.log import LogPlan, configure
    path, uid = sys.argv[1], 65534
    system = configure(LogPlan(log_file=path, log_rotate="1KB", log_keep=50))
    log = logging.getLogger("drop")
    log.info("before")
    system.give_to(uid, uid)
    system.flush()
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    for number in range(100):
        log.info("%03d", number)
    system.flush()
    if sys.argv[2] == "move":
        os.rename(path, path + ".moved")
        system.reopen()
        log.info("after")
    system.close()
"""


@pytest.mark.root
@pytest.mark.parametrize("mine", [True, False], ids=["own-directory", "foreign-directory"])
def test_after_the_rights_are_dropped(tmp_path: Path, mine: bool) -> None:
    """After the change of user the file is rotated and opened anew; where not allowed it grows."""
    if os.geteuid() != 0:
        pytest.skip("changing the user needs the rights of root")
    folder = Path("/tmp") / f"plait-log-{os.getpid()}-{tmp_path.name}"  # below it all may search
    folder.mkdir(mode=0o755)
    try:
        if mine:
            os.chown(folder, 65534, 65534)
        path = folder / "log"
        done = run(DROP, path, "move" if mine else "stay")
        assert done.returncode == 0, done.stderr
        texts = [line.split("] ")[1] for file in folder.iterdir() for line in lines(file)]
        wanted = ["before", *(f"{number:03d}" for number in range(100))]
        if mine:
            assert done.stderr == ""
            assert sorted(texts) == sorted([*wanted, "after"])
            assert len(names(folder)) > 4
        else:
            assert texts == wanted
            assert names(folder) == ["log"]
            assert done.stderr.count("cannot rotate") == 1
            assert "Permission denied; it grows on" in done.stderr
    finally:
        shutil.rmtree(folder)
