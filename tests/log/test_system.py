"""The log as a whole: set up, fed, re-opened, closed."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from plait.core import Application, Service
from plait.errors import BadLogOption, LogUnavailable
from plait.events import Event, Level, current_connection
from plait.log import (
    ContextFilter,
    LogPlan,
    LogSystem,
    RedactFilter,
    configure,
    keep_history,
    structlog_processors,
)
from plait.log import make_handler as make

from .records import attached, lines, record, run, until

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Give the root logger back its handlers and level."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def texts(path: Path) -> list[str]:
    """Return the lines of a log without their time."""
    return [line.partition(" ")[2] for line in lines(path)]


class Sold(Event):
    """Something was sold."""

    count: int
    password: str = "x"
    error: BaseException | None = None

    level: ClassVar[Level] = Level.WARNING

    def sentence(self) -> str:
        return f"sold {self.count}"


def test_events_become_records(tmp_path: Path) -> None:
    """An event is logged with its sentence, its level and the path of its service."""
    system = configure(LogPlan(log_file=str(tmp_path / "log")))
    system.observer(Sold("shop/till", 3))
    system.close()
    assert texts(tmp_path / "log") == ["[shop/till#warning] sold 3"]


def test_events_as_json(tmp_path: Path) -> None:
    """As JSON an event has its name, its fields and its error; its secrets are hidden."""
    system = configure(LogPlan(log_file=str(tmp_path / "log"), log_format="json"))
    system.observer(Sold("shop/till", 3, error=ValueError("no")))
    system.close()
    found = json.loads((tmp_path / "log").read_text())
    assert (found["event"], found["service"], found["count"]) == ("Sold", "shop/till", 3)
    assert (found["password"], found["error"]) == ("***", "ValueError('no')")
    assert found["exception"]["type"] == "ValueError"
    assert found["logger"] == "tests.log.test_system"


def test_events_below_the_level(tmp_path: Path) -> None:
    """Events have loggers by the room they come from, whose level can be set."""
    plan = LogPlan(log_file=str(tmp_path / "log"), log_level=("tests.log=error",))
    system = configure(plan)
    system.observer(Sold("shop/till", 3))
    system.close()
    assert texts(tmp_path / "log") == []


class Worker(Service):
    """Logs as any library does."""

    async def start(self) -> None:
        logging.getLogger("library").info("at work")
        task = self.spawn(self.more(), name="more")
        await asyncio.wait([task])

    async def more(self) -> None:
        current_connection.set("127.0.0.1:9")
        logging.getLogger("library").info("more")


def test_context_of_a_service(tmp_path: Path) -> None:
    """What a library logs while it works for a service carries the service, connection and task."""
    system = configure(LogPlan(log_file=str(tmp_path / "log"), log_format="json"))

    async def main() -> None:
        app = Application("shop")
        app.observe(system.observer)
        app.add(Worker(), name="worker")
        async with app:
            pass

    asyncio.run(main())
    system.close()
    found = [json.loads(line) for line in lines(tmp_path / "log")]
    mine = [each for each in found if each["logger"] == "library"]
    assert [each["service"] for each in mine] == ["shop/worker"] * 2
    assert [each.get("connection") for each in mine] == [None, "127.0.0.1:9"]
    assert mine[1]["task"] == "shop/worker:more"


def test_levels(tmp_path: Path) -> None:
    """A level holds for its logger and those below it, and is given back at the close."""
    plan = LogPlan(log_file=str(tmp_path / "log"), log_level=("warning", "lv.pool=debug"))
    system = configure(plan)
    for name in ("lv", "lv.pool", "lv.pool.slot"):
        logging.getLogger(name).info("x")
        logging.getLogger(name).warning("y")
    system.set_level("lv=info")
    logging.getLogger("lv").info("z")
    system.set_level("lv=0")
    system.close()
    assert texts(tmp_path / "log") == [
        "[lv#warning] y",
        "[lv.pool#info] x",
        "[lv.pool#warning] y",
        "[lv.pool.slot#info] x",
        "[lv.pool.slot#warning] y",
        "[lv#info] z",
    ]
    assert logging.getLogger("lv.pool").level == logging.NOTSET


@pytest.mark.parametrize("word", ["loud", "db=", "=x", "notset"])
def test_level_that_is_none(word: str) -> None:
    """An unknown level is refused as it was written, with the known ones."""
    with pytest.raises(BadLogOption, match=f"given '{word}'; expected debug, info"):
        configure(LogPlan(log_level=(word,)))


def test_history_is_replayed_once_in_order(tmp_path: Path) -> None:
    """What is said before the log is set up comes first in it, as it was meant then."""
    keep_history()
    log = logging.getLogger("early")
    log.debug("unheard")
    things = [1]
    log.info("first %s", things)
    things.append(2)
    try:
        raise ValueError("early")
    except ValueError:
        log.exception("second")
    system = configure(LogPlan(log_file=str(tmp_path / "log")))
    log.info("third")
    system.close()
    found = texts(tmp_path / "log")
    assert found[0] == "[early#info] first [1]"
    assert found[1] == "[early#error] second"
    assert found[-1] == "[early#info] third"
    assert sum("first" in line for line in found) == 1


def test_history_is_bounded(tmp_path: Path) -> None:
    """Of too long a history the latest part is kept, and the log says so."""
    keep_history(limit=10)
    for number in range(25):
        logging.getLogger("early").info("%d", number)
    system = configure(LogPlan(log_file=str(tmp_path / "log")))
    system.close()
    first, *rest = texts(tmp_path / "log")
    assert "15 earlier messages were dropped" in first
    assert rest == [f"[early#info] {number}" for number in range(15, 25)]


def test_history_without_a_log(capfd: pytest.CaptureFixture[str]) -> None:
    """When the log is never set up, what was kept is shown on standard error."""
    history = keep_history()
    logging.getLogger("early").info("hear me")
    with pytest.raises(LogUnavailable):
        configure(LogPlan(log_file="/no/such/directory/log"))
    history.close()
    assert capfd.readouterr().err.endswith("[early#info] hear me\n")
    assert history not in logging.getLogger().handlers


def test_warnings(tmp_path: Path) -> None:
    """A warning is one line of the logger py.warnings; the hook is given back."""
    system = configure(LogPlan(log_file=str(tmp_path / "log")))
    before = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = before
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)
    system.close()
    (found,) = texts(tmp_path / "log")
    assert found.startswith("[py.warnings#warning] ")
    assert found.endswith(": DeprecationWarning: old thing")


def test_place_of_a_warning() -> None:
    """The record of a warning carries the place of the warning, and not of its capture."""
    Memory.places.clear()
    system = configure(handler=make_memory())
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn_explicit("old thing", DeprecationWarning, "old.py", 12)
    system.close()
    assert Memory.places == [("old.py", 12)]


UNCAUGHT = """
    import asyncio, gc, logging, sys, threading, warnings
    from plait.log import LogPlan, configure
    system = configure(LogPlan(log_file=sys.argv[1]))

    def fall():
        raise KeyError("in a thread")

    thread = threading.Thread(target=fall, name="worker-7")
    thread.start()
    thread.join()

    class Bad:
        def __del__(self):
            raise KeyError("in del")

    Bad()

    async def main():
        system.watch(asyncio.get_running_loop())
        async def broken():
            raise KeyError("in a task")
        task = asyncio.ensure_future(broken())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        gc.collect()
        asyncio.get_running_loop().call_soon(fall)
        await asyncio.sleep(0)

    asyncio.run(main())
    raise ValueError("the end")
