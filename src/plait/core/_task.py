"""Services made of one function."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from inspect import isasyncgenfunction, isawaitable
from typing import Any, Concatenate, Generic, NoReturn, ParamSpec, TypeVar

from plait.core._service import Service
from plait.errors import FunctionRefused, NotOneYield, ServiceEnded

__all__ = ["ResourceService", "TaskService", "service"]

P = ParamSpec("P")
T = TypeVar("T")


class TaskService(Service):
    """
    A service made of one coroutine function.

    The function runs until the service stops, and is then cancelled. That it returns before is the
    service's failure; raise `DoNotRestart` to say that the work is done.

    Args:
        main:
            Called as `main(ready, *args, **kwargs)`; it calls `ready()` when it is ready.
        args:
            Further arguments for it.
        kwargs:
            Further keyword arguments for it.
    """

    def __init__(
        self,
        main: Callable[Concatenate[Callable[[], None], P], Coroutine[Any, Any, object]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        if not callable(main):
            raise TypeError(f"{main!r} is no function; expected async def main(ready, …)")
        label = getattr(main, "__name__", type(main).__name__)
        if label.isidentifier():
            self.name = label
        self._label = label
        self._main: Callable[[Callable[[], None]], Coroutine[Any, Any, object]] = lambda ready: (
            main(ready, *args, **kwargs)
        )

    async def start(self) -> None:
        """Run the function until it says that it is ready."""
        ready = asyncio.Event()
        task = self.spawn(self._work(ready), name=self._label)
        waiter = asyncio.ensure_future(ready.wait())
        try:
            await asyncio.wait((task, waiter), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiter.cancel()
        if task.done() and not task.cancelled():
            await task

    async def _work(self, ready: asyncio.Event) -> None:
        work: object = self._main(ready.set)
        if not isawaitable(work):
            wanted = f"async def {self._label}(ready, …)"
            raise FunctionRefused(self.path, self._label, "is no coroutine function", wanted)
        await work
        when = "" if ready.is_set() else " before it called ready()"
        raise ServiceEnded(self.path, f"{self._label}() returned{when}")


class ResourceService(Service, Generic[T]):
    """
    A service made of an async generator function that yields once; see `service`.

    Args:
        function:
            Makes the generator.
        label:
            The default name.

    Attributes:
        resource:
            What was yielded, while the service runs.
    """

    resource: T

    def __init__(self, function: Callable[[], AsyncIterator[T]], label: str) -> None:
        self.name = label
        self._function = asynccontextmanager(lambda: _Once(function(), label))

    async def start(self) -> None:
        """Run the generator up to its `yield`; what follows is run when the stack is unwound."""
        self.resource = await self.stack.enter_async_context(self._function())


class _Once(AsyncIterator[T]):
    """
    A generator that yields once, and says so where it does not.

    Args:
        generator:
            What the function made.
        label:
            The function's name.
    """

    def __init__(self, generator: AsyncIterator[T], label: str) -> None:
        self._generator: Any = generator
        self._label = label
        self._yielded = False

    async def __anext__(self) -> T:
        try:
            value: T = await anext(self._generator)
        except StopAsyncIteration:
            if self._yielded:
                raise
            raise NotOneYield(self._label, "ended without a yield") from None
        if self._yielded:
            await self._again()
        self._yielded = True
        return value

    async def athrow(self, *error: Any) -> None:
        """Throw an error into the generator."""
        await self._generator.athrow(*error)
        await self._again()

    async def aclose(self) -> None:
        """Close the generator."""
        await self._generator.aclose()

    async def _again(self) -> NoReturn:
        """Refuse a second yield."""
        await self._generator.aclose()
        raise NotOneYield(self._label, "yielded a second time")


def service(
    function: Callable[P, AsyncIterator[T]] | Callable[P, AsyncGenerator[T, None]],
) -> Callable[P, ResourceService[T]]:
    """
    Make a service of an async generator function that yields once.

    What stands before the `yield` is the start, what is yielded is the service's `resource`, and
    what stands after it is the stop. All of it runs in one task, so a TaskGroup around the
    `yield` works.

    Args:
        function:
            An async generator function.

    Returns:
        A function of the same arguments that makes the service.

    Raises:
        TypeError: It is no async generator function.
    """
    if not isasyncgenfunction(function):
        name = getattr(function, "__name__", repr(function))
        raise TypeError(
            f"@service takes an `async def` function with one yield, and {name} is none"
        )

    @wraps(function)
    def make(*args: P.args, **kwargs: P.kwargs) -> ResourceService[T]:
        return ResourceService(lambda: function(*args, **kwargs), function.__name__)

    return make
