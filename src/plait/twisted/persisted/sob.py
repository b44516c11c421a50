"""
Objects kept in files: only those that are Python source.

A pickle runs whatever its writer wants when it is read, so plait neither reads nor writes one.
"""

from __future__ import annotations

import os
from typing import Any, NoReturn

from zope.interface import Interface, implementer

__all__ = [
    "IPersistable",
    "Persistant",
    "Persistent",
    "guessType",
    "load",
    "loadValueFromFile",
]

_NO_PICKLES = (
    "plait reads and writes no saved applications (pickles), because reading one runs any code in "
    "it: keep the Python file that made the application and run it with -y"
)

_TYPES = {
    ".tac": "python",
    ".etac": "python",
    ".py": "python",
    ".tap": "pickle",
    ".etap": "pickle",
    ".tas": "source",
    ".etas": "source",
}


class IPersistable(Interface):
    """Something that can be kept in a file."""

    def setStyle(style):  # type: ignore[no-untyped-def]  # described as a caller sees it
        """Choose the file's format."""

    def save(tag=None, filename=None, passphrase=None):  # type: ignore[no-untyped-def]  # the same
        """Write the file."""


@implementer(IPersistable)
class Persistent:
    """
    The persistence of an object; it remembers the style and refuses to write pickles.

    Args:
        original: The object.
        name: Its name, of which the file's name is made.
    """

    style = "pickle"

    def __init__(self, original: Any, name: str) -> None:
        self.original = original
        self.name = name

    def setStyle(self, style: str) -> None:
        """Note the style, `pickle` or `source`."""
        self.style = style

    def save(
        self, tag: str | None = None, filename: str | None = None, passphrase: object = None
    ) -> NoReturn:
        """
        Refuse.

        Raises:
            NotImplementedError: Always; the text says what to do instead.
        """
        raise NotImplementedError(_NO_PICKLES)


#: The same, as some old programs spell it.
Persistant = Persistent


def load(filename: str, style: str) -> NoReturn:
    """
    Refuse to load a pickle.

    Raises:
        NotImplementedError: Always; the text says what to do instead.
    """
    raise NotImplementedError(f"{filename} is a file of style {style!r}: {_NO_PICKLES}")


def loadValueFromFile(filename: str, variable: str) -> Any:
    """
    Run a Python file and return one of its global variables.

    The file sees `__file__`, as given, and the built-in names, and nothing else.

    Args:
        filename: The file.
        variable: The variable.

    Raises:
        KeyError: The file did not set the variable.
    """
    with open(filename) as file:
        code = compile(file.read(), filename, "exec")
    space: dict[str, Any] = {"__file__": filename}
    exec(code, space, space)
    return space[variable]


def guessType(filename: str) -> str:
    """
    Return the style of a file: `python`, `pickle` or `source`.

    Raises:
        KeyError: The name ends in none of the known ways.
    """
    return _TYPES[os.path.splitext(filename)[1]]
