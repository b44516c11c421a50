"""Failures, errors, addresses and the tools around names behave as Twisted's do."""

from __future__ import annotations

import pickle
from io import StringIO
from typing import Any

import pytest
from zope.interface import Attribute, Interface, implementer, providedBy, verify

from .both import OURS, THEIRS, Body, Words, agree, told


def boom(x: int) -> None:
    raise ValueError(f"boom {x}")


def caught(w: Words, **kw: Any) -> Any:
    try:
        boom(3)
    except ValueError:
        return w.failure.Failure(**kw)


def texts(w: Words) -> Any:
    f = caught(w)
    f.count = 1
    out = StringIO()
    f.printTraceback(out)
    f.printBriefTraceback(out)
    f.printDetailedTraceback(out)
    kinds = [f.getTraceback(detail=detail) for detail in ("default", "brief", "verbose")]
    return [repr(f), str(f), out.getvalue(), kinds, f.getTraceback(elideFrameworkCode=1)]


def raised_through(w: Words) -> Any:
    f = caught(w)
    out: list[Any] = []
    try:
        f.raiseException()
    except ValueError as error:
        out.append(error is f.value)
    try:
        f.trap(KeyError)
    except ValueError as error:
        out.append(error is f.value)
    try:
        raise f
    except w.failure.Failure:
        again = w.failure.Failure()
        out.append([again.value is f.value, again is f])
    return out


def generator(w: Words) -> Any:
    def work() -> Any:
        try:
            yield 1
        except ValueError as error:
            yield str(error)

    g = work()
    next(g)
    return caught(w).throwExceptionIntoGenerator(g)


def cleaned(w: Words) -> Any:
    f = caught(w)
    f.cleanFailure()
    tb = f.getTracebackObject()
    names = []
    while tb is not None:
        names.append((tb.tb_frame.f_code.co_name, tb.tb_lineno))
        tb = tb.tb_next
    return [f.tb, f.value.__traceback__, names, f.getTraceback()]


def pickled(w: Words) -> Any:
    f = pickle.loads(pickle.dumps(caught(w)))
    f.count = 1
    return [repr(f), f.getTraceback(), f.pickled, f.check(ValueError) is ValueError]


