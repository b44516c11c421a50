"""Telling a user what went wrong: one sentence for a mistake, a traceback for a fault in code."""

from __future__ import annotations

import re
import sys
import traceback
from collections import deque
from collections.abc import Callable, Container
from logging import LogRecord
from typing import TextIO

from plait.errors import MissingExtra, PlaitError, TargetBroken
from plait.runner._plan import fields_of

__all__ = ["Shown", "in_words_of_twistd", "tell"]


class Shown:
    """A filter for a log's handler that lets all pass and remembers the errors it has shown."""

    def __init__(self) -> None:
        self._errors: deque[BaseException] = deque(maxlen=100)

    def filter(self, record: LogRecord) -> bool:
        """Take note of the error of a record."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._errors.append(error)
        return True

    def forget(self) -> None:
        """Let go of the errors, and of all that their tracebacks hold."""
        self._errors.clear()

    def __contains__(self, error: object) -> bool:
        return any(one is error for one in self._errors)


def tell(
    error: BaseException,
    *,
    debug: bool = False,
    stream: TextIO | None = None,
    shown: Container[BaseException] = (),
    worded: Callable[[str], str] = str,
) -> None:
    """
    Write what went wrong to standard error.

    Args:
        error:
            What was raised. plait's own errors are one sentence; a fault in the user's code is
            shown with its traceback, in front of the sentence.
        debug:
            Whether tracebacks are wanted in any case.
        stream:
            Where to write instead.
        shown:
            Errors whose tracebacks are on standard error already.
        worded:
            Returns the sentence in the words of the user's command line.
    """
    text = "".join(f"{part}\n" for part in _parts(error, debug, shown, worded))
    target = stream or sys.stderr
    try:
        target.write(text)
        target.flush()
    except (OSError, ValueError, AttributeError):
        # Nobody can be told: the terminal is gone. The exit status still says it.
        return


def in_words_of_twistd(text: str) -> str:
    """
    Return a sentence with the options in it as twistd calls them.

    Args:
        text:
            The sentence, which speaks of options of plait such as `--log-file`.
    """
    names = {field.flag: field.option.twistd.partition(",")[0] for field in fields_of()}

    def name(found: re.Match[str]) -> str:
        other = names.get(found[0], "")
        return f"--{other}" if other else found[0]

    return re.sub(r"--[a-z][a-z-]*[a-z]", name, text)


def _parts(
    error: BaseException,
    debug: bool,
    shown: Container[BaseException],
    worded: Callable[[str], str],
) -> list[str]:
    parts = []
    found = faults(error)
    rest = [fault for fault in found if fault not in shown]
    if debug and (rest or not found):
        parts.append(_traceback(error))
    else:
        parts += [_traceback(fault) for fault in rest]
    if isinstance(error, PlaitError | BaseExceptionGroup):
        parts.append(f"plait: {worded(str(error))}")
    return parts


def faults(error: BaseException) -> list[BaseException]:
    """
    Return the errors within an error that lie in the user's code.

    Args:
        error:
            An error, or a group of them.
    """
    if isinstance(error, TargetBroken):
        # What is not installed is no fault of the code that asks for it.
        return [] if isinstance(error.error, MissingExtra) else [error.error]
    if isinstance(error, PlaitError):
        return []
    if isinstance(error, BaseExceptionGroup):
        return [fault for inner in error.exceptions for fault in faults(inner)]
    return [error]


def _traceback(error: BaseException) -> str:
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return "".join(lines).rstrip("\n")