"""


def test_what_nobody_caught(tmp_path: Path) -> None:
    """Exceptions in threads, finalizers, tasks, callbacks and the program itself are logged."""
    done = run(UNCAUGHT, tmp_path / "log")
    assert done.returncode == 1
    assert "ValueError: the end" in done.stderr
    found = (tmp_path / "log").read_text()
    for part in (
        "[plait#error] thread worker-7 ended by an exception that nobody caught",
        "KeyError: 'in a thread'",
        "Exception ignored in <function Bad.__del__",
        "KeyError: 'in del'",
        "[asyncio#error] Task exception was never retrieved",
        "KeyError: 'in a task'",
        "[asyncio#error] Exception in callback fall()",
        "[plait#critical] the program ends by an exception that nobody caught",
        "ValueError: the end",
    ):
        assert part.lower() in found.lower()


PRINTS = """
    import logging, sys, threading
    from plait.log import LogPlan, configure
    system = configure(LogPlan(log_file=sys.argv[1]), capture=True)
    print("one", 2, sep="-")
    print("half", end="")
    logging.getLogger("x").info("between")
    print(" whole")
    print("to err", file=sys.stderr)
    sys.stdout.buffer.write(b"bytes \\xff\\n")
    sys.stdout.writelines(["a\\n", "b\\n"])
    def other():
        print("from a thread")
    print("held", end="")
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    system.close()
    print("back")
