"""The small modules that many programs import, with plait's words and with Twisted's."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .both import OURS, Words, agree
from .worlds import WORLDS, World, either


class _Fancy:
    """Something to be shown and compared."""

    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = a, b


def _fancy(words: Words, show: Any, compare: Any = ()) -> Any:
    class Fancy(words.util.FancyStrMixin, words.util.FancyEqMixin, _Fancy):  # type: ignore[misc, name-defined]
        showAttributes = show
        compareAttributes = compare

    return Fancy


def _merged(words: Words) -> Any:
    def one() -> None:
        """Say something."""

    def other() -> int:
        return 3

    one.mark = 5  # type: ignore[attr-defined]  # what is to be merged
    made = words.util.mergeFunctionMetadata(one, other)
    return [made.__name__, made.__doc__, made.mark, made()]


def _insensitive(words: Words) -> Any:
    found = words.util.InsensitiveDict({"Ab": 1, b"X": 2, 3: 4})
    found["aB"] = 5
    plain = words.util.InsensitiveDict({"Ab": 1}, preserve=0)
    del found[b"x"]
    return [
        sorted(map(str, found)),
        found["AB"],
        "ab" in found,
        "zz" in found,
        found.get("zz", 9),
        len(found),
        list(plain),
        repr(plain),
        list(plain.copy()),
        sorted(map(str, found.values())),
    ]


CALLS: list[Callable[[Words], Any]] = [
    lambda words: words.util.sibpath("/a/b/c.py", "d.txt"),
    lambda words: words.util.sibpath("c.py", "d.txt") == os.path.abspath("d.txt"),
    lambda words: words.util.uniquify([3, 1, 3, 2, 1]),
    lambda words: words.util.padTo(4, [1, 2]),
    lambda words: words.util.padTo(1, "ab", "z"),
    lambda words: words.util.padTo(3, (1,), 0),
    lambda words: [words.util.nameToLabel(each) for each in ("f", "first", "firstName", "aBCd")],
    lambda words: words.util.untilConcludes(lambda a, b=1: a + b, 2, b=3),
    lambda words: words.util.untilConcludes(int, "x"),
    lambda words: [words.util.uidFromString("0"), words.util.uidFromString("root")],
    lambda words: [words.util.gidFromString("7"), words.util.gidFromString("root")],
    lambda words: words.util.uidFromString("no such user"),
    _merged,
    _insensitive,
    lambda words: repr(_fancy(words, ("a", "b"))(1, "x")),
    lambda words: str(_fancy(words, (("a", lambda value: "!"), ("b", "B", "%r")))(1, "x")),
    lambda words: _fancy(words, (), ("a",))(1, 2) == _fancy(words, (), ("a",))(1, 2),
    lambda words: (lambda kind: [kind(1, 2) == kind(1, 3), kind(1, 2) != kind(2, 2)])(
        _fancy(words, (), ("a",))
    ),
    lambda words: words.util.runWithWarningsSuppressed(
        [(("ignore", ".*loud.*"), {})], lambda: warnings.warn("a loud warning", stacklevel=1) or 5
    ),
    lambda words: [words.compat.nativeString(b"abc"), words.compat.nativeString("abc")],
    lambda words: words.compat.nativeString(b"\xff"),
    lambda words: words.compat.nativeString("\xe9"),
    lambda words: words.compat.nativeString(3),
    lambda words: words.compat.networkString("abc"),
    lambda words: words.compat.networkString(b"abc"),
    lambda words: words.compat.networkString("\xe9"),
    lambda words: list(words.compat.iterbytes(b"abc")),
    lambda words: [words.compat.intToBytes(17), bytes(words.compat.lazyByteSlice(b"abcdef", 1, 3))],
    lambda words: bytes(words.compat.lazyByteSlice(b"abcdef", 2)),
    lambda words: words.compat.bytesEnviron()[b"PATH"],
    lambda words: [words.compat.cmp(1, 2), words.compat.cmp("b", "a"), words.compat.cmp(1, 1)],
    lambda words: [words.runtime.platformType, words.runtime.shortPythonVersion()],
    lambda words: [
        getattr(words.runtime.platform, name)()
        for name in ("getType", "isLinux", "isMacOSX", "isWindows", "isVista", "isKnown")
    ],
    lambda words: words.runtime.Platform("nt", "win32").getType(),
    lambda words: words.runtime.Platform("posix", "darwin").isMacOSX(),
    lambda words: words.runtime.Platform("java").isKnown(),
    lambda words: words.procutils.which("sh"),
    lambda words: words.procutils.which("no-such-program"),
    lambda words: words.reflect.fullyQualifiedName(len),
    lambda words: words.reflect.fullyQualifiedName([].append),
]


@pytest.mark.parametrize("call", CALLS)
def test_they_agree(call: Callable[[Words], Any]) -> None:
    """Each function returns the same, or raises the same kind of error."""

    def body(words: Words) -> Any:
        outcome = words.outcome(call, words)
        raised = isinstance(outcome, list) and outcome[:1] == ["raised"]
        return outcome[:2] if raised else outcome

    agree(body)


def test_println_writes_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """println writes its arguments with blanks between them."""

    def body(words: Words) -> Any:
        words.util.println("a", 1, None)
        return capsys.readouterr().out

    agree(body)


def test_comparable_classes() -> None:
    """`comparable` makes the comparisons of `__cmp__`."""

    def body(words: Words) -> Any:
        @words.compat.comparable
        class Number:
            def __init__(self, value: int) -> None:
                self.value = value

            def __cmp__(self, other: Any) -> Any:
                if not isinstance(other, Number):
                    return NotImplemented
                return words.compat.cmp(self.value, other.value)

        one, two = Number(1), Number(2)
        compared: list[Any] = [one < two, one <= two, one > two, one >= two]  # type: ignore[operator]
        return [*compared, one == Number(1), one != two, one == object()]

    agree(body)


def test_execfile_runs_a_file(tmp_path: Path) -> None:
    """`execfile` gives a file the names it is handed, and keeps what it defines."""
    (tmp_path / "file.py").write_text("b = a + 1\n")

    def body(words: Words) -> Any:
        names = {"a": 1}
        words.compat.execfile(str(tmp_path / "file.py"), names)
        return names["b"]

    agree(body)


def _program(text: str) -> tuple[str, list[str]]:
    return sys.executable, ["-S", "-c", text]


def _told(world: World, result: Any) -> Any:
    if hasattr(result, "value"):
        return [result.type.__mro__[-4].__name__, str(result.value)[:30]]
    return result


READS = """
import sys, os
print(sys.stdin.read(), os.environ['A'])
sys.stderr.write('e')
sys.exit(2)
"""

# The real Twisted's own reactor needs SIGCHLD of the main thread; on ours its words are tried.
processes = pytest.mark.parametrize("world", [WORLDS["own"], WORLDS["mixed"]], ids=["own", "mixed"])


@pytest.mark.process
@processes
@pytest.mark.parametrize(
    ("name", "text", "options", "expected"),
    [
        ("getProcessOutput", "print('out')", {}, b"out\n"),
        ("getProcessOutput", "import sys; sys.stderr.write('e')", {"errortoo": 1}, b"e"),
        ("getProcessValue", "raise SystemExit(3)", {}, 3),
        ("getProcessValue", "import os; raise SystemExit(len(os.getcwd()))", {"path": "/"}, 1),
        (
            "getProcessOutputAndValue",
            READS,
            {"stdinBytes": b"in", "env": {"A": "b"}},
            (b"in b\n", b"e", 2),
        ),
    ],
)
def test_programs_are_run(
    world: World, name: str, text: str, options: dict[str, Any], expected: Any
) -> None:
    """What a program prints and returns comes as a Deferred."""

    def body(world: World, reactor: Any) -> Any:
        executable, args = _program(text)
        return getattr(world.utils, name)(executable, args, reactor=reactor, **options)

    assert world.run(body) == expected


@pytest.mark.process
@processes
def test_what_is_printed_as_an_error_is_one(world: World) -> None:
    """The Deferred fails at once; another one tells of the end of the program."""

    def body(world: World, reactor: Any) -> Any:
        executable, args = _program("import sys; sys.stderr.write('oh')")

        def failed(failure: Any) -> Any:
            failure.trap(IOError)
            told = str(failure.value)
            return failure.value.processEnded.addBoth(lambda reason: [told, reason.type.__name__])

        done = world.utils.getProcessOutput(executable, args, reactor=reactor)
        return done.addErrback(failed)

    text, end = world.run(body)
    assert text == "got stderr: b'oh'"
    assert end in ("ProcessDone", "ProcessTerminated")


@pytest.mark.process
@processes
def test_a_program_ended_by_a_signal_is_a_failure(world: World) -> None:
    """The failure's value has both outputs and the signal."""

    def body(world: World, reactor: Any) -> Any:
        executable, args = _program("import os; os.kill(os.getpid(), 9)")
        done = world.utils.getProcessOutputAndValue(executable, args, reactor=reactor)
        return done.addErrback(lambda failure: tuple(failure.value))

    assert world.run(body) == (b"", b"", 9)


