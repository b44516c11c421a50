"""
What the operator may say about logging, and what it means.

Without `from __future__ import annotations`: a NamedTuple compiles each annotation that is a text,
which would cost every start a millisecond.
"""

import logging
import re
from typing import NamedTuple, Self

from plait.errors import BadLogOption

_SIZES = {"": 1, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9}
_SIZES |= {"kib": 2**10, "mib": 2**20, "gib": 2**30}

_NAMES = ("debug", "info", "warning", "error", "critical")
_LEVELS = f"{', '.join(_NAMES)}, or NAME=LEVEL"


class LogPlan(NamedTuple):
    """
    Everything the operator may say about logging; the fields are those of the runner's plan.

    Args:
        log_level:
            Levels: `info`, or `logger=level` for one logger and those below it.
        log_format:
            `auto`, `text`, `json` or `console`; auto is console on a terminal, text otherwise.
        log_millis:
            Whether the times of text and console lines carry milliseconds.
        log_file:
            A path, or `-` for standard output; empty for standard error.
        log_rotate:
            `10MB`, `daily` or `10MB,daily`; empty for never.
        log_keep:
            How many rotated files are kept; 10 when None.
        log_sync:
            Whether each line is written before the caller goes on.
        log_redact:
            Further names of fields that are never written; `off` turns redaction off.
        log_config:
            A file in the form of `logging.config.dictConfig` that replaces all of this.
        logger:
            `package.factory` of a `logging.Handler` to use in place of the file.
        syslog:
            Whether the log goes to syslog.
        facility:
            The name or number of the syslog facility.
        journald:
            Whether the log goes to the systemd journal.
        prefix:
            The name that syslog and the journal show; the application's when empty.
    """

    log_level: tuple[str, ...] = ()
    log_format: str = "auto"
    log_millis: bool = False
    log_file: str = ""
    log_rotate: str = ""
    log_keep: int | None = None
    log_sync: bool = False
    log_redact: tuple[str, ...] = ()
    log_config: str = ""
    logger: str = ""
    syslog: bool = False
    facility: str = "daemon"
    journald: bool = False
    prefix: str = ""

    @classmethod
    def of(cls, options: object) -> Self:
        """Return the plan made of the fields of the same names that an object has."""
        found = {name: getattr(options, name) for name in cls._fields if hasattr(options, name)}
        return cls(**found)

    def check(self) -> None:
        """
        Refuse what cannot be understood, without opening anything.

        Raises:
            BadLogOption: an option cannot be understood.
        """
        parse_levels(self.log_level)
        parse_rotation(self.log_rotate)
        parse_keep(self.log_keep)
        if self.facility != type(self)._field_defaults["facility"]:
            from ._datagram import parse_facility

            parse_facility(self.facility)


def parse_level(text: str, given: str = "") -> int:
    """
    Return the number of a level given by name, in any case, or by number.

    Args:
        text:
            The level.
        given:
            What it is a part of, to be shown in the error.

    Raises:
        BadLogOption: there is no such level.
    """
    names = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}
    word = text.strip().lower()
    if word.isdecimal():
        return int(word)
    if word not in names or word == "notset":
        raise BadLogOption("--log-level", given or text, _LEVELS, _NAMES)
    return names[word]


def parse_levels(words: tuple[str, ...]) -> dict[str, int]:
    """
    Return levels by the name of the logger; the root's name is empty and its level is info.

    Raises:
        BadLogOption: one of them is no level.
    """
    levels = {"": logging.INFO}
    for word in words:
        for part in word.split(","):
            name, _, level = part.rpartition("=")
            levels[name.strip()] = parse_level(level, part)
    return levels


def parse_keep(number: int | None) -> int:
    """
    Return how many rotated files are kept.

    Raises:
        BadLogOption: it is less than none.
    """
    if number is None:
        return 10
    if number < 0:
        raise BadLogOption("--log-keep", str(number), "0 or more")
    return number


def parse_rotation(text: str) -> tuple[int, bool]:
    """
    Return the size in bytes, or 0, and whether each day has its own file.

    Raises:
        BadLogOption: it is neither a size nor `daily`.
    """
    size, daily = 0, False
    for word in filter(None, (part.strip().lower() for part in text.split(","))):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", word)
        if word == "daily":
            daily = True
        elif match and match[2] in _SIZES and float(match[1]) * _SIZES[match[2]] >= 1:
            size = int(float(match[1]) * _SIZES[match[2]])
        else:
            expected = "a size such as 10MB or 512KiB, daily, or both as 10MB,daily"
            raise BadLogOption("--log-rotate", text, expected)
    return size, daily
