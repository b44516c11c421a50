"""
Log events, many ways in one process, turn by turn: logs.py ROUNDS.

Every contender writes "user 17 did login", with time, level and the name of the logger, to a file
of its own; two fields. Prints, round by round, events a second until all are in the file;
microseconds of the caller, by the clock and by its own processor time; and nanoseconds of an event
below the level in force. The lines are counted.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from plait.log import make_handler

EVENTS = 2000
STDLIB_FORMAT = "%(asctime)s [%(name)s#%(levelname)s] %(message)s"


class Contender(NamedTuple):
    """One way to log: how an event is said, how a filtered one is, how all is written."""

    name: str
    say: Callable[[int], object]
    whisper: Callable[[int], object]
    flush: Callable[[], object]
    path: Path


def of_logging(name: str, handler: logging.Handler, path: Path, *, extra: bool) -> Contender:
    """Return a contender that logs through the standard library."""
    log = logging.getLogger(f"bench.{name.replace(' ', '-')}")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
    if extra:

        def say(number: int) -> None:
            log.info("user did", extra={"user": number, "action": "login"})

    else:

        def say(number: int) -> None:
            log.info("user %s did %s", number, "login")

    def whisper(number: int) -> None:
        log.debug("user %s did %s", number, "login")

    return Contender(name, say, whisper, handler.flush, path)


def plait(name: str, path: Path, *, extra: bool = False, **options: Any) -> Contender:
    """Return plait with some options."""
    return of_logging(name, make_handler(log_file=str(path), **options), path, extra=extra)


def stdlib(path: Path) -> Contender:
    """Return the standard library's file handler."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter(STDLIB_FORMAT))
    return of_logging("stdlib", handler, path, extra=False)


def stdlib_queue(path: Path) -> Contender:
    """Return the standard library's queue handler and listener before its file handler."""
    import atexit
    import logging.handlers
    import queue

    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter(STDLIB_FORMAT))
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(waiting, handler)
    listener.start()
    atexit.register(listener.stop)
    made = of_logging("stdlib queue", logging.handlers.QueueHandler(waiting), path, extra=False)

    def flush() -> None:
        listener.stop()
        listener.start()

    return made._replace(flush=flush)


def twisted(path: Path) -> Contender:
    """Return twisted.logger with its text file observer."""
    from twisted.logger import (
        FilteringLogObserver,
        Logger,
        LogLevel,
        LogLevelFilterPredicate,
        LogPublisher,
        textFileLogObserver,
    )

    file = path.open("w")
    observer = textFileLogObserver(file)
    predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.info)
    log = Logger("bench", observer=observer)
    quiet = Logger("bench", observer=LogPublisher(FilteringLogObserver(observer, [predicate])))
    return Contender(
        "twisted.logger",
        lambda number: log.info("user {user} did {action}", user=number, action="login"),
        lambda number: quiet.debug("user {user} did {action}", user=number, action="login"),
        file.flush,
        path,
    )


def structlog_json(path: Path) -> Contender:
    """Return structlog as its documentation sets it up for speed, without the standard library."""
    import structlog

    file = path.open("w")
    log = structlog.wrap_logger(
        structlog.WriteLogger(file),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    ).bind(logger="bench")
    return Contender(
        "structlog json",
        lambda number: log.info("user did", user=number, action="login"),
        lambda number: log.debug("user did", user=number, action="login"),
        file.flush,
        path,
    )


def loguru(path: Path) -> Contender:
    """Return loguru with a file."""
    from loguru import logger as log

    log.remove()
    log.add(path, level="INFO", format="{time} [{name}#{level}] {message}")
    return Contender(
        "loguru",
        lambda number: log.info("user {user} did {action}", user=number, action="login"),
        lambda number: log.debug("user {user} did {action}", user=number, action="login"),
        lambda: None,
        path,
    )


class Times(NamedTuple):
    """What one slice took, each in seconds an event."""

    total: float
    caller: float
    processor: float
    filtered: float


def measure(contender: Contender) -> Times:
    """Run one slice."""
    say, whisper = contender.say, contender.whisper
    begin, processor = time.perf_counter(), time.thread_time()
    for number in range(EVENTS):
        say(number)
    said, processor = time.perf_counter(), time.thread_time() - processor
    contender.flush()
    end = time.perf_counter()
    for number in range(EVENTS):
        whisper(number)
    filtered = time.perf_counter() - end
    return Times(*(span / EVENTS for span in (end - begin, said - begin, processor, filtered)))


def contenders(folder: Path) -> list[Contender]:
    """Return all that can be made here."""
    found = [
        plait("plait text", folder / "text"),
        plait("plait json", folder / "json", log_format="json", extra=True),
        plait("plait text sync", folder / "sync", log_sync=True),
        stdlib(folder / "stdlib"),
        stdlib_queue(folder / "queue"),
    ]
    for make in (twisted, structlog_json, loguru):
        with contextlib.suppress(ImportError):
            found.append(make(folder / make.__name__))
    return found


def figures(times: Times) -> dict[str, float]:
    """Return what is told of a slice."""
    return {
        "events": 1 / times.total,
        "caller": times.caller * 1e6,
        "processor": times.processor * 1e6,
        "filtered": times.filtered * 1e9,
    }


def main(rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        found = contenders(Path(folder))
        told: dict[str, Any] = {each.name: {"rounds": [], "lost": 0} for each in found}
        for turn in range(rounds + 1):
            for each in found if turn % 2 else reversed(found):
                times = measure(each)
                if turn:  # the first round warms up
                    told[each.name]["rounds"].append(figures(times))
        for each in found:
            lines = each.path.read_bytes().count(b"\n")
            told[each.name]["lost"] = abs(EVENTS * (rounds + 1) - lines)
        print(json.dumps(told))


if __name__ == "__main__":
    main(int(sys.argv[1]))
