"""Programs under test: started as a user starts them, listened to, and never left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

LIMIT = 20.0
"""Seconds to wait for anything; no test comes near it unless it fails."""


class Program:
    """
    A Python process whose output is read as it comes.

    Args:
        arguments:
            What follows `python` on the command line.
        folder:
            Where to run it.
    """

    def __init__(self, *arguments: str, folder: Path) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PLAIT_")}
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        if self.process.stdout is not None:
            self.process.stdout.close()

    @property
    def output(self) -> str:
        """What it has printed so far."""
        with self._news:
            return "".join(self._lines)

    def wait_for(self, text: str) -> None:
        """Wait until it has printed a text; fail when it ends without."""
        end = time.monotonic() + LIMIT
        with self._news:
            while text not in "".join(self._lines):
                left = end - time.monotonic()
                if left < 0 or self._ended:
                    raise AssertionError(f"no {text!r} in\n{''.join(self._lines)}")
                self._news.wait(left)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal and return its exit status, negative for a signal."""
        self.process.send_signal(number)
        return self.status()

    def status(self) -> int:
        """Wait for its end and return its exit status, negative for a signal."""
        status = self.process.wait(LIMIT)
        self._reader.join(LIMIT)
        return status

    def _read(self) -> None:
        if self.process.stdout is not None:
            for line in self.process.stdout:
                with self._news:
                    self._lines.append(line)
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


def connect(port: int) -> socket.socket:
    """Connect to a port of this machine, as soon as somebody listens there."""
    end = time.monotonic() + LIMIT
    pause = threading.Event()
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        except ConnectionRefusedError:
            assert time.monotonic() < end, f"nobody listens on port {port}"
            pause.wait(0.02)


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def echoes(port: int, data: bytes = b"hello\n") -> bool:
    """Tell whether what is sent to a port comes back."""
    with connect(port) as link:
        link.sendall(data)
        link.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: link.recv(65536), b"")) == data