"""


def test_printed_text_is_captured(tmp_path: Path) -> None:
    """In a daemon each printed line is an event; afterwards printing is as it was."""
    done = run(PRINTS, tmp_path / "log")
    assert (done.returncode, done.stdout, done.stderr) == (0, "back\n", "")
    assert texts(tmp_path / "log") == [
        "[stdout#info] one-2",
        "[x#info] between",
        "[stdout#info] half whole",
        "[stderr#error] to err",
        "[stdout#info] bytes \\xff",
        "[stdout#info] a",
        "[stdout#info] b",
        "[stdout#info] from a thread",
        "[stdout#info] held",
    ]


TERM = """
    import logging, os, signal, sys, threading
    from plait.log import LogPlan, configure
    system = configure(LogPlan(log_file=sys.argv[1]))
    accepted = 0
    def stop(signum, frame):
        system.close()
        print(accepted, flush=True)
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)
    signal.signal(signal.SIGTERM, stop)
    log = logging.getLogger("burst")
    print("ready", flush=True)
    while True:
        log.info("%d", accepted)
        accepted += 1
"""


def test_term_in_mid_burst(tmp_path: Path) -> None:
    """A process that dies by SIGTERM in the midst of a burst has written what it accepted."""
    import subprocess
    import textwrap

    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(TERM), str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        until(lambda: len(lines(tmp_path / "log")) > 1000)
        process.send_signal(signal.SIGTERM)
        accepted = int(process.stdout.readline())
    assert process.returncode == -signal.SIGTERM
    numbers = [int(line.rsplit(" ", 1)[1]) for line in lines(tmp_path / "log")]
    assert accepted > 1000
    # The signal may come between the acceptance and the count.
    assert numbers in (list(range(accepted)), list(range(accepted + 1)))


def test_closed_pipe() -> None:
    """A standard error that nobody reads any more does not end the program, or hold it up."""
    script = """
        import logging, sys, time
        from plait.log import LogPlan, configure
        system = configure(LogPlan())
        sys.stdin.readline()
        for number in range(1000):
            logging.getLogger("x").info("%d", number)
        system.flush()
        system.close()
        print("alive", system.dropped)
    """
    import subprocess
    import textwrap

    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        process.stderr.close()
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout is not None
        assert process.stdout.readline() == "alive {}\n"
        assert process.wait(20) == 0


def make_memory() -> logging.Handler:
    """Return a handler of the user's own."""
    return Memory()


def make_nonsense() -> object:
    """Return what is no handler."""
    return 3


class Memory(logging.Handler):
    """Keeps lines, and where they come from."""

    found: ClassVar[list[str]] = []
    places: ClassVar[list[tuple[str, int]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record))
        self.places.append((record.pathname, record.lineno))


def test_logger_of_ones_own() -> None:
    """`logger` names a factory whose handler gets all records, as text lines."""
    Memory.found.clear()
    system = configure(LogPlan(logger="tests.log.test_system.make_memory"))
    logging.getLogger("x").info("hear")
    system.flush()
    system.close()
    assert [line.partition(" ")[2] for line in Memory.found] == ["[x#info] hear"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nodots", "package.factory"),
        ("tests.log.nowhere.make", "can be imported"),
        ("tests.log.test_system.missing", "can be imported"),
        ("tests.log.test_system.make_nonsense", "an object of type int"),
        ("json.dumps", "called without arguments .TypeError: dumps.. missing"),
    ],
)
def test_logger_that_is_none(name: str, words: str) -> None:
    """A factory that is not there, or makes something else, is refused."""
    with pytest.raises(BadLogOption, match=words):
        configure(LogPlan(logger=name))


