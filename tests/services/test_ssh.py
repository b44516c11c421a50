"""The SSH server with OpenSSH's programs, and the client with our server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from plait.core import Application, Backoff, Restart, State
from plait.errors import EndpointError, FileRefused, StartFailed, UsageError
from plait.plugins import kind
from plait.services.ssh import SSHClient, SSHServer
from plait.testing import EventSpy
from tests.net.harness import running, until
from tests.ports import free_port

from .outside import call, output_of

# asyncssh's logins do not come to an end where tasks are eager, with or without plait.
pytestmark = [pytest.mark.network, pytest.mark.plait(loops=["asyncio", "uvloop"])]


class Place:
    """Keys and a directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "files"
        self.folder.mkdir()
        (self.folder / "a.txt").write_text("hello")
        (folder / "outside.txt").write_text("outside")
        (self.folder / "out").symlink_to(folder / "outside.txt")
        (self.folder / "up").symlink_to(folder)
        self.outside = folder / "outside.txt"
        key = asyncssh.generate_private_key("ssh-ed25519")
        self.key = folder / "key"
        self.key.write_bytes(key.export_private_key())
        self.key.chmod(0o600)
        self.stranger = folder / "stranger"
        other = asyncssh.generate_private_key("ssh-ed25519")
        self.stranger.write_bytes(other.export_private_key())
        self.stranger.chmod(0o600)
        self.authorized = folder / "authorized"
        self.authorized.write_bytes(key.export_public_key())
        self.host_key = folder / "host"
        self.known = folder / "known"

    def server(self, **options: Any) -> SSHServer:
        """Return a server."""
        return SSHServer(host_key=self.host_key, authorized_keys=self.authorized, **options)

    def learn(self, server: SSHServer) -> None:
        """Note the server's key."""
        key = asyncssh.read_private_key(self.host_key).export_public_key().decode()
        self.known.write_text(f"[127.0.0.1]:{server.port} {key}")

    def client(self, server: SSHServer, **options: Any) -> SSHClient:
        """Return a client of a server."""
        options.setdefault("keys", [self.key])
        backoff = Backoff(initial=0.02, maximum=0.1)
        return SSHClient(
            "127.0.0.1",
            port=server.port,
            user="anna",
            known_hosts=self.known,
            backoff=backoff,
            **options,
        )

    def words(self, program: str, server: SSHServer, key: Path | None = None) -> list[str]:
        """Return a command line of OpenSSH."""
        flag = "-p" if program == "ssh" else "-P"
        options = ("BatchMode=yes", "IdentitiesOnly=yes", f"UserKnownHostsFile={self.known}")
        words = [program, "-F", "none", flag, str(server.port), "-i", str(key or self.key)]
        return [*words, *(word for option in options for word in ("-o", option))]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Keys and a directory."""
    return Place(tmp_path)


@contextlib.asynccontextmanager
async def serving(place: Place, **options: Any) -> AsyncIterator[SSHServer]:
    """Run an SSH server."""
    server = place.server(**options)
    async with running(server):
        place.learn(server)
        yield server


async def shout(process: Any) -> int:
    """Serve a command."""
    process.stdout.write(f"{process.command}: {(await process.stdin.read()).upper()}")
    return 3 if process.command == "three" else 0


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes."""
    writer.write(await reader.read(100))
    await writer.drain()
    writer.close()


@pytest.mark.peer("ssh")
async def test_openssh_runs_commands_with_a_key(place: Place) -> None:
    """The handler gets the command and the input; its result is the exit status."""
    async with serving(place, command=shout) as server:
        words = [*place.words("ssh", server), "anna@127.0.0.1"]
        assert await output_of(*words, "say", stdin=b"hello") == "say: HELLO"
        status, _, _ = await call(*words, "three", stdin=b"")
        assert status == 3
    assert place.host_key.stat().st_mode & 0o777 == 0o600


@pytest.mark.peer("ssh")
async def test_strangers_stay_out(place: Place) -> None:
    """Another key, or none, does not get in."""
    async with serving(place, command=shout) as server:
        words = place.words("ssh", server, place.stranger)
        status, _, errors = await call(*words, "anna@127.0.0.1", "say", stdin=b"")
        assert status == 255
        assert b"Permission denied" in errors
        with pytest.raises(asyncssh.PermissionDenied):
            await asyncssh.connect(
                "127.0.0.1",
                server.port,
                username="anna",
                password="x",
                client_keys=None,
                known_hosts=None,
                config=None,
            )


