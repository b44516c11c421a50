"""Profiling a run, and showing every call."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol, TypeVar

from plait.errors import UsageError
from plait.runner._plan import RunPlan

__all__ = ["profiling", "spewing"]

T = TypeVar("T")


class Profiler(Protocol):
    """Something that calls a function and keeps a record."""

    def call(self, function: Callable[[], T]) -> T:
        """Call a function and return what it returns."""

    def report(self, binary: bool) -> bytes:
        """Return the record, as text or as data."""


class _Classic:
    """cProfile or profile of the standard library."""

    def __init__(self, module: str) -> None:
        self._profile: Any = importlib.import_module(module).Profile()

    def call(self, function: Callable[[], T]) -> T:
        """Call a function under the profiler."""
        result: T = self._profile.runcall(function)
        return result

    def report(self, binary: bool) -> bytes:
        """Return the statistics, by cumulative time."""
        if binary:
            import marshal

            self._profile.create_stats()
            return marshal.dumps(self._profile.stats)
        import pstats

        text = io.StringIO()
        pstats.Stats(self._profile, stream=text).sort_stats("cumulative").print_stats()
        return text.getvalue().encode()


class _Sampling:
    """pyinstrument."""

    def __init__(self) -> None:
        try:
            pyinstrument = importlib.import_module("pyinstrument")
        except ModuleNotFoundError:
            raise UsageError(
                "--profiler", "pyinstrument is not installed; run: pip install pyinstrument"
            ) from None
        self._profiler: Any = pyinstrument.Profiler(async_mode="disabled")

    def call(self, function: Callable[[], T]) -> T:
        """Call a function under the profiler."""
        with self._profiler:
            return function()

    def report(self, binary: bool) -> bytes:
        """Return the call tree."""
        text: str = self._profiler.output_text(unicode=True, show_all=binary)
        return text.encode()


class Profile:
    """
    A profile of one run.

    Args:
        path:
            The file it goes to.
        profiler:
            Who makes it.
        binary:
            Whether data is written instead of text.
    """

    def __init__(self, path: str, profiler: Profiler, binary: bool) -> None:
        # Opened now: later there may be no right to.
        try:
            self._file = open(path, "wb")  # noqa: SIM115  # closed by write()
        except OSError as error:
            raise UsageError("--profile", f"cannot write {path}: {error.strerror}") from None
        self._profiler = profiler
        self._binary = binary

    def call(self, function: Callable[[], T]) -> T:
        """Call a function under the profiler and write the record."""
        try:
            return self._profiler.call(function)
        finally:
            with self._file:
                self._file.write(self._profiler.report(self._binary))


class NoProfile:
    """No profile was asked for."""

    def call(self, function: Callable[[], T]) -> T:
        """Call a function."""
        return function()


def profiling(plan: RunPlan) -> Profile | NoProfile:
    """
    Return what calls the main loop.

    Args:
        plan:
            The plan, with the file and the name of the profiler.

    Raises:
        UsageError: the profiler is not there, or the file cannot be written.
    """
    if not plan.profile:
        return NoProfile()
    profiler: Profiler
    if plan.profiler == "pyinstrument":
        profiler = _Sampling()
    else:
        profiler = _Classic({"cprofile": "cProfile", "profile": "profile"}[plan.profiler])
    return Profile(plan.profile, profiler, plan.savestats)


@contextmanager
def spewing(wanted: bool) -> Iterator[None]:
    """
    Print every call of a Python function to standard error.

    Args:
        wanted:
            Whether to do so at all.
    """
    if not wanted:
        yield
        return
    stream = sys.stderr

    def spew(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            code = frame.f_code
            module = frame.f_globals.get("__name__", "")
            try:
                stream.write(f"{module}.{code.co_qualname} {code.co_filename}:{frame.f_lineno}\n")
            except (OSError, ValueError):
                # Who read it is gone. An error here would come out of whatever function this is.
                sys.setprofile(None)

    sys.setprofile(spew)
    try:
        yield
    finally:
        sys.setprofile(None)
