"""What is taken over from a supervisord.conf, and what is not."""

from __future__ import annotations

import configparser
import glob
import json
import os
import re
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from plait.errors import BadDescription, TargetNotFound

__all__ = ["Import", "import_supervisord"]


class Import(NamedTuple):
    """
    What came out of a file.

    Args:
        toml:
            The application, as the text of a TOML file.
        left:
            What could not be taken over, a sentence each.
    """

    toml: str
    left: tuple[str, ...]


def import_supervisord(file: str) -> Import:
    """
    Turn a supervisord.conf into an application file.

    Args:
        file:
            The path of the file.

    Returns:
        The application file as text, and what could not be taken over.

    Raises:
        TargetNotFound: It cannot be read.
        BadDescription: It is no such file.
    """
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";",))
    homes = dict.fromkeys(_add(parser, file), file)
    left = []
    for pattern in _included(parser, file):
        matching = sorted(glob.glob(pattern))
        if not matching:
            left.append(f"[include] files: there is no {pattern}")
        for each in matching:
            homes.update(dict.fromkeys(_add(parser, each), each))
    return _Importer(file, parser, homes, left).convert()


def _add(parser: configparser.RawConfigParser, file: str) -> list[str]:
    """Read a file into what was read before; return its sections."""
    own = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";",))
    try:
        with open(file, encoding="utf-8") as stream:
            own.read_file(stream)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise TargetNotFound(file, f"it cannot be read ({why}); give a supervisord.conf") from None
    except configparser.Error as error:
        found = re.search(r"\[line +(\d+)\]", str(error))
        line = getattr(error, "lineno", None) or (found[1] if found else 1)
        problem = f"this is no supervisord.conf: {str(error).splitlines()[0]}"
        raise BadDescription(file, int(line), problem) from None
    parser.read_dict({name: dict(own.items(name)) for name in own.sections()})
    return own.sections()


def _included(parser: configparser.RawConfigParser, file: str) -> list[str]:
    """Return the patterns of the files to include, as paths."""
    folder = os.path.dirname(os.path.abspath(file))
    words = parser.get("include", "files", fallback="").replace("%(here)s", folder).split()
    return [os.path.join(folder, word) for word in words]


#: Options of a program that mean the same here: name, and how its value is written in TOML.
_SAME: dict[str, tuple[str, Callable[[str], str]]] = {
    "directory": ("directory", json.dumps),
    "user": ("user", json.dumps),
    "umask": ("umask", json.dumps),
    "stopsignal": ("stop_signal", json.dumps),
    "stopwaitsecs": ("kill_after", str),
    "startsecs": ("ready_after", str),
}

#: Options of a program that are seen to elsewhere.
_SEEN = {
    "command",
    "environment",
    "autostart",
    "autorestart",
    "exitcodes",
    "startretries",
    "priority",
    "numprocs",
    "numprocs_start",
    "process_name",
    "redirect_stderr",
    "stdout_logfile",
    "stderr_logfile",
}

_ALWAYS_SO = {
    "stopasgroup": "the whole group is always stopped",
    "killasgroup": "the whole group is always killed",
}

_LEVELS = {"warn": "warning", "trace": "debug", "blather": "debug"}

_DAEMON: dict[str, tuple[str, str, Callable[[str], str]]] = {
    "logfile": ("log", "file", json.dumps),
    "loglevel": ("log", "level", lambda text: json.dumps([_LEVELS.get(text, text)])),
    "pidfile": ("run", "pidfile", json.dumps),
    "umask": ("run", "umask", json.dumps),
    "user": ("run", "user", json.dumps),
    "directory": ("run", "chdir", json.dumps),
}


