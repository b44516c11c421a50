"""What every test gets: programs from outside are looked for, and nothing may be left behind."""

from __future__ import annotations

import asyncio
import asyncio.runners
import gc
import logging
import os
import shutil
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

UNDER_CI = os.environ.get("CI") == "true"

# asyncio tells of these only in its log, so that a test would pass over them.
_COMPLAINTS = ("was destroyed but it is pending", "was never retrieved", "never awaited")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked `peer("program")` where the program is missing; under CI, fail it."""
    for mark in item.iter_markers("peer"):
        for program in mark.args:
            if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
                continue
            message = f"the program {program!r} is not installed"
            if UNDER_CI:
                pytest.fail(f"{message}, and under CI it has to be", pytrace=False)
            pytest.skip(message)


def pytest_collection_finish() -> None:
    """
    Take what the imports of all tests have made out of the garbage collector's sight.

    It stays for good, and some tests collect in full: each time it would be looked through again.
    """
    gc.collect()
    gc.freeze()


class _Complaints(logging.Handler):
    """Keeps what asyncio's log says about forgotten tasks."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if any(words in line for words in _COMPLAINTS):
            self.lines.append(line)


@pytest.fixture(autouse=True)
def no_task_left(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """
    Fail a test that leaves a task pending when its loop closes, or an exception that nobody took.

    `asyncio.run` cancels what is left without a word, so the leak would stay unseen. A test that
    leaves tasks on purpose says so with `@pytest.mark.leaks("why")`.
    """
    left: list[str] = []
    cancel_all = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]

    def note_and_cancel(loop: asyncio.AbstractEventLoop) -> Any:
        left.extend(repr(task) for task in asyncio.all_tasks(loop))
        return cancel_all(loop)

    monkeypatch.setattr(asyncio.runners, "_cancel_all_tasks", note_and_cancel)
    complaints = _Complaints()
    logger = logging.getLogger("asyncio")
    logger.addHandler(complaints)
    try:
        yield
        # The young generations hold what the test made; a full collection would cost too much.
        gc.collect(1)
    finally:
        logger.removeHandler(complaints)
    if request.node.get_closest_marker("leaks") is None:
        found = left + complaints.lines
        assert not found, "left behind:\n" + "\n".join(found)


@pytest.fixture(autouse=True)
def same_level_of_logging() -> Iterator[None]:
    """Let no test decide what the next one sees in the log."""
    level = logging.root.level
    yield
    logging.root.setLevel(level)


@pytest.fixture(autouse=True)
def not_measured_without_rights(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Do not measure processes of tests marked `root`: without rights they cannot write a file."""
    if request.node.get_closest_marker("root") is not None:
        for name in [name for name in os.environ if name.startswith("COVERAGE_PROCESS")]:
            monkeypatch.delenv(name)


def pytest_configure() -> None:
    """
    Let no example of a property have a deadline: a busy machine is no defect.

    And take back signals that are ignored, as they are in what a shell runs in the background. What
    is ignored stays so in the programs that tests start, and these are to be stopped by them.
    """
    settings.register_profile("plait", parent=settings(), deadline=None)
    settings.load_profile("plait")
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) is signal.SIG_IGN:
            usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, usual)
