"""The queue and the thread behind it."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest

from plait.log._writer import Entry, Writer

from .records import lines, run, until

pytestmark = pytest.mark.process


class ListSink:
    """Keeps what it gets; fails while told to."""

    eager = False
    name = "the list"

    def __init__(self) -> None:
        self.stale = False
        self.lines: list[Entry] = []
        self.error: Exception | None = None
        self.fail_after = 0
        self.calls = 0
        self.closed = False
        self.gate = threading.Event()
        self.gate.set()

    def write(self, batch: list[Entry]) -> None:
        self.calls += 1
        self.gate.wait(10)
        if self.error is not None:
            self.lines += batch[: self.fail_after]
            del batch[: self.fail_after]
            raise self.error
        self.lines += batch
        batch.clear()

    def ready(self) -> bool:
        return self.gate.is_set()

    def freshen(self) -> None:
        self.stale = False
        self.lines.append("fresh")

    def forget(self) -> None:
        self.lines.append("forgot")

    def close(self) -> None:
        self.closed = True

    def has(self, count: int) -> bool:
        """Return whether so many entries have arrived."""
        return len(self.lines) == count


def report(text: str) -> str:
    """Make an entry of a sentence, as the handler does."""
    return text


def stuck(limit: int = 100_000) -> tuple[ListSink, Writer]:
    """Return a writer whose thread is stuck in a write of one entry."""
    sink = ListSink()
    sink.gate.clear()
    writer = Writer(sink, limit=limit, report=report)
    writer.put(20, "first")
    until(lambda: sink.calls)
    return sink, writer


def test_order_is_kept() -> None:
    """What one thread says arrives in its order, and nothing is lost."""
    sink = ListSink()
    writer = Writer(sink)
    for number in range(20_000):
        writer.put(20, str(number))
    assert writer.flush()
    assert sink.lines == [str(number) for number in range(20_000)]
    writer.close()
    assert sink.closed


def test_many_threads() -> None:
    """What several threads say arrives, each thread's in its order."""
    sink = ListSink()
    writer = Writer(sink)

    def speak(name: str) -> None:
        for number in range(3000):
            writer.put(20, f"{name} {number}")

    threads = [threading.Thread(target=speak, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert len(sink.lines) == 12_000
    for name in "abcd":
        mine = [line for line in sink.lines if str(line).startswith(name)]
        assert mine == [f"{name} {number}" for number in range(3000)]


def test_it_is_written_without_a_flush() -> None:
    """The thread writes by itself, again and again."""
    sink = ListSink()
    writer = Writer(sink)
    for number in range(3):
        writer.put(20, str(number))
        until(partial(sink.has, number + 1))
    writer.close()


def test_the_lowest_levels_are_dropped_first() -> None:
    """As the queue fills, debug goes first and errors last; the log itself says how many."""
    sink, writer = stuck(limit=100)
    for level in (10, 20, 30, 40):
        for number in range(100):
            writer.put(level, f"{level} {number}")
    assert writer.dropped == {10: 30, 20: 85, 30: 90, 40: 95}
    sink.gate.set()
    writer.close()
    kept = [str(line)[:2] for line in sink.lines[1:-1]]
    assert kept == ["10"] * 70 + ["20"] * 15 + ["30"] * 10 + ["40"] * 5
    assert "300 messages were dropped (debug 30, info 85, warning 90, error 95)" in str(
        sink.lines[-1]
    )


def test_huge_entries_are_bounded_too() -> None:
    """A few huge entries cannot fill the memory."""
    sink, writer = stuck()
    huge = "x" * (4 * 1024 * 1024)
    for _ in range(20):
        writer.put(40, huge)
    assert writer.dropped == {40: 12}
    sink.gate.set()
    writer.close()


def test_trouble_is_told_once_and_outlived(capfd: pytest.CaptureFixture[str]) -> None:
    """While the sink fails entries are kept; it is said once; then all arrive in order."""
    sink = ListSink()
    sink.error = OSError(28, "No space left on device")
    sink.fail_after = 1
    writer = Writer(sink, retry=0.01)
    for number in range(100):
        writer.put(20, str(number))
    until(lambda: sink.calls > 3)
    sink.error = None
    until(lambda: len(sink.lines) == 100)
    assert sink.lines == [str(number) for number in range(100)]
    writer.close()
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("plait: cannot write the log to the list: No space left on device")


def test_a_fault_of_the_sink_does_not_end_the_thread(capfd: pytest.CaptureFixture[str]) -> None:
    """Any exception of a sink is treated as trouble."""
    sink = ListSink()
    sink.error = ZeroDivisionError()
    writer = Writer(sink, retry=0.01)
    writer.put(20, "a")
    until(lambda: sink.calls > 2)
    sink.error = None
    until(lambda: sink.lines == ["a"])
    writer.close()
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_what_is_lost_at_the_end_is_counted(capfd: pytest.CaptureFixture[str]) -> None:
    """A sink in trouble at the end does not hold the end up; the loss is said."""
    sink = ListSink()
    sink.error = OSError(28, "No space left on device")
    writer = Writer(sink)
    for number in range(3):
        writer.put(20, str(number))
    writer.close()
    assert "3 log messages were lost at the end" in capfd.readouterr().err


def test_a_stuck_sink_does_not_hold_the_flush() -> None:
    """A flush ends at its deadline while another thread is stuck in a write."""
    sink = ListSink()
    sink.gate.clear()
    writer = Writer(sink)
    writer.put(20, "a")
    until(lambda: sink.calls)
    assert not writer.flush(0.05)
    sink.gate.set()
    assert writer.flush()
    writer.close()


def test_sync() -> None:
    """With sync each entry is down when `put` returns, and there is no thread."""
    sink = ListSink()
    writer = Writer(sink, sync=True)
    writer.put(20, "a")
    assert sink.lines == ["a"]
    assert writer._thread is None
    writer.close()


def test_eager() -> None:
    """An eager sink gets its entry at once while it is ready, and by the thread when it is not."""
    sink = ListSink()
    sink.eager = True
    writer = Writer(sink)
    writer.put(20, "a")
    assert sink.lines == ["a"]
    sink.gate.clear()
    writer.put(20, "b")
    assert sink.lines == ["a"]
    sink.gate.set()
    until(lambda: sink.lines == ["a", "b"])
    writer.close()


def test_reopen() -> None:
    """A reopen reaches the sink without anything being logged."""
    sink = ListSink()
    writer = Writer(sink)
    writer.reopen()
    until(lambda: sink.lines == ["fresh"])
    writer.close()


class ChattySink(ListSink):
    """Logs while it writes, as a signal handler may."""

    writer: Writer

    def write(self, batch: list[Entry]) -> None:
        if "b" not in self.lines and "b" not in batch:
            self.writer.put(20, "b")
        super().write(batch)


def test_logging_in_the_midst_of_a_write() -> None:
    """An entry put by the very thread that writes does not lock it, and is not lost."""
    sink = ChattySink()
    writer = sink.writer = Writer(sink, sync=True)
    writer.put(20, "a")
    assert sink.lines == ["a", "b"]
    writer.close()


def test_interrupted_write_loses_nothing() -> None:
    """What a ^C interrupted is written at the next occasion."""

    class Interrupted(ListSink):
        def write(self, batch: list[Entry]) -> None:
            if not self.calls:
                self.calls = 1
                raise KeyboardInterrupt
            super().write(batch)

    sink = Interrupted()
    writer = Writer(sink, sync=True)
    with pytest.raises(KeyboardInterrupt):
        writer.put(20, "a")
    writer.put(20, "b")
    assert sink.lines == ["a", "b"]
    writer.close()


FORK = """
    import logging, os, sys, time, warnings
    warnings.simplefilter("error")
    from plait.log import make_handler
    handler = make_handler(log_file=sys.argv[1])
    log = logging.getLogger("x")
    log.addHandler(handler)
    log.setLevel(10)
    children = []
    for number in range(200):
        log.info("parent %d", number)
        if number % 20 == 0:
            pid = os.fork()
            if not pid:
                for mine in range(5):
                    log.info("child %d %d", number, mine)
                os._exit(0)
            children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
"""


def test_fork(tmp_path: Path) -> None:
    """Children forked in mid-burst neither hang nor repeat, and what they log arrives."""
    path = tmp_path / "log"
    done = run(FORK, path)
    assert (done.returncode, done.stderr) == (0, "")
    texts = [line.split("] ", 1)[1] for line in lines(path)]
    assert [text for text in texts if text.startswith("parent")] == [
        f"parent {number}" for number in range(200)
    ]
    assert sorted(text for text in texts if text.startswith("child")) == sorted(
        f"child {number} {mine}" for number in range(0, 200, 20) for mine in range(5)
    )


ALARM = """
    import logging, os, signal, sys
    from plait.log import make_handler
    path, mode = sys.argv[1:]
    if mode == "terminal":
        import pty, threading
        ours, theirs = pty.openpty()
        os.dup2(theirs, 2)
        def drain():
            with open(path, "wb") as file:
                while True:
                    block = os.read(ours, 4096)
                    file.write(block)
                    file.flush()
                    if b"the end" in block:
                        return
        thread = threading.Thread(target=drain)
        thread.start()
        handler = make_handler()
    else:
        handler = make_handler(log_file=path, log_sync=mode == "sync")
    log = logging.getLogger("x")
    log.addHandler(handler)
    log.setLevel(10)
    alarms = depth = 0
    over = False
    def arm():
        # Alarms interrupt one another, but on a slow machine not without end.
        if depth < 5 and not over:
            signal.setitimer(signal.ITIMER_REAL, 0.001)
    def ring(signum, frame):
        global alarms, depth
        depth += 1
        arm()
        log.info("alarm %d", alarms)
        alarms += 1
        if alarms % 10 == 0:
            handler.flush()
        depth -= 1
        arm()
    signal.signal(signal.SIGALRM, ring)
    arm()
    for number in range(3000):
        log.info("main %d", number)
        if number % 100 == 0:
            handler.flush()
    over = True
    signal.setitimer(signal.ITIMER_REAL, 0)
    log.info("the end")
    handler.close()
    if mode == "terminal":
        thread.join()
    print(alarms)
"""


@pytest.mark.parametrize("mode", ["thread", "sync", "terminal"])
def test_logging_in_signal_handlers(tmp_path: Path, mode: str) -> None:
    """A signal handler may log and flush wherever it interrupts the log itself."""
    path = tmp_path / "log"
    done = run(ALARM, path, mode)
    assert done.returncode == 0, done.stderr
    found = path.read_text()
    assert found.count(" main ") == 3000
    assert found.count(" alarm ") == int(done.stdout)


def test_before_and_after_a_fork() -> None:
    """Before a fork the thread ends; the child forgets what waits, and writes at once."""
    sink = ListSink()
    writer = Writer(sink)
    writer.put(20, "a")
    writer.before_fork()
    assert (sink.lines, writer._thread) == (["a"], None)
    writer._queue.append("the parent's")
    writer.in_child()
    writer.put(20, "mine")
    assert sink.lines == ["a", "forgot", "mine"]
    writer.close()


def test_after_the_fork_the_parent_goes_on() -> None:
    """After a fork the parent's next entry starts a thread again."""
    sink = ListSink()
    writer = Writer(sink)
    writer.put(20, "a")
    writer.before_fork()
    writer.put(20, "b")
    until(partial(sink.has, 2))
    assert sink.lines == ["a", "b"]
    writer.close()


def test_sync_in_trouble_waits_for_the_next_try(capfd: pytest.CaptureFixture[str]) -> None:
    """With sync a sink in trouble is not tried at every entry, and gets all when it is well."""
    sink = ListSink()
    sink.error = OSError(28, "No space left on device")
    writer = Writer(sink, sync=True, retry=0.05)
    for number in range(100):
        writer.put(20, str(number))
    assert sink.calls < 10
    sink.error = None
    assert writer.flush()
    assert sink.lines == [str(number) for number in range(100)]
    writer.reopen()
    assert sink.lines[-1] == "fresh"
    writer.close()
    assert capfd.readouterr().err.count("\n") == 1


def test_a_busy_sink_is_no_trouble_at_first(capfd: pytest.CaptureFixture[str]) -> None:
    """A sink that cannot take more for a moment is tried again soon, without a word."""
    sink = ListSink()
    sink.error = BlockingIOError(11, "full")
    writer = Writer(sink, retry=5.0)
    writer.put(20, "a")
    until(lambda: sink.calls > 2)
    sink.error = None
    assert writer.flush()
    writer.close()
    assert sink.lines == ["a"]
    assert capfd.readouterr().err == ""
