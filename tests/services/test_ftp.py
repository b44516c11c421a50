"""The FTP server, with aioftp's client and curl."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aioftp
import pytest

from plait.core import Application, Restart, State
from plait.errors import FileRefused, StartFailed, UsageError
from plait.plugins import kind
from plait.services.ftp import FTPServer, PasswordFile, hash_password
from tests.net.harness import running, until

from .outside import call, output_of

# aioftp answers out of order where tasks are eager, with or without plait.
pytestmark = [pytest.mark.network, pytest.mark.plait(loops=["asyncio", "uvloop"])]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with files, and links out of it."""
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("hello")
    (root / "sub" / "b.txt").write_text("below")
    (root / "big").write_bytes(b"x" * 30_000_000)
    (tmp_path / "outside.txt").write_text("outside")
    (root / "out").symlink_to(tmp_path / "outside.txt")
    (root / "up").symlink_to(tmp_path)
    (root / "in").symlink_to(root / "a.txt")
    return root


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """A file of users."""
    path = tmp_path / "users"
    lines = [
        "# users",
        f"anna:{hash_password('secret')}:rw",
        f"bert:{hash_password('other')}:ro:sub",
    ]
    path.write_text("\n".join(lines))
    return path


@contextlib.asynccontextmanager
async def serving(path: Path, **options: Any) -> AsyncIterator[FTPServer]:
    """Run an FTP server."""
    server = FTPServer(path, **options)
    async with running(server):
        yield server


def client(server: FTPServer, name: str = "anonymous", password: str = "x") -> Any:
    """Return aioftp's client, logged in."""
    return aioftp.Client.context("127.0.0.1", server.port, name, password)


async def content(link: Any, path: str) -> bytes:
    """Fetch a file."""
    async with link.download_stream(path) as stream:
        return b"".join([block async for block in stream.iter_by_block()])


async def test_anonymous_may_read_but_not_write(folder: Path) -> None:
    """Listing and fetching work; storing and removing are refused."""
    async with serving(folder) as server, client(server) as link:
        names = {str(path) for path, _ in await link.list("/")}
        assert names == {"/a.txt", "/sub", "/big", "/in"}
        assert await content(link, "/sub/b.txt") == b"below"
        assert await content(link, "/in") == b"hello"
        with pytest.raises(aioftp.StatusCodeError):
            await link.remove_file("/a.txt")
        with pytest.raises(aioftp.StatusCodeError):
            await link.make_directory("/new")
    assert (folder / "a.txt").exists()


@pytest.mark.peer("curl")
@pytest.mark.parametrize("path", ["/out", "/up/outside.txt", "//../outside.txt", "/up/"])
async def test_nobody_gets_out(folder: Path, users: Path, path: str) -> None:
    """Links out of the directory and `..` lead nowhere, for reading, writing and listing."""
    async with serving(folder, users=users) as server:
        place = f"ftp://127.0.0.1:{server.port}{path}"
        words = ("curl", "-sS", "--path-as-is", "--user", "anna:secret")
        status, data, _ = await call(*words, place)
        assert (status != 0, data) == (True, b"")
        if not path.endswith("/"):
            await call(*words, "-T", "-", place, stdin=b"changed")
    assert (folder.parent / "outside.txt").read_text() == "outside"


async def test_users_log_in_with_their_password(folder: Path, users: Path) -> None:
    """A right one lets in with the user's rights and folder; wrong ones and strangers stay out."""
    async with serving(folder, users=users) as server:
        async with client(server, "anna", "secret") as link:
            async with link.upload_stream("/new.txt") as stream:
                await stream.write(b"new")
            assert await content(link, "/new.txt") == b"new"
            await link.rename("/new.txt", "/newer.txt")
            await link.remove_file("/newer.txt")
        async with client(server, "bert", "other") as link:
            assert await content(link, "/b.txt") == b"below"
            with pytest.raises(aioftp.StatusCodeError):
                await link.remove_file("/b.txt")
        wrong = (("anna", "wrong"), ("nobody", "x"), ("anonymous", "x"))
        # All at the same time, because each is answered after a pause.
        found = await asyncio.gather(
            *(client(server, *each).__aenter__() for each in wrong), return_exceptions=True
        )
        assert [type(each) for each in found] == [aioftp.StatusCodeError] * 3


async def test_a_changed_file_of_users_counts_at_the_next_login(folder: Path, users: Path) -> None:
    """Who is added may come in."""
    async with serving(folder, users=users) as server:
        users.write_text(f"carla:{hash_password('third')}")  # noqa: ASYNC240  # short
        async with client(server, "carla", "third") as link:
            assert await content(link, "/a.txt") == b"hello"


