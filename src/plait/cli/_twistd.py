"""`plait twistd`: twistd's command line, option for option, turned into a plan."""

from __future__ import annotations

import getopt
import os
import sys
import textwrap
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from plait.errors import TwistdUsage

if TYPE_CHECKING:
    from plait.runner import ExitStatus, RunPlan

__all__ = ["Word", "parse", "twistd", "words_of_twistd"]


class Word(NamedTuple):
    """
    One option of twistd.

    Args:
        long:
            Its long name, literally.
        short:
            Its letter; empty when it has none.
        metavar:
            What stands for its argument; empty for a flag.
        help:
            What it does.
    """

    long: str
    short: str
    metavar: str
    help: str


#: The options that are no fields of the plan, or mean something else than the field.
_OWN = (
    Word("python", "y", "FILE", "Run this .tac or .py file; its global `application` is taken."),
    Word(
        "nodaemon", "n", "", "Stay in the foreground; log to standard output unless -l says else."
    ),
    Word("no_save", "o", "", "Accepted for twistd's sake: nothing is ever saved at the end."),
    Word("originalname", "", "", "Accepted for twistd's sake: the process keeps its name."),
    Word("source", "s", "FILE", "Refused: saved applications are not read."),
    Word("file", "f", "FILE", "Refused: saved applications are not read."),
    Word("encrypted", "e", "", "Refused: saved applications are not read."),
    Word("help-reactors", "", "", "List the names for --reactor, and why one is not available."),
    Word("version", "", "", "Print the version and exit."),
    Word("help", "", "", "Print this help and exit."),
)

#: What fields of the plan are said to do under twistd's names and defaults.
_WORDED = {
    "chroot": "Directory to make the root directory, before --rundir.",
    "gid": "Group to become, by name or number; the user's own group when only --uid is given.",
    "logfile": "File to append the log to, or - for standard output, which is the default with -n "
    "or -b; twistd.log for a daemon.",
    "pidfile": "File that holds the process number and is locked while the process lives; "
    "twistd.pid when not given, none when empty.",
    "prefix": "Name that syslog shows; twisted when not given.",
    "profiler": "Which profiler: cprofile, which is the default, or profile.",
    "reactor": "Event loop to run on, by the name of a reactor; default takes uvloop where it is "
    "installed, --help-reactors lists all.",
    "umask": "Mask of the modes of new files, in octal, such as 027; 077 for a daemon when not "
    "given.",
}

#: twistd's names of reactors, and the loops that stand for them.
REACTORS = {
    "default": "auto",
    "asyncio": "asyncio",
    "epoll": "epoll",
    "poll": "poll",
    "select": "select",
    "uvloop": "uvloop",
    "rloop": "rloop",
}

_PICKLES = {"source", "file", "encrypted"}
_WHY_NO_PICKLES = (
    "saved applications are not read, because reading one executes whatever its file says; write a "
    ".tac file that builds the application, and run it with -y"
)


class Parsed(NamedTuple):
    """
    What a command line comes to.

    Args:
        plan:
            The plan.
        show:
            `help`, `version` or `reactors` when only that is wanted; else empty.
        command:
            The sub-command and its own words; empty when a file is run.
    """

    plan: RunPlan
    show: str
    command: tuple[str, ...]


def words_of_twistd() -> list[Word]:
    """Return every option of twistd; those that are fields of the plan bring its help text."""
    from plait.runner import fields_of

    words = []
    for field in fields_of():
        if field.option.twistd:
            long, _, short = field.option.twistd.partition(",")
            text = _WORDED.get(long, field.option.help)
            words.append(Word(long, short, field.option.metavar, text))
    return sorted([*words, *_OWN])


def parse(arguments: Sequence[str]) -> Parsed:
    """
    Turn twistd's arguments into a plan.

    Args:
        arguments:
            The words after `twistd`.

    Raises:
        TwistdUsage: they cannot be.
    """
    words = words_of_twistd()
    shorts = "".join(word.short + (":" if word.metavar else "") for word in words if word.short)
    longs = [word.long + ("=" if word.metavar else "") for word in words]
    letters = {f"-{word.short}": word.long for word in words if word.short}
    try:
        found, rest = getopt.getopt(list(arguments), shorts, longs)
    except getopt.GetoptError as error:
        raise TwistdUsage(error.msg) from None
    given: dict[str, str] = {}
    for flag, value in found:
        name = letters.get(flag, flag.removeprefix("--"))
        if name in ("help", "version", "help-reactors"):
            return Parsed(_plan({}, ()), name.removeprefix("help-"), ())
        given[name] = value  # of an option given twice the last one counts
    return Parsed(_plan(given, tuple(rest)), "", tuple(rest))


