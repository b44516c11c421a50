"""The FTP server with the clients that people have: lftp, ftp and curl; and what none does."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from plait.errors import CertificateRefused, StartFailed, UsageError
from plait.plugins import kind
from plait.services.ftp import FTPServer, hash_password
from tests.net.authority import client_context, write_authority, write_pair
from tests.net.harness import running

from .outside import call, output_of

# aioftp answers out of order where tasks are eager, with or without plait.
pytestmark = [pytest.mark.network, pytest.mark.plait(loops=["asyncio", "uvloop"])]

LFTP = "set net:timeout 5; set net:max-retries 1; set cmd:fail-exit yes; set xfer:clobber yes; "


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with files and a file of users beside it."""
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("hello")
    (root / "b.txt").write_text("other")
    (root / ".hidden.txt").write_text("dot")
    (root / "sub" / "c.txt").write_text("below")
    (root / "big").write_bytes(bytes(range(256)) * 12000)
    write_authority(tmp_path)
    (tmp_path / "users").write_text(f"anna:{hash_password('secret')}:rw")
    return root


@contextlib.asynccontextmanager
async def serving(folder: Path, **options: Any) -> AsyncIterator[FTPServer]:
    """Run an FTP server for anna and for everybody."""
    options.setdefault("anonymous", True)
    server = FTPServer(folder, users=folder.parent / "users", **options)
    async with running(server):
        yield server


async def lftp(folder: Path, server: FTPServer, script: str, scheme: str = "ftp") -> str:
    """Run lftp as anna; it ends at the first command that fails."""
    ca = f"set ssl:ca-file {folder.parent / 'ca.pem'}; "
    place = f"{scheme}://127.0.0.1:{server.port}"
    words = ("lftp", "--norc", "-u", "anna,secret", "-e", f"{LFTP}{ca}{script}; quit", place)
    return await output_of(*words)


@pytest.mark.peer("lftp")
async def test_lftp_mirrors_both_ways(folder: Path, tmp_path: Path) -> None:
    """Whole trees come and go, with their times; files are moved and their rights changed."""
    there = tmp_path / "there"
    async with serving(folder) as server:
        names = await lftp(folder, server, f"mirror / {there}; mirror -R {there} new; ls new")
        assert (there / "sub" / "c.txt").read_text() == "below"
        assert {line.split()[-1] for line in names.splitlines()} >= {"a.txt", "big", "sub"}
        copy = folder / "new" / "big"
        assert copy.read_bytes() == (folder / "big").read_bytes()
        assert int(copy.stat().st_mtime) == int((folder / "big").stat().st_mtime)
        await lftp(folder, server, "chmod 600 a.txt; mv a.txt d.txt; rm -r new; ls -la")
    assert (folder / "d.txt").stat().st_mode & 0o777 == 0o600
    assert not copy.exists()


@pytest.mark.peer("lftp")
async def test_lftp_transfers_over_connections_to_it(folder: Path, tmp_path: Path) -> None:
    """In active mode, where the server connects, files come and go too."""
    async with serving(folder) as server:
        script = f"set ftp:passive-mode no; get big -o {tmp_path}/big; put {tmp_path}/big -o up; ls"
        await lftp(folder, server, script)
    assert (folder / "up").read_bytes() == (folder / "big").read_bytes()


@pytest.mark.peer("lftp")
@pytest.mark.parametrize(
    ("tls", "scheme"), [("offered", "ftp"), ("required", "ftp"), ("implicit", "ftps")]
)
async def test_lftp_speaks_tls(folder: Path, tmp_path: Path, tls: str, scheme: str) -> None:
    """Logins and data of both directions and modes go over TLS, with nothing lost at an end."""
    cert, key = write_pair(tmp_path)
    script = (
        f"set ftp:ssl-force yes; set ftp:ssl-protect-data yes; get big -o {tmp_path}/big; "
        f"put {tmp_path}/big -o up; set ftp:passive-mode no; put {tmp_path}/big -o up2; ls"
    )
    options = {"cert": cert, "key": key, "tls": tls, "passive_ports": "32120-32129"}
    async with serving(folder, **options) as server:
        assert str(server.tcp.addresses[0]).startswith("tls" if tls == "implicit" else "tcp")
        assert "up2" in await lftp(folder, server, script, scheme)
    for name in ("up", "up2"):
        assert (folder / name).read_bytes() == (folder / "big").read_bytes()


@pytest.mark.peer("curl")
async def test_curl_speaks_tls_and_is_refused_without(folder: Path, tmp_path: Path) -> None:
    """A server that requires TLS serves curl over it, uploads whole, and refuses a clear login."""
    cert, key = write_pair(tmp_path)
    ca = str(tmp_path / "ca.pem")
    async with serving(folder, cert=cert, key=key, tls="required") as server:
        url = f"ftp://127.0.0.1:{server.port}"
        words = ("curl", "-sS", "--ssl-reqd", "--cacert", ca, "--user", "anna:secret")
        assert await output_of(*words, f"{url}/a.txt") == "hello"
        await output_of(*words, "-T", str(folder / "big"), f"{url}/up")
        assert (folder / "up").read_bytes() == (folder / "big").read_bytes()
        status, _, error = await call("curl", "-sS", f"{url}/a.txt")
        assert (status, b"530" in error) == (67, True)


