"""Every kind as a program: it serves its real client, ends in order, and refuses what is wrong."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from plait.core import Application, Restart
from plait.plugins import OWN_SERVICES, kind
from plait.services.ftp import hash_password
from plait.testing import EventSpy, seen
from tests.ports import free_port
from tests.programs import Program

pytestmark = [pytest.mark.process, pytest.mark.network]

#: What each kind takes so that it serves: `{port}` is a free one, `{other}` another program's.
SERVES = {
    "web": ("--path", "files", "--port", "{port}"),
    "dns": ("--hosts-file", "hosts", "--port", "{port}"),
    "ftp": ("--path", "files", "--users", "users", "--anonymous", "--port", "{port}"),
    "ssh": ("--path", "files", "--authorized-keys", "key.pub", "--port", "{port}"),
    "echo": ("--listen", "tcp://127.0.0.1:{port}"),
    "forward": ("--listen", "tcp://127.0.0.1:{port}", "--to", "tcp://127.0.0.1:{other}"),
    "process": ("--ready-line", "up", "--", "sh", "-c", "echo up; exec sleep 60"),
    "cron": ("--every", "0.2", "--", "echo", "tick"),
}

SFTP = "-F none -i key -q -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=known"

#: What is run as its client, and what it prints.
CLIENTS = {
    "web": ("curl -sS http://127.0.0.1:{port}/a.txt", "hello"),
    "dns": ("dig +short +time=2 @127.0.0.1 -p {port} h.test", "192.0.2.7"),
    "ftp": ("lftp --norc -e 'cat a.txt; quit' ftp://127.0.0.1:{port}", "hello"),
    "ssh": (f"sftp {SFTP} -P {{port}} anna@127.0.0.1:a.txt copy >&2 && cat copy", "hello"),
    "echo": ("printf hello | socat -t 2 - TCP:127.0.0.1:{port}", "hello"),
    "forward": ("printf hello | socat -t 2 - TCP:127.0.0.1:{port}", "hello"),
}

#: What no kind takes, and what it says.
REFUSED = {
    "web": (("--path", "nowhere"), "nowhere: it is no directory; expected a directory to serve"),
    "dns": ((), "there is nothing to answer from; expected a zone, hosts or forward"),
    "ftp": (("--path", "nowhere"), "nowhere: it is no directory; expected a directory to serve"),
    "ssh": ((), "option '--authorized-keys'"),
    "ssh-client": (("--host", "x", "--local", "80"), "expected 8080:host:80"),
    "echo": (("--listen", "http://x"), "the scheme is 'http'; expected one of"),
    "forward": (("--listen", "tcp://x:1", "--to", "udp://x:1"), "expected tcp://HOST:PORT"),
    "process": (("--stop-signal", "TREM", "--", "true"), "there is no signal 'TREM'"),
    "cron": (("--", "true"), "give either a schedule of five fields or every=SECONDS"),
}


def test_every_kind_is_here() -> None:
    """The tables of this module know all kinds; the SSH client is tried in a module of its own."""
    assert set(SERVES) == set(OWN_SERVICES) - {"ssh-client"}
    assert set(REFUSED) == set(OWN_SERVICES)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with what the kinds serve."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.txt").write_text("hello")
    (tmp_path / "hosts").write_text("192.0.2.7 h.test\n")
    (tmp_path / "users").write_text(f"anna:{hash_password('secret')}")
    return tmp_path


def keys(folder: Path) -> None:
    """Make a pair of keys."""
    words = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key"))
    subprocess.run(words, check=True, timeout=20)


def serving(name: str, folder: Path, port: int, other: int) -> Program:
    """Run a kind."""
    words = [word.format(port=port, other=other) for word in SERVES[name]]
    return Program("-m", "plait", "serve", name, *words, folder=folder)


@pytest.mark.peer("curl", "dig", "lftp", "sftp", "socat")
@pytest.mark.parametrize("name", sorted(CLIENTS))
def test_it_serves_its_real_client_and_ends_on_term(place: Path, name: str) -> None:
    """The program that people use gets what it asks for; at TERM the service ends in order."""
    if name == "ssh":
        keys(place)
    port, other = free_port(), free_port()
    words, expected = CLIENTS[name]
    with serving("echo", place, other, 0) as behind, serving(name, place, port, other) as program:
        behind.wait_for("echo is ready")
        program.wait_for(f"{name} is ready")
        done = subprocess.run(
            ["sh", "-c", words.format(port=port)],
            cwd=place,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert (done.returncode, done.stdout.strip()) == (0, expected), (done, program.output)
        assert program.end(signal.SIGTERM) == -signal.SIGTERM, program.output
        assert f"{name} stopped after" in program.output
        assert "Traceback" not in program.output


@pytest.mark.parametrize("name", ["process", "cron"])
def test_it_runs_and_ends_on_term(place: Path, name: str) -> None:
    """The kinds without clients do their work; at TERM they end in order."""
    with serving(name, place, 0, 0) as program:
        program.wait_for("tick" if name == "cron" else "process is ready")
        assert program.end(signal.SIGTERM) == -signal.SIGTERM, program.output
        assert f"{name} stopped after" in program.output
        assert "Traceback" not in program.output


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_it_refuses_what_is_wrong(place: Path, name: str) -> None:
    """A wrong option is one clear sentence and status 2."""
    words, told = REFUSED[name]
    with Program("-m", "plait", "serve", name, *words, folder=place) as program:
        assert program.status() == 2, program.output
        assert told in " ".join(program.output.split())
        assert "Traceback" not in program.output


@pytest.mark.peer("ssh-keygen")
@pytest.mark.parametrize("name", ["web", "dns", "ftp", "ssh", "echo", "forward"])
def test_it_runs_as_a_daemon(place: Path, name: str) -> None:
    """The launcher reports success once the service is ready; `plait stop` ends it."""
    if name == "ssh":
        keys(place)
    port = free_port()
    words = [word.format(port=port, other=1) for word in SERVES[name]]
    options = ("--daemon", "--pidfile", "it.pid", "--log-file", "it.log", "--loop", "asyncio")
    with Program("-m", "plait", "serve", name, *options, *words, folder=place) as program:
        assert program.status() == 0, program.output
    with Program("-m", "plait", "stop", "--pidfile", "it.pid", folder=place) as program:
        assert program.status() == 0, program.output
    log = (place / "it.log").read_text()
    assert f"{name} is ready" in log
    assert f"{name} stopped after" in log


@pytest.mark.plait(loops="real")
@pytest.mark.parametrize("name", sorted(set(SERVES) - {"cron"}))
async def test_it_is_restarted_after_a_crash(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """When it fails, the policy starts it again, where it was."""
    monkeypatch.chdir(place)
    (place / "key.pub").touch()
    port = free_port()
    values: dict[str, Any] = {
        "web": {"path": Path("files"), "port": port},
        "dns": {"hosts_file": ("hosts",), "port": port},
        "ftp": {"path": Path("files"), "port": port},
        "ssh": {"path": Path("files"), "authorized_keys": Path("key.pub"), "port": port},
        "echo": {"listen": f"tcp://127.0.0.1:{port}"},
        "forward": {"listen": f"tcp://127.0.0.1:{port}", "to": "tcp://127.0.0.1:1"},
        "process": {"command": ("sleep", "60")},
    }
    app = Application("app")
    service = app.add(kind(name).make(values[name]), restart=Restart(initial=0.02, jitter=0))
    app.observe(events := EventSpy())
    async with app:
        for _ in range(2):
            events.clear()
            service.fail(RuntimeError("crashed"))
            await events.wait_for(seen("ServiceRestarting", service.path))
            await events.wait_for(seen("ServiceReady", service.path))
            if name != "process":
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