class _Importer:
    def __init__(
        self,
        file: str,
        parser: configparser.RawConfigParser,
        homes: Mapping[str, str],
        left: list[str],
    ) -> None:
        self._file, self._parser = file, parser
        self._homes, self._left = homes, left
        self._shared: dict[str, str] = {}  # variables of every program

    def convert(self) -> Import:
        groups: dict[str, str] = {}
        programs: list[tuple[int, str]] = []
        for section in self._parser.sections():
            kind, _, name = section.partition(":")
            if kind == "program" and name:
                programs.append((self._priority(section), name))
            elif kind == "group" and name:
                for member in self._parser.get(section, "programs", fallback="").split(","):
                    groups[member.strip()] = name
            elif kind not in ("supervisord", "include"):
                self._left.append(f"[{section}]: {_WHY.get(kind, 'it has no counterpart')}")
        out = [*self._daemon()]
        for _, name in sorted(programs, key=lambda pair: pair[0]):
            out += self._program(name, groups.get(name, ""))
        head = [f"# From {os.path.basename(self._file)}."]
        if self._left:
            head += ["#", "# Not taken over:", *(f"# - {line}" for line in self._left)]
        return Import("\n".join([*head, "", *out]).rstrip("\n") + "\n", tuple(self._left))

    def _priority(self, section: str) -> int:
        text = self._parser.get(section, "priority", fallback="999")
        return int(text) if text.lstrip("-").isdecimal() else 999

    def _daemon(self) -> list[str]:
        tables: dict[str, list[str]] = {}
        if not self._parser.has_section("supervisord"):
            return []
        for key, value in self._parser.items("supervisord"):
            text = self._expanded("[supervisord]", value, {})
            if key in _DAEMON:
                table, name, write = _DAEMON[key]
                tables.setdefault(table, []).append(f"{name} = {write(text)}")
            elif key == "environment":
                self._shared = self._pairs("[supervisord]", text)
            elif key == "nodaemon":
                if not _true(text):
                    tables.setdefault("run", []).append("daemon = true")
            else:
                self._left.append(f"[supervisord] {key}: it has no counterpart")
        return [line for name, rows in tables.items() for line in (f"[{name}]", *rows, "")]

    def _program(self, name: str, group: str) -> list[str]:
        section = f"program:{name}"
        count = self._parser.get(section, "numprocs", fallback="1")
        start = self._parser.get(section, "numprocs_start", fallback="0")
        number = int(count) if count.isdecimal() else 1
        first = int(start) if start.isdecimal() else 0
        if not _true(self._parser.get(section, "autostart", fallback="true")):
            self._left.append(f"[{section}]: autostart is false, and what is listed is started")
            return []
        out = []
        for index in range(number):
            own = name if number == 1 else f"{name}-{first + index}"
            out += self._one(section, name, own, group, first + index, index == 0)
        return out

    def _one(
        self, section: str, name: str, own: str, group: str, number: int, tell: bool
    ) -> list[str]:
        left = len(self._left)
        place = f"[{section}]"
        words = {"program_name": name, "process_num": number, "group_name": group or name}
        options = {k: self._expanded(place, v, words) for k, v in self._parser.items(section)}
        table = f"services.{_key(group)}.services.{_key(own)}" if group else f"services.{_key(own)}"
        rows = [f"[{table}]", 'kind = "process"', *self._command(place, options), "needs = []"]
        for key, value in options.items():
            if key in _SAME:
                to, write = _SAME[key]
                if not (to == "kill_after" or to == "ready_after") or _number(value):
                    rows.append(f"{to} = {write(value)}")
            elif key in _ALWAYS_SO:
                if not _true(value):
                    self._left.append(f"{place} {key}: {_ALWAYS_SO[key]}")
            elif key not in _SEEN:
                self._left.append(f"{place} {key}: it has no counterpart")
        if "startsecs" not in options:
            rows.append("ready_after = 1")
        rows += self._environment(place, options.get("environment", ""))
        rows += self._restart(options)
        rows += self._logs(place, options)
        if not tell:
            del self._left[left:]
        return [*rows, ""]

    def _command(self, place: str, options: dict[str, str]) -> list[str]:
        command = options.get("command", "")
        if not command:
            self._left.append(f"{place}: it has no command")
        return [f"command = {json.dumps(command)}"]

    def _environment(self, place: str, text: str) -> list[str]:
        pairs = self._shared | self._pairs(place, text)
        if not pairs:
            return []
        inner = ", ".join(f"{_key(name)} = {json.dumps(value)}" for name, value in pairs.items())
        return [f"env = {{ {inner} }}"]

    def _pairs(self, place: str, text: str) -> dict[str, str]:
        lexer = shlex.shlex(text, posix=True)
        lexer.whitespace, lexer.whitespace_split = ",", True
        try:
            pairs = [item.strip().partition("=") for item in lexer if item.strip()]
        except ValueError:
            self._left.append(f"{place} environment: it cannot be read")
            return {}
        return {name.strip(): value for name, _, value in pairs}

    def _restart(self, options: dict[str, str]) -> list[str]:
        policy = options.get("autorestart", "unexpected").lower()
        retries = options.get("startretries", "3")
        codes = [code.strip() for code in options.get("exitcodes", "0").split(",")]
        rows = []
        if policy == "unexpected":
            rows.append(f"done = [{', '.join(code for code in codes if code.isdecimal())}]")
        if policy in ("false", "no", "off", "0"):
            # supervisord leaves the others alone when one of its programs ends for good.
            return [f"done = [{', '.join(map(str, range(256)))}]"]
        limit = retries if retries.isdecimal() else "3"
        return [*rows, f"restart = {{ limit = {limit} }}"]

    def _logs(self, place: str, options: dict[str, str]) -> list[str]:
        rows = []
        for stream in ("stdout", "stderr"):
            file = options.get(f"{stream}_logfile", "AUTO")
            if file.upper() == "NONE":
                rows.append(f'{stream} = "drop"')
            elif file.upper() != "AUTO" and not file.startswith("/dev/"):
                self._left.append(f"{place} {stream}_logfile: its output goes to the one log")
        return rows

    def _expanded(self, place: str, text: str, words: dict[str, object]) -> str:
        file = self._homes.get(place[1:-1], self._file)
        known = {"here": os.path.dirname(os.path.abspath(file)), **words}

        def put(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("ENV_"):
                return f"${{{name[4:]}}}"
            with suppress(KeyError, TypeError):  # not known, or no number
                return str(f"%{found[2]}" % known[name])
            self._left.append(f"{place}: %({name}){found[2]} is not known")
            return found[0]

        literal = text.replace("${", "$${")
        return re.sub(r"%\((\w+)\)(\d*[sd])", put, literal).replace("%%", "%")


_WHY = {
    "unix_http_server": "there is no HTTP control interface",
    "inet_http_server": "there is no HTTP control interface",
    "supervisorctl": "there is no HTTP control interface",
    "rpcinterface": "there is no HTTP control interface",
    "eventlistener": "supervisord's event protocol is not spoken",
    "fcgi-program": "FastCGI sockets are not handed out",
}


def _true(text: str) -> bool:
    return text.strip().lower() in ("true", "yes", "on", "1")


def _number(text: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?", text) is not None


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)
