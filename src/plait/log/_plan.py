"""What the operator may say about logging: the options, and the help text of each."""

from __future__ import annotations

from typing import NamedTuple

HELP: dict[str, str] = {
    "log_level": (
        "The least level that is logged (debug, info, warning, error, critical), or LOGGER=LEVEL "
        "for one logger and those below it; may be given several times."
    ),
    "log_format": (
        "The shape of a line: text, json, console (in colour), or auto: console on a terminal, "
        "text otherwise."
    ),
    "log_millis": "Write times with milliseconds in text and console lines.",
    "log_file": "The file to append to, or - for standard output; without it, standard error.",
    "log_rotate": (
        "When the log file is rotated: a size such as 10MB, daily, or both as 10MB,daily; "
        "without it, never."
    ),
    "log_keep": "How many rotated files are kept; the oldest is removed.",
    "logger": (
        "package.factory: a callable that returns the logging.Handler to use in place of the file."
    ),
    "syslog": "Send the log to syslog.",
    "syslog_facility": "The syslog facility, such as daemon, user or local0.",
    "syslog_ident": "The name that syslog and the journal show; without it, the application's.",
    "journald": "Send the log to the systemd journal, with its fields.",
    "log_sync": "Write each line before the program goes on, without a thread in between.",
    "log_config": (
        "A .toml or .json file in the form of logging.config.dictConfig, which replaces all other "
        "log options."
    ),
    "log_redact": (
        "A further field name whose value is never written, besides password, token, secret and "
        "the like; may be given several times; 'off' turns redaction off."
    ),
}
"""The help text of each option, by the name of the field of `LogPlan`."""


class LogPlan(NamedTuple):
    """
    Everything the operator may say about logging.

    Args:
        log_level:
            Levels: `info`, or `logger=level` for one logger and those below it.
        log_format:
            `auto`, `text`, `json` or `console`.
        log_millis:
            Whether times carry milliseconds.
        log_file:
            A path, `-` for standard output, `stderr` or None for standard error.
        log_rotate:
            `10MB`, `daily`, `10MB,daily` or None.
        log_keep:
            How many rotated files are kept.
        logger:
            `package.factory` of a `logging.Handler`.
        syslog:
            Whether the log goes to syslog.
        syslog_facility:
            The name of the syslog facility.
        syslog_ident:
            The name that syslog and the journal show.
        journald:
            Whether the log goes to the systemd journal.
        log_sync:
            Whether each line is written before the caller goes on.
        log_config:
            A file in the form of `logging.config.dictConfig` that replaces all of this.
        log_redact:
            Further names of fields that are never written; `off` turns redaction off.
    """

    log_level: tuple[str, ...] = ("info",)
    log_format: str = "auto"
    log_millis: bool = False
    log_file: str | None = None
    log_rotate: str | None = None
    log_keep: int = 10
    logger: str | None = None
    syslog: bool = False
    syslog_facility: str = "daemon"
    syslog_ident: str | None = None
    journald: bool = False
    log_sync: bool = False
    log_config: str | None = None
    log_redact: tuple[str, ...] = ()