@pytest.mark.peer("ssh")
async def test_nothing_is_offered_that_was_not_asked_for(place: Place) -> None:
    """Without options there is no shell, no command, no SFTP and no forwarding."""
    async with serving(place) as server:
        words = [*place.words("ssh", server), "anna@127.0.0.1"]
        assert (await call(*words, stdin=b"1\n"))[0] != 0
        assert (await call(*words, "id", stdin=b""))[0] != 0
        async with place_connection(place, server) as link:
            with pytest.raises(asyncssh.Error):
                await link.start_sftp_client()
            with pytest.raises(asyncssh.Error):
                await link.open_connection("127.0.0.1", server.port)
            with pytest.raises(asyncssh.ChannelListenError):
                await link.forward_remote_port("127.0.0.1", 0, "127.0.0.1", 1)


def place_connection(place: Place, server: SSHServer) -> Any:
    """Connect with asyncssh."""
    return asyncssh.connect(
        "127.0.0.1",
        server.port,
        username="anna",
        client_keys=[str(place.key)],
        known_hosts=str(place.known),
        config=None,
        agent_path=None,
    )


@pytest.mark.peer("scp")
@pytest.mark.parametrize("old", [False, True], ids=["sftp", "rcp"])
async def test_scp_copies_both_ways(place: Place, tmp_path: Path, old: bool) -> None:
    """Files come and go with status 0, over both protocols that scp speaks."""
    async with serving(place, folder=place.folder, writable=True) as server:
        words = [*place.words("scp", server), *(["-O"] if old else [])]
        await output_of(*words, "anna@127.0.0.1:a.txt", str(tmp_path / "copy"))
        assert (tmp_path / "copy").read_text() == "hello"
        await output_of(*words, str(tmp_path / "copy"), "anna@127.0.0.1:new.txt")
        assert (place.folder / "new.txt").read_text() == "hello"
        status, _, _ = await call(*words, "anna@127.0.0.1:none", str(tmp_path))
        assert status == 1


@pytest.mark.peer("ssh")
async def test_a_server_of_files_says_that_it_runs_nothing(place: Place) -> None:
    """A command and a shell are answered with a sentence and status 1."""
    async with serving(place, folder=place.folder) as server:
        words = [*place.words("ssh", server), "anna@127.0.0.1"]
        status, _, errors = await call(*words, "ls")
        assert (status, b"No commands are run here." in errors) == (1, True)
        status, _, errors = await call(*words)
        assert (status, b"There is no shell here." in errors) == (1, True)


@pytest.mark.peer("sftp")
async def test_sftp_reads_a_directory_and_nothing_else(place: Place, tmp_path: Path) -> None:
    """OpenSSH's sftp fetches a file; links out of the directory and writing are refused."""
    async with serving(place, folder=place.folder) as server:
        words = [*place.words("sftp", server), "-q", "-b", "-", "anna@127.0.0.1"]
        await output_of(*words, stdin=f"get a.txt {tmp_path}/got\n".encode())
        assert (tmp_path / "got").read_text() == "hello"
        for line in (
            "get out x",
            "get up/outside.txt x",
            "get ../outside.txt x",
            "ls up/",
            f"put {place.key} new",
            "rm a.txt",
            "mkdir d",
            "ln -s / s",
            "chmod 777 a.txt",
            "rename a.txt b.txt",
        ):
            status, output, _ = await call(*words, stdin=f"{line}\n".encode())
            assert status != 0, (line, output)
        async with place_connection(place, server) as link, link.start_sftp_client() as files:
            with pytest.raises(asyncssh.SFTPError):
                await files.truncate("a.txt", 0)
    assert (place.folder / "a.txt").read_text() == "hello"


