"""
Command lines as classes, subclasses of `Options`.

Flags, parameters and sub-commands are their attributes. The rules are those of `getopt`: short
flags may be bundled, long names may be abbreviated, and options end at the first word that is none.
"""

from __future__ import annotations

import getopt
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NoReturn

from . import reflect
from ._completion import CompleteDirs as CompleteDirs
from ._completion import CompleteFiles as CompleteFiles
from ._completion import CompleteGroups as CompleteGroups
from ._completion import CompleteHostnames as CompleteHostnames
from ._completion import CompleteList as CompleteList
from ._completion import CompleteMultiList as CompleteMultiList
from ._completion import CompleteNetInterfaces as CompleteNetInterfaces
from ._completion import Completer as Completer
from ._completion import CompleteUserAtHost as CompleteUserAtHost
from ._completion import CompleteUsernames as CompleteUsernames
from ._completion import Completions as Completions
from ._usagetext import docMakeChunks as docMakeChunks

__all__ = [
    "CoerceParameter",
    "CompleteDirs",
    "CompleteFiles",
    "CompleteGroups",
    "CompleteHostnames",
    "CompleteList",
    "CompleteMultiList",
    "CompleteNetInterfaces",
    "CompleteUserAtHost",
    "CompleteUsernames",
    "Completer",
    "Completions",
    "Options",
    "UsageError",
    "docMakeChunks",
    "error",
    "flagFunction",
    "portCoerce",
]


class UsageError(Exception):
    """The command line is not one that the program takes."""


error = UsageError


class CoerceParameter:
    """
    Turns a parameter's text into what it stands for.

    Args:
        options: Where the result is stored.
        coerce: Takes the text; a `ValueError` that it raises becomes a `UsageError`.
    """

    def __init__(self, options: Options, coerce: Callable[[str], Any] | None) -> None:
        self.options = options
        self.coerce: Callable[[str], Any] = coerce if coerce is not None else str
        self.doc = getattr(self.coerce, "coerceDoc", "")

    def dispatch(self, parameterName: str, value: str | None) -> None:
        """
        Store a parameter.

        Args:
            parameterName: Its name.
            value: Its text.

        Raises:
            UsageError: The text stands for nothing, or is missing.
        """
        if value is None:
            raise UsageError(f"Parameter '{parameterName}' requires an argument.")
        try:
            value = self.coerce(value)
        except ValueError as trouble:
            raise UsageError(f"Parameter type enforcement failed: {trouble}") from trouble
        self.options.opts[parameterName] = value


def _padded(row: Sequence[Any], length: int) -> list[Any]:
    """Return a row of a table with None in the places that were left out."""
    if len(row) > length:
        raise ValueError(f"{list(row)!r} has {len(row)} places where {length} are known")
    return [*row, *[None] * (length - len(row))]