@either
def test_warnings_are_suppressed_until_a_deferred_fires(world: World) -> None:
    """runWithWarningsSuppressed lasts as long as what the function returns."""
    done = world.defer.Deferred()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quiet: list[Any] = [(("ignore", "quiet"), {})]
        result = world.utils.runWithWarningsSuppressed(quiet, lambda: done)
        warnings.warn("quiet", stacklevel=1)
        done.callback(7)
        warnings.warn("quiet", stacklevel=1)
        called = world.utils.suppressWarnings(lambda: warnings.warn("quiet", stacklevel=1), *quiet)
        called()
    assert [str(each.message) for each in caught] == ["quiet"]
    assert result.result == 7


@pytest.mark.network
@either
def test_connections_are_forwarded(world: World) -> None:
    """A ProxyFactory hands bytes on in both directions, and the end of a connection too."""
    portforward = world.module("protocols.portforward")

    class Shout(world.protocol.Protocol):  # type: ignore[misc, name-defined]
        def dataReceived(self, data: bytes) -> None:
            self.transport.write(data.upper())
            self.transport.loseConnection()

    def body(world: World, reactor: Any) -> Any:
        heard: list[bytes] = []
        done = world.defer.Deferred()

        class Client(world.protocol.Protocol):  # type: ignore[misc, name-defined]
            def connectionMade(self) -> None:
                self.transport.write(b"hello")

            def dataReceived(self, data: bytes) -> None:
                heard.append(data)

            def connectionLost(self, reason: Any = None) -> None:
                done.callback(b"".join(heard))

        server = world.protocol.Factory.forProtocol(Shout)
        behind = reactor.listenTCP(0, server, interface="127.0.0.1")
        factory = portforward.ProxyFactory("127.0.0.1", behind.getHost().port)

        class Server(portforward.ProxyServer):  # type: ignore[misc, name-defined]
            noisy = False

        Server.reactor = reactor
        factory.protocol = Server
        front = reactor.listenTCP(0, factory, interface="127.0.0.1")
        endpoint = world.endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", front.getHost().port)
        endpoint.connect(world.protocol.Factory.forProtocol(Client))
        return done

    assert world.run(body) == b"HELLO"


def test_the_version_is_twisted_s() -> None:
    """Programs that ask for Twisted's version are told whose behaviour this is."""
    from plait.twisted import copyright

    assert copyright.version == "26.10.0"
    assert copyright.version in copyright.longversion


@pytest.mark.parametrize(
    ("module", "name", "advice"),
    [
        ("util", "switchUID", "--user"),
        ("compat", "unicode", "Python 3"),
        ("util", "spewer", "spew"),
    ],
)
def test_what_they_leave_out_says_so(module: str, name: str, advice: str) -> None:
    """A name that is left out says what to use."""
    with pytest.raises(AttributeError, match=advice):
        getattr(getattr(OURS, module), name)