class Nasty(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def nasty(w: Words) -> Any:
    text = w.failure.Failure(Nasty()).getErrorMessage()
    lines = text.splitlines()
    return [lines[0], lines[1], lines[-2:]]


def errors(w: Words) -> Any:
    out = []
    for name in sorted(set(OURS.error.__all__) & set(dir(THEIRS.error))):
        cls = getattr(w.error, name)
        # The text of this one is our own.
        if isinstance(cls, type) and name != "FileDescriptorOverrun":
            bases = [base.__name__ for base in cls.__mro__ if not base.__name__.startswith("_")]
            for args in ((), ("x",), ("x", "y"), ("a", 1, OSError(98, "in use"))):
                out.append(
                    [name, bases, args and args[0], w.outcome(lambda c, a: str(c(*a)), cls, args)]
                )
    # Our messages join the arguments with one class; only Python's own words for a wrong call
    # differ.
    return [one for one in out if "argument" not in str(one[3])]


def connect_errors(w: Words) -> Any:
    errors = [w.error.getConnectError((number, "why")) for number in range(1, 134)]
    odd = [w.error.getConnectError(ValueError("q")), w.error.getConnectError(OSError(111, "r"))]
    return [[type(e).__name__, str(e)] for e in errors + odd]


def process_errors(w: Words) -> Any:
    ends = [
        w.error.ProcessDone(0),
        w.error.ProcessTerminated(1),
        w.error.ProcessTerminated(None, 9, 9),
        w.error.ProcessTerminated(1, 2, 3),
    ]
    return [[str(e), e.exitCode, e.signal, e.status] for e in ends]


def addresses(w: Words) -> Any:
    a = w.address
    made = [
        a.IPv4Address("TCP", "127.0.0.1", 80),
        a.IPv6Address("UDP", "::1", 80),
        a.UNIXAddress("/run/x"),
        a.UNIXAddress(b"/run/x"),
        a.UNIXAddress(None),
        a.HostnameAddress(b"host", 80),
    ]
    out = [[repr(one), hash(one) == hash(one), one == one] for one in made]
    out.append([made[2] == made[3], made[2].name, made[4] == made[2], made[0] == made[5]])
    four = [a.IPv4Address("TCP", "127.0.0.1", port) for port in (1, 2)]
    out.append([four[0] < four[1], four[0] == a.IPv4Address("TCP", "127.0.0.1", 1)])
    out.append(w.outcome(a.IPv4Address, "SCTP", "h", 1)[:2])
    out.append([w.interfaces.IAddress.providedBy(one) for one in made])
    return out


def unix_same_file(w: Words) -> Any:
    a, b = w.address.UNIXAddress("/usr"), w.address.UNIXAddress("/usr/../usr")
    return [a == b, hash(a) == hash(b)]


class Things:
    table = ("base",)
    words = ["a"]
    facts = {"x": 1}

    def opt_one(self) -> int:
        return 1

    def other(self) -> None: ...


class More(Things):
    words = ["b"]
    facts = {"x": 2, "y": 3}

    def opt_two(self) -> int:
        return 2


def named(w: Words) -> Any:
    names = [
        "os.path.join",
        "json",
        "json.decoder.JSONDecoder",
        "",
        "nosuchmodule",
        "os.nothing",
        "no.such.thing",
        "a..b",
        ".x",
        "xml.dom.minidom.Node",
    ]
    return [w.outcome(w.reflect.namedAny, name) for name in names]


def prefixed(w: Words) -> Any:
    r = w.reflect
    words: list[str] = []
    facts: dict[str, int] = {}
    r.accumulateClassList(More, "words", words)
    r.accumulateClassDict(More, "facts", facts)
    return [
        sorted(r.prefixedMethodNames(More, "opt_")),
        sorted(m() for m in r.prefixedMethods(More(), "opt_")),
        words,
        facts,
    ]


def safe(w: Words) -> Any:
    class Bad:
        def __repr__(self) -> str:
            raise ValueError("bad repr")

        __str__ = __repr__

    texts = [w.reflect.safe_repr(Bad()), w.reflect.safe_str(Bad())]
    edges = [[t.splitlines()[0].split(" instance")[0], t.splitlines()[-2:]] for t in texts]
    return [edges, w.reflect.safe_str(b"caf\xc3\xa9"), w.reflect.safe_str(b"\xff")]


class INamed(Interface):
    """Has a name."""

    name = Attribute("The name.")

    def greet(whom):  # type: ignore[no-untyped-def]  # described as a caller sees it
        """Return a greeting."""


class IOther(Interface):
    """Something else."""


@implementer(INamed)
class Greeter:
    def __init__(self, original: Any = None) -> None:
        self.original = original
        self.name = "greeter"

    def greet(self, whom: str) -> str:
        return f"hello {whom}"


def components(w: Words) -> Any:
    obj, out = w.components.Componentized(), []
    out.append([obj.getComponent(INamed), obj.getComponent(INamed, 3), w.outcome(INamed, obj)[:2]])
    one = Greeter()
    obj.setComponent(INamed, one)
    out.append([INamed(obj) is one, obj.getComponent(INamed) is one, INamed.providedBy(obj)])
    obj.unsetComponent(INamed)
    out.append([INamed(obj, None), w.outcome(obj.unsetComponent, INamed)[:2]])
    obj.addComponent(one, 1)
    out.append([INamed(obj) is one, obj.removeComponent(one) == [INamed], INamed(obj, None)])
    made = obj.addAdapter(Greeter, 1)
    out.append([INamed(obj) is made, made.original is obj])
    return out


def adapters(w: Words) -> Any:
    class Plain:
        pass

    class Adapter(w.components.Adapter):  # type: ignore[name-defined]  # of either one
        pass

    out = [w.outcome(w.components.registerAdapter, Adapter, Plain)]
    w.components.registerAdapter(Adapter, Plain, IOther)
    plain = Plain()
    adapted = IOther(plain)
    out.append([type(adapted).__name__, adapted.original is plain, IOther(3, None)])
    out.append(w.outcome(w.components.registerAdapter, Adapter, Plain, IOther)[:2])
    out.append([w.components.getAdapterFactory(Plain, IOther, None) is Adapter])
    out.append([w.components.getAdapterFactory(int, IOther, "none")])
    return out


def adapted_component(w: Words) -> Any:
    class Holder(w.components.Componentized):  # type: ignore[name-defined]  # of either one
        pass

    class Passing(w.components.Adapter):  # type: ignore[name-defined]  # of either one
        temporaryAdapter = 1

    class Lasting(w.components.Adapter):  # type: ignore[name-defined]  # of either one
        pass

    holder = Holder()
    w.components.registerAdapter(Lasting, Holder, IOther)
    w.components.registerAdapter(Passing, Holder, INamed)
    return [IOther(holder) is IOther(holder), INamed(holder) is INamed(holder)]


def proxies(w: Words) -> Any:
    Proxy = w.components.proxyForInterface(INamed)
    original = Greeter()
    proxy = Proxy(original)
    proxy.name = "changed"
    return [
        proxy.greet("you"),
        original.name,
        INamed.providedBy(proxy),
        Proxy.greet(proxy, "me"),
        hasattr(proxy, "other"),
    ]


CASES: dict[str, Body] = {
    "texts of a failure": texts,
    "frames of a failure": lambda w: [frame[:3] for frame in caught(w).frames],
    "parents of a failure": lambda w: caught(w).parents,
    "check": lambda w: [
        caught(w).check(*kinds)
        for kinds in ((ValueError,), (KeyError, Exception), ("builtins.ValueError",), (KeyError,))
    ],
    "trap": lambda w: caught(w).trap(KeyError, ValueError),
    "raising a failure": raised_through,
    "a failure thrown into a generator": generator,
    "a cleaned failure": cleaned,
    "a pickled failure": pickled,
    "a failure without an exception": lambda w: w.outcome(w.failure.Failure),
    "a failure of text": lambda w: [
        repr(w.failure.Failure("text")),
        w.failure.Failure("text").type,
    ],
    "a failure of a failure": lambda w: (lambda f: w.failure.Failure(f).value is f.value)(
        caught(w)
    ),
    "a failure that was never raised": lambda w: w.failure.Failure(KeyError("k")).getTraceback(),
    "captured variables": lambda w: caught(w, captureVars=True).frames[-1][3],
    "an exception without a text": nasty,
    "an unknown detail": lambda w: w.outcome(caught(w).getTraceback, detail="none"),
    "errors and their texts": errors,
    "errors of connecting": connect_errors,
    "errors of processes": process_errors,
    "an error of listening": lambda w: [
        str(w.error.CannotListenError(host, 80, OSError(98, "in use"))) for host in ("", None, "h")
    ],
    "addresses": addresses,
    "addresses of one file": unix_same_file,
    "objects by their names": named,
    "methods by their prefix": prefixed,
    "texts of objects that misbehave": safe,
    "full names": lambda w: [
        w.reflect.qual(Greeter),
        w.reflect.fullyQualifiedName(Greeter.greet),
        w.reflect.fullyQualifiedName(Greeter().greet),
        w.reflect.fullyQualifiedName(pickle),
        w.reflect.fullFuncName(boom),
    ],
    "names of files": lambda w: [
        w.reflect.filenameToModuleName(pickle.__file__),
        w.reflect.filenameToModuleName("/nowhere/thing.py"),
    ],
    "requireModule": lambda w: [
        w.reflect.requireModule("json").__name__,
        w.reflect.requireModule("nosuchmodule", 3),
    ],
    "components": components,
    "adapters": adapters,
    "adapters of components": adapted_component,
    "proxies": proxies,
}


@pytest.mark.parametrize("case", CASES)
def test_as_in_twisted(case: str) -> None:
    """The values that Twisted programs handle are as they are in Twisted."""
    agree(CASES[case])


def shape(interface: Any) -> Any:
    """Return an interface's names, with the arguments of its methods."""
    found = {}
    for name in interface.names():
        one = interface.direct(name)
        signature = getattr(one, "getSignatureInfo", dict)()
        found[name] = [list(signature.get("positional", ())), sorted(signature.get("optional", ()))]
    bases = sorted(base.__name__ for base in interface.__bases__ if base is not Interface)
    return found, bases


INTERFACES = list(OURS.interfaces.__all__)

# Where ours has a default that the real one's method has too but its interface does not tell of.
MORE_OPTIONAL = {
    "IReactorCore",
    "IReactorProcess",
    "IReactorSSL",
    "IReactorSocket",
    "IReactorUDP",
    "IReactorUNIXDatagram",
    "IResolver",
    "IUDPTransport",
}


@pytest.mark.parametrize("name", INTERFACES)
def test_interfaces_have_the_same_shape(name: str) -> None:
    """An interface has the methods, the arguments and the bases that it has in Twisted."""
    (ours, our_bases), (theirs, their_bases) = (
        shape(getattr(words.interfaces, name)) for words in (OURS, THEIRS)
    )
    assert our_bases == their_bases
    assert set(ours) == set(theirs)
    if name not in MORE_OPTIONAL:
        assert ours == theirs
    for method, (positional, _) in ours.items():
        assert positional == theirs[method][0]


def test_classes_keep_what_they_declare() -> None:
    """Objects that declare one of our interfaces have its methods, as zope checks them."""
    clock = OURS.task.Clock()
    assert verify.verifyObject(OURS.interfaces.IReactorTime, clock)
    assert verify.verifyObject(OURS.interfaces.IDelayedCall, clock.callLater(1, boom))
    assert verify.verifyObject(OURS.interfaces.IProtocol, OURS.protocol.Protocol())
    assert verify.verifyObject(OURS.interfaces.IProtocolFactory, OURS.protocol.Factory())
    assert verify.verifyObject(OURS.interfaces.IProcessProtocol, OURS.protocol.ProcessProtocol())
    transport = OURS.testing.StringTransport()
    for interface in providedBy(transport):
        assert verify.verifyObject(interface, transport)
    reactor = OURS.testing.MemoryReactorClock()
    for interface in providedBy(reactor):
        assert verify.verifyObject(interface, reactor)


def test_what_is_left_out_says_so() -> None:
    """Importing a name that plait leaves out says so and what to use; so does reading it."""
    with pytest.raises(ImportError, match=r"left out of plait on purpose: use gc\.get_referrers"):
        from plait.twisted.python.reflect import objgrep  # noqa: F401  # the import is the test
    with pytest.raises(AttributeError, match="left out of plait on purpose"):
        _ = OURS.reflect.objgrep
    assert not hasattr(OURS.reflect, "objgrep")
    assert not hasattr(OURS.reflect, "never heard of")


def test_reprs_name_the_public_modules() -> None:
    """Classes are named after the module that a program imports, not the one they are kept in."""
    for w, root in ((OURS, "plait.twisted"), (THEIRS, "twisted")):
        assert w.defer.Deferred.__module__ == f"{root}.internet.defer"
        assert w.protocol.Protocol.__module__ == f"{root}.internet.protocol"
        assert w.task.LoopingCall.__module__ == f"{root}.internet.task"
    assert told("plait.twisted.internet.defer.X") == "twisted.internet.defer.X"