class Options(dict[str, Any]):
    """
    The options of a program; a subclass says which, and the object is a dictionary of their values.

    `optFlags` lists flags (long name, short name, text), `optParameters` parameters (long name,
    short name, default, text, coercion), `subCommands` commands (name, short name, `Options` class,
    text). Methods `opt_name` are called for an option of that name, with its value if they take
    one.
    """

    subCommand: str | None = None
    defaultSubCommand: str | None = None
    parent: Options | None = None
    completionData: Any = None
    subCommands: ClassVar[Any]
    subOptions: Options
    _shellCompFile: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.opts: Options = self
        self.defaults: dict[str, Any] = {}
        self.docs: dict[str, str | None] = {}
        self.synonyms: dict[str, str] = {}
        self.longOpt: list[str] = []
        self.shortOpt = ""
        self._dispatch: dict[str, Any] = {}
        self._gatherFlags()
        self._gatherParameters()
        self._gatherHandlers()

    def __hash__(self) -> int:  # type: ignore[override]  # each object is itself, as in Twisted
        return id(self)

    def _add(self, name: str, short: str | None, takesValue: bool) -> None:
        """Make an option known to getopt."""
        mark = "=" if takesValue else ""
        self.longOpt.append(name + mark)
        self.synonyms[name] = name
        if short:
            self.shortOpt += short + (":" if takesValue else "")
            self.synonyms[short] = name

    def _gatherFlags(self) -> None:
        flags: list[Any] = []
        reflect.accumulateClassList(self.__class__, "optFlags", flags)
        for flag in flags:
            long, short, doc = _padded(flag, 3)
            if not long:
                raise ValueError("A flag cannot be without a name.")
            self._add(long, short, False)
            self.docs[long] = doc
            self.opts[long] = 0
            self.defaults[long] = 0
            self._dispatch[long] = self._setFlag

    def _gatherParameters(self) -> None:
        parameters: list[Any] = []
        reflect.accumulateClassList(self.__class__, "optParameters", parameters)
        for parameter in parameters:
            long, short, default, doc, coerce = _padded(parameter, 5)
            if not long:
                raise ValueError("A parameter cannot be without a name.")
            self._add(long, short, True)
            self.docs[long] = doc
            self.opts[long] = default
            self.defaults[long] = default
            self._dispatch[long] = CoerceParameter(self, coerce)

    def _gatherHandlers(self) -> None:
        """Make the `opt_` methods known; those that are one function are names of one option."""
        names: dict[str, int] = {}
        reflect.addMethodNamesToDict(self.__class__, names, "opt_")
        aliases: dict[Any, list[str]] = {}
        for name in names:
            method = getattr(self, f"opt_{name}")
            aliases.setdefault(getattr(method, "__func__", method), []).append(name)
        for name in names:
            method = getattr(self, f"opt_{name}")
            takesValue = not flagFunction(method, name)
            pretty = name.replace("_", "-")
            self.docs[pretty] = getattr(method, "__doc__", None) or self.docs.get(pretty)
            self._dispatch[pretty] = method
            self.synonyms[pretty] = pretty
            if len(name) == 1:
                self.shortOpt += name + (":" if takesValue else "")
                long = [one for one in aliases[getattr(method, "__func__", method)] if len(one) > 1]
                if long:
                    self.synonyms[pretty] = long[0].replace("_", "-")
            else:
                self.longOpt.append(pretty + ("=" if takesValue else ""))

    def _setFlag(self, flagName: str, value: object = None) -> None:
        self.opts[flagName] = 1

    def opt_help(self) -> NoReturn:
        """Show this help and exit."""
        print(self.__str__())  # noqa: T201  # what the option is for
        sys.exit(0)

    def opt_version(self) -> NoReturn:
        """Show the version and exit."""
        from importlib.metadata import version

        print(f"plait {version('plait')}, Twisted's application API")  # noqa: T201  # the same
        sys.exit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Take a command line.

        Args:
            options: Its words; those of the process when left out.

        Raises:
            UsageError: It is not one that the program takes.
        """
        words = list(sys.argv[1:] if options is None else options)
        if "--_shell-completion" in words[-2:]:
            raise UsageError(
                "plait writes no zsh completions for usage.Options: install Twisted, which does"
            )
        try:
            pairs, args = getopt.getopt(words, self.shortOpt, self.longOpt)
        except getopt.error as trouble:
            raise UsageError(str(trouble)) from None
        for option, value in pairs:
            self._take(option.lstrip("-") if option.startswith("--") else option[1:], value)
        if getattr(self, "subCommands", None) and (args or self.defaultSubCommand is not None):
            self._parseSubCommand(args or [self.defaultSubCommand or ""])
        else:
            try:
                self.parseArgs(*args)
            except TypeError:
                raise UsageError("Wrong number of arguments.") from None
        self.postOptions()

    def _take(self, name: str, value: str) -> None:
        """Act on one option."""
        known = name if name in self.synonyms else name.replace("-", "_")
        if known not in self.synonyms:
            raise UsageError(f"No such option '{name}'")
        name = self.synonyms[known]
        handler = self._dispatch[name]
        if isinstance(handler, CoerceParameter):
            handler.dispatch(name, value)
        elif handler == self._setFlag:
            handler(name, value)
        elif flagFunction(handler):
            handler()
        else:
            handler(value)

    def _parseSubCommand(self, args: list[str]) -> None:
        """Hand the rest of the command line to a sub-command."""
        for command, short, parser, _ in self.subCommands:
            if args[0] in (command, short):
                self.subCommand = command
                self.subOptions = parser()
                self.subOptions.parent = self
                self.subOptions.parseOptions(args[1:])
                return
        raise UsageError(f"Unknown command: {args[0]}")

    def postOptions(self) -> None:
        """
        Called when the command line has been taken.

        A program overrides it to check the whole.
        """

    def parseArgs(self) -> None:
        """
        Called with the words that are no options.

        A program overrides it with the arguments it takes.
        """

    def getSynopsis(self) -> str:
        """Return the first line of the help: how the program is called."""
        default = "[options]"
        if self.parent is None:
            program = reflect.filenameToModuleName(sys.argv[0])
            name = os.fsdecode(program)
            if name.endswith(".__main__"):
                name = f"{os.path.basename(sys.executable)} -m {name[: -len('.__main__')]}"
            default = f"Usage: {name} [options]"
        synopsis = str(getattr(self, "synopsis", default)).rstrip()
        if self.parent is not None:
            synopsis = " ".join((self.parent.getSynopsis(), self.parent.subCommand or "", synopsis))
        return synopsis

    def getUsage(self, width: int | None = None) -> str:
        """
        Return the help: options, description and commands.

        Args:
            width: Characters in a line; those of the variable COLUMNS, or 80, when left out.
        """
        if self.subCommand is not None:
            return self.subOptions.getUsage(width)
        width = width or int(os.environ.get("COLUMNS") or "80")
        text = ""
        chunks = docMakeChunks(self._described(), width)
        if chunks:
            text = "Options:\n" + "".join(chunks)
        longdesc = getattr(self, "longdesc", None)
        if longdesc is None:
            longdesc = getattr(sys.modules.get("__main__"), "__doc__", None)
        if longdesc:
            text += "\n" + "\n".join(textwrap.wrap(longdesc, width)).strip() + "\n"
        if hasattr(self, "subCommands"):
            commands = [
                {"long": command, "short": short, "doc": doc, "optType": "command"}
                for command, short, _, doc in sorted(self.subCommands, key=lambda each: each[0])
            ]
            text += "Commands:\n" + "".join(docMakeChunks(commands, width))
        return text

    def _described(self) -> list[dict[str, Any]]:
        """Return the options as `docMakeChunks` wants them, ordered by their shortest names."""
        short: dict[str, str] = {}
        for name, long in self.synonyms.items():
            if len(name) == 1 and name != long:
                short[long] = name
        found = []
        for option in self.longOpt:
            long = option.rstrip("=")
            found.append(
                {
                    "long": long,
                    "short": short.get(long),
                    "doc": self.docs.get(long),
                    "optType": "parameter" if option.endswith("=") else "flag",
                    "default": self.defaults.get(long) if option.endswith("=") else None,
                    "dispatch": self._dispatch.get(long),
                }
            )
        return sorted(found, key=lambda opt: opt["short"] or opt["long"] or "")

    def __str__(self) -> str:
        return self.getSynopsis() + "\n" + self.getUsage(width=None)


def flagFunction(method: Any, name: str | None = None) -> bool:
    """
    Return whether an `opt_` method takes no value.

    Args:
        method: The method.
        name: What to call it in a complaint.

    Raises:
        UsageError: It takes more than one.
    """
    function = getattr(method, "__func__", method)
    count = function.__code__.co_argcount - (function is not method)
    if count > 1:
        raise UsageError(f"Invalid Option function for {name or function.__name__}")
    return bool(count == 0)


def portCoerce(value: str) -> int:
    """
    Return the port number that a text stands for.

    Raises:
        ValueError: It stands for none between 0 and 65535.
    """
    port = int(value)
    if not 0 <= port <= 65535:
        raise ValueError(f"Port number not in range: {value}")
    return port


portCoerce.coerceDoc = "Must be an int between 0 and 65535."  # type: ignore[attr-defined]  # read by the help
