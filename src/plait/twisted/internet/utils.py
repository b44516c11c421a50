"""Programs run for what they print or for their exit status."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from io import BytesIO
from typing import Any

from plait.twisted.python.failure import Failure

from . import defer
from ._late import theReactor
from .protocol import ProcessProtocol

__all__ = [
    "getProcessOutput",
    "getProcessOutputAndValue",
    "getProcessValue",
    "runWithWarningsSuppressed",
    "suppressWarnings",
]


class _UnexpectedErrorOutput(IOError):
    """
    A program wrote to its standard error.

    Args:
        text: What it wrote.
        processEnded: A Deferred that fires when the program has ended.
    """

    def __init__(self, text: bytes, processEnded: Any) -> None:
        super().__init__(f"got stderr: {text!r}")
        self.processEnded = processEnded


class _Backtick(ProcessProtocol):
    """Collects what a program prints; what it prints as an error is one."""

    def __init__(self, done: Any, errortoo: bool) -> None:
        self.done: Any = done
        self.errortoo = errortoo
        self.out = BytesIO()
        self.onProcessEnded: Any = None

    def outReceived(self, data: bytes) -> None:
        """Keep what the program prints."""
        self.out.write(data)

    def errReceived(self, data: bytes) -> None:
        """Keep it too, or fail and end the program."""
        if self.errortoo:
            self.out.write(data)
        elif self.done is not None:
            done, self.done = self.done, None
            self.onProcessEnded = defer.Deferred()
            done.errback(_UnexpectedErrorOutput(data, self.onProcessEnded))
            transport: Any = self.transport
            transport.loseConnection()

    def processEnded(self, reason: Any) -> None:
        """Hand over what was printed."""
        if self.done is not None:
            self.done.callback(self.out.getvalue())
        elif self.onProcessEnded is not None:
            self.onProcessEnded.errback(reason)


class _Value(ProcessProtocol):
    """Waits for the exit status."""

    def __init__(self, done: Any) -> None:
        self.done = done

    def processEnded(self, reason: Any) -> None:
        """Hand over the status."""
        self.done.callback(reason.value.exitCode)


class _Everything(ProcessProtocol):
    """Collects both outputs and the exit status."""

    def __init__(self, done: Any, stdin: bytes | None) -> None:
        self.done = done
        self.stdin = stdin
        self.out, self.err = BytesIO(), BytesIO()

    def outReceived(self, data: bytes) -> None:
        """Keep what the program prints."""
        self.out.write(data)

    def errReceived(self, data: bytes) -> None:
        """Keep what the program prints as errors."""
        self.err.write(data)

    def connectionMade(self) -> None:
        """Send what the program is to read."""
        if self.stdin is not None:
            transport: Any = self.transport
            transport.writeToChild(0, self.stdin)
            transport.closeStdin()

    def processEnded(self, reason: Any) -> None:
        """Hand over all of it; where a signal ended the program, as a failure."""
        end = reason.value
        outputs = self.out.getvalue(), self.err.getvalue()
        if end.signal:
            self.done.errback(Failure(_Signalled((*outputs, end.signal))))
        else:
            self.done.callback((*outputs, end.exitCode))


class _Signalled(Exception):
    """What a program had printed, and the signal that ended it: `value` has both outputs and it."""

    def __init__(self, value: tuple[bytes, bytes, int]) -> None:
        super().__init__(*value)
        self.value = value

    def __iter__(self) -> Any:
        return iter(self.value)

    def __getitem__(self, index: Any) -> Any:
        return self.value[index]


def _run(
    make: Callable[..., Any],
    executable: Any,
    args: Sequence[Any],
    env: Mapping[Any, Any] | None,
    path: Any,
    reactor: Any,
    *more: Any,
) -> Any:
    done: Any = defer.Deferred()
    clock = theReactor() if reactor is None else reactor
    clock.spawnProcess(make(done, *more), executable, (executable, *args), env, path)
    return done


def getProcessOutput(
    executable: Any,
    args: Sequence[Any] = (),
    env: Mapping[Any, Any] | None = {},
    path: Any = None,
    reactor: Any = None,
    errortoo: bool = False,
) -> Any:
    """
    Run a program for what it prints.

    Args:
        executable: Its file.
        args: Its arguments, without its own name.
        env: Its environment, empty by default; None for ours.
        path: The directory it runs in.
        reactor: The reactor, when it is not the global one.
        errortoo: Take what it prints as errors too; else that is a failure, an `OSError`.

    Returns:
        A Deferred of the bytes.
    """
    return _run(_Backtick, executable, args, env, path, reactor, errortoo)


def getProcessValue(
    executable: Any,
    args: Sequence[Any] = (),
    env: Mapping[Any, Any] | None = {},
    path: Any = None,
    reactor: Any = None,
) -> Any:
    """
    Run a program for its exit status.

    Args:
        executable: Its file.
        args: Its arguments, without its own name.
        env: Its environment, empty by default; None for ours.
        path: The directory it runs in.
        reactor: The reactor, when it is not the global one.

    Returns:
        A Deferred of the status.
    """
    return _run(_Value, executable, args, env, path, reactor)


def getProcessOutputAndValue(
    executable: Any,
    args: Sequence[Any] = (),
    env: Mapping[Any, Any] | None = {},
    path: Any = None,
    reactor: Any = None,
    stdinBytes: bytes | None = None,
) -> Any:
    """
    Run a program for both its outputs and its exit status.

    Args:
        executable: Its file.
        args: Its arguments, without its own name.
        env: Its environment, empty by default; None for ours.
        path: The directory it runs in.
        reactor: The reactor, when it is not the global one.
        stdinBytes: What it reads.

    Returns:
        A Deferred of output, errors and status; it fails where a signal ended the program.
    """
    return _run(_Everything, executable, args, env, path, reactor, stdinBytes)


def runWithWarningsSuppressed(
    suppressedWarnings: Any, f: Callable[..., Any], *a: Any, **kw: Any
) -> Any:
    """
    Call a function while some warnings are ignored; until its Deferred fires, if it returns one.

    Args:
        suppressedWarnings: Pairs of arguments for `warnings.filterwarnings`.
        f: The function.
        a: Its arguments.
        kw: Its named arguments.
    """
    caught = warnings.catch_warnings()
    caught.__enter__()
    for args, keywords in suppressedWarnings:
        warnings.filterwarnings(*args, **keywords)

    def end(result: Any) -> Any:
        caught.__exit__(None, None, None)
        return result

    try:
        result = f(*a, **kw)
    except BaseException:
        end(None)
        raise
    return result.addBoth(end) if isinstance(result, defer.Deferred) else end(result)


def suppressWarnings(f: Callable[..., Any], *suppressedWarnings: Any) -> Callable[..., Any]:
    """
    Return a function that is called while some warnings are ignored.

    Args:
        f: The function.
        suppressedWarnings: Pairs of arguments for `warnings.filterwarnings`.
    """

    @wraps(f)
    def called(*a: Any, **kw: Any) -> Any:
        return runWithWarningsSuppressed(suppressedWarnings, f, *a, **kw)

    return called