def _plan(given: dict[str, str], command: tuple[str, ...]) -> RunPlan:
    """Return the plan for the options given."""
    from plait.runner import RunPlan, fields_of

    refused = sorted(_PICKLES & set(given))
    if refused:
        raise TwistdUsage(f"--{refused[0]}: {_WHY_NO_PICKLES}", shows_help=False)
    values: dict[str, object] = {"as_twistd": True, "target": given.get("python", "")}
    for field in fields_of():
        name = field.option.twistd.partition(",")[0]
        if name in given:
            values[field.name] = True if field.type is bool else given[name]
    foreground = "nodaemon" in given or "debug" in given
    values["daemon"] = not foreground
    # Relative to the directory twistd was started in, whatever --rundir says; empty means none.
    pidfile = given.get("pidfile", "twistd.pid")
    values["pidfile"] = os.path.abspath(pidfile) if pidfile else ""
    values["prefix"] = given.get("prefix", "twisted")
    if "logfile" not in given and "syslog" not in given and "logger" not in given:
        values["log_file"] = "-" if foreground else "twistd.log"
    if "umask" not in given and not foreground:
        values["umask"] = "077"
    if values.get("chdir") == "." and "chroot" in given:
        values["chdir"] = ""
    values["loop"] = _loop(given.get("reactor", "default"))
    values["profiler"] = _profiler(given.get("profiler", "cprofile"))
    if given and not command and not values["target"]:
        raise TwistdUsage(f"nothing to run: give -y FILE, or a sub-command; {_WHY_NO_PICKLES}")
    return RunPlan(**values)  # type: ignore[arg-type]  # the names are those of its fields


def _loop(reactor: str) -> str:
    loop = REACTORS.get(reactor)
    if loop is None:
        raise TwistdUsage(
            f"the specified reactor does not exist here: {reactor!r}; use one of "
            f"{', '.join(REACTORS)}"
        )
    return loop


def _profiler(name: str) -> str:
    if name.lower() not in ("profile", "cprofile"):
        raise TwistdUsage(
            f"unsupported profiler name: {name}; use profile or cprofile", shows_help=False
        )
    return name.lower()


def twistd(arguments: Sequence[str], version: str) -> ExitStatus | int:
    """
    Do what twistd's arguments say.

    Args:
        arguments:
            The words after `twistd`; none at all asks for the help.
        version:
            What `--version` answers.

    Returns:
        How it ended: 0; 1 for everything that went wrong, as twistd has it; or by a signal.
    """
    try:
        parsed = parse(arguments)
        if parsed.show == "version":
            sys.stdout.write(_VERSION.format(version))
            return 0
        if parsed.show == "reactors":
            sys.stdout.write(_reactors())
            return 0
        if parsed.show == "help" or not arguments:
            sys.stdout.write(usage())
            return 0
        return _run(parsed)
    except TwistdUsage as error:
        if error.shows_help:
            sys.stdout.write(usage() + "\n")
            sys.stdout.flush()
        sys.stderr.write(f"{error}\n")
        return 1


_VERSION = """plait {0} (the twistd command line)
An implementation of its own; not a part of Twisted.
See LICENSE for details (MIT).
"""


def _run(parsed: Parsed) -> ExitStatus:
    from plait.runner import ExitStatus, run

    if not parsed.command:
        return run(parsed.plan)
    from plait.plugins import choose, commands

    name, *words = parsed.command
    choose("twisted", parsed.plan.twisted)  # whose plug-ins are asked for
    known = commands()
    if name not in known:
        among = f"; there are {', '.join(sorted(known))}" if known else "; none is installed"
        raise TwistdUsage(f"unknown command: {name}{among}")
    # Its options are read here too: what is wrong with them, or its help, is for the terminal.
    check = getattr(known[name], "check", None)
    told = None if check is None else check(tuple(words))
    if told is not None:
        return ExitStatus(told)
    plan = parsed.plan._replace(target=name)
    return run(plan, make=partial(known[name].make, tuple(words)))


def _reactors() -> str:
    from plait.runner import loops

    there = {loop.name: loop for loop in loops()}
    lines = ["available reactors, and the loops that stand for them:"]
    missing = []
    for name, loop in REACTORS.items():
        found = there[loop]
        text = f"    {name:<10} {found.description}"
        if found.missing:
            missing.append(f"!   {name:<10} not available: {found.missing}")
        else:
            lines.append(text)
    return "\n".join([*lines, *missing]) + "\n"


def usage() -> str:
    """Return the help."""
    lines = ["Usage: plait twistd [options] [sub-command …]", "", "Options:"]
    for word in words_of_twistd():
        flag = f"--{word.long}" + (f"={word.metavar}" if word.metavar else "")
        lead = f"  -{word.short}, {flag}" if word.short else f"      {flag}"
        text = textwrap.wrap(word.help, 68)
        if len(lead) < 26:
            lines.append(f"{lead:<26}  {text[0]}")
        else:
            lines += [lead, f"{'':<28}{text[0]}"]
        lines += [f"{'':<28}{more}" for more in text[1:]]
    lines += [
        "",
        "Without -n or -b it becomes a daemon with twistd.pid and twistd.log in this directory.",
        "",
        "Examples:",
        "  plait twistd -noy shop.tac",
        "  plait twistd -y shop.tac --pidfile /run/shop.pid --logfile /var/log/shop.log",
    ]
    return "\n".join(lines) + "\n"
