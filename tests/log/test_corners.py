"""The corners of the log: odd files, odd streams, odd callers."""

from __future__ import annotations

import asyncio
import errno
import io
import logging
import os
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import pytest

import plait.log
from plait.core import current_service
from plait.log import RedactFilter, loop_exception_handler
from plait.log import make_handler as make
from plait.log._complain import reason
from plait.log._console import wants_colour
from plait.log._context import _name
from plait.log._datagram import severity
from plait.log._encode import Encoder
from plait.log._file import FileSink
from plait.log._plan import parse_levels, parse_rotation
from plait.log._redact import NOTHING, Redactor
from plait.log._rotation import Rotation
from plait.log._stdio import PrintCapture
from plait.log._stream import StreamSink
from plait.log._system import LogSystem
from plait.log._writer import Entry, Writer

from .records import attached, lines, record, run, until

pytestmark = pytest.mark.process


class Kept(logging.Handler):
    """Keeps records."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record)


def say(sink: FileSink, *entries: str) -> None:
    """Write some entries through a sink that looks at its path first."""
    batch: list[Entry] = list(entries)
    sink._next_look = 0.0
    sink.write(batch)
    assert batch == []


def test_names_that_are_not_there() -> None:
    """A name that the room does not have is an AttributeError, as in any module."""
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = plait.log.nonsense


def test_rotation_that_fails_is_told_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where the old file cannot be renamed the log grows on, and says so once."""
    (tmp_path / "log.1").mkdir()
    sink = FileSink(str(tmp_path / "log"), Rotation(size=10, keep=1))
    for letter in "abc":
        say(sink, letter * 9)
    sink.close()
    assert lines(tmp_path / "log") == ["a" * 9, "b" * 9, "c" * 9]
    said = capfd.readouterr().err
    assert said.count("cannot rotate") == 1
    assert "Is a directory; it grows on" in said


