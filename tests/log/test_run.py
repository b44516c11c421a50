"""The log as `plait run` has it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from .records import lines, until

pytestmark = [pytest.mark.process, pytest.mark.slow]

BURST = """
    import asyncio, logging
    from plait import Application, Service

    class Burst(Service):
        count = 0
        async def start(self):
            self.spawn(self.speak())
        async def speak(self):
            log = logging.getLogger("burst")
            while True:
                for _ in range(50):  # at a pace that the writer keeps after a pause of the disk
                    log.info("%d", self.count)
                    self.count += 1
                await asyncio.sleep(0.001)
        async def stop(self):
            with open("count", "w") as file:
                file.write(str(self.count))

    application = Application("burst")
    application.add(Burst())
"""

EARLY = """
    import logging, warnings
    logging.basicConfig(level=logging.DEBUG)
    logging.getLogger("early").info("while loading")
    from plait import Application, Service

    class Brief(Service):
        async def start(self):
            logging.getLogger("brief").info("at work")
            warnings.warn("old thing")
            self.parent.end()

    application = Application("early")
    application.add(Brief())
"""


def plait(folder: Path, script: str, *options: str) -> subprocess.Popen[str]:
    """Start `plait run` on a script in a folder of its own."""
    (folder / "app.py").write_text(textwrap.dedent(script))
    return subprocess.Popen(
        [sys.executable, "-m", "plait", "run", *options, "app.py"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_term_in_mid_burst(tmp_path: Path) -> None:
    """A run that ends by SIGTERM in the midst of a burst has written every line."""
    with plait(tmp_path, BURST, "--log-file", "log") as process:
        log = tmp_path / "log"
        until(lambda: log.exists() and log.read_text().count("[burst,") > 500)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
    count = int((tmp_path / "count").read_text())
    said = [line for line in lines(tmp_path / "log") if "[burst," in line]
    assert [int(line.rsplit(" ", 1)[1]) for line in said] == list(range(count))
    assert count > 500
    assert "[burst,burst/burst#info] 0" in said[0]


def test_rotation_and_signal_storm(tmp_path: Path) -> None:
    """Under a storm of SIGUSR1 and mv a run loses and repeats nothing."""
    options = ("--log-file", "log", "--log-level", "plait=error")
    with plait(tmp_path, BURST, *options) as process:
        log, moved, sent = tmp_path / "log", 0, 0
        until(lambda: log.exists() and log.stat().st_size)
        end = time.monotonic() + 30
        while (sent < 100 or moved <= 10) and time.monotonic() < end:
            sent += 1
            if log.exists():
                os.rename(log, tmp_path / f"moved.{moved:04d}")
                moved += 1
            process.send_signal(signal.SIGUSR1)
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
    files = [*sorted(tmp_path.glob("moved.*")), *([log] if log.exists() else [])]
    said = [int(line.rsplit(" ", 1)[1]) for file in files for line in lines(file)]
    assert said == list(range(int((tmp_path / "count").read_text())))
    assert moved > 10


def test_what_is_logged_while_loading_comes_once(tmp_path: Path) -> None:
    """Early records come first and once, though the target calls `basicConfig`."""
    with plait(tmp_path, EARLY) as process:
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert said.count("while loading") == said.count("at work") == 1
    assert said.index("while loading") < said.index("at work") < said.index("early stopped")
    assert "[py.warnings,early/brief#warning]" in said


def test_what_is_logged_before_a_failed_load_is_shown(tmp_path: Path) -> None:
    """When the target cannot be loaded, what it logged stands before the reason."""
    script = 'import logging; logging.getLogger("early").info("hear me"); 1 / 0'
    with plait(tmp_path, script) as process:
        _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    first, *_, last = said.splitlines()
    assert first.endswith("[early#info] hear me")
    assert last.endswith("ZeroDivisionError: division by zero")


def test_a_wrong_option(tmp_path: Path) -> None:
    """A log option that cannot be is an error of usage, in one sentence."""
    with plait(tmp_path, EARLY, "--log-level", "loud") as process:
        _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "--log-level" in said
    assert "'loud'" in said


def test_fifo_that_nobody_reads(tmp_path: Path) -> None:
    """A run whose log is a FIFO without a reader starts, says so once, and ends when told."""
    os.mkfifo(tmp_path / "log")
    with plait(tmp_path, BURST, "--log-file", "log") as process:
        assert process.stderr is not None
        assert "nobody reads it" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == -signal.SIGTERM
        assert "nobody reads it" not in process.stderr.read()
    assert int((tmp_path / "count").read_text()) > 0
