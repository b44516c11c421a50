"""What the tests of the log have in common."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Those who wait with `until` are marked themselves.
pytestmark = pytest.mark.process


def record(
    message: object, *args: object, name: str = "shop", level: int = 20, **extra: object
) -> logging.LogRecord:
    """Return a record as a logger would make it, with extra fields."""
    made = logging.LogRecord(name, level, __file__, 1, message, args, None)
    made.__dict__.update(extra)
    return made


@contextmanager
def attached(handler: logging.Handler, name: str = "alone") -> Iterator[logging.Logger]:
    """Give a logger of its own a handler for a while."""
    logger = logging.getLogger(name)
    logger.setLevel(logging.DEBUG)
    before, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
        handler.close()


def until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait on the real clock until something holds, and fail when it does not."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def run(script: str, *args: object, wrap: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run a script in a Python process of its own, and return how it ended."""
    command = [*wrap, sys.executable, "-c", textwrap.dedent(script), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def lines(path: Path) -> list[str]:
    """Return the lines of a file, without their line breaks."""
    return path.read_text().splitlines()
