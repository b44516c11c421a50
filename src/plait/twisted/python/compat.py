"""What is left of the help for Python 2: text and bytes of what is ASCII."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from typing import Any

from plait.twisted._absent import absent

__all__ = [
    "bytesEnviron",
    "cmp",
    "comparable",
    "execfile",
    "intToBytes",
    "iterbytes",
    "lazyByteSlice",
    "nativeString",
    "networkString",
]


def nativeString(s: str | bytes) -> str:
    """
    Return ASCII as text.

    Raises:
        TypeError: It is neither text nor bytes.
        UnicodeError: It is not ASCII.
    """
    if not isinstance(s, (bytes, str)):
        raise TypeError(f"{s!r} is neither bytes nor str")
    if isinstance(s, bytes):
        return s.decode("ascii")
    s.encode("ascii")
    return s


def networkString(s: str) -> bytes:
    """
    Return ASCII as bytes.

    Raises:
        TypeError: It is no text.
    """
    if not isinstance(s, str):
        raise TypeError("Can only convert strings to bytes")
    return s.encode("ascii")


def iterbytes(originalBytes: bytes) -> Iterator[bytes]:
    """Yield the single bytes."""
    for index in range(len(originalBytes)):
        yield originalBytes[index : index + 1]


def intToBytes(i: int) -> bytes:
    """Return a number in decimal figures."""
    return b"%d" % i


def lazyByteSlice(object: Any, offset: int = 0, size: int | None = None) -> memoryview:
    """Return a part of bytes that is not copied."""
    view = memoryview(object)
    return view[offset:] if size is None else view[offset : offset + size]


def bytesEnviron() -> dict[bytes, bytes]:
    """Return the environment as bytes."""
    return {os.fsencode(name): os.fsencode(value) for name, value in os.environ.items()}


def cmp(a: Any, b: Any) -> int:
    """Return -1, 0 or 1 for less, equal, greater."""
    return 0 if a == b else -1 if a < b else 1


def comparable(klass: Any) -> Any:
    """Give a class the comparisons that follow from its `__cmp__`."""

    def compared(self: Any, other: Any, found: Any) -> Any:
        result = self.__cmp__(other)
        return result if result is NotImplemented else found(result)

    for name, found in (
        ("__eq__", lambda result: result == 0),
        ("__ne__", lambda result: result != 0),
        ("__lt__", lambda result: result < 0),
        ("__le__", lambda result: result <= 0),
        ("__gt__", lambda result: result > 0),
        ("__ge__", lambda result: result >= 0),
    ):
        setattr(klass, name, functools.partialmethod(compared, found=found))
    return klass


def execfile(filename: str, globals: dict[str, Any], locals: Any = None) -> None:
    """
    Execute a file of Python.

    Args:
        filename: The file.
        globals: Its global names.
        locals: Its local names; the global ones by default.
    """
    with open(filename, "rb") as file:
        code = compile(file.read(), filename, "exec")
    exec(code, globals, globals if locals is None else locals)


_PYTHON_3 = "Python 3 has it itself"

_GONE = (
    "FileType InstanceType NativeStringIO Sequence StringType cookielib escape frozenset intern "
    "items iteritems itervalues range raw_input reduce reraise set unichr unicode urllib_parse "
    "urlquote urlunquote xrange"
)

__getattr__ = absent(__name__, dict.fromkeys(_GONE.split(), _PYTHON_3))
