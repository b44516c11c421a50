"""Loggers, observers and log files behave as Twisted's do."""

from __future__ import annotations

import gc
import io
import logging
import os
import re
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zope.interface import provider

from .both import OURS, THEIRS, Body, Words, agree, plain, told


class Thing:
    word = "attribute"

    def __init__(self) -> None:
        self.table = {"k": "v"}

    def call(self) -> str:
        return "called"

    def __repr__(self) -> str:
        return "<Thing>"


FORMATS = [
    "plain",
    "{a}",
    "{a!r}",
    "{a!s}",
    "{a:>5}",
    "{x.word}",
    "{x.call()}",
    "{x.call()!r:>10}",
    "{d[k]}",
    "{l[0]}",
    "{missing}",
    "{a",
    "a}",
    "{{}}",
    "{x.call}",
    "{a()}",
    "{a:{w}}",
    "{x.table[k]}",
    "{d[k]()}",
    "{x.word.no}",
    "{f()}",
    b"bytes {a}",
    b"\xff",
    None,
    3,
    "",
    "{a!a}",
    "{a} {a} {a!r}",
    "{x.call()} {a}",
]


def fields() -> dict[str, Any]:
    return {"a": 5, "x": Thing(), "d": {"k": "v"}, "l": [7], "w": 4, "f": lambda: "function"}


def formatted(w: Words, format: Any) -> Any:
    text = w.logger.formatEvent({"log_format": format, **fields()})
    # What Python says of a format it cannot read differs with who reads it.
    return re.sub(r"\}: .*", "}: why", text) if text.startswith("Unable") else text


@pytest.mark.parametrize("format", FORMATS, ids=repr)
def test_formats(format: Any) -> None:
    """A format gives the text that it gives in Twisted."""
    agree(lambda w: formatted(w, format))


# Two that Twisted itself cannot read again, or refuses with another exception.
FLAT = [one for one in FORMATS if isinstance(one, str) and one not in ("{a!a}", "{d[k]()}")]


@pytest.mark.parametrize("format", FLAT, ids=repr)
def test_formats_of_flattened_events(format: str) -> None:
    """An event that went through JSON gives the text that it gives in Twisted."""

    def body(w: Words) -> Any:
        event = {"log_format": format, **fields()}
        del event["f"]
        text = w.outcome(w.logger.eventAsJSON, event)
        if not isinstance(text, str):
            return text[:2]
        return w.logger.formatEvent(w.logger.eventFromJSON(text))

    agree(body)


PIECES = st.lists(
    st.one_of(
        st.text(alphabet="ab {}", max_size=4),
        st.builds(
            "{{{}{}{}}}".format,
            st.sampled_from(["a", "x.word", "x.call()", "d[k]", "l[0]", "none"]),
            st.sampled_from(["", "!r", "!s"]),
            st.sampled_from(["", ":>8", ":<3", ":{w}"]),
        ),
    ),
    max_size=5,
).map("".join)


@settings(max_examples=150, deadline=None)
@given(PIECES)
def test_random_formats(format: str) -> None:
    """Any format gives the same text, or is found unformattable, by both."""
    ours, theirs = formatted(OURS, format), formatted(THEIRS, format)
    assert told(ours) == told(theirs)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,4}", fullmatch=True), VALUES, max_size=4))
def test_random_events_as_json(event: dict[str, Any]) -> None:
    """Any event gives the same JSON, and comes back the same."""
    ours, theirs = (w.logger.eventAsJSON(dict(event)) for w in (OURS, THEIRS))
    assert ours == theirs
    assert OURS.logger.eventFromJSON(ours) == THEIRS.logger.eventFromJSON(ours)


def an_event(w: Words, **kw: Any) -> dict[str, Any]:
    level = w.logger.LogLevel.info
    event = {"log_format": "hi\nthere {a}", "a": 1, "log_time": 0.0, "log_level": level}
    return {**event, "log_namespace": "ns", **kw}


