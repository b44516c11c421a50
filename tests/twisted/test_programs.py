"""Whole Twisted programs, run as their users run them, without Twisted and with it."""

from __future__ import annotations

import ftplib
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest

from tests.ports import free_port
from tests.programs import Program, connect, echoes, listens

pytestmark = [pytest.mark.process, pytest.mark.network, pytest.mark.slow]

ECHO = """
from twisted.internet.protocol import Factory, Protocol

class Echo(Protocol):
    def dataReceived(self, data):
        self.transport.write(data)

class EchoFactory(Factory):
    protocol = Echo
"""

CLASSIC = """
from twisted.internet import reactor
from twisted.application import service
from echoes import EchoFactory

class EchoService(service.Service):
    def __init__(self, number):
        self.number = number

    def startService(self):
        self.port = reactor.listenTCP(self.number, EchoFactory(), interface="127.0.0.1")

    def stopService(self):
        return self.port.stopListening()

application = service.Application("classic")
EchoService({port}).setServiceParent(application)
"""

whose = pytest.mark.parametrize("whose", ["own", "installed"])


def _write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@whose
def test_a_service_that_does_not_call_up(whose: str, tmp_path: Path) -> None:
    """A Service with an __init__ of its own runs, echoes and is stopped in order."""
    port = free_port()
    _write(tmp_path, echoes__py=ECHO, app__tac=CLASSIC.format(port=port))
    arguments = ("-m", "plait", "run", f"--twisted={whose}", "app.tac")
    with Program(*arguments, folder=tmp_path) as program:
        program.wait_for("classic is ready")
        assert echoes(port)
        assert program.end() == -signal.SIGTERM
    assert f"(TCP Port {port} Closed)" in program.output
    assert not listens(port)


@whose
def test_files_over_http(whose: str, tmp_path: Path) -> None:
    """A site of files answers, also when the name `service` is bound anew after its use."""
    port = free_port()
    text = f"""
import os
from twisted.application import internet, service
from twisted.web import server, static

application = service.Application("files")
site = server.Site(static.File(os.getcwd()))
service = internet.TCPServer({port}, site, interface="127.0.0.1")
service.setServiceParent(application)
"""
    _write(tmp_path, app__tac=text, page__html="<p>hello</p>")
    arguments = ("-m", "plait", "twistd", f"--twisted={whose}", "-noy", "app.tac", "--pidfile=")
    with Program(*arguments, folder=tmp_path) as program:
        program.wait_for("files is ready")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/page.html") as answer:
            assert answer.read() == b"<p>hello</p>"
            assert answer.headers["Content-Type"] == "text/html"
        assert program.end() == -signal.SIGTERM
    assert '"GET /page.html HTTP/1.1" 200 12' in program.output


@whose
def test_dns_over_udp_and_tcp(whose: str, tmp_path: Path) -> None:
    """A MultiService with a UDP and a TCP server answers from a hosts file."""
    port = free_port()
    text = f"""
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
    _write(tmp_path, app__tac=text, hosts="192.0.2.5 Known.Example\n")
    arguments = ("-m", "plait", "run", f"--twisted={whose}", "app.tac")
    with Program(*arguments, folder=tmp_path) as program:
        program.wait_for("names is ready")
        for ask in (dns.query.udp, dns.query.tcp):
            known = ask(dns.message.make_query("known.example", "A"), "127.0.0.1", 5, port)
            assert [str(item) for item in known.answer[0]] == ["192.0.2.5"]
            assert known.answer[0].ttl == 3600
            missing = ask(dns.message.make_query("other.example", "A"), "127.0.0.1", 5, port)
            assert missing.rcode() == dns.rcode.NXDOMAIN
        assert program.end() == -signal.SIGTERM


@whose
def test_an_observer_component_is_the_log(whose: str, tmp_path: Path) -> None:
    """With an ILogObserver component the log is that file, and there is no other."""
    text = """
from twisted.application.service import Application
from twisted.logger import ILogObserver, textFileLogObserver
from twisted.python.logfile import DailyLogFile

