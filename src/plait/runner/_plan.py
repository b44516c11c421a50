"""
The plan of a run: every option once, with its help text.

The command line, the environment (`PLAIT_…`), the manual pages and twistd's command line are
derived from the fields of `RunPlan`. Annotations are looked at when the class is made, so this
module does without `from __future__ import annotations`; and a NamedTuple is made in a seventh of a
dataclass's time.
"""

from typing import Annotated, Any, NamedTuple, get_args

from plait.log import LogPlan

__all__ = ["Field", "Option", "RunPlan", "fields_of"]


class Option(NamedTuple):
    """
    How a field of the plan looks to a user.

    Args:
        help:
            One or two sentences, beginning with a verb or a noun, without the default.
        metavar:
            What stands for the value in the help, such as `SECONDS`.
        choices:
            The only values allowed; empty when anything goes.
        twistd:
            The long name in twistd's command line, with its letter behind a comma where it has one;
            empty when twistd has no such option.
        group:
            The heading in the help and the manual page.
    """

    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    twistd: str = ""
    group: str = "Running"


def _log(help: str, metavar: str = "", choices: tuple[str, ...] = (), twistd: str = "") -> Option:
    """Return an option of the log."""
    return Option(help, metavar, choices, twistd, "Logging")


TWISTEDS = ("auto", "own", "installed")
LOOPS = ("auto", "asyncio", "uvloop", "rloop", "select", "poll", "epoll")


class RunPlan(NamedTuple):
    """
    Everything that is decided about a run before it begins; never changed afterwards.

    The fields are the options of `plait run`; their help texts are the description.
    """

    target: str = ""
    """What to run: a .tac or .py file, or package.module:attribute."""

    loop: Annotated[
        str,
        Option(
            "Event loop to run on; auto takes uvloop where it is installed.",
            "NAME",
            LOOPS,
            twistd="reactor,r",
        ),
    ] = "auto"
    twisted: Annotated[
        str,
        Option(
            "Which Twisted a program that imports it gets: plait's own implementation of its API, "
            "the installed one, or with auto the installed one where there is one.",
            "WHOSE",
            TWISTEDS,
            twistd="twisted",
        ),
    ] = "auto"
    chdir: Annotated[
        str,
        Option(
            "Directory to change to once the target is loaded and the log files are open.",
            "DIR",
            twistd="rundir,d",
        ),
    ] = ""
    start_timeout: Annotated[
        float | None,
        Option(
            "Time the whole tree has to become ready; then it is rolled back and the stuck "
            "services are named. Without it the application's own limit counts.",
            "SECONDS",
        ),
    ] = None
    stop_timeout: Annotated[
        float | None,
        Option(
            "Time the whole tree has to stop; then what still runs is abandoned and named. "
            "Without it the application's own limit counts.",
            "SECONDS",
        ),
    ] = None

    daemon: Annotated[
        bool,
        Option(
            "Detach from the terminal; return when the whole tree is ready, or with the reason "
            "why it is not.",
            group="Process",
        ),
    ] = False
    pidfile: Annotated[
        str,
        Option(
            "File that holds the process number and is locked while the process lives.",
            "FILE",
            twistd="pidfile",
            group="Process",
        ),
    ] = ""
    user: Annotated[
        str,
        Option(
            "User to become, by name or number, once ports, logs and the pidfile are open.",
            "NAME",
            twistd="uid,u",
            group="Process",
        ),
    ] = ""
    group: Annotated[
        str,
        Option(
            "Group to become, by name or number; the user's own group when only --user is given.",
            "NAME",
            twistd="gid,g",
            group="Process",
        ),
    ] = ""
    euid: Annotated[
        bool,
        Option(
            "Change only the effective user and group, which the process can undo.",
            twistd="euid",
            group="Process",
        ),
    ] = False
    chroot: Annotated[
        str,
        Option(
            "Directory to make the root directory, before --chdir.",
            "DIR",
            twistd="chroot",
            group="Process",
        ),
    ] = ""
    umask: Annotated[
        str,
        Option(
            "Mask of the modes of new files, in octal, such as 027.",
            "MASK",
            twistd="umask",
            group="Process",
        ),
    ] = ""

    log_level: Annotated[
        tuple[str, ...],
        _log(
            "Least level that is logged: debug, info, warning, error or critical; or "
            "LOGGER=LEVEL for one logger and those below it. May be given several times.",
            "LEVEL",
        ),
    ] = ()
    log_format: Annotated[
        str,
        _log(
            "Shape of a log line; auto is console on a terminal and text elsewhere.",
            "NAME",
            ("auto", "text", "json", "console"),
        ),
    ] = "auto"
    log_millis: Annotated[
        bool,
        _log(
            "Write times with milliseconds in text and console lines.",
        ),
    ] = False
    log_file: Annotated[
        str,
        _log(
            "File to append the log to, or - for standard output; without it, standard error, and "
            "plait.log for a daemon.",
            "FILE",
            twistd="logfile,l",
        ),
    ] = ""
    log_rotate: Annotated[
        str,
        _log(
            "When to begin a new log file: at a size such as 10MB, daily, or both as "
            "10MB,daily; without it, never.",
            "WHEN",
        ),
    ] = ""
    log_keep: Annotated[
        int | None,
        _log(
            "Number of rotated log files to keep; 10 when not given.",
            "N",
        ),
    ] = None
    log_sync: Annotated[
        bool,
        _log(
            "Write each log line before going on, without a thread in between.",
        ),
    ] = False
    log_redact: Annotated[
        tuple[str, ...],
        _log(
            "Further field name whose value is never written, besides password, token, secret "
            "and the like; off turns that off. May be given several times.",
            "NAME",
        ),
    ] = ()
    log_config: Annotated[
        str,
        _log(
            "File with a logging configuration of your own (logging.config.dictConfig, as "
            "TOML or JSON), which replaces all other log options.",
            "FILE",
        ),
    ] = ""
    logger: Annotated[
        str,
        _log(
            "Dotted name of a function that makes the handler (or the Twisted log observer) "
            "to log to in place of the file.",
            "NAME",
            twistd="logger",
        ),
    ] = ""
    syslog: Annotated[
        bool,
        _log(
            "Send the log to syslog.",
            twistd="syslog",
        ),
    ] = False
    facility: Annotated[
        str,
        _log(
            "Facility for syslog, such as daemon, user or local0.",
            "NAME",
        ),
    ] = "daemon"
    journald: Annotated[
        bool,
        _log(
            "Send the log to the systemd journal, with its fields.",
        ),
    ] = False
    prefix: Annotated[
        str,
        _log(
            "Name that syslog and the journal show; the name of the application when not given.",
            "NAME",
            twistd="prefix",
        ),
    ] = ""

    debug: Annotated[
        bool,
        Option(
            "Turn on asyncio's debug mode, name slow callbacks by service, show the traceback of "
            "every failure, and in the foreground begin the debugger at SIGUSR2.",
            twistd="debug,b",
            group="Looking inside",
        ),
    ] = False
    profile: Annotated[
        str,
        Option(
            "File for a profile of the run, written at the end.",
            "FILE",
            twistd="profile,p",
            group="Looking inside",
        ),
    ] = ""
    profiler: Annotated[
        str,
        Option(
            "Which profiler: cprofile, pyinstrument (where installed), or profile.",
            "NAME",
            ("cprofile", "pyinstrument", "profile"),
            twistd="profiler",
            group="Looking inside",
        ),
    ] = "cprofile"
    savestats: Annotated[
        bool,
        Option(
            "Write the profile as data for the pstats module instead of a text.",
            twistd="savestats",
            group="Looking inside",
        ),
    ] = False
    spew: Annotated[
        bool,
        Option(
            "Print every function call to standard error; very slow.",
            twistd="spew",
            group="Looking inside",
        ),
    ] = False
    stall_limit: Annotated[
        float,
        Option(
            "Time the loop may stand still before the stack that blocks it is logged; 0 turns "
            "this off.",
            "SECONDS",
            group="Looking inside",
        ),
    ] = 1.0

    as_twistd: bool = False
    """Whether exit statuses and texts are those of twistd."""

    @property
    def log(self) -> LogPlan:
        """Return the part of the plan that is about logging."""
        return LogPlan(*(getattr(self, name) for name in LogPlan._fields))