def as_text(w: Words) -> Any:
    f = w.failure.Failure(ValueError("v"))
    events = [
        an_event(w),
        an_event(w, log_failure=f),
        an_event(w, log_system="sys"),
        an_event(w, log_system=3),
        an_event(w, log_format=None),
        an_event(w, log_format=None, log_failure=f),
        an_event(w, log_failure=3),
        {"log_format": "only"},
        {},
    ]
    out = []
    for event in events:
        out.append(w.logger.formatEventAsClassicLogText(dict(event)))
        for skip in ("includeTraceback", "includeTimestamp", "includeSystem"):
            out.append(w.logger.eventAsText(dict(event), **{skip: False}))
    return out


def times(w: Words) -> Any:
    t = w.logger.formatTime
    wheres = [0, 0.75, 1e9, 1795409270.43, None]
    shapes: list[dict[str, Any]] = [
        {},
        {"timeFormat": "%Y %f"},
        {"timeFormat": None},
        {"default": "x"},
    ]
    return [w.logger.timeFormatRFC3339, [t(when, **kw) for when in wheres for kw in shapes]]


def without_time(event: dict[str, Any]) -> Any:
    return plain({key: value for key, value in event.items() if key != "log_time"})


def emitted(w: Words, act: Any) -> Any:
    events: list[Any] = []
    result = act(w.logger.Logger("ns", observer=events.append))
    return [[without_time(one) for one in events], result]


def failing(w: Words) -> Any:
    def act(log: Any) -> Any:
        try:
            raise KeyError("k")
        except KeyError:
            log.failure("oops {z}", z=1)
        log.failure("given", w.failure.Failure(ValueError("v")), level=w.logger.LogLevel.error)
        return None

    return emitted(w, act)


def handling(w: Words) -> Any:
    def act(log: Any) -> Any:
        out = []
        for error in (None, ValueError("v"), SystemExit(3)):
            with log.failuresHandled("while {q}", q=1) as op:
                if error is not None:
                    raise error
            out.append([op.succeeded, op.failed, plain(op.failure)])
        again = log.failureHandler("static", level=w.logger.LogLevel.warn)
        for _ in range(2):
            with again:
                raise KeyError("k")
        return out

    return emitted(w, act)


def descriptor(w: Words) -> Any:
    class Base:
        log = w.logger.Logger(observer=lambda event: None)

    class Sub(Base):
        pass

    one = Sub()
    names = [
        Base.log.namespace,
        Sub.log.namespace,
        one.log.namespace,
        w.logger._loggerFor(one).namespace,
    ]
    return [names, one.log.source is one, Sub.log.source is Sub, w.logger.Logger().namespace]


def nameless(w: Words) -> Any:
    space: dict[str, Any] = {"Logger": w.logger.Logger}
    exec("log = Logger()\nclass C:\n    log = Logger()\nname = C().log.namespace", space)
    return [space["log"].namespace, space["name"]]


def levels(w: Words) -> Any:
    L = w.logger.LogLevel
    names = [one.name for one in L.iterconstants()]
    return [
        names,
        [repr(L.info), L.levelWithName("warn").name, L.lookupByName("error").name],
        [L.debug < L.info < L.warn < L.error < L.critical, L.info <= L.info, L.info >= L.warn],
        [w.outcome(L.levelWithName, "none"), w.outcome(L.lookupByName, "none")],
        w.outcome(lambda: L.info < 3)[:2],
    ]


def publishing(w: Words) -> Any:
    out: list[Any] = []

    def bad(event: Any) -> None:
        raise RuntimeError("observer")

    publisher = w.logger.LogPublisher(bad)
    publisher.addObserver(out.append)
    publisher.addObserver(out.append)
    publisher({"one": 1})
    publisher.removeObserver(bad)
    publisher.removeObserver(bad)
    publisher({"two": 2})
    shown = [[one.get("log_format"), plain(one.get("log_failure"))] for one in out]
    return [shown, w.outcome(publisher.addObserver, 3)]


def traced(w: Words) -> Any:
    publisher = w.logger.LogPublisher(lambda event: None)
    event: dict[str, Any] = {"log_trace": []}
    publisher(event)
    log = w.logger.Logger("x", observer=publisher)
    log.info("m", log_trace=event["log_trace"])
    return [[len(pair) for pair in event["log_trace"]], event["log_trace"][0][0] is publisher]