application = Application("logged")
application.setComponent(ILogObserver, textFileLogObserver(DailyLogFile("own.log", ".")))
"""
    _write(tmp_path, app__tac=text)
    arguments = ("-m", "plait", "twistd", f"--twisted={whose}", "-oy", "app.tac")
    started = Program(*arguments, folder=tmp_path)
    with started:
        assert started.status() == 0
        number = int((tmp_path / "twistd.pid").read_text())
        stopped = Program(
            "-m", "plait", "stop", "--pidfile", str(tmp_path / "twistd.pid"), folder=tmp_path
        )
        with stopped:
            stopped.status()
    assert number > 1
    written = (tmp_path / "own.log").read_text()
    assert "logged is ready" in written
    assert not (tmp_path / "twistd.log").exists()


@whose
def test_a_logger_by_name(whose: str, tmp_path: Path) -> None:
    """--logger names a factory of an observer, importable from the working directory."""
    port = free_port()
    logger = """
from twisted.logger import textFileLogObserver

def make():
    return textFileLogObserver(open("named.log", "w"))
"""
    _write(tmp_path, echoes__py=ECHO, app__tac=CLASSIC.format(port=port), mine__py=logger)
    arguments = ("twistd", f"--twisted={whose}", "--logger", "mine.make", "-noy", "app.tac")
    with Program("-m", "plait", *arguments, "--pidfile=", folder=tmp_path) as program:
        assert echoes(port)
        assert program.end() == -signal.SIGTERM
    written = (tmp_path / "named.log").read_text()
    assert written.count("Starting factory") == 1
    assert "classic is ready" in written


_OBSERVERS = """
import sys

def new():
    from twisted.logger import textFileLogObserver
    return textFileLogObserver(sys.stdout)

def legacy():
    from twisted.python.log import FileLogObserver
    return FileLogObserver(sys.stdout).emit

def plain():
    return lambda event: print(event["log_text"])
"""

_OF_PLAIT = """
import logging
from plait import Application, Service

class Speaks(Service):
    async def start(self):
        logging.getLogger("speaks").warning("a word of %s", "plait")

application = Application("spoken")
application.add(Speaks())
"""


@whose
@pytest.mark.parametrize("kind", ["new", "legacy", "plain"])
def test_a_logger_for_an_application_of_plait(whose: str, kind: str, tmp_path: Path) -> None:
    """--logger may name the factory of a Twisted observer where no service is Twisted's."""
    _write(tmp_path, mine__py=_OBSERVERS, app__py=_OF_PLAIT)
    arguments = ("twistd", f"--twisted={whose}", "--logger", f"mine.{kind}", "-noy", "app.py")
    with Program("-m", "plait", *arguments, "--pidfile=", folder=tmp_path) as program:
        program.wait_for("spoken is ready")
        assert program.end() == -signal.SIGTERM
    assert program.output.count("a word of plait") == 1


def test_a_logger_that_makes_no_observer(tmp_path: Path) -> None:
    """A factory that makes neither a handler nor an observer ends the start with a sentence."""
    _write(tmp_path, mine__py="def make():\n    return 7\n", app__py=_OF_PLAIT)
    arguments = ("twistd", "--logger", "mine.make", "-noy", "app.py", "--pidfile=")
    with Program("-m", "plait", *arguments, folder=tmp_path) as program:
        assert program.status() == 1
    assert "and it made an object of type int" in program.output


@whose
def test_a_failing_start_ends_with_a_sentence(whose: str, tmp_path: Path) -> None:
    """A coroutine from startService that fails ends the run, and what had started is stopped."""
    port = free_port()
    text = (
        CLASSIC.format(port=port)
        + """
class Broken(service.Service):
    async def startService(self):
        raise RuntimeError("the database is gone")

Broken().setServiceParent(application)
"""
    )
    _write(tmp_path, echoes__py=ECHO, app__tac=text)
    arguments = ("-m", "plait", "run", f"--twisted={whose}", "app.tac")
    with Program(*arguments, folder=tmp_path) as program:
        assert program.status() == 3
    assert "the database is gone" in program.output
    assert "classic/broken" in program.output
    assert f"(TCP Port {port} Closed)" in program.output