CONFIG = """
version = 1
[formatters.line]
"()" = "plait.log.TextFormatter"
[filters.context]
"()" = "plait.log.ContextFilter"
[handlers.file]
class = "logging.FileHandler"
filename = "{path}"
formatter = "line"
filters = ["context"]
[root]
level = "DEBUG"
handlers = ["file"]
"""


def test_configuration_of_ones_own(tmp_path: Path) -> None:
    """`log_config` replaces the rest; the history, the hooks and re-opening work all the same."""
    path = tmp_path / "log"
    (tmp_path / "config.toml").write_text(CONFIG.format(path=path))
    root = logging.getLogger()
    keep_history()
    logging.getLogger("early").info("one")
    system = configure(LogPlan(log_config=str(tmp_path / "config.toml"), log_level=("error",)))
    logging.getLogger("x").debug("two")
    path.rename(tmp_path / "moved")
    system.reopen()
    logging.getLogger("x").debug("three")
    system.close()
    for handler in root.handlers:
        handler.close()
    assert texts(tmp_path / "moved") == ["[early#info] one", "[x#debug] two"]
    assert texts(path) == ["[x#debug] three"]


def test_configuration_as_json(tmp_path: Path) -> None:
    """A configuration may be JSON, and may use plait's handler."""
    path = tmp_path / "log"
    settings = {
        "handlers": {
            "file": {"()": "plait.log.make_handler", "log_file": str(path), "log_format": "json"}
        },
        "loggers": {"cfg": {"level": "INFO", "handlers": ["file"]}},
    }
    (tmp_path / "config.json").write_text(json.dumps(settings))
    system = configure(LogPlan(log_config=str(tmp_path / "config.json")))
    logging.getLogger("cfg").info("one")
    system.close()
    logger = logging.getLogger("cfg")
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    assert json.loads(path.read_text())["message"] == "one"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("c.toml", "[", "well-formed content"),
        ("c.json", "[]", "a table at the top"),
        ("c.ini", "", "ends in .toml or .json"),
        ("c.toml", '[handlers.x]\nclass = "no.such"', "dictConfig takes"),
    ],
)
def test_configuration_that_is_none(tmp_path: Path, name: str, content: str, words: str) -> None:
    """A configuration that cannot be read or makes no sense is refused with the reason."""
    (tmp_path / name).write_text(content)
    with pytest.raises(BadLogOption, match=words):
        configure(LogPlan(log_config=str(tmp_path / name)))


def test_configuration_that_is_missing(tmp_path: Path) -> None:
    """A configuration that is not there is refused."""
    with pytest.raises(BadLogOption, match="No such file"):
        configure(LogPlan(log_config=str(tmp_path / "c.toml")))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"log_format": "xml"}, "--log-format was given 'xml'"),
        ({"log_file": "-", "log_rotate": "daily"}, "a file to rotate"),
        ({"log_file": "x", "log_keep": -1}, "0 or more"),
        ({"syslog": True, "facility": "mars"}, "one of kern, user"),
        ({"log_colour": True}, "log_file"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], words: str) -> None:
    """An option that cannot be is refused, with what may be."""
    with pytest.raises(BadLogOption, match=words):
        make(**options)


def test_plan_from_other_options() -> None:
    """A plan can be made from any object that has fields of the same names."""

    class Options:
        log_file = "x"
        log_keep = 3
        other = 1

    assert LogPlan.of(Options()) == LogPlan(log_file="x", log_keep=3)


def test_filters_for_other_handlers() -> None:
    """Context and redaction are there for handlers of others too."""
    handler = Memory()
    handler.setFormatter(logging.Formatter("%(service_path)s|%(message)s|%(token)s"))
    handler.addFilter(ContextFilter())
    handler.addFilter(RedactFilter(["pin"]))
    Memory.found.clear()
    with attached(handler) as log:
        log.info("%(pin)s", {"pin": "1"}, extra={"token": "abc"})
        log.info("%s", 1, extra={"token": "abc", "service_path": [{"pin": "1"}, ("pin", "2")]})
    assert Memory.found == ["|***|***", "[{'pin': '***'}, ('pin', '***')]|1|***"]