#: What changes files, in all versions of the protocol.
CHANGES: dict[str, Callable[[Any], Any]] = {
    "open": lambda files: files.open("a.txt", "a"),
    "open56": lambda files: files.open56("a.txt", asyncssh.ACE4_WRITE_DATA, 2),
    "setstat": lambda files: files.setstat("a.txt", asyncssh.SFTPAttrs(permissions=0o777)),
    "utime": lambda files: files.utime("a.txt", (1, 1)),
    "remove": lambda files: files.remove("a.txt"),
    "mkdir": lambda files: files.mkdir("new"),
    "rmdir": lambda files: files.rmdir("sub"),
    "rename": lambda files: files.rename("a.txt", "b.txt"),
    "posix_rename": lambda files: files.posix_rename("a.txt", "b.txt"),
    "symlink": lambda files: files.symlink("/", "s"),
    "link": lambda files: files.link("a.txt", "l"),
}


@pytest.mark.parametrize("version", [3, 6])
async def test_nothing_is_changed_over_sftp_where_files_may_be_read_only(
    place: Place, version: int
) -> None:
    """Each operation that changes something is refused, in an old and a new version."""
    (place.folder / "sub").mkdir()
    before = sorted(place.folder.iterdir())
    async with (
        serving(place, folder=place.folder) as server,
        place_connection(place, server) as link,
        link.start_sftp_client(sftp_version=version) as files,
    ):
        for name, change in CHANGES.items():
            if name == "open56" and version < 5:
                continue
            with pytest.raises(asyncssh.SFTPError):
                await change(files)
            assert sorted(place.folder.iterdir()) == before, name
        assert await (await files.open("a.txt", "r")).read() == "hello"
    assert (place.folder / "a.txt").read_text() == "hello"


async def test_directories_are_made_and_removed_where_it_may(place: Place) -> None:
    """With `writable` directories come and go, and a name takes the place of another."""
    async with (
        serving(place, folder=place.folder, writable=True) as server,
        place_connection(place, server) as link,
        link.start_sftp_client() as files,
    ):
        await files.mkdir("d")
        assert (place.folder / "d").is_dir()
        await files.rmdir("d")
        assert not (place.folder / "d").exists()
        async with files.open("b.txt", "w") as file:
            await file.write("new")
        await files.chmod("b.txt", 0o600)
        await files.posix_rename("b.txt", "a.txt")
        assert (place.folder / "a.txt").read_text() == "new"
        await files.remove("a.txt")
    assert not (place.folder / "a.txt").exists()


@pytest.mark.parametrize("error", [ValueError("broken"), FileNotFoundError(2, "gone")])
async def test_a_command_that_raises_is_told_to_both(
    place: Place, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """The client gets a sentence and status 1, the log the error; the server goes on."""

    def broken(process: Any) -> int:
        if process.command == "good":
            return 0
        raise error

    async with (
        serving(place, command=broken) as server,
        place_connection(place, server) as link,
    ):
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: told.append(what))
        done = await link.run("bad")
        assert (done.exit_status, done.stderr) == (1, "The command failed.\n")
        assert [what["exception"] for what in told] == [error]
        assert server.status == f"a command raised {error!r}"
        assert (await link.run("good")).exit_status == 0


async def test_each_user_has_keys_of_his_own(place: Place) -> None:
    """A user who is not listed stays out, and one whose file is damaged while it runs."""
    options: dict[str, Any] = {"host_key": place.host_key, "command": shout}
    server = SSHServer(authorized_keys={"anna": place.authorized}, **options)
    async with running(server):
        place.learn(server)
        async with place_connection(place, server):
            pass
        words: dict[str, Any] = {
            "client_keys": [str(place.key)],
            "known_hosts": str(place.known),
            "config": None,
            "agent_path": None,
        }
        with pytest.raises(asyncssh.PermissionDenied):
            await asyncssh.connect("127.0.0.1", server.port, username="bert", **words)
        place.authorized.write_text("rubbish")
        with pytest.raises(asyncssh.PermissionDenied):
            await place_connection(place, server)
        assert "expected public keys" in server.status


@pytest.mark.peer("sftp")
async def test_sftp_writes_where_it_may(place: Place) -> None:
    """With `writable` files are stored, renamed and removed, but no links are made."""
    async with serving(place, folder=place.folder, writable=True) as server:
        words = [*place.words("sftp", server), "-q", "-b", "-", "anna@127.0.0.1"]
        await output_of(*words, stdin=f"put {place.key} new\nrename new newer\n".encode())
        assert (place.folder / "newer").read_bytes() == place.key.read_bytes()
        for line in ("ln -s /etc/passwd s", f"put {place.key} out", f"put {place.key} up/x"):
            assert (await call(*words, stdin=f"{line}\n".encode()))[0] != 0, line
    assert place.outside.read_text() == "outside"


