"""The installed Twisted's plug-ins on plait's transports, each driven by a real client."""

from __future__ import annotations

import asyncio
import getpass
import hashlib
import os
import poplib
import re
import shutil
import signal
import smtplib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from plait.plugins import choose, chosen
from plait.twisted._commands import service_commands
from tests.ports import free_port
from tests.programs import Program, connect

pytestmark = [pytest.mark.process, pytest.mark.network, pytest.mark.slow]


@contextmanager
def _plugin(folder: Path, *words: str) -> Iterator[Program]:
    """Run a sub-command until the block ends, then stop it in order."""
    arguments = ("-m", "plait", "twistd", "--twisted=installed", "-no", "--pidfile=", *words)
    with Program(*arguments, folder=folder) as program:
        yield program
        assert program.end() == -signal.SIGTERM
    assert "Traceback" not in program.output


@contextmanager
def _echo() -> Iterator[int]:
    """Echo what one connection sends; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            link, _ = server.accept()
            with link:
                while data := link.recv(65536):
                    link.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


class Talk:
    """A connection on which a dialogue is held."""

    open: ClassVar[list[Talk]] = []

    def __init__(self, port: int) -> None:
        self.link = connect(port)
        self.heard = b""
        self.open.append(self)

    def say(self, data: bytes) -> None:
        """Send."""
        self.link.sendall(data)

    def hear(self, pattern: bytes) -> re.Match[bytes]:
        """Receive until a pattern is there, and forget what came up to its end."""
        while (found := re.search(pattern, self.heard, re.DOTALL)) is None:
            more = self.link.recv(65536)
            assert more, f"the end instead of {pattern!r} after {self.heard!r}"
            self.heard += more
        self.heard = self.heard[found.end() :]
        return found

    def close(self) -> None:
        """Close the connection."""
        self.link.close()


@pytest.fixture(autouse=True)
def no_talk_left() -> Iterator[None]:
    """Close all connections, also those of a test that failed."""
    yield
    while Talk.open:
        Talk.open.pop().close()


class Telnet(Talk):
    """A dialogue with a telnet server, which may do what it wants to and is granted nothing."""

    def hear(self, pattern: bytes) -> re.Match[bytes]:
        """Answer what is negotiated, then wait for a pattern in the rest."""
        while True:
            self.heard = re.sub(rb"\xff([\xfb-\xfe])(.)", self._answer, self.heard, flags=re.DOTALL)
            if re.search(pattern, self.heard, re.DOTALL):
                return super().hear(pattern)
            more = self.link.recv(65536)
            assert more, f"the end instead of {pattern!r} after {self.heard!r}"
            self.heard += more

    def _answer(self, command: re.Match[bytes]) -> bytes:
        will, wont, do = b"\xfb", b"\xfc", b"\xfd"
        if command[1] in (will, wont):
            self.say(b"\xff" + (do if command[1] == will else b"\xfe") + command[2])
        elif command[1] == do:
            self.say(b"\xff" + wont + command[2])
        return b""


def _socks(port: int, host: str = "127.0.0.1") -> bytes:
    return struct.pack("!BBH4s", 4, 1, port, socket.inet_aton(host)) + b"joe\0"


def test_socks(tmp_path: Path) -> None:
    """A SOCKS4 proxy connects, by address and by name, and says what is refused."""
    port, nobody = free_port(), free_port()
    with _plugin(tmp_path, "socks", "-p", str(port), "-i", "127.0.0.1"):
        for name in (False, True):
            with _echo() as echo:
                talk = Talk(port)
                ask = _socks(echo, "0.0.0.1") + b"localhost\0" if name else _socks(echo)
                talk.say(ask)
                talk.hear(rb"^\0\x5a.{6}")
                talk.say(b"through the proxy")
                talk.hear(b"through the proxy")
                talk.close()
        refused = Talk(port)
        refused.say(_socks(nobody))
        refused.hear(rb"^\0\x5b.{6}$")
        assert refused.link.recv(1) == b""
        refused.close()


def test_words(tmp_path: Path) -> None:
    """Two people meet on an IRC server, and talk to each other."""
    port = free_port()
    listen = f"--irc-port=tcp:{port}:interface=127.0.0.1"
    with _plugin(tmp_path, "words", listen, "--auth=memory:joe:one:ann:two"):
        people = {name: Talk(port) for name in ("joe", "ann")}
        for (name, talk), password in zip(people.items(), ("one", "two"), strict=True):
            talk.say(f"PASS {password}\r\nNICK {name}\r\nUSER {name} 0 * :{name}\r\n".encode())
            talk.hear(rb" 001 %s :" % name.encode())
        joe, ann = people.values()
        joe.say(b"PRIVMSG ann :hello ann\r\n")
        ann.hear(rb":joe!\S+ PRIVMSG ann :hello ann\r\n")
        ann.say(b"PRIVMSG joe :hello joe\r\nPING here\r\nQUIT :away\r\n")
        joe.hear(rb":ann!\S+ PRIVMSG joe :hello joe\r\n")
        ann.hear(b":vm PONG ")
        ann.close()
        wrong = Talk(port)
        wrong.say(b"PASS no\r\nNICK joe\r\nUSER joe 0 * :joe\r\n")
        wrong.hear(b"Login failed")
        wrong.close()
        joe.close()


def test_manhole(tmp_path: Path) -> None:
    """An interpreter answers over telnet and over SSH."""
    pytest.importorskip("bcrypt", reason="Twisted's SSH needs bcrypt")
    import asyncssh

    telnet, ssh = free_port(), free_port()
    (tmp_path / "passwd").write_text("joe:secret\n")
    words = [
        *("--passwd=passwd", f"--telnetPort=tcp:{telnet}:interface=127.0.0.1"),
        *(f"--sshPort=tcp:{ssh}:interface=127.0.0.1", "--sshKeyDir=.", "--sshKeySize=1024"),
    ]

    async def over_ssh() -> str:
        async with asyncssh.connect(
            "127.0.0.1", ssh, username="joe", password="secret", known_hosts=None, config=None
        ) as link:
            process = await link.create_process(term_type="xterm")
            process.stdin.write("9*9*9\n")
            return str(await process.stdout.readuntil("729"))

    with _plugin(tmp_path, "manhole", *words):
        talk = Telnet(telnet)
        talk.hear(b"Username: ")
        talk.say(b"joe\r\n")
        talk.hear(b"Password: ")
        talk.say(b"secret\r\n")
        talk.hear(b">>> ")
        talk.say(b"6*7*11\r\n")
        talk.hear(b"462")
        talk.close()
        assert asyncio.run(over_ssh()).endswith("729")


def test_conch(tmp_path: Path) -> None:
    """An SSH server runs a command and gives its output and its status."""
    pytest.importorskip("bcrypt", reason="Twisted's SSH needs bcrypt")
    import asyncssh

    port, user = free_port(), getpass.getuser()
    (tmp_path / "passwd").write_text(f"{user}:pw\n")
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(tmp_path / "ssh_host_ed25519_key"))
    key.write_public_key(str(tmp_path / "ssh_host_ed25519_key.pub"))

    async def over_ssh() -> tuple[str, int | None]:
        async with asyncssh.connect(
            "127.0.0.1", port, username=user, password="pw", known_hosts=None, config=None
        ) as link:
            done = await link.run("echo of the shell; cat; exit 7", input="fed\n")
            return str(done.stdout), done.exit_status

    listen = f"--port=tcp:{port}:interface=127.0.0.1"
    with _plugin(tmp_path, "conch", listen, "--data=.", "--auth=file:passwd") as program:
        program.wait_for("conch is ready")
        said, status = asyncio.run(over_ssh())
    assert said.endswith("of the shell\nfed\n")  # Twisted's own warning to root comes before
    assert status == 7


def test_mail(tmp_path: Path) -> None:
    """SMTP and POP3 answer; a stranger gets no letters and no box."""
    smtp, pop3 = free_port(), free_port()
    words = [
        "--maildirdbmdomain=example.com=letters",
        *(f"--smtp=tcp:{smtp}:interface=127.0.0.1", f"--pop3=tcp:{pop3}:interface=127.0.0.1"),
    ]
    with _plugin(tmp_path, "mail", *words) as program:
        program.wait_for("mail is ready")
        with smtplib.SMTP("127.0.0.1", smtp, timeout=10) as client:
            assert client.helo()[0] == 250
            assert client.mail("ann@example.org")[0] == 250
            assert client.rcpt("nobody@example.com")[0] == 550
        box = poplib.POP3("127.0.0.1", pop3, timeout=10)
        assert box.user("nobody@example.com").startswith(b"+OK")
        with pytest.raises(poplib.error_proto, match="-ERR"):
            box.pass_("secret")
        box.close()


def test_inetd(tmp_path: Path) -> None:
    """A program has the connection that inetd took for itself: all that comes, and the end."""
    port = free_port()
    line = f"{port} stream tcp nowait {os.getuid()} {shutil.which('cat')} cat\n"
    (tmp_path / "inetd.conf").write_text(line)
    with _plugin(tmp_path, "inetd", "-f", "inetd.conf"):
        for _ in range(3):
            talk = Talk(port)
            for number in range(20):
                talk.say(b"line %d\n" % number)
                talk.hear(b"line %d\n" % number)
            talk.link.shutdown(socket.SHUT_WR)
            assert talk.link.recv(1) == b""
            talk.close()


def test_portforward(tmp_path: Path) -> None:
    """A connection is carried to another port."""
    port = free_port()
    listen = f"--port=tcp:{port}:interface=127.0.0.1"
    with _echo() as echo:
        words = (listen, "--host=127.0.0.1", f"--dest_port={echo}")
        with _plugin(tmp_path, "portforward", *words):
            talk = Talk(port)
            talk.say(b"carried")
            talk.hear(b"carried")
            talk.close()


def test_procmon(tmp_path: Path) -> None:
    """A program is started again after its end, and ended with the monitor."""
    command = ("sh", "-c", "echo number $$; read line; exit 3")
    with _plugin(tmp_path, "procmon", "-t", "0", "-m", "0", *command) as program:
        program.wait_for("number")
        first = re.search(r"number (\d+)", program.output)
        assert first is not None
        os.kill(int(first[1]), signal.SIGKILL)
        program.wait_for("number")


def test_xmpp_router(tmp_path: Path) -> None:
    """Two components of XMPP prove that they know the secret, and one reaches the other."""
    port = free_port()
    with _plugin(tmp_path, "xmpp-router", f"--port=tcp:{port}:interface=127.0.0.1"):
        links = []
        for name in ("one", "two"):
            talk = Talk(port)
            talk.say(
                b"<stream:stream xmlns='jabber:component:accept' "
                b"xmlns:stream='http://etherx.jabber.org/streams' to='%s.example'>" % name.encode()
            )
            number = talk.hear(rb"<stream:stream [^>]*\bid=['\"](\w+)['\"][^>]*>")[1]
            proof = hashlib.sha1(number + b"secret").hexdigest()
            talk.say(f"<handshake>{proof}</handshake>".encode())
            talk.hear(b"<handshake/>")
            links.append(talk)
        one, two = links
        one.say(b"<message from='one.example' to='two.example'><body>hello</body></message>")
        two.hear(b"<message [^>]*><body>hello</body></message>")
        one.close()
        two.close()


def test_every_plug_in_has_a_test() -> None:
    """`auto` and `installed` offer the same, and a client drives each; `own` offers none."""
    driven = {name[5:].replace("_", "-") for name in globals() if name.startswith("test_")}
    elsewhere = {"web", "dns", "ftp"}  # in test_programs
    before = chosen("twisted")
    try:
        for mode in ("auto", "installed"):
            choose("twisted", mode)
            assert set(service_commands()) <= driven | elsewhere
        choose("twisted", "own")
        assert not service_commands()
    finally:
        choose("twisted", before)
