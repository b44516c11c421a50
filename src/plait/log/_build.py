"""From a plan to the handler that carries it out."""

from __future__ import annotations

import errno
import importlib
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from plait.errors import BadLogOption, LogUnavailable

from ._complain import reason
from ._handler import WriterHandler
from ._plan import LogPlan, parse_keep, parse_rotation
from ._writer import Sink

# What is wrong at the start is told at the start; what may pass, such as a FIFO that nobody reads
# yet, is not.
_FATAL = {
    errno.ENOENT: "make the directory, or name another with --log-file",
    errno.ENOTDIR: "name a file in a directory with --log-file",
    errno.EISDIR: "name a file with --log-file, not a directory",
    errno.EACCES: "give the user the right to write there, or name another file with --log-file",
    errno.EPERM: "give the user the right to write there, or name another file with --log-file",
    errno.EROFS: "name a file on a file system that can be written with --log-file",
    errno.ENAMETOOLONG: "name a shorter path with --log-file",
    errno.ELOOP: "name a path without a circle of links with --log-file",
}
_SYSLOG = "/var/run/syslog" if sys.platform == "darwin" else "/dev/log"
_JOURNAL = "/run/systemd/journal/socket"
_FORMATS = ("auto", "text", "json", "console")


# Makes a handler of what somebody else's factory made, or returns None when it knows it not.
Foreign = Callable[[Any], logging.Handler | None]


def make_handler(
    plan: LogPlan | None = None,
    *,
    ident: str = "plait",
    foreign: Foreign | None = None,
    **options: Any,
) -> logging.Handler:
    """
    Make the handler that a plan describes, without attaching it to anything.

    Args:
        plan:
            The plan; the defaults when None.
        ident:
            The name that syslog and the journal show, when the plan has none.
        foreign:
            Makes a handler of what the factory named by `--logger` made, when that is none.
        options:
            Fields of the plan to be replaced, such as `log_file="shop.log"`.

    Returns:
        The handler.

    Raises:
        BadLogOption: an option cannot be understood.
        LogUnavailable: the file or socket cannot be opened.
    """
    unknown = sorted(set(options) - set(LogPlan._fields))
    if unknown:
        raise BadLogOption("make_handler()", unknown[0], ", ".join(LogPlan._fields))
    plan = (plan or LogPlan())._replace(**options)
    if plan.log_format not in _FORMATS:
        raise BadLogOption("--log-format", plan.log_format, "auto, text, json or console")
    if plan.logger:
        return _foreign(plan.logger, foreign)
    ident = plan.prefix or ident
    if plan.syslog:
        return _syslog(plan, ident)
    if plan.journald or _inherited_journal(plan):
        return _journal(plan, ident)
    sink = _file(plan) if plan.log_file not in ("", "-") else _stream(plan)
    return WriterHandler(sink, _formatter(plan), sync=plan.log_sync)


def _formatter(plan: LogPlan) -> logging.Formatter:
    """Return what renders lines; a descriptor that is a terminal gets the console's."""
    descriptor = {"": 2, "-": 1}.get(plan.log_file)
    if plan.log_format == "json":
        from ._json import JSONFormatter

        return JSONFormatter(redact=plan.log_redact)
    terminal = False
    if descriptor is not None:
        try:
            terminal = os.isatty(descriptor)
        except OSError:
            terminal = False
    if plan.log_format == "console" or (plan.log_format == "auto" and terminal):
        from ._console import ConsoleFormatter, wants_colour

        colour = descriptor is not None and wants_colour(descriptor)
        return ConsoleFormatter(colour=colour, millis=plan.log_millis, redact=plan.log_redact)
    from ._text import TextFormatter

    return TextFormatter(millis=plan.log_millis, redact=plan.log_redact)


def _stream(plan: LogPlan) -> Sink:
    from ._stream import StreamSink

    if plan.log_rotate:
        raise BadLogOption("--log-rotate", plan.log_rotate, "a file to rotate, from --log-file")
    return StreamSink(1 if plan.log_file == "-" else 2)


def _file(plan: LogPlan) -> Sink:
    from ._file import FileSink
    from ._rotation import Rotation

    size, daily = parse_rotation(plan.log_rotate)
    keep = parse_keep(plan.log_keep)
    place = os.path.abspath(plan.log_file)
    advice = "name another file with --log-file"
    try:
        sink = FileSink(place, Rotation(size, daily, keep))
    except OSError as error:
        advice = _FATAL.get(error.errno or 0, advice)
        raise LogUnavailable(place, reason(error), advice) from None
    try:
        sink.open()
    except OSError as error:
        if error.errno in _FATAL:
            sink.close()
            raise LogUnavailable(place, reason(error), _FATAL[error.errno]) from None
    return sink


def _syslog(plan: LogPlan, ident: str) -> logging.Handler:
    from ._datagram import DatagramSink, parse_facility
    from ._syslog import SyslogFormatter

    number = parse_facility(plan.facility)
    sink = DatagramSink(_SYSLOG)
    _connect(sink, "start a syslog daemon, or use --log-file")
    formatter = SyslogFormatter(facility=number, ident=ident, redact=plan.log_redact)
    return WriterHandler(sink, formatter, sync=plan.log_sync)


def _journal(plan: LogPlan, ident: str) -> logging.Handler:
    from ._datagram import JournalSink
    from ._syslog import JournalFormatter

    sink = JournalSink(_JOURNAL)
    _connect(sink, "run under systemd, or use --log-file")
    formatter = JournalFormatter(ident=ident, redact=plan.log_redact)
    return WriterHandler(sink, formatter, sync=plan.log_sync)


def _connect(sink: object, advice: str) -> None:
    """Connect a socket at the start, to tell at the start that nobody listens."""
    from ._datagram import DatagramSink

    assert isinstance(sink, DatagramSink)
    try:
        sink.open()
    except OSError as error:
        raise LogUnavailable(sink.name, reason(error), advice) from None


def _inherited_journal(plan: LogPlan) -> bool:
    """
    Return whether standard error is the journal's, and nothing else was asked for.

    systemd says so in `JOURNAL_STREAM`; sent there natively, events keep their level and fields.
    """
    stream = os.environ.get("JOURNAL_STREAM", "")
    if not stream or plan.log_file or plan.log_format != "auto":
        return False
    try:
        found = os.fstat(2)
    except OSError:
        return False
    return stream == f"{found.st_dev}:{found.st_ino}" and os.path.exists(_JOURNAL)


def _foreign(name: str, foreign: Foreign | None) -> logging.Handler:
    """Make the handler of somebody else's factory."""
    module, dot, factory = name.replace(":", ".").rpartition(".")
    if not dot:
        raise BadLogOption("--logger", name, "package.factory, such as mine.make_handler")
    try:
        make = getattr(importlib.import_module(module), factory)
    except (ImportError, AttributeError) as error:
        expected = f"a factory that can be imported ({error})"
        raise BadLogOption("--logger", name, expected) from error
    try:
        handler = make()
    except Exception as error:
        expected = (
            f"a factory that can be called without arguments ({type(error).__name__}: {error})"
        )
        raise BadLogOption("--logger", name, expected) from error
    if not isinstance(handler, logging.Handler):
        known = None if foreign is None else foreign(handler)
        if known is not None:
            return known
        expected = (
            "a factory of a logging.Handler or of a Twisted log observer, and it made an object "
            f"of type {type(handler).__name__}"
        )
        raise BadLogOption("--logger", name, expected)
    if handler.formatter is None:
        from ._text import TextFormatter

        handler.setFormatter(TextFormatter())
    return handler