def filtering(w: Words) -> Any:
    L, R = w.logger.LogLevel, w.logger.PredicateResult
    yes: list[Any] = []
    no: list[Any] = []
    rules = [lambda e: R.maybe, lambda e: R.no if e.get("q") else R.yes, lambda e: R.no]
    observer = w.logger.FilteringLogObserver(yes.append, rules, negativeObserver=no.append)
    for q in (0, 1):
        observer({"q": q})
    wrong = w.logger.FilteringLogObserver(yes.append, [lambda e: 3])
    by_level = w.logger.LogLevelFilterPredicate()
    by_level.setLogLevelForNamespace("a", L.error)
    names = ["a", "a.b", "ab", None, ""]
    found = [by_level.logLevelForNamespace(name).name for name in names]
    events = [
        {"log_level": L.warn, "log_namespace": "a.c"},
        {"log_level": L.info, "log_namespace": "b"},
        {"log_level": L.info},
        {},
    ]
    said = [by_level(one).name for one in events]
    bad = w.outcome(by_level.setLogLevelForNamespace, "x", "y")
    by_level.clearLogLevels()
    return [
        yes,
        no,
        w.outcome(wrong, {}),
        found,
        said,
        bad,
        by_level.logLevelForNamespace("a").name,
    ]


def history(w: Words) -> Any:
    out: list[Any] = []
    kept = w.logger.LimitedHistoryLogObserver(2)
    for n in range(4):
        kept({"n": n})
    kept.replayTo(out.append)
    return out


def captured(w: Words) -> Any:
    with w.logger.capturedLogs() as events:
        w.logger.Logger("cap").warn("one {n}", n=1)
    w.logger.Logger("cap").warn("two")
    return [w.logger.formatEvent(one) for one in events]


def files(w: Words) -> Any:
    out: list[Any] = []
    for make in (io.StringIO, io.BytesIO):
        for observer in (w.logger.textFileLogObserver, w.logger.jsonFileLogObserver):
            file = make()
            see = observer(file)
            for event in ({"log_format": "é", "log_time": 0.0}, {"log_format": ""}, {"b": 1}):
                see(dict(event))
            out.append(file.getvalue())
    file = io.StringIO()
    w.logger.textFileLogObserver(file, timeFormat="%Y")({"log_format": "x", "log_time": 0.0})
    w.logger.textFileLogObserver(file, timeFormat=None)({"log_format": "x", "log_time": 0.0})
    w.logger.jsonFileLogObserver(file, recordSeparator="")({"a": 1})
    w.logger.FileLogObserver(file, lambda event: None)({})
    return [out, file.getvalue()]


def json_back(w: Words) -> Any:
    event = an_event(w, log_failure=w.failure.Failure(ValueError("v")), x=Thing(), t=(1, 2))
    back = w.logger.eventFromJSON(w.logger.eventAsJSON(event))
    failure = back["log_failure"]
    return [
        sorted(back),
        back["log_level"] is w.logger.LogLevel.info,
        failure.getTraceback(),
        back["x"],
    ]


RECORDS = [
    '\x1e{"a": 1}\n\x1e{"a": 2}\n',
    '{"a": 1}\n{"a": 2}\n',
    '\x1e{"a": 1}\n\x1eBAD\n\x1e{"a": 3}\n',
    "",
    '{"a": 1}',
    '\x1e{"a": 1}',
    '{"a": 1}\nBAD\n{"b": 2}\n',
    '\x1e{"a": "caf\u00e9"}\n',
    '\x1e{"a": 1}\n\x1e{"a',
]


@pytest.mark.parametrize("text", RECORDS, ids=repr)
@pytest.mark.parametrize("size", [1, 3, 4096])
def test_json_files_are_read_alike(text: str, size: int) -> None:
    """A file of events is read alike: whole or cut, text or bytes, in pieces of any size."""

    def body(w: Words) -> Any:
        kinds: list[Any] = [io.StringIO(text), io.BytesIO(text.encode())]
        return [list(w.logger.eventsFromJSONLogFile(one, bufferSize=size)) for one in kinds]

    agree(body)


