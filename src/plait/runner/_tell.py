"""Telling a user what went wrong: one sentence for a mistake, a traceback for a fault in code."""

from __future__ import annotations

import sys
import traceback
from typing import TextIO

from plait.errors import MissingExtra, PlaitError, TargetBroken

__all__ = ["tell"]


def tell(
    error: BaseException,
    *,
    debug: bool = False,
    logged: bool = False,
    stream: TextIO | None = None,
) -> None:
    """
    Write what went wrong to standard error.

    Args:
        error:
            What was raised. plait's own errors are one sentence; a fault in the user's code is
            shown with its traceback, in front of the sentence.
        debug:
            Whether tracebacks are wanted in any case.
        logged:
            Whether the log has shown the tracebacks in the same place just before.
        stream:
            Where to write instead.
    """
    text = "".join(f"{part}\n" for part in _parts(error, debug, logged))
    target = stream or sys.stderr
    try:
        target.write(text)
        target.flush()
    except (OSError, ValueError, AttributeError):
        # Nobody can be told: the terminal is gone. The exit status still says it.
        return


def _parts(error: BaseException, debug: bool, logged: bool) -> list[str]:
    parts = []
    if debug:
        parts.append(_traceback(error))
    elif not logged:
        parts += [_traceback(fault) for fault in faults(error)]
    if isinstance(error, PlaitError | BaseExceptionGroup):
        parts.append(f"plait: {error}")
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