@pytest.mark.peer("ftp")
async def test_the_plain_old_client_fetches_many(folder: Path, tmp_path: Path) -> None:
    """`mget` with a pattern, `mls`, `nlist`, `append` and active mode work with ftp."""
    script = f"""open 127.0.0.1 {{port}}
user anna secret
lcd {tmp_path}
ls -la
nlist
mls sub/* -
mget *.txt
passive off
put a.txt up.txt
append a.txt up.txt
size up.txt
rhelp
quit
"""
    async with serving(folder) as server:
        text = script.format(port=server.port).encode()
        output = await output_of("ftp", "-inv", stdin=text)
    assert (tmp_path / "b.txt").read_text() == "other"
    assert (folder / "up.txt").read_text() == "hellohello"
    assert "\nsub/c.txt" in output.replace("\r", "")
    assert not (tmp_path / ".hidden.txt").exists()


class Talk:
    """A dialogue by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, line: str) -> str:
        """Send a line and return the answer's last one."""
        self.writer.write(line.encode() + b"\r\n")
        return await self.hear()

    async def hear(self) -> str:
        """Return the last line of an answer."""
        while True:
            line = (await self.reader.readline()).decode().rstrip("\r\n")
            if not line or line[3:4] == " ":
                return line


@contextlib.asynccontextmanager
async def talking(server: FTPServer) -> AsyncIterator[Talk]:
    """Connect to a server and hear its greeting."""
    talk = Talk(*await asyncio.open_connection("127.0.0.1", server.port))
    try:
        assert (await talk.hear()).startswith("220")
        yield talk
    finally:
        talk.writer.close()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("PORT 127,0,0,1,3,255", "500"),  # a port of the system
        ("PORT 127,0,0,2,200,1", "500"),  # somebody else
        ("EPRT |1|192.0.2.1|5000|", "500"),
        ("PORT 127,0,0,1,200", "501"),
        ("PORT 300,0,0,1,200,1", "501"),
        ("EPRT |3|127.0.0.1|5000|", "501"),
        ("EPRT |2|127.0.0.1|5000|", "501"),
        ("EPRT |1|127.0.0.1|70000|", "501"),
        ("EPRT |1|1.2.3.4.5|7000|", "501"),
        ("EPRT |1|127.0.0.1|5000|", "200"),
        ("EPSV ALL", "200"),
        ("EPSV 1", "229"),
        ("LIST", "503"),
        ("NLST none*", "503"),
        ("AUTH TLS", "502"),
        ("PROT P", "503"),
        ("MODE S", "200"),
        ("MODE Z", "504"),
        ("STRU F", "200"),
        ("TYPE A N", "200"),
        ("TYPE L 8", "200"),
        ("ALLO 1000", "202"),
        ("OPTS UTF8 ON", "200"),
        ("STAT", "211"),
        ("STAT a.txt", "504"),
        ("SITE EXEC ls", "504"),
        ("SITE CHMOD 777 a.txt", "550"),
        ("MFMT yesterday a.txt", "501"),
        ("MFMT 20200101000000 a.txt", "550"),
        ("MFMT 20200101000000 none", "550"),
        ("XPWD", "257"),
        ("FEAT", "211"),
    ],
)
async def test_each_command_has_its_answer(folder: Path, line: str, code: str) -> None:
    """An anonymous client is told what is possible, and what is not, by the right code."""
    async with serving(folder) as server, talking(server) as talk:
        assert (await talk.say("USER anonymous")).startswith("230")
        assert (await talk.say(line)).startswith(code)
        assert (await talk.say("NOOP")).startswith("200")


@pytest.mark.parametrize("line", ["LIST", "PORT 127,0,0,1,200,1", "SIZE a.txt", "RETR a.txt"])
async def test_nothing_is_done_before_the_login(folder: Path, line: str) -> None:
    """A client that has not logged in is told so."""
    async with serving(folder) as server, talking(server) as talk:
        assert (await talk.say(line)).startswith("503")


async def test_nobody_waiting_for_data_is_told(folder: Path) -> None:
    """A client that does not take its data is answered 425, and may go on."""
    async with serving(folder) as server, talking(server) as talk:
        await talk.say("USER anonymous")
        assert (await talk.say("NLST")).startswith("503")
        assert (await talk.say("PORT 127,0,0,1,200,1")).startswith("200")
        assert (await talk.say("NLST none*")).startswith("550")
        assert (await talk.say("PASV")).startswith("227")
        server_dialogue: Any = server._dialogue
        server_dialogue.wait_future_timeout = 0.05
        for each in server_dialogue.connections.values():
            each.wait_future_timeout = 0.05
        assert (await talk.say("PORT 127,0,0,1,4,1")).startswith("200")
        assert (await talk.say("NLST")).startswith("150")
        assert (await talk.hear()).startswith("425")
        assert (await talk.say("NOOP")).startswith("200")