@whose
def test_a_failing_stop_is_in_the_log_and_in_the_status(whose: str, tmp_path: Path) -> None:
    """A stopService that raises is logged, and the status is 1."""
    text = """
from twisted.application import service

class Broken(service.Service):
    def stopService(self):
        raise RuntimeError("cannot stop")

application = service.Application("stubborn")
Broken().setServiceParent(application)
"""
    _write(tmp_path, app__tac=text)
    arguments = ("-m", "plait", "run", f"--twisted={whose}", "app.tac")
    with Program(*arguments, folder=tmp_path) as program:
        program.wait_for("stubborn is ready")
        assert program.end() == 1
    assert "cannot stop" in program.output


@whose
def test_the_reactor_is_ours(whose: str, tmp_path: Path) -> None:
    """Whoever's words a program speaks, its reactor is the face of plait's loop."""
    text = """
from twisted.internet import reactor
from twisted.application import service
import asyncio

class Asks(service.Service):
    def startService(self):
        print(type(reactor).__module__, asyncio.get_running_loop() is reactor.loop, flush=True)
        reactor.callLater(0.01, reactor.stop)

application = service.Application("asks")
Asks().setServiceParent(application)
"""
    _write(tmp_path, app__tac=text)
    arguments = ("-m", "plait", "run", f"--twisted={whose}", "app.tac")
    with Program(*arguments, folder=tmp_path) as program:
        assert program.status() == 0
    assert "plait.twisted._reactor.reactor True" in program.output


def test_a_plug_in_of_the_installed_twisted(tmp_path: Path) -> None:
    """`plait twistd web --path .` serves the directory with the installed Twisted's plug-in."""
    port = free_port()
    _write(tmp_path, page__html="plugged")
    listen = f"--listen=tcp:{port}:interface=127.0.0.1"
    arguments = ("twistd", "-no", "--pidfile=", "web", "--path", ".", listen)
    with Program("-m", "plait", *arguments, folder=tmp_path) as program:
        with connect(port) as link:
            link.sendall(b"GET /page.html HTTP/1.0\r\n\r\n")
            assert b"plugged" in b"".join(iter(lambda: link.recv(65536), b""))
        assert program.end() == -signal.SIGTERM


@pytest.mark.parametrize("mode", ["auto", "installed"])
def test_the_installed_plug_in_for_names(mode: str, tmp_path: Path) -> None:
    """`plait twistd dns` answers from a hosts file over UDP and TCP."""
    port = free_port()
    _write(tmp_path, hosts="192.0.2.7 host.example\n")
    words = ("dns", "-p", str(port), "-i", "127.0.0.1", "--hosts-file", "hosts")
    arguments = ("twistd", f"--twisted={mode}", "-no", "--pidfile=", *words)
    with Program("-m", "plait", *arguments, folder=tmp_path) as program:
        program.wait_for("dns is ready")
        question = dns.message.make_query("host.example", "A")
        for ask in (dns.query.udp, dns.query.tcp):
            assert str(ask(question, "127.0.0.1", 5, port).answer[0][0]) == "192.0.2.7"
        assert program.end() == -signal.SIGTERM


@pytest.mark.parametrize("mode", ["auto", "installed"])
def test_the_installed_plug_in_for_files(mode: str, tmp_path: Path) -> None:
    """`plait twistd ftp` lists and sends files, each over a port of its own."""
    port = free_port()
    _write(tmp_path, page__html="over ftp")
    arguments = ("twistd", f"--twisted={mode}", "-no", "--pidfile=", "ftp", "-p", str(port))
    got: list[bytes] = []
    with Program("-m", "plait", *arguments, "-r", ".", folder=tmp_path) as program:
        connect(port).close()
        with ftplib.FTP(timeout=10) as client:
            client.connect("127.0.0.1", port)
            client.login()
            assert "page.html" in client.nlst(".")
            client.retrbinary("RETR page.html", got.append)
        assert program.end() == -signal.SIGTERM
    assert b"".join(got) == b"over ftp"


