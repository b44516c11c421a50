"""
Failures: an exception with its traceback, as a value that can be handed around.

A Failure keeps the live traceback and reads it only when asked, so making one is cheap.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Generator
from io import StringIO
from types import CodeType, TracebackType
from typing import Any, NoReturn, Self

from .reflect import qual, safe_repr, safe_str

__all__ = [
    "DefaultException",
    "EXCEPTION_CAUGHT_HERE",
    "Failure",
    "NoCurrentExceptionError",
    "format_frames",
    "startDebugMode",
]

EXCEPTION_CAUGHT_HERE = "--- <exception caught here> ---"
_DETAILS = ("default", "brief", "verbose", "verbose-vars-not-captured")

_made = 0
_post_mortem = False

#: One frame: function, file, line, locals, globals (the last two empty unless captured).
_FrameRecord = tuple[str, str, int, Any, Any]


class DefaultException(Exception):
    """What a text given in the place of an exception stands for."""


class NoCurrentExceptionError(Exception):
    """`Failure()` was called without an exception being handled."""


class _Code:
    """The code object of a frame that is only remembered, as `traceback` wants to see it."""

    def __init__(self, name: str, filename: str) -> None:
        self.co_name = self.co_qualname = name
        self.co_filename = filename

    def co_positions(self) -> Generator[tuple[None, None, None, None], None, None]:
        """No columns are remembered."""
        while True:
            yield (None, None, None, None)


class _Frame:
    """A frame that is only remembered."""

    f_back = None

    def __init__(self, record: _FrameRecord) -> None:
        name, filename, line, local, glob = record
        self.f_code = _Code(name, filename)
        self.f_lineno = line
        self.f_locals = dict(local)
        self.f_globals = dict(glob)


class _Traceback:
    """A traceback that is only remembered."""

    tb_lasti = 0

    def __init__(self, records: list[_FrameRecord]) -> None:
        self.tb_frame = _Frame(records[0])
        self.tb_lineno = records[0][2]
        self.tb_next = _Traceback(records[1:]) if len(records) > 1 else None


def format_frames(
    frames: list[_FrameRecord], write: Any, detail: str = "default", pickled: bool = False
) -> None:
    """
    Write frames as text.

    Args:
        frames: Records of function, file, line, locals and globals.
        write: Called with each piece of text.
        detail: `default`, `brief`, `verbose` or `verbose-vars-not-captured`.
        pickled: The variables' values are texts already.

    Raises:
        ValueError: `detail` is none of these.
    """
    if detail not in _DETAILS:
        raise ValueError(
            "Detail must be default, brief, verbose, or verbose-vars-not-captured. "
            f"(not {detail!r})"
        )
    for function, filename, line, local, glob in frames:
        if detail == "brief":
            write(f"{filename}:{line}:{function}\n")
        elif detail == "default":
            write(f'  File "{filename}", line {line}, in {function}\n')
            write(f"    {linecache.getline(filename, line).strip()}\n")
        else:
            write(f"{filename}:{line}: {function}(...)\n")
            if detail == "verbose":
                write(" [ Locals ]\n")
                for name, value in local:
                    write(f"  {name} : {value if pickled else repr(value)}\n")
                write(" ( Globals )\n")
                for name, value in glob:
                    write(f"  {name} : {value if pickled else repr(value)}\n")
    if detail == "verbose-vars-not-captured":
        write(" [Capture of Locals and Globals disabled (use captureVars=True)]\n")


class Failure(BaseException):
    """
    An exception and where it came from.

    Args:
        exc_value: The exception, another Failure, or nothing for the exception being handled.
        exc_type: Its type, when it is not the value's own.
        exc_tb: Its traceback, when it is not the value's own.
        captureVars: Keep the locals and globals of each frame for a verbose traceback.

    Raises:
        NoCurrentExceptionError: Nothing was given and no exception is being handled.
    """

    pickled = 0
    _parents: list[str] | None = None
    _frames: list[_FrameRecord] | None = None

    def __init__(
        self,
        exc_value: Any = None,
        exc_type: Any = None,
        exc_tb: TracebackType | None = None,
        captureVars: bool = False,
    ) -> None:
        global _made
        _made += 1
        self.count = _made
        self.type = exc_type
        self.captureVars = captureVars
        if exc_value is None:
            self.type, exc_value, exc_tb = sys.exc_info()
            if exc_value is None:
                raise NoCurrentExceptionError()
        elif exc_type is None:
            self.type = exc_value.__class__
        if isinstance(exc_value, Failure):
            count = self.count
            self.__dict__.update(exc_value.__dict__)
            self.count = count
            return
        self.value: Any = exc_value
        if exc_tb is None and isinstance(exc_value, BaseException):
            exc_tb = exc_value.__traceback__
        self.tb = exc_tb
        if _post_mortem:
            _inspect(exc_tb)

    @property
    def frames(self) -> list[_FrameRecord]:
        """The frames between where the exception was caught and where it was raised."""
        if self._frames is None:
            self._frames = [] if self.tb is None else self._collect(self.tb)
        return self._frames

    @frames.setter
    def frames(self, frames: list[_FrameRecord]) -> None:
        self._frames = frames

    @property
    def stack(self) -> list[_FrameRecord]:
        """The frames above the place of catching; never collected, so empty."""
        return []

    @stack.setter
    def stack(self, stack: list[_FrameRecord]) -> None:
        """Accept what old pickles carry."""

    @property
    def parents(self) -> list[str]:
        """The full names of the exception's class and all its bases."""
        if self._parents is None:
            mro = getattr(self.type, "__mro__", ())
            self._parents = [qual(cls) for cls in mro] or [safe_str(self.type)]
        return self._parents

    @parents.setter
    def parents(self, parents: list[str]) -> None:
        self._parents = parents

    def _collect(self, tb: TracebackType | None) -> list[_FrameRecord]:
        found: list[_FrameRecord] = []
        while tb is not None:
            frame = tb.tb_frame
            local: Any = ()
            glob: Any = ()
            code: CodeType = frame.f_code
            if self.captureVars:
                local = [pair for pair in frame.f_locals.items() if pair[0] != "__builtins__"]
                same = frame.f_locals is frame.f_globals
                glob = (
                    []
                    if same
                    else [pair for pair in frame.f_globals.items() if pair[0] != "__builtins__"]
                )
            found.append((code.co_name, code.co_filename, tb.tb_lineno, local, glob))
            tb = tb.tb_next
        return found

    def trap(self, *errorTypes: Any) -> Any:
        """
        Return the first of the given types that matches, else raise the exception again.

        Args:
            errorTypes: Exception classes, or their full names.
        """
        found = self.check(*errorTypes)
        if found is None:
            self.raiseException()
        return found

    def check(self, *errorTypes: Any) -> Any:
        """Return the first of the given types (or full names) that matches, else None."""
        for error in errorTypes:
            name = error
            if isinstance(error, type) and issubclass(error, BaseException):
                if isinstance(self.type, type) and issubclass(self.type, error):
                    return error
                name = qual(error)
            if name in self.parents:
                return error
        return None

    def raiseException(self) -> NoReturn:
        """Raise the exception with its old traceback."""
        raise self.value.with_traceback(self.tb)

    def throwExceptionIntoGenerator(self, g: Generator[Any, Any, Any]) -> Any:
        """Raise the exception at the place where a generator waits; return what it yields next."""
        return g.throw(self.value.with_traceback(self.tb))

    def __repr__(self) -> str:
        name = qual(self.type) if isinstance(self.type, type) else safe_str(self.type)
        return f"<{qual(Failure)} {name}: {self.getErrorMessage()}>"

    def __str__(self) -> str:
        return f"[Failure instance: {self.getBriefTraceback()}]"

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            for name, value in state.items():
                setattr(self, name, value)

    def __getstate__(self) -> dict[str, Any]:
        """Return what can be kept: texts in the place of the live traceback."""
        state = dict(self.__dict__)
        state["tb"] = None
        state.pop("_frames", None)
        state.pop("_parents", None)
        state["stack"] = []
        state["frames"] = [(n, f, line, _plain(lo), _plain(g)) for n, f, line, lo, g in self.frames]
        state["parents"] = list(self.parents)
        state["pickled"] = 1
        return state

    def __reduce__(self) -> tuple[Any, ...]:
        return (_empty, (), self.__getstate__())

    def cleanFailure(self) -> None:
        """Let go of the frames' variables; the texts of the traceback are kept."""
        self._frames = [(n, f, line, _plain(lo), _plain(g)) for n, f, line, lo, g in self.frames]
        self.tb = None
        if getattr(self.value, "__traceback__", None) is not None:
            self.value.__traceback__ = None

    def getTracebackObject(self) -> Any:
        """Return the traceback, or after `cleanFailure` an object `traceback` can read like one."""
        if self.tb is not None:
            return self.tb
        return _Traceback(self.frames) if self.frames else None

    def getErrorMessage(self) -> str:
        """Return the exception's own text."""
        if isinstance(self.value, Failure):
            return self.value.getErrorMessage()
        return safe_str(self.value)

    def getBriefTraceback(self) -> str:
        """Return the traceback with one short line a frame."""
        out = StringIO()
        self.printBriefTraceback(file=out)
        return out.getvalue()

    def getTraceback(self, elideFrameworkCode: int = 0, detail: str = "default") -> str:
        """Return the traceback as text; see `printTraceback` for the arguments."""
        out = StringIO()
        self.printTraceback(file=out, elideFrameworkCode=elideFrameworkCode, detail=detail)
        return out.getvalue()

    def printTraceback(
        self, file: Any = None, elideFrameworkCode: bool | int = False, detail: str = "default"
    ) -> None:
        """
        Write the traceback.

        Args:
            file: A text file; the log's error stream when left out.
            elideFrameworkCode: Accepted and without effect, as nothing is there to leave out.
            detail: `default`, `brief` or `verbose`.
        """
        if file is None:
            from . import log

            file = log.logerr
        write = file.write
        shown = detail
        if detail == "verbose" and not self.captureVars:
            shown = "verbose-vars-not-captured"
        if detail.startswith("verbose"):
            pickled = " (pickled) " if self.pickled else " "
            write(f"*--- Failure #{self.count}{pickled}---\n")
        elif detail == "brief":
            word = "Traceback" if self.frames else "Traceback (failure with no frames)"
            write(f"{word}: {self.type}: {safe_str(self.value)}\n")
        else:
            write("Traceback (most recent call last):\n")
        if self.frames:
            format_frames(self.frames, write, shown, self.tb is None)
        elif detail != "brief":
            write("Failure: ")
        if detail != "brief":
            name = qual(self.type) if isinstance(self.type, type) else safe_str(self.type)
            write(f"{name}: {safe_str(self.value)}\n")
        if isinstance(self.value, Failure):
            self.value.printTraceback(file, elideFrameworkCode, detail)
        if detail.startswith("verbose"):
            write(f"*--- End of Failure #{self.count}{' (pickled) ' if self.pickled else ' '}---\n")

    def printBriefTraceback(self, file: Any = None, elideFrameworkCode: int = 0) -> None:
        """Write the traceback with one short line a frame."""
        self.printTraceback(file, elideFrameworkCode, detail="brief")

    def printDetailedTraceback(self, file: Any = None, elideFrameworkCode: int = 0) -> None:
        """Write the traceback with each frame's variables, where they were captured."""
        self.printTraceback(file, elideFrameworkCode, detail="verbose")

    @classmethod
    def _withoutTraceback(cls, value: BaseException) -> Self:
        """Make a Failure for an exception that was never raised, cheaply."""
        return cls(value)


def _plain(pairs: Any) -> Any:
    return [(name, safe_repr(value)) for name, value in pairs] if pairs else pairs


def _empty() -> Failure:
    return Failure.__new__(Failure)


def _inspect(tb: TracebackType | None) -> None:
    """Stop in the debugger at the place of the exception; what `twistd --debug` is for."""
    import pdb  # noqa: T100  # stopping in the debugger is what was asked for

    if tb is not None:
        pdb.post_mortem(tb)


def startDebugMode() -> None:
    """Stop in the debugger whenever a Failure is made."""
    global _post_mortem
    _post_mortem = True
