"""A service that does, on command, what services should not do."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import Self

from plait.core import Service

__all__ = ["ScriptedService"]


class ScriptedService(Service):
    """
    A service whose every move is told to it, and which notes what is done to it.

    Set the attributes at any time, in the constructor or later; each holds until it is changed. The
    service also watches its caller: what breaks the contract (started twice, stopped without a
    start, not prepared first) is kept in `misuse` and raised on the spot.

    Args:
        journal:
            A list that several services may share; each adds lines such as `db start`, `db ready`,
            `db stop`, `db stopped`, `db unwound`, `db closed`. The name is the one the service has
            in its tree.
        prepare_error:
            Raised by `prepare()`.
        start_delay:
            How long `start()` takes, in seconds; `math.inf` hangs until `release()` or cancelled.
        start_error:
            Raised by `start()`, after the delay.
        crash_after:
            Seconds after each start at which a spawned task raises `crash_error`; None for never.
        crash_error:
            What `crash_after` and `crash()` raise.
        stop_delay:
            How long `stop()` takes, in seconds; `math.inf` hangs until `release()` or cancelled.
        stop_error:
            Raised by `stop()`, after the delay.
        stubborn:
            Whether `stop()` swallows its cancellation and goes on hanging.
        reload_error:
            Raised by `reload()`.
    """

    def __init__(
        self,
        journal: list[str] | None = None,
        *,
        prepare_error: BaseException | None = None,
        start_delay: float = 0.0,
        start_error: BaseException | None = None,
        crash_after: float | None = None,
        crash_error: BaseException | None = None,
        stop_delay: float = 0.0,
        stop_error: BaseException | None = None,
        stubborn: bool = False,
        reload_error: BaseException | None = None,
    ) -> None:
        self.journal: list[str] = [] if journal is None else journal
        self.prepare_error = prepare_error
        self.start_delay = start_delay
        self.start_error = start_error
        self.crash_after = crash_after
        self.crash_error = crash_error or RuntimeError("crashed on command")
        self.stop_delay = stop_delay
        self.stop_error = stop_error
        self.stubborn = stubborn
        self.reload_error = reload_error
        self.misuse: list[str] = []
        self.prepared = 0
        self.starts = 0
        self.stops = 0
        self.reloads = 0
        self.hurries = 0
        self._opened = 0
        self._closed = 0
        self._is_up = False
        self._in_prepare = False
        self._gate: asyncio.Event | None = None

    @property
    def leaked(self) -> int:
        """How many of the entries it pushed on its stack were never unwound."""
        return self._opened - self._closed

    def prepare(self) -> None:
        """Note it, push an entry on the stack, and raise `prepare_error` if there is one."""
        self._expect(not self._in_prepare, "prepared twice in one run")
        self._in_prepare = True
        self.prepared += 1
        self._note("prepare")
        self._opened += 1
        self.stack.callback(self._unprepare)
        if self.prepare_error is not None:
            raise self.prepare_error

    async def start(self) -> None:
        """Note it, wait `start_delay`, and raise `start_error` if there is one."""
        self._expect(not self._is_up, "started while it was up")
        self._expect(self._in_prepare, "started before it was prepared")
        self._is_up = True
        self.starts += 1
        self._note("start")
        self._opened += 1
        self.stack.callback(self._unstart)
        await self._pause(self.start_delay)
        if self.start_error is not None:
            raise self.start_error
        if self.crash_after is not None:
            self.spawn(self._crash(self.crash_after), name="crash")
        self._note("ready")

    async def stop(self) -> None:
        """Note it, wait `stop_delay`, and raise `stop_error` if there is one."""
        self._expect(self._is_up, "stopped although it was not up")
        self.stops += 1
        self._note("stop")
        while True:
            try:
                await self._pause(self.stop_delay)
            except asyncio.CancelledError:
                if not self.stubborn:
                    self._note("stop cancelled")
                    raise
                self._note("refused to stop")
                continue
            break
        if self.stop_error is not None:
            raise self.stop_error
        self._note("stopped")

    async def reload(self) -> None:
        """Note it, and raise `reload_error` if there is one."""
        self._expect(self._is_up, "reloaded although it was not up")
        self.reloads += 1
        self._note("reload")
        if self.reload_error is not None:
            raise self.reload_error

    def hurry(self) -> None:
        """Note it."""
        self.hurries += 1
        self._note("hurry")

    def crash(self, error: BaseException | None = None) -> None:
        """
        Fail now, by way of a spawned task.

        Args:
            error:
                What the task raises; `crash_error` if None.
        """
        if error is not None:
            self.crash_error = error
        self.spawn(self._crash(0.0), name="crash")

    def vanish(self) -> None:
        """Have a spawned task cancelled from outside, as a stray `task.cancel()` does."""
        self.spawn(asyncio.sleep(math.inf), name="vanish").cancel()

    def release(self) -> None:
        """Let a `start()` or `stop()` that hangs go on."""
        if self._gate is not None:
            self._gate.set()

    def obedient(self) -> Self:
        """Take back every command, and return itself."""
        self.prepare_error = self.start_error = self.stop_error = self.reload_error = None
        self.start_delay = self.stop_delay = 0.0
        self.crash_after = None
        self.stubborn = False
        return self

    async def _pause(self, seconds: float) -> None:
        if not seconds:
            return
        self._gate = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                await self._gate.wait()

    async def _crash(self, after: float) -> None:
        await asyncio.sleep(after)
        raise self.crash_error

    def _unstart(self) -> None:
        self._is_up = False
        self._closed += 1
        self._note("unwound")

    def _unprepare(self) -> None:
        self._expect(not self._is_up, "closed while it was up")
        self._in_prepare = False
        self._closed += 1
        self._note("closed")

    def _note(self, what: str) -> None:
        self.journal.append(f"{self.path.rpartition('/')[2]} {what}")

    def _expect(self, condition: bool, complaint: str) -> None:
        if not condition:
            self.misuse.append(complaint)
            raise AssertionError(f"{self.path} was {complaint}")