@whose
def test_a_drop_in_of_ones_own(whose: str, tmp_path: Path) -> None:
    """
    A service maker in the working directory's twisted/plugins is a sub-command.

    A broken one beside it is named, a module that lacks a library is one sentence, and no pickle is
    read or written.
    """
    port = free_port()
    plugins = tmp_path / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "echo_plugin.py").write_text(
        "from twisted.application.service import ServiceMaker\n"
        'echo = ServiceMaker("echo", "echotap", "Echoes.", "echo")\n'
        'needy = ServiceMaker("needy", "needytap", "Needs.", "needy")\n'
    )
    (plugins / "bad_plugin.py").write_text("import no_such_library\n")
    (plugins / "dropin.cache").write_text("no pickle")
    (tmp_path / "echotap.py").write_text(
        "from twisted.application import strports\n"
        "from twisted.python import usage\n"
        "from echoes import EchoFactory\n"
        "class Options(usage.Options):\n"
        "    optParameters = [['port', 'p', 0, 'The port.', int]]\n"
        "    def postOptions(self):\n"
        "        assert self.parent.subCommand == 'echo' and not self.parent['no_save']\n"
        "def makeService(options):\n"
        "    text = f\"tcp:{options['port']}:interface=127.0.0.1\"\n"
        "    return strports.service(text, EchoFactory())\n"
    )
    _write(tmp_path, echoes__py=ECHO, needytap__py="import no_such_library")
    script = str(Path(sys.executable).with_name("plait"))  # which has its own folder on the path
    twistd = (script, "twistd", f"--twisted={whose}", "-no", "--pidfile=")
    with Program(*twistd, "echo", "-p", str(port), folder=tmp_path) as program:
        assert echoes(port)
        assert program.end() == -signal.SIGTERM
    assert f"Plug-in {plugins / 'bad_plugin.py'} cannot be imported" in program.output
    assert (plugins / "dropin.cache").read_text() == "no pickle"
    with Program(*twistd, "echo", "--help", folder=tmp_path) as program:
        assert program.status() == 0
    assert "Usage: plait twistd [options] echo [options]\n" in program.output
    with Program(*twistd, "needy", folder=tmp_path) as program:
        assert program.status() == 1
    assert "plait twistd: needy cannot be loaded: No module named 'no_such_library'" in (
        program.output
    )


def test_a_program_that_runs_the_reactor_itself(tmp_path: Path) -> None:
    """A script may call plait.twisted.install() and run the reactor without plait's runner."""
    script = """
import plait.twisted
plait.twisted.install(force=True)
from twisted.internet import reactor, task
calls = []
loop = task.LoopingCall(calls.append, 1)
loop.start(0.01)
reactor.callLater(0.1, reactor.stop)
reactor.run()
print(len(calls) > 3)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=20
    )
    assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)


@pytest.mark.parametrize("words", [("check",), ("run", "--twisted=own"), ("twistd", "-noy")])
def test_a_file_that_runs_the_reactor_is_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    """A file that calls `reactor.run()` as it is loaded is told that plait does so itself."""
    (tmp_path / "shop.tac").write_text("from twisted.internet import reactor\nreactor.run()\n")
    done = subprocess.run(
        [sys.executable, "-m", "plait", *words, "shop.tac"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == (1 if "twistd" in words else 2)
    assert 'File "shop.tac", line 2, in <module>' in done.stderr
    assert done.stderr.endswith(
        "plait: cannot load shop.tac: ReactorAlreadyRunning: plait runs the reactor itself once "
        "the application is loaded; leave out reactor.run()\n"
    )


_WRAPPERS = r"""
import os
from twisted.application import internet, service
from twisted.internet import ssl
from twisted.internet.protocol import (
    ClientFactory, ConnectedDatagramProtocol, DatagramProtocol, Factory, Protocol,
)
from echoes import EchoFactory