def test_filter_that_refuses(tmp_path: Path) -> None:
    """A filter on plait's handler is asked."""
    handler = make(log_file=str(tmp_path / "log"))
    handler.addFilter(lambda record: "yes" in record.getMessage())
    with attached(handler) as log:
        log.info("yes")
        log.info("no")
    assert [line[-3:] for line in lines(tmp_path / "log")] == ["yes"]


def test_a_formatter_that_fails(tmp_path: Path) -> None:
    """A record that its formatter cannot render is written as text with the reason."""

    class Broken(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            if record.name == "alone" and record.args == ("x",):
                raise ZeroDivisionError("no")
            return record.getMessage()

    handler = make(log_file=str(tmp_path / "log"))
    handler.setFormatter(Broken())
    with attached(handler) as log:
        log.info("say %s", "x")
    assert lines(tmp_path / "log") == ["say x (not rendered: ZeroDivisionError: no)"]


def test_structlog(tmp_path: Path) -> None:
    """structlog's events land in the same stream, their keys as fields, secrets hidden."""
    import structlog

    handler = make(log_file=str(tmp_path / "log"))
    plain = make(log_file=str(tmp_path / "json"), log_format="json")
    with attached(handler, "sl") as log:
        log.addHandler(plain)
        wrapped = structlog.wrap_logger(
            log,
            processors=[structlog.contextvars.merge_contextvars, *structlog_processors()],
            wrapper_class=structlog.stdlib.BoundLogger,
        )
        with structlog.contextvars.bound_contextvars(request="r1"):
            wrapped.bind(name="ann").warning("100% sold", token="abc")
        wrapped.info("%d left", 3)
        try:
            raise ValueError("no")
        except ValueError:
            wrapped.exception("failed")
        log.removeHandler(plain)
        plain.close()
    found = texts(tmp_path / "log")
    assert found[0] == "[sl#warning] 100% sold name=ann token=*** request=r1"
    assert found[1] == "[sl#info] 3 left"
    assert "[sl#error] failed" in found
    first = json.loads(lines(tmp_path / "json")[0])
    assert (first["name"], first["token"], first["request"]) == ("ann", "***", "r1")


def test_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    """`-` is standard output."""
    with attached(make(log_file="-")) as log:
        log.info("x")
    assert capfd.readouterr().out.endswith("[alone#info] x\n")


def test_console_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal lines are in colour, in order with prints; NO_COLOR is heeded."""
    script = """
        import logging, os
        from plait.log import configure
        system = configure()
        for number in range(50):
            logging.getLogger("x").info("log %d", number)
            os.write(2, b"print %d\\n" % number)
        system.close()
    """
    for value, start in (("", "\x1b[32minfo"), ("1", "info ")):
        monkeypatch.setenv("NO_COLOR", value)
        monkeypatch.setenv("TERM", "xterm")
        shown = on_terminal(script)
        said = [" ".join(line.split()[-2:]) for line in shown]
        assert said == [f"{word} {number}" for number in range(50) for word in ("log", "print")]
        assert shown[0].split(" ", 1)[1].startswith(start)


def on_terminal(script: str) -> list[str]:
    """Run a script with a terminal as its standard error, and return the lines it shows."""
    import pty
    import subprocess
    import textwrap

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                block = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not block:
                break
            shown += block
    os.close(ours)
    assert process.returncode == 0
    return shown.decode().replace("\r\n", "\n").splitlines()


def test_close_twice(tmp_path: Path) -> None:
    """A second close does nothing, and logging after it does no harm."""
    system = configure(LogPlan(log_file=str(tmp_path / "log")))
    handler = system.handler
    assert handler is not None
    system.close()
    system.close()
    handler.handle(record("late"))
    assert isinstance(system, LogSystem)


def test_threads_do_not_mix_lines(tmp_path: Path) -> None:
    """Lines of several threads stay whole."""
    handler = make(log_file=str(tmp_path / "log"), log_sync=True)
    with attached(handler) as log:

        def speak() -> None:
            for _ in range(200):
                log.info("y" * 500)

        threads = [threading.Thread(target=speak) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = lines(tmp_path / "log")
    assert len(found) == 800
    assert all(line.endswith("] " + "y" * 500) for line in found)
