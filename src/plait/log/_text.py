"""Text lines: `2026-11-22T23:35:05+0000 [system#level] message`, one event a line."""

from __future__ import annotations

import logging
import time
from typing import Any

from ._context import stamp
from ._redact import DEFAULT, MASK, Redactor

_LEVELS = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}


def level_name(number: int) -> str:
    """Return a level's name in small letters, as Twisted and structlog write it."""
    return _LEVELS.get(number) or logging.getLevelName(number).lower().replace(" ", "-")


def _escapes() -> dict[int, str]:
    """Return what stands for each character that could forge, hide or colour a line."""
    table = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
    table.update({9: "\t", 10: "\n\t", 13: "\\r"})
    # Line separators, and the marks that turn the direction of writing.
    hidden = (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
    table.update({code: f"\\u{code:04x}" for code in hidden})
    return table


_ESCAPES = _escapes()
_ESCAPES_IN_LINES = _ESCAPES | {10: "\n"}


def clean_lines(text: str) -> str:
    """Return text with its lines as they are, and other control characters escaped."""
    return text if text.isprintable() else _encodable(text.translate(_ESCAPES_IN_LINES))


def one_event(text: str) -> str:
    """
    Return text that stays one event: continuation lines indented, control characters escaped.

    A message that carries a line break could otherwise pretend to be two events, and one that
    carries terminal escapes could rewrite what the operator sees.
    """
    if text.isprintable():
        return text
    return _encodable(text.translate(_ESCAPES))


def _encodable(text: str) -> str:
    """Return text that can be written as UTF-8: a lone surrogate cannot, its escape can."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def one_line(text: str) -> str:
    """Return text that stays on one line, line breaks escaped too."""
    return text if text.isprintable() else one_event(text).replace("\n\t", "\\n")


def safe_text(value: object, how: Any = str) -> str:
    """Return `str()` or `repr()` of anything, whatever its own methods do."""
    try:
        return str(how(value))
    except Exception as error:
        kind = type(value)
        return f"<{kind.__module__}.{kind.__qualname__}: {type(error).__name__} in {how.__name__}>"


def message_of(record: logging.LogRecord, redactor: Redactor = DEFAULT) -> str:
    """Return the rendered message; one that cannot be rendered is shown with its arguments."""
    message = record.msg if type(record.msg) is str else safe_text(record.msg)
    args = record.args
    if not args:
        return message
    if isinstance(args, dict):
        args = redactor.clean(args)
    try:
        return message % args
    except Exception as error:
        why = f"{type(error).__name__}: {safe_text(error)}"
        given = args if isinstance(args, tuple) else (args,)
        shown = ", ".join(safe_text(arg, repr) for arg in given)
        return f"{message} ({shown}) (not rendered: {why})"


def shown_fields(record: logging.LogRecord, redactor: Redactor) -> str:
    """Return ` key=value` for the fields that the sentence does not hold, as structlog has them."""
    shown = ""
    for name, value in record.__dict__["plait_fields"].items():
        clean = MASK if redactor.hides(name) else redactor.clean(value)
        text = clean if type(clean) is str else safe_text(clean, repr)
        if not text or " " in text or '"' in text or "=" in text or not text.isprintable():
            text = one_line(safe_text(text, repr))
        shown += f" {one_line(safe_text(name))}={text}"
    return shown


class LineFormatter(logging.Formatter):
    """
    What the formats for people have in common: time, system, message and traceback.

    Args:
        millis:
            Whether the time carries milliseconds.
        redact:
            Further names of fields that are never written, or `off`.
    """

    time_format = "%Y-%m-%dT%H:%M:%S"

    def __init__(self, *, millis: bool = False, redact: tuple[str, ...] = ()) -> None:
        super().__init__()
        from ._redact import redactor

        self._redactor = redactor(redact)
        self._millis = millis
        self._second: tuple[int, str, str] = (-1, "", "")
        self._heads: dict[tuple[str, int, str], str] = {}

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line, without its line break."""
        fields = record.__dict__
        created = record.created
        second, begin, zone = self._second
        if int(created) != second:
            second, begin, zone = self._tick(int(created))
        if self._millis:
            begin = f"{begin}.{int(created % 1 * 1000):03d}{zone}"
        service, connection = stamp(record)
        if connection or "plait_event" in fields or "plait_system" in fields:
            head = self.head(record, _system(record, service, connection))
        else:
            key = (record.name, record.levelno, service)
            head = self._heads.get(key) or self._remember(record, key)
        message = message_of(record, self._redactor)
        if not message.isprintable():
            message = one_event(message)
        if "plait_fields" in fields:
            message += self.extra(shown_fields(record, self._redactor))
        if record.exc_info or record.exc_text or record.stack_info:
            message += self._trouble(record)
        return f"{begin}{head}{message}"

    def head(self, record: logging.LogRecord, system: str) -> str:
        """Return what stands between the time and the message."""
        if "plait_system" in record.__dict__:
            return f" [{system}] "
        return f" [{system}#{level_name(record.levelno)}] "

    def extra(self, text: str) -> str:
        """Return the fields behind the message as they are to be shown."""
        return text

    def _tick(self, second: int) -> tuple[int, str, str]:
        """Render the time stamp of a new second."""
        moment = time.localtime(second)
        zone = time.strftime("%z", moment) if self.time_format.startswith("%Y") else ""
        begin = time.strftime(self.time_format, moment)
        # One assignment, so that another thread sees the old second or the new one, whole.
        self._second = tick = (second, begin if self._millis else begin + zone, zone)
        return tick

    def _remember(self, record: logging.LogRecord, key: tuple[str, int, str]) -> str:
        """Render the head of a kind of records that recurs."""
        if len(self._heads) > 2000:  # names made at run time must not fill the memory
            self._heads.clear()
        head = self._heads[key] = self.head(record, _system(record, key[2], ""))
        return head

    def _trouble(self, record: logging.LogRecord) -> str:
        """Return traceback and stack as continuation lines."""
        text = ""
        if record.exc_info and not record.exc_text and not _told(record, record.exc_info[1]):
            record.exc_text = safe_text(record.exc_info, self.formatException)
        if record.exc_text:
            text += "\n\t" + one_event(record.exc_text)
        if record.stack_info:
            text += "\n\t" + one_event(self.formatStack(record.stack_info))
        return text


def _told(record: logging.LogRecord, error: BaseException | None) -> bool:
    """Return whether an event's sentence has said all that is known of its error."""
    return (
        "plait_event" in record.__dict__
        and error is not None
        and error.__traceback__ is None
        and error.__cause__ is None
        and (error.__context__ is None or error.__suppress_context__)
    )


def _system(record: logging.LogRecord, service: str, connection: str) -> str:
    """Return who speaks: the logger, the service it works for, the connection it serves."""
    if "plait_system" in record.__dict__:  # a prefix of Twisted's, which stands for all of them
        return one_line(safe_text(record.__dict__["plait_system"]))
    # An event is the service's own word, whichever room put it into a sentence.
    words = [] if "plait_event" in record.__dict__ and service else [record.name]
    words += [word for word in (service, connection) if word]
    return one_line(",".join(safe_text(word) for word in words))


class TextFormatter(LineFormatter):
    """
    Renders a record as `2026-11-22T23:35:05+0000 [system#level] message`.

    Args:
        millis:
            Whether the time carries milliseconds.
        redact:
            Further names of fields that are never written, or `off`.
    """