done = []

def tell(what):
    os.write(1, f"did {what}\n".encode())

class Hello(Protocol):
    def connectionMade(self):
        self.transport.write(b"hello")
    def dataReceived(self, data):
        tell(self.factory.what)

def client(what):
    factory = ClientFactory()
    factory.protocol, factory.what = Hello, what
    return factory

class EchoDatagrams(DatagramProtocol):
    def datagramReceived(self, data, addr):
        self.transport.write(data, addr)

class Hears(ConnectedDatagramProtocol):
    def startProtocol(self):
        self.transport.write(b"hello")
    def datagramReceived(self, data):
        tell("UNIXDatagram")

class Group(DatagramProtocol):
    def startProtocol(self):
        joined = self.transport.joinGroup("239.1.2.4", "127.0.0.1")
        joined.addCallback(lambda _: self.transport.leaveGroup("239.1.2.4", "127.0.0.1"))
        joined.addCallback(lambda _: tell("Multicast"))

context = ssl.DefaultOpenSSLContextFactory("key.pem", "cert.pem")
here = os.getcwd()
application = service.Application("wrappers")
for each in [
    internet.TCPServer({tcp}, EchoFactory(), interface="127.0.0.1"),
    internet.TCPClient("127.0.0.1", {tcp}, client("TCP")),
    internet.UNIXServer("stream", EchoFactory()),
    internet.UNIXClient("stream", client("UNIX")),
    internet.SSLServer({ssl}, EchoFactory(), context, interface="127.0.0.1"),
    internet.SSLClient("127.0.0.1", {ssl}, client("SSL"), ssl.ClientContextFactory()),
    internet.UDPServer({udp}, EchoDatagrams(), interface="127.0.0.1"),
    internet.UNIXDatagramServer("datagrams", EchoDatagrams()),
    internet.UNIXDatagramClient("datagrams", Hears(), bindAddress="mine"),
    internet.MulticastServer(0, Group(), listenMultiple=True),
    internet.TimerService(60, tell, "Timer"),
]:
    each.setServiceParent(application)
"""


@whose
def test_the_ten_wrappers(whose: str, tmp_path: Path) -> None:
    """Each of the ten wrappers, and the timer, works against a peer, and all stop in order."""
    import trustme

    server = trustme.CA().issue_cert("localhost")
    server.private_key_pem.write_to_path(tmp_path / "key.pem")
    server.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    ports = {name: free_port() for name in ("tcp", "ssl", "udp")}
    text = _WRAPPERS
    for name, port in ports.items():
        text = text.replace("{" + name + "}", str(port))
    _write(tmp_path, echoes__py=ECHO, app__tac=text)
    arguments = ("-m", "plait", "run", f"--twisted={whose}", "app.tac")
    with Program(*arguments, folder=tmp_path) as program:
        for name in ("TCP", "UNIX", "SSL", "UNIXDatagram", "Multicast", "Timer"):
            program.wait_for(f"did {name}\n")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.settimeout(5)
            peer.sendto(b"over udp", ("127.0.0.1", ports["udp"]))
            assert peer.recv(100) == b"over udp"
        assert program.end() == -signal.SIGTERM
    assert "Traceback" not in program.output
    assert not (tmp_path / "stream").exists()


def test_help_and_mistakes_of_a_plug_in(tmp_path: Path) -> None:
    """A plug-in's help is printed without becoming a daemon; a bad option is one sentence."""
    for words, code, text in (
        (("web", "--help"), 0, "Options:"),
        (("web", "--nonsense"), 1, "option --nonsense not recognized"),
        (("--twisted=own", "web"), 1, "unknown command: web"),
    ):
        with Program("-m", "plait", "twistd", *words, folder=tmp_path) as program:
            assert program.status() == code
        assert text in program.output
    assert list(tmp_path.iterdir()) == []
