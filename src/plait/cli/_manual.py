"""
The manual pages, made from the same descriptions as the options: `python -m plait.cli._manual DIR`.

A test compares the pages in `docs/man` with what this makes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from plait.runner import Field, fields_of

from ._commands import group
from ._options import help_of
from ._twistd import words_of_twistd

__all__ = ["pages"]


def pages() -> dict[str, str]:
    """Return the manual pages by their file names, in roff."""
    return {"plait.1": _plait(), "plait-twistd.1": _twistd()}


def _plait() -> str:
    lines = [
        *_head("PLAIT", "plait", "run long\\-running Python services"),
        ".SH SYNOPSIS",
        ".B plait run",
        "[\\fIOPTION\\fR]... \\fITARGET\\fR",
        ".br",
        ".B plait",
        "\\fICOMMAND\\fR [\\fIOPTION\\fR]...",
        ".SH DESCRIPTION",
        ".B plait",
        _text("starts a tree of services in order, keeps them running and stops them cleanly."),
        ".PP",
        _text(
            "TARGET is a .tac or .py file, whose global application is taken, or "
            "package.module:attribute. The directory of the file and the current directory are "
            "importable."
        ),
        ".SH COMMANDS",
    ]
    for name, command in _commands():
        lines += _item(f"\\fB{_text(name)}\\fR", command.get_short_help_str(200))
    lines.append(".SH OPTIONS OF RUN")
    heading = ""
    for field in fields_of():
        if field.option.group != heading:
            heading = field.option.group
            lines.append(f".SS {_text(heading)}")
        lines += _item(_flag(field), _help(field))
    for name, command in _commands():
        own = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
        if name in ("run", "twistd") or not own:
            continue
        lines.append(f".SH OPTIONS OF {name.upper()}")
        for option in own:
            metavar = f" \\fI{option.metavar}\\fR" if option.metavar else ""
            lines += _item(f"\\fB{_text(option.opts[0])}\\fR{metavar}", option.help or "")
    lines += [*_signals(), *_status(_STATUS), *_examples(), ".SH ENVIRONMENT"]
    lines.append(
        _text(
            "Each option of run can be given as a variable: its name in capitals with PLAIT_ in "
            "front, such as PLAIT_STOP_TIMEOUT for --stop-timeout. An option on the command line "
            "wins over its variable."
        )
    )
    for field in fields_of():
        lines += _item(f"\\fB{field.variable}\\fR", f"the same as {field.flag}")
    lines += _item(
        "\\fBNOTIFY_SOCKET\\fR, \\fBWATCHDOG_USEC\\fR, \\fBLISTEN_FDS\\fR",
        "set by systemd: it is told of readiness, the watchdog is fed, sockets are taken over.",
    )
    lines += [".SH SEE ALSO", ".BR plait\\-twistd (1),", ".BR systemd.service (5)"]
    return "\n".join(lines) + "\n"


def _twistd() -> str:
    lines = [
        *_head("PLAIT-TWISTD", "plait-twistd", "plait with the command line of twistd"),
        ".SH SYNOPSIS",
        ".B plait twistd",
        "[\\fIOPTION\\fR]... [\\fISUB\\-COMMAND\\fR ...]",
        ".SH DESCRIPTION",
        _text(
            "Takes the options of twistd and runs the application under plait. Letters may be put "
            "together, as in -noy FILE, and long names may be shortened while they stay unique. "
            "Options end at the first word that is none, which is a sub-command."
        ),
        ".PP",
        _text(
            "Without -n or -b it becomes a daemon, with twistd.pid and twistd.log in the current "
            "directory and the mask 077. The launcher returns when every service is ready, or "
            "prints why it is not and returns 1."
        ),
        ".SH OPTIONS",
    ]
    for word in words_of_twistd():
        flag = f"\\fB{_text('--' + word.long)}\\fR"
        if word.metavar:
            flag += f"=\\fI{_text(word.metavar)}\\fR"
        if word.short:
            flag = f"\\fB{_text('-' + word.short)}\\fR, {flag}"
        lines += _item(flag, word.help)
    lines += [*_signals(), *_status(_TWISTD_STATUS)]
    lines += [
        ".SH FILES",
        *_item("\\fItwistd.pid\\fR", "the process number; locked while the process lives"),
        *_item("\\fItwistd.log\\fR", "the log of a daemon; appended to, never overwritten"),
        ".SH SEE ALSO",
        ".BR plait (1)",
    ]
    return "\n".join(lines) + "\n"


_SIGNALS = (
    ("TERM, INT", "Stop in order; the process then dies by that signal."),
    ("TERM, INT again", "Cut short what drains. A third one ends the process at once."),
    ("HUP", "Reload; in the foreground, when the terminal goes: stop in order."),
    ("USR1", "Open the log files anew."),
    ("USR2", "Log what every task and thread is doing."),
)

_STATUS = (
    ("0", "Done."),
    ("1", "Failed while running, a stop that was not clean, or a daemon that was not ready."),
    ("2", "Usage, or the target cannot be loaded."),
    ("3", "Failed to start."),
)

_TWISTD_STATUS = (
    ("0", "Done."),
    ("1", "Everything that went wrong: usage, load, start, run."),
)


def _signals() -> list[str]:
    return [".SH SIGNALS", *(line for name, text in _SIGNALS for line in _item(name, text))]


def _status(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [".SH EXIT STATUS", *(line for name, text in rows for line in _item(name, text))]


def _examples() -> list[str]:
    """Return the examples that the help of the commands ends with."""
    shown = [line for _, command in _commands() for line in (command.epilog or "").splitlines()[2:]]
    return [".SH EXAMPLES", ".nf", *(_text(line.strip()) for line in shown), ".fi"]


def _commands() -> list[tuple[str, Any]]:
    top = group("")
    context = click.Context(top)
    return [(name, top.get_command(context, name)) for name in top.list_commands(context)]


def _head(title: str, name: str, text: str) -> list[str]:
    return [
        '.\\" Made by python -m plait.cli._manual; do not edit.',
        f'.TH {title} 1 "" "plait" "User Commands"',
        ".SH NAME",
        f"{_text(name)} \\- {text}",
    ]


def _flag(field: Field) -> str:
    flag = f"\\fB{_text(field.flag)}\\fR"
    return f"{flag} \\fI{_text(field.option.metavar)}\\fR" if field.option.metavar else flag


def _help(field: Field) -> str:
    text = help_of(field)
    if field.default not in ("", None, (), False):
        text += f" Default: {field.default}."
    return text


def _item(head: str, text: str) -> list[str]:
    return [".TP", head, _text(text)]


def _text(text: str) -> str:
    """Return a text with what means something to roff escaped."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + escaped if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    for file_name, page in pages().items():
        (Path(sys.argv[1]) / file_name).write_text(page)
