"""Small things that Twisted programs share."""

from __future__ import annotations

import os
import sys
from collections import OrderedDict as OrderedDict
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from plait.twisted._absent import absent

__all__ = [
    "FancyEqMixin",
    "FancyStrMixin",
    "InsensitiveDict",
    "OrderedDict",
    "getPassword",
    "gidFromString",
    "mergeFunctionMetadata",
    "nameToLabel",
    "padTo",
    "println",
    "runWithWarningsSuppressed",
    "sibpath",
    "uidFromString",
    "uniquify",
    "untilConcludes",
]


def sibpath(path: Any, sibling: Any) -> Any:
    """
    Return the path of a file beside another one, such as a module's `__file__`.

    Args:
        path: The other file.
        sibling: The name.
    """
    return os.path.join(os.path.dirname(os.path.abspath(path)), sibling)


def println(*a: Any) -> None:
    """Write texts and a line's end to standard output."""
    sys.stdout.write(" ".join(map(str, a)) + "\n")


def uniquify(lst: Any) -> list[Any]:
    """Return the elements in their order, each once."""
    return list(dict.fromkeys(lst))


def padTo(n: int, seq: Any, default: Any = None) -> list[Any]:
    """
    Return a list of a length that begins with the elements of a sequence.

    Raises:
        ValueError: The sequence is longer.
    """
    if len(seq) > n:
        raise ValueError(f"{len(seq)} elements do not fit into {n}")
    return [*seq, *[default] * (n - len(seq))]


def nameToLabel(mname: str) -> str:
    """Return a name such as `someName` in words: `Some Name`."""
    return mname[:1].upper() + "".join(f" {c}" if c.isupper() else c for c in mname[1:])


def untilConcludes(f: Callable[..., Any], *a: Any, **kw: Any) -> Any:
    """Call a function, and again as long as a signal interrupts it."""
    while True:
        try:
            return f(*a, **kw)
        except InterruptedError:
            continue


def mergeFunctionMetadata(f: Any, g: Any) -> Any:
    """Give a function the name, text and attributes of another one, and return it."""
    for name in ("__name__", "__doc__", "__module__"):
        try:
            setattr(g, name, getattr(f, name))
        except (AttributeError, TypeError):
            continue
    g.__dict__.update(getattr(f, "__dict__", {}))
    return g


def uidFromString(uidString: str) -> int:
    """Return the id of a user by name or number; KeyError without."""
    try:
        return int(uidString)
    except ValueError:
        import pwd

        return pwd.getpwnam(uidString).pw_uid


def gidFromString(gidString: str) -> int:
    """Return the id of a group by name or number; KeyError without."""
    try:
        return int(gidString)
    except ValueError:
        import grp

        return grp.getgrnam(gidString).gr_gid


def getPassword(
    prompt: str = "Password: ",
    confirm: int = 0,
    forceTTY: int = 0,
    confirmPrompt: str = "Confirm password: ",
    mismatchMessage: str = "Passwords don't match.",
) -> str:
    """
    Ask for a password on the terminal.

    Args:
        prompt: What to ask with.
        confirm: Ask twice, until both answers agree.
        forceTTY: Ask on the terminal even where standard input is not one.
        confirmPrompt: What to ask with the second time.
        mismatchMessage: What to say when they do not agree.
    """
    import getpass

    if not forceTTY and not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    while True:
        first = getpass.getpass(prompt)
        if not confirm or first == getpass.getpass(confirmPrompt):
            return first
        println(mismatchMessage)


def runWithWarningsSuppressed(
    suppressedWarnings: Any, f: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    """
    Call a function while some warnings are ignored.

    Args:
        suppressedWarnings: Pairs of arguments for `warnings.filterwarnings`.
        f: The function.
        args: Its arguments.
        kwargs: Its named arguments.
    """
    import warnings

    with warnings.catch_warnings():
        for a, kw in suppressedWarnings:
            warnings.filterwarnings(*a, **kw)
        return f(*args, **kwargs)


class InsensitiveDict(MutableMapping[Any, Any]):
    """
    A dictionary whose keys, where they are texts, are the same in any case.

    Args:
        dict: What is in it at first.
        preserve: Keep the keys as they were written; else in lower case.
    """

    def __init__(self, dict: Any = None, preserve: int = 1) -> None:
        self.data: Any = {}
        self.preserve = preserve
        if dict:
            self.update(dict)

    @staticmethod
    def _key(key: Any) -> Any:
        return key.lower() if isinstance(key, (str, bytes)) else key

    def __getitem__(self, key: Any) -> Any:
        return self.data[self._key(key)][1]

    def __setitem__(self, key: Any, value: Any) -> None:
        lower = self._key(key)
        self.data[lower] = (key if self.preserve else lower, value)

    def __delitem__(self, key: Any) -> None:
        del self.data[self._key(key)]

    def __iter__(self) -> Iterator[Any]:
        return iter([key for key, _value in self.data.values()])

    def __len__(self) -> int:
        return len(self.data)

    def has_key(self, key: Any) -> bool:
        """Tell whether there is a key."""
        return key in self

    def copy(self) -> InsensitiveDict:
        """Return a copy."""
        return InsensitiveDict(self, preserve=self.preserve)

    def __repr__(self) -> str:
        return f"InsensitiveDict({dict(self.items())!r})"

    def __eq__(self, other: object) -> bool:
        if not hasattr(other, "items"):
            return NotImplemented
        theirs = {self._key(key): value for key, value in other.items()}
        return theirs == {self._key(key): value for key, value in self.items()}

    __hash__ = None  # type: ignore[assignment]  # mutable


class FancyStrMixin:
    """
    Shows the attributes that `showAttributes` names.

    A name may come with another one to show instead, and with a format or a function for the value.
    """

    showAttributes: Any = ()

    def __str__(self) -> str:
        shown = [getattr(self, "fancybasename", type(self).__name__)]
        for each in self.showAttributes:
            if isinstance(each, str):
                shown.append(f" {each}={getattr(self, each)!r}")
            elif len(each) == 2:
                shown.append(f" {each[0]}={each[1](getattr(self, each[0]))}")
            else:
                shown.append(f" {each[1]}={each[2] % (getattr(self, each[0]),)}")
        return f"<{''.join(shown)}>"

    __repr__ = __str__


class FancyEqMixin:
    """Compares the attributes that `compareAttributes` names."""

    compareAttributes: Any = ()

    def __eq__(self, other: object) -> bool:
        if not self.compareAttributes:
            return self is other
        if not isinstance(other, type(self)):
            return NotImplemented
        return [getattr(self, name) for name in self.compareAttributes] == [
            getattr(other, name) for name in self.compareAttributes
        ]

    __hash__ = None  # type: ignore[assignment]  # as its attributes, it may change


_RUNNER = "plait run --user and --group do it"

__getattr__ = absent(
    __name__,
    {
        "IntervalDifferential": "sort the times with heapq.merge",
        "LineLog": "use collections.deque with maxlen",
        "addPluginDir": "plug-ins are found on sys.path",
        "getPluginDirs": "plug-ins are found on sys.path",
        "makeStatBar": "format the text yourself",
        "raises": "use contextlib or a test's own means",
        "runAsEffectiveUser": _RUNNER,
        "searchupwards": "use pathlib.Path.parents",
        "spewer": "use plait run --spew",
        "switchUID": _RUNNER,
    },
)
