"""Child processes with any mapping of descriptors, as spawnProcess offers them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .reactor import Reactor

READ_SIZE = 65536


class Pipe:
    """One end of a pipe of ours: the reading or the writing one."""

    def __init__(self, process: Process, name: int, fd: int, reading: bool) -> None:
        self.process = process
        self.name = name
        self.fd = fd
        self.reading = reading
        self.buffer = bytearray()
        self.closing = False
        self.writing = False
        os.set_blocking(fd, False)
        if reading:
            process.reactor.loop.add_reader(fd, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self.fd, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:  # EIO: the other side of a terminal is gone
            data = b""
        if data:
            self.process.reactor.guard(self.process.proto.childDataReceived, self.name, data)
        else:
            self.close()

    def write(self, data: bytes) -> None:
        """Write, keeping what does not fit now."""
        if self.fd < 0 or self.closing or not data:
            return
        self.buffer += data
        self._flush()

    def _flush(self) -> None:
        loop = self.process.reactor.loop
        while self.buffer:
            try:
                sent = os.write(self.fd, self.buffer[:READ_SIZE])
            except BlockingIOError:
                if not self.writing:
                    self.writing = True
                    loop.add_writer(self.fd, self._flush)
                    self.process._pause(True)
                return
            except OSError:
                self.buffer.clear()
                self.close()
                return
            del self.buffer[:sent]
        if self.writing:
            self.writing = False
            loop.remove_writer(self.fd)
            self.process._pause(False)
        if self.closing:
            self.close()
        else:
            self.process._emptied()

    def lose(self) -> None:
        """Close once everything is written."""
        self.closing = True
        if not self.buffer:
            self.close()

    def close(self) -> None:
        """Close now."""
        if self.fd < 0:
            return
        loop = self.process.reactor.loop
        loop.remove_reader(self.fd)
        loop.remove_writer(self.fd)
        os.close(self.fd)
        self.fd = -1
        self.process._pipe_closed(self.name)

    def pause(self, paused: bool) -> None:
        """Stop or continue reading."""
        if self.fd >= 0 and self.reading:
            loop = self.process.reactor.loop
            if paused:
                loop.remove_reader(self.fd)
            else:
                loop.add_reader(self.fd, self._readable)


class Process:
    """The transport of a child process."""

    status = -1
    pid: int | None = None
    producer: Any = None
    _streaming = False

    def __init__(
        self,
        reactor: Reactor,
        proto: Any,
        executable: Any,
        args: Any,
        env: Any,
        path: Any,
        ids: tuple[int | None, int | None],
        usePTY: Any,
        childFDs: dict[int, Any] | None,
    ) -> None:
        self.reactor = reactor
        self.proto = proto
        self.pipes: dict[int, Pipe] = {}
        self._lost_pipes: set[int] = set()
        self._pty: Pipe | None = None
        mapping, ours, theirs = self._plan(usePTY, childFDs)
        try:
            self._popen = self._spawn(executable, args, env, path, ids, mapping, bool(usePTY))
        except BaseException:
            for _name, fd, _reading in ours:
                os.close(fd)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        self.pid = self._popen.pid
        for name, fd, reading in ours:
            self.pipes[name] = Pipe(self, name, fd, reading)
        if usePTY:
            self._pty = self.pipes.get(1)
        reactor.own(self._reap())
        proto.makeConnection(self)

    def _plan(
        self, usePTY: Any, childFDs: dict[int, Any] | None
    ) -> tuple[dict[int, int], list[tuple[int, int, bool]], list[int]]:
        """Return what the child's descriptors are, our ends, and what to close afterwards."""
        if usePTY:
            master, slave = usePTY[:2] if isinstance(usePTY, tuple) else os.openpty()
            return {0: slave, 1: slave, 2: slave}, [(1, master, True)], [slave]
        mapping: dict[int, int] = {}
        ours: list[tuple[int, int, bool]] = []
        theirs: list[int] = []
        for target, wanted in (childFDs or {0: "w", 1: "r", 2: "r"}).items():
            if wanted == "r":
                mine, its = os.pipe()
                ours.append((target, mine, True))
            elif wanted == "w":
                its, mine = os.pipe()
                ours.append((target, mine, False))
            elif isinstance(wanted, int):
                mapping[target] = wanted
                continue
            else:
                raise TypeError(f"childFDs[{target}] is {wanted!r}; expected 'r', 'w' or a number")
            mapping[target] = its
            theirs.append(its)
        return mapping, ours, theirs

    def _spawn(
        self,
        executable: Any,
        args: Any,
        env: Any,
        path: Any,
        ids: tuple[int | None, int | None],
        mapping: dict[int, int],
        terminal: bool,
    ) -> subprocess.Popen[bytes]:
        simple = set(mapping) == {0, 1, 2}
        options: dict[str, Any] = {}
        if simple:
            options = {"stdin": mapping[0], "stdout": mapping[1], "stderr": mapping[2]}
        else:
            # Only a function of ours in the child can give it descriptors beyond the first three.
            options = {"close_fds": False, "preexec_fn": lambda: _arrange(mapping)}
        if terminal:
            options["preexec_fn"] = _take_terminal
        uid, gid = ids
        if uid is not None:
            options["user"] = uid
            options["extra_groups"] = []
        if gid is not None:
            options["group"] = gid
        return subprocess.Popen(list(args), executable=executable, env=env, cwd=path, **options)

    async def _reap(self) -> None:
        loop = self.reactor.loop
        if hasattr(os, "pidfd_open"):
            try:
                await self._watch()
            except OSError:
                await loop.run_in_executor(None, self._popen.wait)
        else:
            await loop.run_in_executor(None, self._popen.wait)
        code = self._popen.wait()
        self.pid = None
        self.status = code if code >= 0 else -code
        self._code = code
        self._exit_reason = self._reason(code)
        self.reactor.guard(self.proto.processExited, self._exit_reason)
        self._maybe_ended()

    async def _watch(self) -> None:
        loop = self.reactor.loop
        fd = os.pidfd_open(self._popen.pid)
        done = loop.create_future()
        try:
            loop.add_reader(fd, _fulfil, done)
            await done
        finally:
            loop.remove_reader(fd)
            os.close(fd)

    def _reason(self, code: int) -> Any:
        error = self.reactor.words.error
        if code == 0:
            return self.reactor.words.failure(error.ProcessDone(0))
        if code > 0:
            return self.reactor.words.failure(error.ProcessTerminated(code, None, code << 8))
        return self.reactor.words.failure(error.ProcessTerminated(None, -code, -code))

    _exit_reason: Any = None
    _ended = False

    def _pipe_closed(self, name: int) -> None:
        self.pipes.pop(name, None)
        if self._pty is None:
            self.reactor.guard(self.proto.childConnectionLost, name)
        self._maybe_ended()

    def _maybe_ended(self) -> None:
        if self._exit_reason is None or self._ended:
            return
        if not self.pipes or self._only_writers():
            self._ended = True
            for pipe in list(self.pipes.values()):
                pipe.close()
            self.reactor.guard(self.proto.processEnded, self._exit_reason)

    def _only_writers(self) -> bool:
        return all(not pipe.reading for pipe in self.pipes.values())

    # ---- what the protocol may ask

    def writeToChild(self, childFD: int, data: bytes) -> None:
        """Write to one of the child's descriptors."""
        self.pipes[childFD].write(data)

    def write(self, data: bytes) -> None:
        """Write to the child's standard input, or its terminal."""
        if self._pty is not None:
            self._pty.write(data)
        elif 0 in self.pipes:
            self.pipes[0].write(data)

    def writeSequence(self, seq: Any) -> None:
        """Write the pieces to the child's standard input."""
        self.write(b"".join(seq))

    def closeChildFD(self, descriptor: int) -> None:
        """Close our end of one of the child's descriptors, once written out."""
        pipe = self.pipes.get(descriptor)
        if pipe is not None:
            pipe.lose()

    def closeStdin(self) -> None:
        """Close the child's standard input."""
        self.closeChildFD(0)

    def closeStdout(self) -> None:
        """Close our end of the child's standard output."""
        self.closeChildFD(1)

    def closeStderr(self) -> None:
        """Close our end of the child's standard error."""
        self.closeChildFD(2)

    def loseConnection(self) -> None:
        """Close all our ends."""
        for descriptor in list(self.pipes):
            self.closeChildFD(descriptor)

    def signalProcess(self, signalID: str | int) -> None:
        """Send a signal, by number or by name (HUP, STOP, INT, KILL, TERM and so on)."""
        if isinstance(signalID, str):
            number = getattr(signal, f"SIG{signalID}", None)
            if number is None:
                raise ValueError(f"unknown signal name {signalID!r}")
        else:
            number = signalID
        if self.pid is None:
            raise self.reactor.words.error.ProcessExitedAlready
        os.kill(self.pid, number)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Let a producer feed the child's standard input."""
        if self.producer is not None:
            raise RuntimeError("a producer is registered already")
        self.producer, self._streaming = producer, streaming
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """Let the producer go."""
        self.producer = None

    def _pause(self, full: bool) -> None:
        if self.producer is None or not self._streaming:
            return
        if full:
            self.reactor.guard(self.producer.pauseProducing)
        else:
            self.reactor.guard(self.producer.resumeProducing)

    def _emptied(self) -> None:
        """Ask a pull producer for more, once what it wrote is out."""
        if self.producer is not None and not self._streaming:
            self.reactor.loop.call_soon(self._pull)

    def _pull(self) -> None:
        if self.producer is not None and not self._streaming:
            self.reactor.guard(self.producer.resumeProducing)

    def pauseProducing(self) -> None:
        """Stop reading from the child."""
        for pipe in self.pipes.values():
            pipe.pause(True)

    def resumeProducing(self) -> None:
        """Read from the child again."""
        for pipe in self.pipes.values():
            pipe.pause(False)

    def stopProducing(self) -> None:
        """Close all our ends."""
        self.loseConnection()

    def getHost(self) -> Any:
        """Refuse: a process has no address."""
        raise NotImplementedError("a process has no address")

    getPeer = getHost

    def __repr__(self) -> str:
        return f"<Process pid={self.pid} status={self.status}>"


def _arrange(mapping: dict[int, int]) -> None:
    """In the child: put each descriptor in its place and close all others."""
    top = max([*mapping, *mapping.values(), 2]) + 1
    moved = {}
    for index, (target, source) in enumerate(mapping.items()):
        moved[target] = os.dup2(source, top + index, inheritable=False)
    for target, source in moved.items():
        os.dup2(source, target, inheritable=True)
    keep = sorted(mapping)
    previous = -1
    for fd in [*keep, os.sysconf("SC_OPEN_MAX")]:
        # The pipe on which subprocess reports a failed exec is close-on-exec and must stay.
        for other in range(previous + 1, min(fd, top + len(mapping) + 1)):
            with contextlib.suppress(OSError):
                os.set_inheritable(other, False)
        previous = fd


def _take_terminal() -> None:
    """In the child: lead a session whose terminal is the standard input."""
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _fulfil(done: Any) -> None:
    if not done.done():
        done.set_result(None)


def default_environment(env: Any) -> Any:
    """Return the environment of a child; None means ours, an empty mapping an empty one."""
    return None if env is None else dict(env)
