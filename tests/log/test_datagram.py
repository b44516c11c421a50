"""syslog and the systemd journal."""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from plait.log._datagram import DatagramSink, JournalSink
from plait.log._handler import WriterHandler
from plait.log._syslog import JournalFormatter, SyslogFormatter

from .records import attached, record, run

pytestmark = pytest.mark.network


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """Give a datagram socket at a path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))
        server.settimeout(10)
        yield server
    path.unlink()


def fields_of(data: bytes) -> dict[str, bytes]:
    """Read a datagram of the journal's native protocol."""
    found = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack("<Q", data[:8])
            value, data = data[8 : 8 + size], data[9 + size :]
        found[name.decode()] = value
    return found


def test_syslog(tmp_path: Path) -> None:
    """A syslog datagram has the priority, the local time, the name with the process, one line."""
    with listening(tmp_path / "log") as server:
        formatter = SyslogFormatter(facility=16, ident="shop")
        with attached(WriterHandler(DatagramSink(str(tmp_path / "log")), formatter)) as log:
            log.info("sold %d", 3)
            log.error("a\nb")
            found = [server.recv(9000).decode() for _ in range(2)]
    shape = r"<134>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d shop\[(\d+)\]: \[alone#info\] sold 3"
    match = re.fullmatch(shape, found[0])
    assert match is not None
    assert int(match[1]) == os.getpid()
    assert found[1].startswith("<131>")
    assert found[1].endswith("[alone#error] a\n\tb")


def test_syslog_is_bounded(tmp_path: Path) -> None:
    """A message longer than syslog takes is cut."""
    with listening(tmp_path / "log") as server:
        handler = WriterHandler(DatagramSink(str(tmp_path / "log")), SyslogFormatter())
        with attached(handler) as log:
            log.info("x" * 1_000_000)
            found = server.recv(2_000_000)
    assert 8000 < len(found) <= 8192
    assert found.endswith(b"x...")


def test_syslog_started_anew(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """While syslog is away messages are kept; the new one gets them."""
    path = tmp_path / "log"
    handler = WriterHandler(DatagramSink(str(path)), SyslogFormatter(), retry=0.02)
    with attached(handler) as log:
        with listening(path) as server:
            log.info("one")
            server.recv(9000)
        log.info("two")
        handler.flush()
        with listening(path) as server:
            assert server.recv(9000).endswith(b"two")
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1
    assert "cannot write the log to" in said[0]


def test_slow_syslog_gets_everything(tmp_path: Path) -> None:
    """A syslog whose queue is full is waited for, off the caller's thread."""
    with listening(tmp_path / "log") as server:
        handler = WriterHandler(DatagramSink(str(tmp_path / "log")), SyslogFormatter())
        with attached(handler) as log:
            for number in range(3000):
                log.info("%d", number)
            found = [int(server.recv(9000).rsplit(b" ", 1)[1]) for _ in range(3000)]
    assert found == list(range(3000))


def test_journal(tmp_path: Path) -> None:
    """The journal gets each part as a field; values of several lines keep them; secrets do not."""
    with listening(tmp_path / "j") as server:
        handler = WriterHandler(JournalSink(str(tmp_path / "j")), JournalFormatter(ident="shop"))
        with attached(handler) as log:
            try:
                raise ValueError("no")
            except ValueError:
                extra = {"order-id": 17, "9lives": "a\nb", "token": "x", "service_path": "s/t"}
                log.exception("failed", extra=extra)
            found = fields_of(server.recv(9000))
    assert found["MESSAGE"].startswith(b"failed\nTraceback")
    assert found["MESSAGE"].endswith(b"ValueError: no")
    expected = {
        "PRIORITY": b"3",
        "SYSLOG_IDENTIFIER": b"shop",
        "LOGGER": b"alone",
        "CODE_FUNC": b"test_journal",
        "CODE_FILE": __file__.encode(),
        "ORDER_ID": b"17",
        "FIELD_9LIVES": b"a\nb",
        "TOKEN": b"***",
        "PLAIT_SERVICE": b"s/t",
        "EXCEPTION_TYPE": b"ValueError",
    }
    assert {name: found[name] for name in expected} == expected


def test_journal_takes_huge_messages(tmp_path: Path) -> None:
    """What is too long for a datagram is handed over in a piece of memory."""
    with listening(tmp_path / "j") as server:
        handler = WriterHandler(JournalSink(str(tmp_path / "j")), JournalFormatter())
        with attached(handler) as log:
            log.info("x" * 3_000_000)
            _, descriptors, _, _ = socket.recv_fds(server, 9000, 1)
    with open(descriptors[0], "rb") as file:
        found = fields_of(file.read() or os.pread(descriptors[0], 4_000_000, 0))
    assert found["MESSAGE"] == b"x" * 3_000_000


OWN_DEV = """
    import logging, os, socket, subprocess, sys
    subprocess.run(["mount", "-t", "tmpfs", "none", "/dev"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    os.makedirs("/run/systemd/journal")
    syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    syslog.bind("/dev/log")
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind("/run/systemd/journal/socket")
    from plait.log import LogPlan, configure

    def say(plan, text):
        system = configure(plan, ident="app")
        logging.getLogger("x").warning(text)
        system.close()

    say(LogPlan(syslog=True, facility="local3", prefix="shop"), "to syslog")
    print(syslog.recv(9000).decode())
    say(LogPlan(journald=True), "to the journal")
    print(journal.recv(9000).decode().split("\\n")[:3])
    stream = os.fstat(2)
    os.environ["JOURNAL_STREAM"] = f"{stream.st_dev}:{stream.st_ino}"
    say(LogPlan(), "inherited")
    print("inherited" in journal.recv(9000).decode())
    os.unlink("/dev/log")
    try:
        say(LogPlan(syslog=True), "nobody")
    except Exception as error:
        print(error)
"""


@pytest.mark.root
def test_the_usual_places(tmp_path: Path) -> None:
    """The options reach /dev/log and the journal, which is also found when inherited."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs the rights of root")
    done = run(OWN_DEV, wrap=("unshare", "--mount", "--propagation", "private"))
    if "permission denied" in done.stderr.lower() or "not permitted" in done.stderr.lower():
        pytest.skip("no right to mount")
    assert done.returncode == 0, done.stderr
    syslog, journal, inherited, refused = done.stdout.splitlines()
    assert re.fullmatch(r"<156>.{15} shop\[\d+\]: \[x#warning\] to syslog", syslog)
    assert journal == "['MESSAGE=to the journal', 'PRIORITY=4', 'SYSLOG_IDENTIFIER=app']"
    assert inherited == "True"
    assert refused.startswith("cannot open /dev/log for the log: No such file or directory")


def test_sinks_at_a_path(tmp_path: Path) -> None:
    """A sink without a socket says so at the start; one with it can be opened anew."""
    sink = DatagramSink(str(tmp_path / "log"))
    with pytest.raises(FileNotFoundError):
        sink.open()
    with listening(tmp_path / "log") as server:
        sink.freshen()
        sink.forget()
        assert sink.ready()
        sink.write(["one"])
        assert server.recv(100) == b"one"
        sink.close()


def test_the_journal_as_text() -> None:
    """For a handler that knows only texts the datagram is one, stack and traceback included."""
    made = record("x", exc_text="Traceback", stack_info="Stack")
    text = JournalFormatter().format(made)
    assert "MESSAGE\n" in text
    assert "x\nTraceback\nStack\n" in text