class Field(NamedTuple):
    """
    One option of the plan.

    Args:
        name:
            The field's name, as in `start_timeout`.
        type:
            The type of its value: str, bool, int, float, or tuple for one that may be repeated.
        default:
            Its value when nobody gives one.
        option:
            How it looks to a user.
    """

    name: str
    type: type
    default: Any
    option: Option

    @property
    def flag(self) -> str:
        """Return the option as it is typed, such as `--start-timeout`."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """Return its environment variable, such as `PLAIT_START_TIMEOUT`."""
        return "PLAIT_" + self.name.upper()


def fields_of(plan: type[RunPlan] = RunPlan) -> list[Field]:
    """
    Return the options of the plan in their order; fields that are no options are left out.

    Args:
        plan:
            The class that has the fields.
    """
    found = []
    for name, hint in plan.__annotations__.items():
        for extra in getattr(hint, "__metadata__", ()):
            if isinstance(extra, Option):
                found.append(
                    Field(name, _plain(hint.__origin__), plan._field_defaults[name], extra)
                )
    return found


def _plain(hint: Any) -> type:
    """Return float for `float | None` and tuple for `tuple[str, ...]`."""
    if hint in (str, bool, int, float):
        return hint  # type: ignore[no-any-return]  # just compared with types
    if getattr(hint, "__origin__", None) is tuple:
        return tuple
    (inner,) = (arg for arg in get_args(hint) if arg is not type(None))
    return _plain(inner)
