"""One run of a command: its end is noticed, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

from ._members import can_look, members
from ._output import Output

__all__ = ["Child"]

#: Seconds that what was killed may take to be gone, as the kernel tells it.
_GONE = 5.0


class Child:
    """
    A command that runs.

    Its number is not given back to the system before its whole group is gone, so that no signal
    can reach a stranger who has got the number.

    Args:
        loop:
            The loop that runs.
        process:
            The leader of a session and group of its own.
        mark:
            What every process of it carries in its environment.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, process: subprocess.Popen[bytes], mark: str
    ) -> None:
        self.pid = process.pid
        self.ended: asyncio.Future[int] = loop.create_future()
        self.outputs: list[Output] = []
        self.hurried = asyncio.Event()
        self._loop, self._process, self._mark = loop, process, mark
        self._descriptor = -1
        self._over = False
        self._watch()

    def _watch(self) -> None:
        opener: Callable[[int], int] | None = getattr(os, "pidfd_open", None)
        if opener is not None:
            with suppress(OSError):
                self._descriptor = opener(self.pid)
                self._loop.add_reader(self._descriptor, self._readable)
                return
        threading.Thread(target=self._wait, name=f"wait-{self.pid}", daemon=True).start()

    def _readable(self) -> None:
        self._loop.remove_reader(self._descriptor)
        # Its status is looked at and left there: the number stays taken.
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            status = 0
        elif found.si_code == os.CLD_EXITED:
            status = found.si_status
        else:
            status = -found.si_status
        self._note(status)

    def _wait(self) -> None:
        status = self._process.wait()
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self._note, status)

    def _note(self, status: int) -> None:
        if not self.ended.done():
            self.ended.set_result(status)

    def signal(self, number: int, *, first_only: bool = False) -> None:
        """Send a signal to the whole group, or to its first process only."""
        if not self._over:
            with suppress(ProcessLookupError, PermissionError):
                (os.kill if first_only else os.killpg)(self.pid, number)

    async def finish(self, number: int, patience: float) -> None:
        """
        End the command and all it has started; return when nothing of it is left.

        Args:
            number:
                The signal that asks it to end.
            patience:
                Seconds it may take before it is killed.
        """
        if self._over:
            return
        try:
            deadline = self._loop.time() + patience
            if not self.ended.done():
                self.signal(number)
                if not await self._within(deadline):
                    self.signal(signal.SIGKILL)
                    await asyncio.wait((self.ended,))
            await self._clear(deadline)
        except BaseException:
            self._kill_now()
            raise
        finally:
            self._close()

    async def _within(self, deadline: float) -> bool:
        """Wait for the first process to end, until the deadline or until there is a hurry."""
        hurry = asyncio.ensure_future(self.hurried.wait())
        try:
            await asyncio.wait(
                (self.ended, hurry),
                timeout=max(0.0, deadline - self._loop.time()),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            hurry.cancel()
        return self.ended.done()

    async def _clear(self, deadline: float) -> None:
        """End what the first process has left behind."""
        if not can_look():
            self.signal(signal.SIGTERM)
            await asyncio.sleep(0.1)
            self.signal(signal.SIGKILL)
            return
        left = await self._look()
        if not left:
            return
        _send(left, signal.SIGTERM)
        while left and self._loop.time() < deadline and not self.hurried.is_set():
            await asyncio.sleep(0.02)
            left = await self._look()
        end = self._loop.time() + _GONE
        while left and self._loop.time() < end:
            # Looked for again each time: one that was about to fork has left another.
            _send(left, signal.SIGKILL)
            await asyncio.sleep(0.02)
            left = await self._look()

    async def _look(self) -> list[int]:
        # In a thread: a machine may have thousands of processes.
        return await asyncio.to_thread(members, self.pid, self._mark)

    def _kill_now(self) -> None:
        self.signal(signal.SIGKILL)
        if can_look():
            _send(members(self.pid, self._mark), signal.SIGKILL)

    def _close(self) -> None:
        for output in self.outputs:
            output.drain()
            output.close()
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
        self._over = True
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GONE)
        self.ended.cancel()


def _send(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
