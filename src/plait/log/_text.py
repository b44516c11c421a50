"""Text lines: `2026-11-22T23:35:05+0000 [system#level] message`, one event a line."""

from __future__ import annotations

import logging
import time

_LEVELS = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}


def level_name(number: int) -> str:
    """Return a level's name in small letters, as Twisted and structlog write it."""
    return _LEVELS.get(number) or logging.getLevelName(number).lower().replace(" ", "-")


def _escapes() -> dict[int, str]:
    """Return what stands for each character that could forge, hide or colour a line."""
    table = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
    table.update({9: "\t", 10: "\n\t", 13: "\\r"})
    hidden = (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
    table.update({code: f"\\u{code:04x}" for code in hidden})
    return table


_ESCAPES = _escapes()


def one_event(text: str) -> str:
    """
    Return text that stays one event: continuation lines indented, control characters escaped.

    A message that carries a line break could otherwise pretend to be two events, and one that
    carries terminal escapes could rewrite what the operator sees.
    """
    if text.isprintable():
        return text
    text = text.translate(_ESCAPES)
    # A lone surrogate cannot be written as UTF-8; its escape can.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class TextFormatter(logging.Formatter):
    """
    Renders a record as one text line, continuation lines indented by a tab.

    Args:
        millis:
            Whether the time carries milliseconds.
    """

    def __init__(self, *, millis: bool = False) -> None:
        super().__init__()
        self._millis = millis
        self._second: tuple[int, str, str] = (-1, "", "")
        self._heads: dict[tuple[object, ...], str] = {}

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line, without its line break."""
        second, begin, zone = self._second
        created = record.created
        if int(created) != second:
            second, begin, zone = self._tick(int(created))
        if self._millis:
            begin = f"{begin}.{int(created % 1 * 1000):03d}{zone}"
        key = (record.name, record.levelno, getattr(record, "service", None))
        head = self._heads.get(key) or self._head(record, key)
        message = record.getMessage()
        if not message.isprintable():
            message = one_event(message)
        if record.exc_info or record.exc_text or record.stack_info:
            message += self._trouble(record)
        return f"{begin}{head}{message}"

    def _tick(self, second: int) -> tuple[int, str, str]:
        """Render the time stamp of a new second."""
        moment = time.localtime(second)
        zone = time.strftime("%z", moment)
        begin = time.strftime("%Y-%m-%dT%H:%M:%S", moment)
        # One assignment, so that another thread sees the old second or the new one, whole.
        self._second = (second, begin if self._millis else begin + zone, zone)
        return self._second

    def _head(self, record: logging.LogRecord, key: tuple[object, ...]) -> str:
        """Render what stands between the time and the message."""
        if len(self._heads) > 2000:  # names made at run time must not fill the memory
            self._heads.clear()
        service = getattr(record, "service", None)
        if getattr(record, "event", None) is not None and service:
            system = service
        else:
            system = f"{record.name},{service}" if service else record.name
        system = one_event(system).replace("\n\t", "\\n")
        head = self._heads[key] = f" [{system}#{level_name(record.levelno)}] "
        return head

    def _trouble(self, record: logging.LogRecord) -> str:
        """Return traceback and stack as continuation lines."""
        text = ""
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            text += "\n\t" + one_event(record.exc_text)
        if record.stack_info:
            text += "\n\t" + one_event(self.formatStack(record.stack_info))
        return text