def extracted(w: Words) -> Any:
    names = ["a", "a!r", "x.word", "x.call()", "a:>5", "none"]
    event = {"log_format": "{a!r} {a:>5} {a} {x.word} {x.call()}", **fields()}
    return [w.outcome(w.logger.extractField, name, dict(event)) for name in names]


class FakeSys:
    def __init__(self) -> None:
        self.stdout: Any = io.StringIO()
        self.stderr: Any = io.StringIO()


class FakeWarnings:
    def __init__(self) -> None:
        self.plain: list[Any] = []
        self.showwarning: Any = lambda *a: self.plain.append(a[2:4])


def beginning(w: Words) -> Any:
    stdio, warner, publisher, early = (
        FakeSys(),
        FakeWarnings(),
        w.logger.LogPublisher(),
        io.StringIO(),
    )
    begin = w.logger.LogBeginner(publisher, early, stdio, warner)
    log = w.logger.Logger("ns", observer=publisher)
    log.info("early")
    log.critical("loud {a}", a=1)
    log.failure("bad", w.failure.Failure(ValueError("v")))
    out: list[Any] = []

    def see(event: Any) -> None:
        # Where the second call came from is a line of this file.
        text = re.sub(r"<[^>]*>", "<where>", w.logger.formatEvent(event))
        out.append([text, event["log_namespace"].split(".")[0], event["log_level"].name])

    begin.beginLoggingTo([see])
    stdio.stdout.write("out\npart")
    stdio.stderr.write("err\n")
    stdio.stdout.write("ial\n")
    warner.showwarning("word", UserWarning, "f.py", 3)
    warner.showwarning("word", UserWarning, "f.py", 3, file=io.StringIO())
    later: list[Any] = []
    begin.beginLoggingTo([later.append])
    log.critical("after")
    return [early.getvalue(), out, len(later), len(warner.plain)]


def beginning_quietly(w: Words) -> Any:
    stdio, publisher, out = FakeSys(), w.logger.LogPublisher(), list[Any]()
    begin = w.logger.LogBeginner(publisher, io.StringIO(), stdio, FakeWarnings())
    w.logger.Logger("x", observer=publisher).info("gone")
    begin.beginLoggingTo([out.append], discardBuffer=True, redirectStandardIO=False)
    return [out, type(stdio.stdout).__name__]


def file_for_lines(w: Words) -> Any:
    events: list[Any] = []
    log = w.logger.Logger("io", observer=events.append)
    file = w.logger.LoggingFile(log, w.logger.LogLevel.warn, "utf-8")
    file.write("ab")
    file.write("c\nd")
    file.write(b"e\xc3\xa9\n")
    file.writelines(["x\n", "y\nz"])
    file.flush()
    facts = [file.closed, file.encoding, file.mode, file.newlines, file.name, file.isatty()]
    refusals = [
        w.outcome(getattr(file, name))
        for name in ("read", "readline", "readlines", "seek", "tell", "truncate", "fileno")
    ]
    file.close()
    return [[e["log_io"] for e in events], facts, refusals, file.closed, w.outcome(file.write, "x")]


class Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.out: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info and record.exc_info[0] and record.exc_info[0].__name__
        self.out.append([record.name, record.levelname, record.getMessage(), kind])


def to_stdlib(w: Words) -> Any:
    handler = Records()
    target = logging.getLogger(f"both.{w.root}")
    target.propagate = False
    target.setLevel(1)
    target.handlers[:] = [handler]
    observer = w.logger.STDLibLogObserver(target.name)
    for level in w.logger.LogLevel.iterconstants():
        observer({"log_format": "at {n}", "n": level.name, "log_level": level})
    failure = w.failure.Failure(ValueError("v"))
    observer({"log_format": "f", "log_failure": failure, "log_level": w.logger.LogLevel.error})
    return [one[1:] for one in handler.out]


LEGACY = ["message", "isError", "system", "format", "why", "log_system"]