def test_path_that_cannot_be_opened_anew(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Where the path cannot be opened any more the log goes on in the file that was moved away."""
    sink = FileSink(str(tmp_path / "log"))
    say(sink, "one")
    (tmp_path / "log").rename(tmp_path / "moved")
    (tmp_path / "log").mkdir()
    say(sink, "two")
    say(sink, "three")
    (tmp_path / "log").rmdir()
    say(sink, "four")
    sink.close()
    assert lines(tmp_path / "moved") == ["one", "two", "three"]
    assert lines(tmp_path / "log") == ["four"]
    said = capfd.readouterr().err
    assert said.count("the log goes on in the file that was moved away") == 1


def test_another_process_is_rotating(tmp_path: Path) -> None:
    """While somebody else has the file locked it is not rotated, and nothing waits."""
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "log"
    sink = FileSink(str(path), Rotation(size=10))
    say(sink, "a" * 9)
    with path.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        say(sink, "b" * 9)
    say(sink, "c" * 9)
    sink.close()
    assert lines(tmp_path / "log.1") == ["a" * 9, "b" * 9]
    assert lines(path) == ["c" * 9]


def test_rotated_by_another_process(tmp_path: Path) -> None:
    """A file that another process has rotated in the meantime is not rotated a second time."""
    sinks = [FileSink(str(tmp_path / "log"), Rotation(size=20)) for _ in range(2)]
    for sink in sinks:
        sink.open()
    say(sinks[0], "a" * 9, "b" * 9, "c" * 9)
    batch: list[Entry] = ["d" * 9, "e" * 9, "f" * 9]
    sinks[1].write(batch)
    for sink in sinks:
        sink.close()
    found = [line for name in ("log.1", "log") for line in lines(tmp_path / name)]
    assert sorted(found) == [letter * 9 for letter in "abcdef"]
    assert not (tmp_path / "log.3").exists()


def test_names_of_others_are_left_alone(tmp_path: Path) -> None:
    """Old files are told from others by their exact names; compressed ones count."""
    for name in ("log.2026-01-01.gz", "log.2026-01-02", "log.old", "logs.2026-01-01"):
        (tmp_path / name).touch()
    sink = FileSink(str(tmp_path / "log"), Rotation(size=10, daily=True, keep=1))
    say(sink, "a" * 9, "b" * 9)
    sink.close()
    found = {path.name for path in tmp_path.iterdir()}
    assert {"log", "log.old", "logs.2026-01-01"} < found
    assert len(found) == 4


def test_line_that_was_torn_and_then_dropped(tmp_path: Path) -> None:
    """The beginning of a line whose end was dropped stands on a line of its own."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    filled = os.write(writing, bytes(1_000_000))
    os.read(reading, 4096)
    sink = StreamSink(writing)
    batch: list[Entry] = ["x" * 10_000]
    with pytest.raises(BlockingIOError):
        sink.write(batch)
    data = os.read(reading, filled)
    sink.write(["next"])
    data += os.read(reading, 100_000)
    os.close(reading)
    os.close(writing)
    assert set(data) <= {0, ord("x"), *b"\nnext"}
    assert data.endswith(b"x\nnext\n")


def test_standard_output_that_does_not_block(capfd: pytest.CaptureFixture[str]) -> None:
    """A stream that somebody made non-blocking gets every line once when its reader is slow."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    writer = Writer(StreamSink(writing), retry=5.0)
    for number in range(3000):
        writer.put(20, f"{number:060d}")
    got = b""
    deadline = time.monotonic() + 20
    while got.count(b"\n") < 3000 and time.monotonic() < deadline:
        got += os.read(reading, 10_000)
        time.sleep(0.001)
    writer.close()
    os.close(reading)
    os.close(writing)
    assert [int(line) for line in got.split()] == list(range(3000))
    assert capfd.readouterr().err == ""


def test_streams_that_are_gone() -> None:
    """A program whose standard error is closed runs on."""
    script = """
        import logging, os
        os.close(2)
        from plait.log import configure
        system = configure()
        logging.getLogger("x").error("x")
        system.close()
        print("alive")
    """
    done = run(script)
    assert (done.returncode, done.stdout) == (0, "alive\n")


def test_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colour is for terminals that have it, unless NO_COLOR is set."""
    ours, theirs = os.openpty()
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert wants_colour(theirs)
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_colour(theirs)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(theirs)
    monkeypatch.delenv("NO_COLOR")
    os.close(ours)
    os.close(theirs)
    assert not wants_colour(theirs)


def test_captured_file() -> None:
    """A captured file is a text file that can be written to, and nothing else."""
    handler = Kept()
    with attached(handler, "captured"):
        file = PrintCapture("captured", 20, sys.__stdout__)
        assert file.writable()
        assert not file.readable()
        assert not file.isatty()
        assert (file.encoding.lower(), file.errors) == ("utf-8", "backslashreplace")
        assert file.fileno() == 1
        assert file.buffer.writable()
        file.write("a\n\nb")
        file.flush()
        file.finish()
        file.finish()
        file.write("y" * 100_000)
        file.finish()
    found = [record.getMessage() for record in handler.found]
    assert found[:2] == ["a", "b"]
    assert len(found[2]) == 100_000
    with pytest.raises(io.UnsupportedOperation):
        file.read()


def test_prints_of_a_failing_handler_do_not_go_round() -> None:
    """What is printed while a captured line is logged is not logged again."""

    class Loud(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            file.write("round and round\n")

    file = PrintCapture("loud", 20, sys.__stdout__)
    with attached(Loud(), "loud"):
        file.write("once\n")


def test_warnings_into_a_file(tmp_path: Path) -> None:
    """A warning that is shown into a file of somebody's own goes there."""
    handler = make(log_file=str(tmp_path / "log"))
    system = plait.log.configure(handler=handler)
    file = io.StringIO()
    warnings.showwarning("old", UserWarning, "f.py", 3, file)
    system.close()
    assert "UserWarning: old" in file.getvalue()


def test_loop_trouble_names_its_service() -> None:
    """What a loop says about a forgotten exception carries the service of the task."""
    handler = Kept()

    async def main() -> None:
        async def broken() -> None:
            current_service.set("shop/db")
            raise KeyError("no")

        task = asyncio.ensure_future(broken())
        await asyncio.wait([task])
        with attached(handler, "asyncio"):
            context = {"message": "never retrieved", "exception": task.exception(), "future": task}
            loop_exception_handler(asyncio.get_running_loop(), context)
            loop_exception_handler(asyncio.get_running_loop(), {"message": "", "odd": 1})

    asyncio.run(main())
    found = handler.found
    assert found[0].getMessage().startswith("never retrieved\nfuture: <Task")
    assert found[0].exc_info is not None
    if sys.version_info >= (3, 12):
        assert found[0].__dict__["service_path"] == "shop/db"
    assert found[1].getMessage() == "an exception that nobody caught\nodd: 1"


def test_system_without_a_handler_of_ours(tmp_path: Path) -> None:
    """A log of the user's own is flushed, and asked to do only what it can."""
    system = LogSystem(None)
    handler = logging.FileHandler(tmp_path / "log", delay=True)
    with attached(handler, "own"):
        system.reopen()
        system.give_to(os.getuid(), os.getgid())
        logging.getLogger("own").info("x")
        system.flush()
        system.capture_prints()
        system.close()
    assert system.dropped == {}
    assert lines(tmp_path / "log") == ["x"]


def test_file_given_away(tmp_path: Path) -> None:
    """The log file can be given to a user; here to the one who has it."""
    system = plait.log.configure(plait.log.LogPlan(log_file=str(tmp_path / "log")))
    system.give_to(os.getuid(), os.getgid())
    system.close()
    assert (tmp_path / "log").stat().st_uid == os.getuid()


def test_redaction() -> None:
    """Names are compared as words; odd keys do no harm; nothing is hidden when turned off."""
    hide = Redactor(["pin"]).hides
    assert [hide(name) for name in ("pin", "Pin", "api-key", b"Cookie", "x_token")] == [True] * 5
    assert [hide(name) for name in ("pinned", "tokens", 3, None, "x" * 10_000)] == [False] * 5
    assert not NOTHING.hides("password")
    assert not NOTHING.hides(b"password")
    many = Redactor()
    for number in range(5000):
        many.hides(f"n{number}")
    assert len(many._known) <= 2001
    deep: object = {"password": "1"}
    for _ in range(40):
        deep = [deep]
    cleaned = str(Redactor().clean(deep))
    assert "password" not in cleaned
    assert "..." in cleaned
    made = record("x", "plain")
    assert RedactFilter().filter(made)


class Login(NamedTuple):
    """A named tuple with a secret."""

    user: str
    password: str


def test_secret_field_of_a_named_tuple() -> None:
    """A field of a named tuple is hidden by its name, in JSON and elsewhere."""
    login = Login("ann", "4711")
    assert Redactor().clean([login]) == [("ann", "***")]
    assert Encoder(Redactor()).encode(login) == '["ann","***"]'


def test_numbers_of_levels() -> None:
    """Levels may be given by number, and several in one word."""
    assert parse_levels(("15,db=warn",)) == {"": 15, "db": 30}
    assert parse_rotation("1.5kib , daily") == (1536, True)
    assert [severity(level) for level in (0, 5, 10, 20, 30, 40, 50)] == [7, 7, 7, 6, 4, 3, 2]


def test_connection_that_cannot_say_its_name() -> None:
    """A connection whose `str` fails is called by its type."""

    class Odd:
        def __str__(self) -> str:
            raise ValueError("no")

    assert _name(Odd()) == "Odd"


def test_mapping_that_fails_while_it_is_read() -> None:
    """A container that raises in the midst of being read becomes a word about that."""

    class Odd(dict[str, int]):
        def items(self) -> object:  # type: ignore[override]  # odd on purpose
            raise ValueError("no")

    assert Encoder(NOTHING).encode({"a": Odd()}) == '{"a":"<Odd: ValueError while encoding>"}'
    wide = {str(number): number for number in range(10_000)}
    assert Encoder(NOTHING).encode(wide).endswith('"...":true}')


def test_writer_at_the_end_of_the_interpreter(tmp_path: Path) -> None:
    """What is logged so late that no thread can start is written all the same."""
    script = """
        import atexit, logging, sys
        from plait.log import make_handler
        handler = make_handler(log_file=sys.argv[1])
        log = logging.getLogger("x")
        log.addHandler(handler)
        log.setLevel(10)
        class Late:
            def __del__(self):
                log.info("later still")
        late = Late()
        atexit.register(log.info, "late")
    """
    done = run(script, tmp_path / "log")
    assert done.returncode == 0, done.stderr
    assert "late" in lines(tmp_path / "log")[0]


CHROOT = """
    import logging, os, sys
    from plait.log import LogPlan, configure
    folder = sys.argv[1]
    system = configure(LogPlan(log_file=f"{folder}/log", log_rotate="1KB", log_keep=50))
    os.mkdir(f"{folder}/jail")
    os.chroot(f"{folder}/jail")
    os.chdir("/")
    log = logging.getLogger("jail")
    for number in range(100):
        log.info("%03d", number)
    system.reopen()
    system.close()
"""


@pytest.mark.root
def test_rotation_from_inside_another_root(tmp_path: Path) -> None:
    """After a change of the root directory the file is rotated where it was opened."""
    if os.geteuid() != 0:
        pytest.skip("changing the root needs the rights of root")
    done = run(CHROOT, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert len(files) > 3
    assert sorted(line[-3:] for path in files for line in lines(path)) == [
        f"{number:03d}" for number in range(100)
    ]
    assert list((tmp_path / "jail").iterdir()) == []


def test_directory_replaced(tmp_path: Path) -> None:
    """When the directory is moved away and made anew, the log follows the path."""
    folder = tmp_path / "logs"
    folder.mkdir()
    handler = make(log_file=str(folder / "log"))
    with attached(handler) as log:
        log.info("one")
        handler.flush()
        folder.rename(tmp_path / "old")
        folder.mkdir()
        handler.reopen()  # type: ignore[attr-defined]  # a handler that plait made has it
        log.info("two")
        until(lambda: (folder / "log").exists())
    assert [line[-3:] for line in lines(tmp_path / "old" / "log")] == ["one"]
    assert [line[-3:] for line in lines(folder / "log")] == ["two"]


def test_a_slow_reader_in_words() -> None:
    """A pipe that stays full is put down to its reader."""
    assert reason(BlockingIOError(errno.EAGAIN, "try again")) == "its reader does not keep up"
