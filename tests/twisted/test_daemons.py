"""Programs of Twisted's API as daemons: each kind of the framework's examples, and its wrappers."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.query
import pytest

from tests.ports import free_port
from tests.programs import Program, echoes, listens

from .test_programs import CLASSIC, ECHO

pytestmark = [pytest.mark.process, pytest.mark.network, pytest.mark.slow]

LOGGER = """
from twisted.logger import textFileLogObserver

def make():
    return textFileLogObserver(open("named.log", "w"))
"""

WRAPPED = """
from twisted.application import internet, service
from echoes import EchoFactory

application = service.Application("wrapped")
service = internet.TCPServer({port}, EchoFactory(), interface="127.0.0.1")
service.setServiceParent(application)
"""

FILES = """
import os
from twisted.application import internet, service
from twisted.web import server, static

application = service.Application("files")
site = server.Site(static.File(os.getcwd()))
internet.TCPServer({port}, site, interface="127.0.0.1").setServiceParent(application)
"""

NAMES = """
from twisted.application import internet, service
from twisted.names import dns, hosts, server

both = service.MultiService()
factory = server.DNSServerFactory([hosts.Resolver("hosts")])
internet.TCPServer({port}, factory, interface="127.0.0.1").setServiceParent(both)
internet.UDPServer(
    {port}, dns.DNSDatagramProtocol(factory), interface="127.0.0.1"
).setServiceParent(both)
application = service.Application("names")
both.setServiceParent(application)
"""

DAILY = """
from twisted.application import internet, service
from twisted.logger import ILogObserver, textFileLogObserver
from twisted.python.logfile import DailyLogFile
from echoes import EchoFactory

application = service.Application("daily")
application.setComponent(ILogObserver, textFileLogObserver(DailyLogFile("daily.log", ".")))
internet.TCPServer({port}, EchoFactory(), interface="127.0.0.1").setServiceParent(application)
"""


def _serves_files(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/echoes.py") as answer:
        return bool(answer.read() == ECHO.encode())


def _answers(port: int) -> bool:
    question = dns.message.make_query("known.example", "A")
    answers = [ask(question, "127.0.0.1", 5, port) for ask in (dns.query.udp, dns.query.tcp)]
    return all(str(answer.answer[0][0]) == "192.0.2.5" for answer in answers)


#: Name: the file, further options, where the log is, and whether the daemon does its work.
KINDS: dict[str, tuple[str, tuple[str, ...], str, Callable[[int], bool]]] = {
    "classic": (CLASSIC, (), "twistd.log", echoes),
    "wrapped": (WRAPPED, (), "twistd.log", echoes),
    "files": (FILES, (), "twistd.log", _serves_files),
    "names": (NAMES, (), "twistd.log", _answers),
    "daily": (DAILY, (), "daily.log", echoes),
    "logger": (CLASSIC, ("--logger", "mine.make"), "named.log", echoes),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_daemon_without_twisted(kind: str, tmp_path: Path) -> None:
    """The launcher ends with 0 once the daemon works; its log and its end are as they should be."""
    text, options, log, works = KINDS[kind]
    port = free_port()
    (tmp_path / "app.tac").write_text(text.format(port=port))
    (tmp_path / "echoes.py").write_text(ECHO)
    (tmp_path / "mine.py").write_text(LOGGER)
    (tmp_path / "hosts").write_text("192.0.2.5 Known.Example\n")
    arguments = ("twistd", "--twisted=own", *options, "-oy", "app.tac")
    pidfile = tmp_path / "twistd.pid"
    with Program("-m", "plait", *arguments, folder=tmp_path) as launcher:
        assert launcher.status() == 0, launcher.output
    try:
        assert works(port)
    finally:
        with Program("-m", "plait", "stop", "--pidfile", str(pidfile), folder=tmp_path) as stop:
            assert stop.status() == 0
    written = (tmp_path / log).read_text()
    assert "starting on" in written
    assert f"(TCP Port {port} Closed)" in written
    assert "Traceback" not in written
    assert (tmp_path / "twistd.log").exists() is (log == "twistd.log")
    assert not listens(port)