def legacy_view(w: Words) -> Any:
    out: list[Any] = []
    see = w.logger.LegacyLogObserverWrapper(out.append)
    see(an_event(w))
    see(an_event(w, log_level=w.logger.LogLevel.error, log_system="s"))
    see(an_event(w, log_failure=w.failure.Failure(ValueError("v"))))
    see(an_event(w, log_format=None))
    texts = [w.log.textFromEventDict(one) for one in out]
    return [[{k: plain(one.get(k)) for k in LEGACY} for one in out], texts]


CASES: dict[str, Body] = {
    "events as text": as_text,
    "times": times,
    "each level has a method": lambda w: emitted(
        w,
        lambda log: [
            getattr(log, name)("at {name}", name=name)
            for name in ("debug", "info", "warn", "error", "critical")
        ],
    ),
    "an event without a format": lambda w: emitted(w, lambda log: log.info(foo=3)),
    "a level that is none": lambda w: emitted(w, lambda log: log.emit("none", "text")),
    "failures": failing,
    "failures handled": handling,
    "a logger as a class attribute": descriptor,
    "a logger in a file without a name": nameless,
    "levels": levels,
    "publishers": publishing,
    "traces": traced,
    "filters": filtering,
    "history": history,
    "captured logs": captured,
    "files of text and JSON": files,
    "JSON and back": json_back,
    "fields": extracted,
    "the beginning": beginning,
    "a quiet beginning": beginning_quietly,
    "a file whose lines are events": file_for_lines,
    "events in the standard library's log": to_stdlib,
    "events in the old form": legacy_view,
}


@pytest.mark.parametrize("case", CASES)
def test_as_in_twisted(case: str) -> None:
    """What is logged is seen as it is seen in Twisted."""
    agree(CASES[case])


def old_events(w: Words, act: Any) -> Any:
    old: list[Any] = []
    new: list[Any] = []
    w.log.addObserver(old.append)
    w.logger.globalLogPublisher.addObserver(new.append)
    try:
        act(w.log)
    finally:
        w.log.removeObserver(old.append)
        w.logger.globalLogPublisher.removeObserver(new.append)
    return [
        [{key: plain(one.get(key)) for key in LEGACY} for one in old],
        [w.log.textFromEventDict(one) for one in old],
        [w.logger.eventAsText(one, includeTimestamp=False) for one in new],
        [[one["log_level"].name, one["log_namespace"]] for one in new],
    ]


class Prefixed:
    def logPrefix(self) -> str:
        return "LP"


class BadPrefix:
    def logPrefix(self) -> str:
        raise KeyError("prefix")


def last_lines(out: Any) -> Any:
    """Leave out the frames of a traceback, which are each one's own."""
    return [[str(one).splitlines()[-1:] for one in part] for part in out[1:3]]


OLD: dict[str, Body] = {
    "msg": lambda w: old_events(w, lambda log: log.msg("hello", "w", 3)),
    "msg with a system": lambda w: old_events(w, lambda log: log.msg("x", system="sys", foo=1)),
    "msg with a format": lambda w: old_events(w, lambda log: log.msg(format="a %(b)s", b=2)),
    "msg that is an error": lambda w: old_events(w, lambda log: log.msg("e", isError=1)),
    "msg with a level": lambda w: old_events(w, lambda log: log.msg("lv", logLevel=40)),
    "msg without anything": lambda w: old_events(w, lambda log: log.msg()),
    "err with a failure": lambda w: old_events(
        w, lambda log: log.err(w.failure.Failure(ValueError("q")), "why")
    ),
    "err with an exception": lambda w: old_events(w, lambda log: log.err(ValueError("z"))),
    "err with text": lambda w: old_events(w, lambda log: log.err("text")),
    "a broken format": lambda w: old_events(w, lambda log: log.msg(format="%(none)s"))[1][0][:40],
    "a context": lambda w: old_events(
        w, lambda log: log.callWithContext({"system": "ctx"}, log.msg, "in")
    ),
    "a prefix": lambda w: old_events(w, lambda log: log.callWithLogger(Prefixed(), log.msg, "hi")),
    "a call that raises": lambda w: last_lines(
        old_events(w, lambda log: log.callWithLogger(Prefixed(), lambda: [][1]))
    ),
    "a prefix that raises": lambda w: last_lines(
        old_events(w, lambda log: log.callWithLogger(BadPrefix(), log.msg, "hi"))
    ),
    "a new event": lambda w: old_events(w, lambda log: w.logger.Logger("new").warn("new {a}", a=1)),
    "a new failure": lambda w: old_events(
        w, lambda log: w.logger.Logger("new").failure("nf", w.failure.Failure(KeyError("k")))
    ),
    "a stick for lines": lambda w: old_events(
        w, lambda log: (lambda s: [s.write("ab\nc"), s.writelines(["d\n"])])(log.StdioOnnaStick(1))
    ),
}


