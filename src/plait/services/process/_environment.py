"""The environment of a child process, and files of variables."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from plait.errors import UsageError

__all__ = ["environment", "read_env_file"]

#: What systemd has said to this process and to no other.
_NOT_INHERITED = (
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "LISTEN_PIDFDID",
)

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")
# In quotes, with a comment behind them or nothing.
_QUOTED = re.compile(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")(?:\s+\#.*)?""")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def environment(
    own: Mapping[str, str], files: Sequence[str], given: Mapping[str, str], *, clear: bool
) -> dict[str, str]:
    """
    Return the environment for a child: ours, then the files in order, then what was given.

    Args:
        own:
            The environment of this process.
        files:
            Files of variables; one that begins with `-` may be missing.
        given:
            Further variables.
        clear:
            Whether ours is left out, but for `PATH`, `HOME`, `LANG` and `TZ`.

    Raises:
        UsageError: A file cannot be read.
    """
    if clear:
        found = {name: own[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in own}
    else:
        found = {name: value for name, value in own.items() if name not in _NOT_INHERITED}
    for file in files:
        found |= read_env_file(file)
    return found | dict(given)


def read_env_file(file: str) -> dict[str, str]:
    """
    Return the variables in a file of `NAME=VALUE` lines.

    Values may stand in single quotes, which are literal, or in double quotes, where a backslash
    escapes. Empty lines and lines beginning with `#` are skipped; `export` in front is allowed.

    Args:
        file:
            The file; with `-` in front it may be missing.

    Raises:
        UsageError: It cannot be read, or a line is none of these.
    """
    path = file.removeprefix("-")
    try:
        with open(path, encoding="utf-8") as stream:
            lines = stream.read().splitlines()
    except FileNotFoundError:
        if file.startswith("-"):
            return {}
        problem = f"there is no such file in {os.getcwd()}; put - in front if it may be missing"
        raise UsageError(f"env_file {path}", problem) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"env_file {path}", f"it cannot be read: {error}") from None
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            # The line itself is not shown: it may hold a secret.
            raise UsageError(f"env_file {path}", f"line {number} is not NAME=VALUE")
        found[match[1]] = _value(match[2])
    return found


def _value(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        return re.sub(r"\s+#.*$", "", text)
    if quoted[1] is not None:
        return quoted[1]
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), quoted[2])