async def test_the_shell_is_a_python_shell_in_the_process(place: Place) -> None:
    """Expressions, statements, awaits and errors; the process's own objects."""
    thing = {"count": 1}
    async with (
        serving(place, shell={"thing": thing}) as server,
        place_connection(place, server) as link,
    ):
        lines = [
            "thing['count'] += 1",
            "thing",
            "print('printed')",
            "def f():",
            "    return 42",
            "",
            "f()",
            "import asyncio",
            "await asyncio.sleep(0, 'awaited')",
            "1/0",
            "a b",
            "exit_ = 7",
            "exit_",
        ]
        found = await link.run(input="\n".join(lines) + "\n")
    assert found.exit_status == 0
    text = found.stdout
    for part in ("{'count': 2}", "printed", "42", "'awaited'", "ZeroDivisionError", "SyntaxError"):
        assert part in text
    assert thing == {"count": 2}


async def test_passwords_are_checked_where_asked_for(place: Place) -> None:
    """The check decides."""
    options: Any = {"passwords": lambda name, word: (name, word) == ("bert", "secret")}
    async with serving(place, command=shout, **options) as server:
        common: Any = {"client_keys": None, "known_hosts": str(place.known), "config": None}
        async with asyncssh.connect(
            "127.0.0.1", server.port, username="bert", password="secret", **common
        ) as link:
            assert (await link.run("say", input="x")).stdout == "say: X"
        with pytest.raises(asyncssh.PermissionDenied):
            await asyncssh.connect(
                "127.0.0.1", server.port, username="bert", password="no", **common
            )


async def test_a_command_under_way_is_finished_at_the_stop(place: Place) -> None:
    """The stop waits for it, and ends connections that do nothing at once."""
    entered, go = asyncio.Event(), asyncio.Event()

    async def slow(process: Any) -> int:
        entered.set()
        await go.wait()
        process.stdout.write("done")
        return 0

    tree = Application("app")
    server = tree.add(place.server(command=slow))
    async with tree:
        place.learn(server)
        async with place_connection(place, server) as idle, place_connection(place, server) as link:
            answer = asyncio.ensure_future(link.run("slow"))
            await entered.wait()
            stop = asyncio.ensure_future(tree.shutdown())
            await idle.wait_closed()
            assert not stop.done()
            go.set()
            assert (await answer).stdout == "done"
            await stop


async def test_the_client_runs_commands_and_comes_back(place: Place) -> None:
    """It is ready when connected, runs commands, and reconnects after the server's restart."""
    tree = Application("app")
    server = tree.add(place.server(command=shout), restart=Restart(initial=0.05))
    async with tree:
        place.learn(server)
        made: list[Any] = []

        async def note(link: Any) -> None:
            made.append(link)

        client = tree.add(place.client(server, on_connect=note))
        await client.ready()
        assert (await client.run("say", stdin="x")).stdout == "say: X"
        server.fail(RuntimeError("crashed"))
        await until(lambda: len(made) == 2 and server.state is State.RUNNING)
        assert client.state is State.RUNNING
        assert (await client.run("say", stdin="y")).stdout == "say: Y"


async def test_ports_are_forwarded_every_way(place: Place) -> None:
    """Local, remote and dynamic, with a server that allows it."""

    class Allows(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

        def connection_requested(self, *_: Any) -> bool:
            return True

        def server_requested(self, *_: Any) -> bool:
            return True

    place.host_key.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    there: Any = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=Allows, server_host_keys=[str(place.host_key)]
    )
    behind = await asyncio.start_server(echo, "127.0.0.1", 0)
    target = behind.sockets[0].getsockname()[1]
    stand: Any = Stand(there.get_port())
    place.learn(stand)
    client = place.client(
        stand,
        local=[f"0:127.0.0.1:{target}"],
        remote=[f"127.0.0.1:0:127.0.0.1:{target}"],
        dynamic=["0"],
    )
    async with behind, running(client):
        ports = client.ports
        for name in ("local 127.0.0.1:0", "remote 127.0.0.1:0"):
            assert await exchange(ports[name], b"ping") == b"ping"
        hello = b"\x05\x01\x00"
        asked = b"\x05\x01\x00\x01\x7f\x00\x00\x01" + target.to_bytes(2, "big")
        reader, writer = await asyncio.open_connection("127.0.0.1", ports["dynamic 127.0.0.1:0"])
        writer.write(hello)
        assert await reader.readexactly(2) == b"\x05\x00"
        writer.write(asked)
        assert (await reader.readexactly(10))[1] == 0
        writer.write(b"pong")
        assert await reader.readexactly(4) == b"pong"
        writer.close()
        await writer.wait_closed()
    there.close()
    await there.wait_closed()


