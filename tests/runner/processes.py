"""Real processes, bounded in time: nothing a test starts outlives it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import pytest

pytestmark = pytest.mark.process

#: Seconds any one wait of a test may take.
LIMIT = 30.0

#: A service that listens on a free port and says on which, in a file.
ECHO = """
import asyncio
from plait import Application, Service

class Echo(Service):
    async def start(self):
        self.server = await asyncio.start_server(self.handle, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        with open("port", "w") as file:
            file.write(f"{port}\\n")

    async def handle(self, reader, writer):
        while data := await reader.read(4096):
            writer.write(data)
        writer.close()

    async def stop(self):
        self.server.close()

application = Application("echo")
application.add(Echo())
"""


class Program:
    """
    A plait process in a directory of its own.

    Args:
        where:
            The directory it runs in; what it prints goes to files there.
        words:
            Its arguments.
        environment:
            What to add to the environment.
        before:
            Called in the child before it becomes the program.
        command:
            The program in place of `python -m plait`.
        keep:
            Descriptors that stay open in it.
    """

    def __init__(
        self,
        where: Path,
        *words: str,
        environment: dict[str, str] | None = None,
        before: Callable[[], None] | None = None,
        command: tuple[str, ...] = (sys.executable, "-m", "plait"),
        keep: tuple[int, ...] = (),
    ) -> None:
        self.where = where
        self._out = where / "out.txt"
        self._err = where / "err.txt"
        variables = {k: v for k, v in os.environ.items() if not k.startswith(("PLAIT_", "NOTIFY"))}
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self.process = subprocess.Popen(
                [*command, *words],
                cwd=where,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**variables, **(environment or {})},
                preexec_fn=before,
                pass_fds=keep,
                start_new_session=True,
            )

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def out(self) -> str:
        """What it has written to standard output."""
        return self._out.read_text(errors="replace")

    @property
    def err(self) -> str:
        """What it has written to standard error."""
        return self._err.read_text(errors="replace")

    def until(self, text: str) -> None:
        """Wait until standard error holds a text."""
        wait_for(lambda: text in self.err or self.process.poll() is not None, f"{text!r}", self)
        assert text in self.err, f"ended without {text!r}:\n{self.err}"

    def send(self, *signals: int) -> None:
        """Send it signals."""
        for signum in signals:
            self.process.send_signal(signum)

    def ends(self, seconds: float = LIMIT) -> int:
        """Wait for its end; return the exit status as subprocess shows it."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s:\n{self.err}") from None

    def port(self) -> int:
        """Wait for the port it listens on."""
        path = self.where / "port"
        wait_for(lambda: path.exists() and path.read_text().endswith("\n"), "a port", self)
        return int(path.read_text())


def wait_for(done: Callable[[], bool], what: str, program: Program | None = None) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + LIMIT
    while not done():
        shown = f":\n{program.err}" if program is not None else ""
        assert time.monotonic() < deadline, f"waited in vain for {what}{shown}"
        time.sleep(0.01)


def text_of(path: Path) -> str:
    """Return what a file holds; empty when it is not there yet."""
    return path.read_text(errors="replace") if path.exists() else ""


def plait(where: Path, *words: str, environment: dict[str, str] | None = None) -> Program:
    """Run plait to its end."""
    with Program(where, *words, environment=environment) as program:
        program.ends()
    return program


def may_isolate() -> bool:
    """Return whether there is the right to make namespaces."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    command = ["unshare", "-m", "-n", "-p", "-f", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def end_all_in(where: Path) -> None:
    """End every process that a test has left in its directory."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.path.realpath(entry / "cwd").startswith(str(where)):
                os.kill(int(entry.name), signal.SIGKILL)