@pytest.mark.peer("curl")
async def test_curl_fetches_over_passive_ports(folder: Path) -> None:
    """curl gets a large file over a port of the range, and only lists what is inside."""
    async with serving(folder, passive_ports="32100-32119") as server:
        url = f"ftp://127.0.0.1:{server.port}"
        status, data, trace = await call("curl", "-sSv", "--disable-epsv", f"{url}/big")
        assert status == 0, trace
        assert len(data) == 30_000_000
        assert b"227" in trace
        names = (await output_of("curl", "-sS", f"{url}/")).split()
        assert "big" in names
        assert "out" not in names


async def test_a_transfer_under_way_is_finished_at_the_stop(folder: Path) -> None:
    """The stop waits for it; the client gets the whole file."""
    tree = Application("app")
    server = tree.add(FTPServer(folder))
    async with tree:
        # The client says goodbye to a server that has gone.
        with contextlib.suppress(ConnectionResetError):
            await fetch_while_stopping(tree, server)


async def fetch_while_stopping(tree: Application, server: FTPServer) -> None:
    """Begin to fetch a file, stop the application, fetch the rest."""
    async with client(server) as link:
        async with link.download_stream("/big") as stream:
            size = len(await stream.read(1000))
            stop = asyncio.ensure_future(tree.shutdown())
            await asyncio.sleep(0.1)
            assert not stop.done()
            async for block in stream.iter_by_block():
                size += len(block)
        assert size == 30_000_000
        async with asyncio.timeout(5):
            await stop


async def test_a_crash_is_followed_by_a_restart(folder: Path) -> None:
    """When it fails, the policy starts it again on the same port."""
    tree = Application("app")
    server = tree.add(FTPServer(folder), restart=Restart(initial=0.05))
    async with tree:
        server.fail(RuntimeError("crashed"))
        await until(lambda: server.state is State.BACKOFF)
        await until(lambda: server.state is State.RUNNING)
        async with client(server) as link:
            assert await content(link, "/a.txt") == b"hello"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("anna:secret", "users:1: the password of 'anna' is not hashed; expected name:hash"),
        (f"anna:{hash_password('x')}:all", "'all' says nothing about rights; expected ro or rw"),
        (f"anna:{hash_password('x')}:ro:../x", "the folder '../x' leads outside"),
    ],
)
async def test_bad_users_fail_the_start(tmp_path: Path, line: str, sentence: str) -> None:
    """The file, the line, and what is wrong with it."""
    path = tmp_path / "users"
    path.write_text(line)  # short
    with pytest.raises(StartFailed, match=sentence):
        async with serving(tmp_path, users=path):
            pass


def test_a_missing_file_of_users_is_refused(tmp_path: Path) -> None:
    """It cannot be read."""
    with pytest.raises(FileRefused, match="No such file"):
        PasswordFile(tmp_path / "none").load()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"path": Path("/nowhere")}, "/nowhere: it is no directory; expected a directory"),
        ({"passive_ports": "10"}, "the passive ports are '10'; expected a range such as 50000"),
        ({"passive_ports": "10-5"}, "expected a range"),
        ({"anonymous": False}, "nobody could log in; expected a file of users, or anonymous"),
    ],
)
def test_bad_values_are_refused_with_a_sentence(values: dict[str, Any], sentence: str) -> None:
    """What the command line and application files give is checked when the service is made."""
    with pytest.raises((UsageError, FileRefused), match=sentence):
        kind("ftp").make(values)


async def test_users_change_what_they_may_and_nothing_outside(folder: Path, users: Path) -> None:
    """Files are renamed, removed and made; what would lead outside is refused."""
    async with serving(folder, users=users) as server, client(server, "anna", "secret") as link:
        await link.rename("a.txt", "c.txt")
        assert (folder / "c.txt").read_text() == "hello"
        await link.make_directory("new")
        await link.remove_directory("new")
        assert not (folder / "new").exists()
        await link.remove_file("c.txt")
        assert not (folder / "c.txt").exists()
        for source, target in (("big", "../big"), ("big", "up/big"), ("up/users", "got")):
            with pytest.raises(aioftp.StatusCodeError):
                await link.rename(source, target)
        with pytest.raises(aioftp.StatusCodeError):
            await link.remove_file("up/outside.txt")
        names = sorted(str(path) for path, _ in await link.list())
    assert "big" in names
    assert "out" not in names
    assert (folder.parent / "outside.txt").read_text() == "outside"


@pytest.mark.peer("curl")
@pytest.mark.parametrize(
    ("place", "names"),
    [("", ["a.txt", "big", "in", "sub"]), ("sub/", ["b.txt"]), ("nothing/", None)],
)
async def test_curl_lists_names(folder: Path, place: str, names: list[str] | None) -> None:
    """What can be fetched is listed, links out of the directory are not."""
    async with serving(folder) as server:
        words = ("curl", "-sS", "--list-only", f"ftp://127.0.0.1:{server.port}/{place}")
        status, output, _ = await call(*words)
    assert (status == 0) == (names is not None)
    if names is not None:
        assert sorted(output.decode().split()) == names