async def test_what_came_in_the_clear_does_not_pass_for_secure(
    folder: Path, tmp_path: Path
) -> None:
    """A command sent behind AUTH in the clear ends the dialogue."""
    cert, key = write_pair(tmp_path)
    async with serving(folder, cert=cert, key=key) as server, talking(server) as talk:
        assert (await talk.say("AUTH GSSAPI")).startswith("504")
        assert await talk.say("AUTH TLS\r\nUSER anonymous") == ""


async def test_tls_by_hand(folder: Path, tmp_path: Path) -> None:
    """AUTH once; PROT P and C each make PASV listen anew; anything else is refused."""
    cert, key = write_pair(tmp_path)
    options = {"cert": cert, "key": key, "passive_ports": "32130-32130"}
    async with serving(folder, **options) as server, talking(server) as talk:
        assert (await talk.say("AUTH TLS")).startswith("234")
        await talk.writer.start_tls(client_context(), server_hostname="localhost")
        for line, code in (
            ("AUTH TLS", "503"),
            ("USER anonymous", "230"),
            ("FEAT", "211"),
            ("PBSZ 0", "200"),
            ("PASV", "227"),
            ("PROT P", "200"),
            ("PROT P", "200"),
            ("PASV", "227"),
            ("PROT C", "200"),
            ("EPSV", "229"),
            ("PROT X", "536"),
            ("QUIT", "221"),
        ):
            assert (await talk.say(line)).startswith(code), line


async def test_without_a_free_port_there_is_no_data(folder: Path) -> None:
    """When all passive ports are in use, the client is told so."""
    with socket.create_server(("127.0.0.1", 32131)):
        ports = "32131-32131"
        async with serving(folder, passive_ports=ports) as server, talking(server) as talk:
            await talk.say("USER anonymous")
            assert (await talk.say("PASV")).startswith("421")


async def test_a_transfer_that_breaks_off_leaves_the_dialogue(folder: Path) -> None:
    """A client that resets its connection for data is told 426 and goes on."""
    (folder / "huge").write_bytes(bytes(40_000_000))
    async with serving(folder) as server, talking(server) as talk:
        await talk.say("USER anonymous")
        port = int((await talk.say("EPSV")).rpartition("(|||")[2].rstrip("|)"))
        _, data = await asyncio.open_connection("127.0.0.1", port)
        assert (await talk.say("RETR huge")).startswith("150")
        data.transport.abort()
        assert (await talk.hear()).startswith("426")
        assert (await talk.say("NOOP")).startswith("200")


async def test_nothing_slips_in_between_the_look_and_tls(folder: Path, tmp_path: Path) -> None:
    """What comes in the clear right after AUTH is not in the reader when TLS begins."""
    cert, key = write_pair(tmp_path)
    async with serving(folder, cert=cert, key=key) as server:
        assert server._dialogue is not None
        reader = asyncio.StreamReader()
        stream = _Stream(reader)
        asyncio.get_running_loop().call_soon(reader.feed_data, b"USER anonymous\r\n")
        await server._dialogue._secure(stream, "TLS")
        assert stream.held == b""


class _Stream:
    """A connection for commands whose TLS sees what was read before it."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.reader, self.writer = reader, self
        self.held = b""

    def get_extra_info(self, name: str) -> None:
        """Say that there is no TLS."""

    async def drain(self) -> None:
        """Wait for nothing."""

    def write(self, data: bytes) -> None:
        """Send nothing."""

    async def start_tls(self, *args: Any, **options: Any) -> None:
        """Look what the reader holds."""
        self.held = bytes(vars(self.reader)["_buffer"])


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"key": "key.pem"}, "there is no certificate for TLS; expected cert=FILE"),
        ({"tls": "implicit"}, "there is no certificate for TLS; expected cert=FILE"),
    ],
)
def test_tls_without_a_certificate_is_refused(
    tmp_path: Path, values: dict[str, Any], told: str
) -> None:
    """What cannot be is said when the service is made."""
    with pytest.raises(UsageError, match=told):
        kind("ftp").make({"path": tmp_path, **values})


async def test_a_bad_certificate_fails_the_start(folder: Path) -> None:
    """The file and what is wrong with it are told."""
    with pytest.raises(StartFailed, match=r"cannot use .*a\.txt: it has no cert") as caught:
        async with serving(folder, cert=folder / "a.txt"):
            pass
    assert caught.group_contains(CertificateRefused)