class Stand:
    """Something with a port."""

    def __init__(self, port: int) -> None:
        self.port = port


async def exchange(port: int, data: bytes) -> bytes:
    """Send data to a port and return what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        return await reader.read(100)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_refused_login_is_a_failure_and_not_tried_again(place: Place) -> None:
    """A wrong key, and a server with another key than the known one, fail the start."""
    async with serving(place, command=shout) as server:
        with pytest.raises(StartFailed, match=r"cannot be used as anna: .*check the keys"):
            async with running(place.client(server, keys=[place.stranger])):
                pass
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        place.known.write_text(f"[127.0.0.1]:{server.port} {other}")
        with pytest.raises(StartFailed, match="cannot be used as anna"):
            async with running(place.client(server)):
                pass


@pytest.mark.parametrize("what", ["key", "known"])
async def test_a_client_without_its_files_does_not_start(place: Place, what: str) -> None:
    """A missing key or file of known hosts is told at once, and not tried again and again."""
    async with serving(place) as server:
        client = place.client(server)
        getattr(place, what).unlink()
        with pytest.raises(StartFailed, match=f"{what}: No such file .*in OpenSSH's format"):
            async with running(client):
                pass


async def test_attempts_and_losses_are_told(place: Place) -> None:
    """A server that is away, comes, goes and comes again: each is an event, with the pause."""
    port = free_port()
    async with serving(place, port=port) as server:
        client = place.client(server)
    app = Application("here")
    seen = EventSpy()
    app.observe(seen)
    app.add(client)
    starting = asyncio.ensure_future(app.startup())
    await until(lambda: seen.named("ConnectFailed"))
    for _ in range(2):
        again = Application("there")
        again.add(place.server(port=port))
        async with again:
            await client.connected()
            await starting
        await until(lambda: seen.named("ConnectionBroken"))
    await app.shutdown()
    assert len(seen.named("Connected")) == 2
    (failed, *_) = seen.named("ConnectFailed")
    assert "could not connect to ssh://127.0.0.1:" in failed.sentence()


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("host_key", "rubbish", "host: .*expected a private key in OpenSSH's format"),
        ("authorized", "rubbish", "authorized: .*expected public keys in the format"),
    ],
)
async def test_bad_keys_fail_the_start(place: Place, name: str, text: str, sentence: str) -> None:
    """The file, and what was expected in it."""
    getattr(place, name).write_text(text)
    with pytest.raises(StartFailed, match=sentence):
        async with serving(place):
            pass


@pytest.mark.parametrize(
    ("which", "values", "sentence"),
    [
        ("ssh", {"authorized_keys": Path("x"), "path": Path("/nowhere")}, "it is no directory"),
        ("ssh", {}, "authorized"),
        ("ssh-client", {"host": "x", "local": ("1:2",)}, "expected 8080:host:80"),
        ("ssh-client", {"host": "x", "dynamic": ("a",)}, "expected 1080 or"),
    ],
)
def test_bad_values_are_refused_with_a_sentence(which: str, values: Any, sentence: str) -> None:
    """What the command line and application files give is checked when the service is made."""
    with pytest.raises((UsageError, EndpointError, FileRefused), match=sentence):
        kind(which).make(values)


def test_a_server_that_lets_nobody_in_is_refused(tmp_path: Path) -> None:
    """Keys or a check of passwords are needed."""
    with pytest.raises(ValueError, match="nobody could log in"):
        SSHServer(host_key=tmp_path / "key")