@pytest.mark.parametrize("case", OLD)
def test_old_logging_as_in_twisted(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is logged in the old way is seen, by old and new observers, as it is in Twisted."""
    agree(OLD[case])


def old_files(w: Words) -> Any:
    file = io.StringIO()
    see = w.log.FileLogObserver(file)
    base = {"time": 0, "system": "S", "isError": 0}
    see.emit({"message": ("a\nb",), **base})
    see.emit({"message": (), **base})
    failure = w.failure.Failure(ValueError("q"))
    see.emit({"message": (), **base, "isError": 1, "failure": failure, "why": "W"})
    see.timeFormat = "%Y"
    see.emit({"message": ("a",), **base})
    return [file.getvalue(), see.formatTime(0), see.getTimezoneOffset(0)]


def kinds_of_observers(w: Words) -> Any:
    out: list[Any] = []

    @provider(w.logger.ILogObserver)
    def new(event: Any) -> None:
        out.append(["new", w.logger.formatEvent(event)])

    def old(event: Any) -> None:
        out.append(["old", event["message"]])

    for one in (new, old):
        w.log.addObserver(one)
        w.log.msg("to it")
        w.log.removeObserver(one)
        w.log.removeObserver(one)
    return out


def old_things(w: Words) -> Any:
    null = w.log.NullFile()
    default = w.log.DefaultObserver()
    default.stderr = io.StringIO()
    default.emit({"message": ("e",), "isError": 1})
    default.emit({"message": ("i",), "isError": 0})
    stick = w.log.StdioOnnaStick()
    refusals = [w.outcome(getattr(stick, name)) for name in ("read", "seek", "tell", "fileno")]
    return [
        null.write("x"),
        null.flush(),
        default.stderr.getvalue(),
        refusals,
        w.log.Logger().logPrefix(),
    ]


@pytest.mark.parametrize("body", [old_files, kinds_of_observers, old_things])
def test_old_observers_as_in_twisted(body: Body) -> None:
    """Observers of the old kind write what they write in Twisted."""
    agree(body)


# Log files: a rotation is a sequence of writes, closings and changes from outside.
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 25)),
        st.tuples(st.sampled_from(["rotate", "reopen", "new object", "moved"]), st.just(0)),
    ),
    max_size=14,
)


def rotated(w: Words, root: Path, acts: list[tuple[str, int]], length: Any, most: Any) -> Any:
    folder = root / w.root.replace(".", "-") / str(time.monotonic_ns())
    folder.mkdir(parents=True)
    log = w.logfile.LogFile("log", str(folder), rotateLength=length, maxRotatedFiles=most)
    out = []
    for number, (act, size) in enumerate(acts):
        if act == "write":
            log.write(f"{number}:" + "x" * size + "\n")
        elif act == "moved":
            os.replace(log.path, str(folder / "moved"))
            log.reopen()
        elif act == "new object":
            log.close()
            log = w.logfile.LogFile("log", str(folder), length, None, most)
        else:
            getattr(log, act)()
        out.append([log.size, log.listLogs(), bool(log.shouldRotate())])
    log.close()
    return [out, {path.name: path.read_bytes() for path in sorted(folder.iterdir())}]


@settings(max_examples=50, deadline=None)
@given(ACTS, st.sampled_from([None, 10, 30]), st.sampled_from([None, 1, 3]))
def test_log_files_rotate_alike(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int]], length: Any, most: Any
) -> None:
    """Any sequence of writes and rotations leaves the same files with the same content."""
    root = tmp_path_factory.getbasetemp() / "rotation"
    assert rotated(OURS, root, acts, length, most) == rotated(THEIRS, root, acts, length, most)


def daily(w: Words, root: Path) -> Any:
    folder = root / w.root
    folder.mkdir(parents=True)

    class Days(w.logfile.DailyLogFile):  # type: ignore[name-defined]  # of either one
        day = 4

        def toDate(self, *args: Any) -> Any:
            return time.gmtime(*args)[:3] if args and args[0] < 1e9 else (2026, 1, self.day)

    log = Days("log", str(folder))
    log.write("one\n")
    Days.day = 5
    due = log.shouldRotate()
    log.write("two\n")
    Days.day = 11
    log.write("three\n")
    names = [log.suffix((2026, 1, 5)), log.suffix(0.0)]
    missing = w.outcome(log.getLog, 0.0)
    log.close()
    return [
        due,
        names,
        missing,
        {path.name: path.read_bytes() for path in sorted(folder.iterdir())},
    ]


def readers(w: Words, root: Path) -> Any:
    folder = root / w.root
    folder.mkdir(parents=True)
    log = w.logfile.LogFile.fromFullPath(str(folder / "log"), rotateLength=8)
    for n in range(4):
        log.write(f"line {n}\n")
    now, old = log.getCurrentLog(), log.getLog(1)
    out = [now.readLines(), old.readLines(1), old.readLines(), w.outcome(log.getLog, 9)]
    now.close()
    old.close()
    log.close()
    return [out, log.closed, log.name, log.rotateLength, log.maxRotatedFiles]


def modes(w: Words, root: Path) -> Any:
    folder = root / w.root
    folder.mkdir(parents=True)
    out = []
    log = w.logfile.LogFile("given", str(folder), defaultMode=0o600)
    out.append(oct(os.stat(log.path).st_mode))
    log.close()
    os.chmod(folder / "given", 0o640)
    log = w.logfile.LogFile("given", str(folder))
    log.rotate()
    out += [oct(os.stat(log.path).st_mode), oct(log.defaultMode)]
    log.close()
    return out


@pytest.mark.parametrize("body", [daily, readers, modes])
def test_log_files_as_in_twisted(body: Any, tmp_path: Path) -> None:
    """Log files are named, read and protected as in Twisted."""
    agree(lambda w: body(w, tmp_path))


def test_a_rotated_file_keeps_its_mode_under_another_umask(tmp_path: Path) -> None:
    """
    A daemon's umask does not change the mode of the log.

    In Twisted it does, at the first rotation.
    """
    log = OURS.logfile.LogFile("log", str(tmp_path))
    os.chmod(log.path, 0o644)
    before = os.umask(0o077)
    try:
        log.rotate()
    finally:
        os.umask(before)
    assert os.stat(log.path).st_mode & 0o777 == 0o644
    log.close()


def test_two_log_files_do_not_overwrite_each_other(tmp_path: Path) -> None:
    """Two objects on one path append; in Twisted each writes where it believes the end to be."""
    logs = [OURS.logfile.LogFile("log", str(tmp_path)) for _ in range(2)]
    for n in range(4):
        logs[n % 2].write(f"{n}\n")
    assert (tmp_path / "log").read_text() == "0\n1\n2\n3\n"
    for log in logs:
        log.close()


def test_foreign_names_are_no_rotated_files(tmp_path: Path) -> None:
    """Only `name.N` counts as a rotated file; Twisted takes `name.03` for number 3 and fails."""
    for name in ("log.x", "log.5", "log.-1", "log.03", "log.5.gz"):
        (tmp_path / name).touch()
    log = OURS.logfile.LogFile("log", str(tmp_path))
    assert log.listLogs() == [5]
    log.rotate()
    assert log.listLogs() == [1, 6]
    log.close()


def test_a_filtered_event_is_never_formatted() -> None:
    """The message is made only where somebody reads it."""

    class Loud:
        def __str__(self) -> str:
            raise AssertionError("was formatted")

    publisher = OURS.logger.LogPublisher(lambda event: None)
    OURS.logger.Logger("quiet", observer=publisher).debug("{loud}", loud=Loud())
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert OURS.logger.formatEvent({"log_format": "{n}", "n": 1}) == "1"
