"""
Every exception of plait, one class per situation.

    PlaitError
    ├── StateError              a move that the state table does not allow
    │   └── NotUp               a task for a service that is not up
    ├── TreeError               a change to the tree that was refused; the tree is as it was
    │   ├── DuplicateName
    │   ├── NotAService
    │   ├── AlreadyHasParent
    │   ├── CyclicTree
    │   ├── NotAChild
    │   └── StillNeeded
    ├── OrderError              a need that cannot be met by any order
    │   ├── UnknownNeed
    │   ├── KinNeed
    │   ├── CyclicNeed
    │   └── EndedNeed
    ├── DeadlineError
    │   ├── StartTimeout        with the report of what hangs, and where
    │   └── StopTimeout
    ├── ServiceEnded            a service's work ended although nobody stopped it
    │   └── EndedBeforeReady    ... by a stop, while somebody waited for it to be ready
    ├── NotOneYield             a generator under @service that yields never, or twice
    ├── FunctionRefused         a function without `async` where it has to be, or with it
    ├── LogError
    │   ├── BadLogOption        a log option that cannot be understood
    │   └── LogUnavailable      a place for the log that cannot be opened at the start
    ├── StartInterrupted        a stop was asked for before the start was done
    ├── MissingExtra            an optional library that is not installed
    ├── LifespanFailed          a web application that did not start, or ended by itself
    ├── LoginRefused            a login at a server that will not work another time either
    ├── FileRefused             a file of a service's data that cannot be used
    ├── NetError                the network's part
    │   ├── EndpointError       a URL, or a field of an endpoint, that says nothing sensible
    │   ├── ListenError         a socket that could not be had
    │   │   ├── AddressInUse
    │   │   ├── AddressDenied
    │   │   ├── AddressUnavailable
    │   │   ├── SocketPathRefused
    │   │   └── InheritedSocketRefused
    │   ├── CertificateRefused  a certificate, key or authority file that cannot be used
    │   ├── ProxyHeaderRefused  a PROXY protocol header that is missing or malformed
    │   ├── NetworkRefused      a text that is not a network such as 10.0.0.0/8
    │   ├── GroupRefused        a multicast group that cannot be joined or left
    │   └── ClientError         a connection that a client could not make or keep
    │       ├── CannotConnect
    │       ├── ConnectTimeout
    │       ├── ConnectDeadline
    │       ├── NotConnected
    │       ├── RetriesExhausted
    │       └── ClientStopped
    ├── CannotRun               a command that could not be started
    ├── ProcessEnded            a command that ended although nobody had stopped it
    ├── NotSupported            a call that this platform does not have
    ├── UsageError              an option whose value cannot be
    │   ├── LoopUnavailable     an event loop that is not there
    │   ├── UnknownKind         a kind of ready-made service that nobody offers
    │   ├── BadKind             a ready-made service that cannot be used
    │   ├── UnknownSetting      an option that a kind of service does not have
    │   ├── BadSetting          an option of a service with a value of the wrong type
    │   └── TwistdUsage         a line that twistd's command line does not take
    ├── TargetError             what to run cannot be loaded
    │   ├── TargetNotFound      no such file, module or attribute
    │   ├── BadDescription      an application file that says something senseless
    │   ├── NoApplication       the file defines no application
    │   ├── NotAnApplication    it is something else
    │   └── TargetBroken        the user's code raised while it was loaded
    ├── PidfileError            a pidfile that cannot be used
    │   └── AlreadyRunning      ... because its owner is alive
    ├── PrivilegeError          rights that cannot be taken or given up
    ├── DoNotRestart            raised by a service: I am done, do not restart me
    └── EndApplication          raised by a service: end the application in order

    ExceptionGroup
    └── StartFailed             all errors of a start and of its roll-back
        (its sibling StopFailed: all errors of a stop)

A class builds its text from its fields: what was found, what was expected, what to try.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = [
    "AddressDenied",
    "AddressInUse",
    "AddressUnavailable",
    "AlreadyHasParent",
    "AlreadyRunning",
    "BadDescription",
    "BadKind",
    "BadLogOption",
    "BadSetting",
    "CannotConnect",
    "CannotRun",
    "CertificateRefused",
    "ClientError",
    "ClientStopped",
    "ConnectDeadline",
    "ConnectTimeout",
    "CyclicNeed",
    "CyclicTree",
    "DeadlineError",
    "DoNotRestart",
    "DuplicateName",
    "EndApplication",
    "EndedBeforeReady",
    "EndedNeed",
    "EndpointError",
    "FileRefused",
    "FunctionRefused",
    "GroupRefused",
    "InheritedSocketRefused",
    "KinNeed",
    "LifespanFailed",
    "ListenError",
    "LogError",
    "LogUnavailable",
    "LoginRefused",
    "LoopUnavailable",
    "MissingExtra",
    "NetError",
    "NetworkRefused",
    "NoApplication",
    "NotAChild",
    "NotAService",
    "NotAnApplication",
    "NotConnected",
    "NotOneYield",
    "NotSupported",
    "NotUp",
    "OrderError",
    "PidfileError",
    "PlaitError",
    "PrivilegeError",
    "ProcessEnded",
    "ProxyHeaderRefused",
    "RetriesExhausted",
    "ServiceEnded",
    "SocketPathRefused",
    "StartFailed",
    "StartInterrupted",
    "StartTimeout",
    "StateError",
    "StillNeeded",
    "StopFailed",
    "StopTimeout",
    "TargetBroken",
    "TargetError",
    "TargetNotFound",
    "TreeError",
    "TwistdUsage",
    "UnknownKind",
    "UnknownNeed",
    "UnknownSetting",
    "UsageError",
]


class PlaitError(Exception):
    """The base of every exception that plait raises on its own account."""


class StateError(PlaitError):
    """
    A move that the state table does not allow.

    Args:
        path:
            The service's path in the tree.
        found:
            The name of the state it is in.
        wanted:
            The name of the state it was asked to enter.
        allowed:
            The names of the states it may enter from there.
    """

    def __init__(self, path: str, found: str, wanted: str, allowed: Sequence[str]) -> None:
        self.path, self.found, self.wanted, self.allowed = path, found, wanted, tuple(allowed)
        expected = " or ".join(allowed) if allowed else "no other state"
        super().__init__(
            f"{path} is {found} and cannot become {wanted}; from there it may become {expected}"
        )


class NotUp(StateError):
    """
    A service that is not up was to own a task, which nobody would end.

    Args:
        path:
            The service's path in the tree.
        found:
            The name of the state it is in.
    """

    def __init__(self, path: str, found: str) -> None:
        self.path, self.found = path, found
        PlaitError.__init__(
            self, f"{path} is {found} and cannot own a task; spawn it in start() or later"
        )


class TreeError(PlaitError):
    """A change to the tree that was refused; the tree is as it was before."""


class DuplicateName(TreeError):
    """
    Two children of one parent would have the same name.

    Args:
        parent:
            The path of the parent.
        name:
            The name that is taken.
    """

    def __init__(self, parent: str, name: str) -> None:
        self.parent, self.name = parent, name
        super().__init__(
            f"{parent} already has a child named {name!r}; "
            "give this one another name with add(…, name=…)"
        )


class NotAService(TreeError):
    """
    Something else than a service was added.

    Args:
        parent:
            The path of the parent it was offered to.
        found:
            What it was.
    """

    def __init__(self, parent: str, found: object) -> None:
        self.parent, self.found = parent, found
        called = f"; call it: {found.__name__}(…)" if isinstance(found, type) else ""
        super().__init__(f"{found!r} cannot be added to {parent}: it is no service{called}")


class AlreadyHasParent(TreeError):
    """
    A service that stands in a tree was added a second time.

    Args:
        service:
            The path of the service where it is now.
        parent:
            The path of the parent it was offered to.
    """

    def __init__(self, service: str, parent: str) -> None:
        self.service, self.parent = service, parent
        super().__init__(
            f"{service} already has a parent and cannot be added to {parent}; remove it there first"
        )


class CyclicTree(TreeError):
    """
    A service was added below itself.

    Args:
        service:
            The path of the service.
        parent:
            The path of the parent it was offered to.
    """

    def __init__(self, service: str, parent: str) -> None:
        self.service, self.parent = service, parent
        super().__init__(
            f"{service} cannot be added to {parent}: that would put it inside itself; "
            "add it to a service outside its own tree"
        )


class NotAChild(TreeError):
    """
    A service was looked up or removed where it is not.

    Args:
        parent:
            The path of the parent.
        name:
            What was looked for: a name, a path or a service.
        known:
            Names of children that are there.
    """

    def __init__(self, parent: str, name: str, known: Iterable[str] = ()) -> None:
        self.parent, self.name, self.known = parent, name, tuple(known)
        there = _choice("its children are", self.known) if self.known else "it has no children"
        super().__init__(f"{parent} has no child {name!r}; {there}")


class StillNeeded(TreeError):
    """
    A service that others need was to be removed.

    Args:
        service:
            The path of the service.
        needed_by:
            The paths of those outside it that named it in `needs`.
    """

    def __init__(self, service: str, needed_by: Sequence[str]) -> None:
        self.service, self.needed_by = service, tuple(needed_by)
        super().__init__(
            f"{service} cannot be removed while {_join(needed_by)} "
            f"{'needs' if len(needed_by) == 1 else 'need'} it; remove what needs it first"
        )


class OrderError(PlaitError):
    """A need that no order of starting can meet; nothing was started."""


class UnknownNeed(OrderError):
    """
    A need that names nothing in the tree.

    Args:
        service:
            The path of the service that states the need.
        need:
            What it named.
        known:
            Paths that come close.
    """

    def __init__(self, service: str, need: str, known: Iterable[str] = ()) -> None:
        self.service, self.need, self.known = service, need, tuple(known)
        near = f"; among its siblings are {_quoted(self.known)}" if self.known else ""
        super().__init__(
            f"{service} needs {need!r}, which is not in the tree; name a sibling, "
            f"a path from the root, or pass the service itself{near}"
        )


class KinNeed(OrderError):
    """
    A service needs itself, one of its ancestors, or one of its descendants.

    Args:
        service:
            The path of the service that states the need.
        need:
            The path of what it named.
        kinship:
            `itself`, `its ancestor` or `its descendant`.
    """

    def __init__(self, service: str, need: str, kinship: str) -> None:
        self.service, self.need, self.kinship = service, need, kinship
        why = {
            "itself": "it would wait for itself",
            "its ancestor": "a parent is ready only after its children are",
            "its descendant": "children start only after their parent has begun",
        }[kinship]
        named = kinship if kinship == "itself" else f"{need}, {kinship}"
        super().__init__(f"{service} needs {named}: {why}; name a service beside it instead")


class CyclicNeed(OrderError):
    """
    Services that need one another in a circle.

    Args:
        paths:
            The paths along the circle, each needing the next; the first is not repeated.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = tuple(paths)
        circle = " → ".join((*self.paths, self.paths[0]))
        super().__init__(
            f"these services need one another in a circle: {circle}; drop one of these needs"
        )


class EndedNeed(OrderError):
    """
    A service that was added late needs one that has ended for good, or is being removed.

    Args:
        service:
            The path of the service that states the need.
        need:
            The path of what it named.
    """

    def __init__(self, service: str, need: str) -> None:
        self.service, self.need = service, need
        super().__init__(
            f"{service} needs {need}, which has ended for good or is being removed, "
            "so it would wait for ever; need what takes its place"
        )


class DeadlineError(PlaitError):
    """Something took longer than it was given."""


class StartTimeout(DeadlineError):
    """
    A start that was not done in time.

    Args:
        path:
            The path of the service, or of the application.
        seconds:
            The time it was given.
        report:
            The tree with each unfinished service's state, elapsed time and stack; several lines.
    """

    def __init__(self, path: str, seconds: float, report: str) -> None:
        self.path, self.seconds, self.report = path, seconds, report
        super().__init__(f"{path} was not ready within {seconds:g} s\n{report}")


class StopTimeout(DeadlineError):
    """
    A stop that was not done in time.

    Args:
        path:
            The path of the service.
        seconds:
            The time it was given.
        stack:
            Where it hangs; several lines, or empty when unknown.
        abandoned:
            Whether it swallowed its cancellation and was left behind.
    """

    def __init__(self, path: str, seconds: float, stack: str, *, abandoned: bool = False) -> None:
        self.path, self.seconds, self.stack, self.abandoned = path, seconds, stack, abandoned
        what = (
            "swallowed its cancellation and was abandoned"
            if abandoned
            else f"did not stop within {seconds:.3g} s and was cancelled"
        )
        super().__init__(f"{path} {what}" + (f"\n{stack}" if stack else ""))


class ServiceEnded(PlaitError):
    """
    A service's work ended although nobody had stopped it.

    Args:
        path:
            The service's path.
        what:
            What ended, such as `main()` or `task 'poll'`, and how.
    """

    def __init__(self, path: str, what: str) -> None:
        self.path, self.what = path, what
        super().__init__(f"{path}: {what}, although nobody had stopped the service")


class EndedBeforeReady(ServiceEnded):
    """
    A service was stopped, or had ended for good, and somebody waited for it to be ready.

    Args:
        path:
            The service's path.
    """

    def __init__(self, path: str) -> None:
        self.path, self.what = path, "it is stopped"
        PlaitError.__init__(self, f"{path} is stopped and does not become ready")


class FunctionRefused(PlaitError, TypeError):
    """
    A plain function where a coroutine function has to be, or the other way round.

    Args:
        path:
            The service's path.
        function:
            The function's name.
        found:
            What it is, or did.
        expected:
            How it is to be written.
    """

    def __init__(self, path: str, function: str, found: str, expected: str) -> None:
        self.path, self.function, self.found, self.expected = path, function, found, expected
        super().__init__(f"{path}: {function}() {found}; expected {expected}")


class NotOneYield(PlaitError):
    """
    A generator function under `@service` that did not yield exactly once.

    Args:
        function:
            The function's name.
        found:
            What it did instead.
    """

    def __init__(self, function: str, found: str) -> None:
        self.function, self.found = function, found
        super().__init__(
            f"{function}() {found}; expected one yield, with the start before it and the stop "
            "after it"
        )


class LogError(PlaitError):
    """The log cannot be set up as it was asked for."""


class BadLogOption(LogError):
    """
    A log option that cannot be understood.

    Args:
        option:
            The option, as on the command line.
        found:
            What it was given.
        expected:
            What it may be given.
        known:
            The words it may be given, one of which was perhaps meant.
    """

    def __init__(self, option: str, found: str, expected: str, known: Sequence[str] = ()) -> None:
        self.option, self.found, self.expected = option, found, expected
        near = _nearest(found.rpartition("=")[2].strip().lower(), known)
        self.problem = f"was given {found!r}{near}; expected {expected}"
        super().__init__(f"{option} {self.problem}")


class LogUnavailable(LogError):
    """
    A place for the log that cannot be opened at the start.

    Args:
        place:
            The file or socket.
        why:
            What the system said.
        advice:
            What to try.
    """

    def __init__(self, place: str, why: str, advice: str) -> None:
        self.place, self.why, self.advice = place, why, advice
        super().__init__(f"cannot open {place} for the log: {why}; {advice}")


class StartInterrupted(PlaitError):
    """
    A stop was asked for before the start was done; everything is down again.

    Args:
        path:
            The path of the application.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"{path} was asked to stop before it was ready")


class LifespanFailed(PlaitError):
    """
    The lifespan of a web application failed, or ended by itself.

    Args:
        what:
            What it did.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"the application's lifespan {what}")


class LoginRefused(PlaitError):
    """
    A server refused a login, or is not the one that was expected.

    Args:
        address:
            The server.
        user:
            The name of the login.
        reason:
            Why.
    """

    def __init__(self, address: str, user: str, reason: str) -> None:
        self.address = address
        self.user = user
        self.reason = reason
        super().__init__(
            f"{address} cannot be used as {user}: {reason}; check the keys and the known hosts"
        )


class FileRefused(PlaitError, ValueError):
    """
    A file that a service lives on, such as a zone or a list of users, cannot be used.

    Args:
        path:
            The file, with a line number after a colon where there is one.
        reason:
            What is wrong with it.
        expected:
            What was expected.
    """

    def __init__(self, path: str, reason: str, expected: str) -> None:
        self.path = path
        self.reason = reason
        self.expected = expected
        super().__init__(f"{path}: {reason}; expected {expected}")


class MissingExtra(PlaitError):
    """
    An optional library that is not installed.

    Args:
        what:
            What was asked for, such as `TimerService(cron=…)`.
        library:
            The library it needs.
        extra:
            The name of the extra that brings it; empty when the library itself is to be installed.
        package:
            The distribution that the extra belongs to.
    """

    def __init__(self, what: str, library: str, extra: str, *, package: str = "plait") -> None:
        self.what, self.library, self.extra, self.package = what, library, extra, package
        wanted = f"'{package}[{extra}]'" if extra else library
        super().__init__(
            f"{what} needs {library}, which is not installed; run: pip install {wanted}"
        )


class NetError(PlaitError):
    """The base of what goes wrong with endpoints, sockets and certificates."""


class EndpointError(NetError, ValueError):
    """
    A URL, or a field of an endpoint, that is malformed.

    Args:
        url:
            The whole URL as it was given; the scheme alone where a field was given by name.
        part:
            Which part: `scheme`, `host`, `port`, `path`, or the name of an option.
        found:
            What stands there.
        expected:
            What may stand there.
    """

    def __init__(self, url: str, part: str, found: str, expected: str) -> None:
        self.url, self.part, self.found, self.expected = url, part, found, expected
        shown = repr(found) if found else "nothing"
        super().__init__(f"{url}: the {part} is {shown}; expected {expected}")


class ListenError(NetError):
    """
    A socket that could not be had.

    Args:
        address:
            The address, as a URL.
        reason:
            What was found, expected, and may be tried.
    """

    def __init__(self, address: str, reason: str) -> None:
        self.address, self.reason = address, reason
        super().__init__(f"cannot listen on {address}: {reason}")


class AddressInUse(ListenError):
    """
    An address that somebody else holds.

    Args:
        address:
            The address, as a URL.
        holder:
            Who holds it, as far as known.
    """

    def __init__(self, address: str, holder: str = "another process") -> None:
        self.holder = holder
        super().__init__(
            address, f"the address is in use by {holder}; stop that one or choose another address"
        )


class AddressDenied(ListenError):
    """
    An address that this process may not use.

    Args:
        address:
            The address, as a URL.
        hint:
            What to try.
    """

    def __init__(self, address: str, hint: str) -> None:
        self.hint = hint
        super().__init__(address, f"permission denied; {hint}")


class AddressUnavailable(ListenError):
    """
    An address that this machine does not have, or a name that does not resolve.

    Args:
        address:
            The address, as a URL.
        found:
            What the system says.
    """

    def __init__(self, address: str, found: str) -> None:
        self.found = found
        super().__init__(address, f"{found}; use a name or an address of this machine")


class SocketPathRefused(ListenError):
    """
    A path on which no socket can be made.

    Args:
        address:
            The address, as a URL.
        reason:
            What was found, expected, and may be tried.
    """


class InheritedSocketRefused(ListenError):
    """
    A descriptor that was handed to the process and is not what the service needs.

    Args:
        address:
            The endpoint, as a URL.
        found:
            What the descriptor is.
        expected:
            What the service needs.
    """

    def __init__(self, address: str, found: str, expected: str) -> None:
        self.found, self.expected = found, expected
        super().__init__(address, f"found {found}, expected {expected}")


class CertificateRefused(NetError):
    """
    A certificate, key or authority file that cannot be used.

    Args:
        file:
            The path of the file, or of the pair of files.
        reason:
            What was found, expected, and may be tried.
    """

    def __init__(self, file: str, reason: str) -> None:
        self.file, self.reason = file, reason
        super().__init__(f"cannot use {file}: {reason}")


class ProxyHeaderRefused(NetError, ValueError):
    """
    A PROXY protocol header that is missing or malformed.

    Args:
        found:
            What came instead.
        expected:
            What should have come.
    """

    def __init__(self, found: str, expected: str) -> None:
        self.found, self.expected = found, expected
        super().__init__(f"found {found}; expected {expected}")


class NetworkRefused(NetError, ValueError):
    """
    A text that is not a network.

    Args:
        text:
            What was given.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(f"{text!r} is not a network; write it as 10.0.0.0/8, ::1 or fd00::/8")


class GroupRefused(NetError):
    """
    A multicast group that cannot be joined or left.

    Args:
        group:
            Its address.
        interface:
            The interface that was asked for; empty when the kernel was to choose.
        reason:
            What was found.
    """

    def __init__(self, group: str, interface: str, reason: str) -> None:
        self.group, self.interface, self.reason = group, interface, reason
        on = f" on {interface}" if interface else ""
        super().__init__(f"{group} cannot be used{on}: {reason}")


class ClientError(NetError):
    """A connection that a client could not make or keep."""


class CannotConnect(ClientError):
    """
    Nobody answered at any address of the peer.

    Args:
        peer:
            The peer's URL.
        errors:
            Pairs of an address and what went wrong there.

    `reason` is the second half of the text: why, without the peer.
    """

    def __init__(self, peer: str, errors: Sequence[tuple[str, Exception]]) -> None:
        self.peer, self.errors = peer, tuple(errors)
        if len(self.errors) == 1 and self.errors[0][0] in peer:
            self.reason = _reason(self.errors[0][1])
        else:
            found = [f"{where}: {_reason(error)}" for where, error in self.errors]
            self.reason = "; ".join(found) or "the name has no address"
        super().__init__(f"cannot connect to {peer}: {self.reason}")


class ConnectTimeout(ClientError):
    """
    An attempt to connect that took too long.

    Args:
        peer:
            The peer's URL.
        seconds:
            The time it was given.
    """

    def __init__(self, peer: str, seconds: float) -> None:
        self.peer, self.seconds = peer, seconds
        super().__init__(
            f"{peer} could not be connected within {seconds:g} s; "
            "see whether the peer is there, or give it more with connect_timeout=…"
        )


class ConnectDeadline(ClientError, DeadlineError):
    """
    A client's first connection was not up in time.

    Args:
        path:
            The path of the service.
        peer:
            The peer's URL.
        seconds:
            The time it was given.
        last:
            Why the last attempt failed; None when the first was not over yet.
    """

    def __init__(self, path: str, peer: str, seconds: float, last: BaseException | None) -> None:
        self.path, self.peer, self.seconds, self.last = path, peer, seconds, last
        why = "the first attempt was still under way" if last is None else _reason(last)
        super().__init__(f"{path} was not connected to {peer} within {seconds:g} s: {why}")


class NotConnected(ClientError):
    """
    Somebody waited for a connection, and the attempts he bore have failed.

    Args:
        path:
            The path of the service, which goes on trying.
        peer:
            The peer's URL.
        attempts:
            How many attempts were waited for.
        last:
            Why the last one failed.
    """

    def __init__(self, path: str, peer: str, attempts: int, last: BaseException) -> None:
        self.path, self.peer, self.attempts, self.last = path, peer, attempts, last
        tried = "1 more attempt" if attempts == 1 else f"{attempts} more attempts"
        super().__init__(f"{path} is not connected to {peer} and {tried} failed: {_reason(last)}")


class RetriesExhausted(ClientError):
    """
    A client has passed its limit of failures and gives up.

    Args:
        path:
            The path of the service.
        peer:
            The peer's URL.
        failures:
            How many failures there were in a row.
        last:
            The last error; None when the peer had closed the connection.
    """

    def __init__(self, path: str, peer: str, failures: int, last: BaseException | None) -> None:
        self.path, self.peer, self.failures, self.last = path, peer, failures, last
        why = "the peer closed the connection" if last is None else _reason(last)
        times = "1 failure" if failures == 1 else f"{failures} failures in a row"
        super().__init__(f"{path} gives up on {peer} after {times}: {why}")


class ClientStopped(ClientError):
    """
    A connection was waited for, and the client was stopped.

    Args:
        path:
            The path of the service.
        peer:
            The peer's URL.
    """

    def __init__(self, path: str, peer: str) -> None:
        self.path, self.peer = path, peer
        super().__init__(f"{path} is stopped, so there is no connection to {peer}")


class DoNotRestart(PlaitError):
    """
    Raised by a service that is done: it is stopped and stays stopped, and that is no error.

    Services that named it in `needs` are stopped before it and stay stopped too.
    """


class EndApplication(PlaitError):
    """
    Raised by a service to end the whole application in order.

    Args:
        reason:
            Why, for the log.
        status:
            The exit status that the process shall end with; 0 is success.
    """

    def __init__(self, reason: str = "a service asked for the end", *, status: int = 0) -> None:
        self.reason, self.status = reason, status
        super().__init__(reason)


class CannotRun(PlaitError):
    """
    A command that could not be started.

    Args:
        path:
            The service's path.
        program:
            The program.
        why:
            What stood in the way.
    """

    def __init__(self, path: str, program: str, why: str) -> None:
        self.path, self.program, self.why = path, program, why
        super().__init__(f"{path}: cannot run {program}: {why}")


class ProcessEnded(PlaitError):
    """
    A command that ended although nobody had stopped it.

    Args:
        path:
            The service's path.
        program:
            The program.
        status:
            Its exit status, negative for the signal that ended it.
        ready:
            Whether it had been ready.
    """

    def __init__(self, path: str, program: str, status: int, *, ready: bool) -> None:
        self.path, self.program, self.status, self.ready = path, program, status, ready
        super().__init__(
            f"{path}: {program} {_ending(status)}" + ("" if ready else " before it was ready")
        )


class NotSupported(PlaitError):
    """
    A call that this platform does not have.

    Args:
        what:
            The name of the call, such as `fork`.
        platform:
            The name of the platform.
    """

    def __init__(self, what: str, platform: str) -> None:
        self.what, self.platform = what, platform
        super().__init__(
            f"this platform ({platform}) has no {what}; leave out the option that asks for it"
        )


class UsageError(PlaitError):
    """
    An option whose value cannot be.

    Args:
        option:
            The option as it is typed, such as `--chdir`.
        problem:
            What was found, what was expected and what to try.
    """

    def __init__(self, option: str, problem: str) -> None:
        self.option, self.problem = option, problem
        super().__init__(f"{option}: {problem}")


class LoopUnavailable(UsageError):
    """
    An event loop that is not there.

    Args:
        name:
            The name that was asked for.
        why:
            Why it is not there.
        there:
            The names of those that are.
    """

    def __init__(self, name: str, why: str, there: Sequence[str]) -> None:
        self.name, self.why, self.there = name, why, tuple(there)
        super().__init__("--loop", f"{name} is not available: {why}; use {_join(there, 'or')}")


class UnknownKind(UsageError):
    """
    A kind of ready-made service that nobody offers.

    Args:
        name:
            What was asked for.
        known:
            The kinds there are.
    """

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name, self.known = name, tuple(known)
        super().__init__(
            name,
            f"there is no such kind of service{_nearest(name, known)}; there are "
            f"{_join(known)}, and package.module:attribute names one of your own",
        )


class BadKind(UsageError):
    """
    What offers a ready-made service cannot be used.

    Args:
        name:
            The kind's name.
        problem:
            What is wrong with it.
    """

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        super().__init__(name, f"this kind of service cannot be used: {problem}")


class UnknownSetting(UsageError):
    """
    An option that a kind of service does not have.

    Args:
        owner:
            The kind, or where in a file it stands.
        key:
            The option.
        known:
            The options there are.
    """

    def __init__(self, owner: str, key: str, known: Sequence[str]) -> None:
        self.owner, self.key, self.known = owner, key, tuple(known)
        choice = _choice("it takes", known) if known else "it takes none"
        super().__init__(owner, f"there is no option {key!r}{_nearest(key, known)}; {choice}")


class BadSetting(UsageError):
    """
    An option of a service whose value is missing or cannot be.

    Args:
        owner:
            The kind, or where in a file it stands.
        key:
            The option.
        found:
            The value; `BadSetting.MISSING` where there is none.
        expected:
            What it may be.
    """

    #: What stands for a value that nobody gave.
    MISSING = object()

    def __init__(self, owner: str, key: str, found: object, expected: str) -> None:
        self.owner, self.key, self.found, self.expected = owner, key, found, expected
        what = "missing" if found is self.MISSING else _shown(found)
        super().__init__(owner, f"{key} is {what}; expected {expected}")


class TwistdUsage(UsageError):
    """
    A line that twistd's command line does not take.

    Args:
        problem:
            What was found, what was expected and what to try.
        shows_help:
            Whether the help is shown in front.
    """

    def __init__(self, problem: str, *, shows_help: bool = True) -> None:
        self.shows_help = shows_help
        super().__init__("plait twistd", problem)


class TargetError(PlaitError):
    """What to run cannot be loaded."""


class TargetNotFound(TargetError):
    """
    There is no such file, module or attribute.

    Args:
        target:
            What was asked for.
        problem:
            What was looked for and where, and what to try.
    """

    def __init__(self, target: str, problem: str) -> None:
        self.target, self.problem = target, problem
        super().__init__(f"cannot load {target or 'an empty name'}: {problem}")


class BadDescription(TargetError):
    """
    A file that describes an application says something that cannot be understood.

    Args:
        file:
            The file.
        line:
            The line, from 1.
        problem:
            What was found there and what was expected.
    """

    def __init__(self, file: str, line: int, problem: str) -> None:
        self.file, self.line, self.problem = file, line, problem
        super().__init__(f"{file}:{line}: {problem}")


class NoApplication(TargetError):
    """
    The target defines no application.

    Args:
        target:
            What was loaded.
        name:
            The name that was looked for.
        known:
            Names of other values that it defines.
    """

    def __init__(self, target: str, name: str, known: Iterable[str] = ()) -> None:
        self.target, self.name, self.known = target, name, tuple(known)
        there = _choice("it defines", self.known) if self.known else "it defines nothing like it"
        super().__init__(
            f"cannot load {target}: it defines no {name!r}; end it with a line like "
            f"{name} = Application(…); {there}"
        )


class NotAnApplication(TargetError):
    """
    What the target defines is not an application.

    Args:
        target:
            What was loaded.
        name:
            The name that was looked up.
        found:
            What was found there.
    """

    def __init__(self, target: str, name: str, found: object) -> None:
        self.target, self.name = target, name
        kind = f"the class {found.__name__}" if isinstance(found, type) else type(found).__name__
        self.found = kind
        article = "" if isinstance(found, type) else "an " if kind[0] in "aeiouAEIOU" else "a "
        super().__init__(
            f"cannot load {target}: {name!r} is {article}{kind}; expected an Application "
            "or a Service of plait, or an application of the Twisted API"
        )


class TargetBroken(TargetError):
    """
    The user's code raised while it was loaded; its error is the cause, with the traceback.

    Args:
        target:
            What was being loaded.
        error:
            What was raised.
    """

    def __init__(self, target: str, error: BaseException) -> None:
        self.target, self.error = target, error
        super().__init__(f"cannot load {target}: {_text(error)}")
        self.__cause__ = error


class PidfileError(PlaitError):
    """
    A pidfile that cannot be used.

    Args:
        path:
            The path of the pidfile.
        problem:
            What is wrong with it and what to try.
    """

    def __init__(self, path: str, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(f"cannot use the pidfile {path}: {problem}")


class AlreadyRunning(PidfileError):
    """
    Another process holds the pidfile.

    Args:
        path:
            The path of the pidfile.
        pid:
            The number of the process that holds it; None when it has not written it yet.
    """

    def __init__(self, path: str, pid: int | None) -> None:
        self.pid = pid
        who = "another process that is just starting" if pid is None else f"process {pid}"
        super().__init__(
            path, f"{who} already runs with it; stop that one first, or give another --pidfile"
        )


class PrivilegeError(PlaitError):
    """Rights that cannot be taken or given up, in one sentence."""


class _Failed(ExceptionGroup[Exception]):
    """The errors of one phase, each with the path of its service."""

    phase = ""

    def __new__(cls, path: str, errors: Sequence[tuple[str, Exception]], note: str = "") -> _Failed:
        what = f"{path} {cls.phase}" + (f" ({note})" if note else "")
        lines = [_placed(where, _text(error)) for where, error in errors]
        text = f"{what}: {lines[0]}" if len(lines) == 1 else "\n  ".join([f"{what}:", *lines])
        group = super().__new__(cls, text, [error for _, error in errors])
        group.path, group.errors, group.note = path, tuple(errors), note
        return group

    path: str
    errors: tuple[tuple[str, Exception], ...]
    note: str

    def __str__(self) -> str:
        return self.message

    def derive(self, excs: Sequence[Exception], /) -> ExceptionGroup[Exception]:  # type: ignore[override]  # a part of the errors is no longer the report of a phase
        """Return a plain group of some of the errors, as `split()` and `except*` need it."""
        return ExceptionGroup(self.message, list(excs))


class StartFailed(_Failed):
    """
    A start that failed and was rolled back.

    Args:
        path:
            The path of the application.
        errors:
            Pairs of a service's path and its error; the cause comes first, then the roll-back's.
        note:
            What was done about it.
    """

    phase = "failed to start"

    @property
    def asked_for(self) -> EndApplication | None:
        """The end that a service asked for before the tree was ready, when nothing else failed."""
        ends = [error for _, error in self.errors if isinstance(error, EndApplication)]
        return ends[0] if ends and len(ends) == len(self.errors) else None


class StopFailed(_Failed):
    """
    A stop in which services failed; all the others were stopped all the same.

    Args:
        path:
            The path of the application.
        errors:
            Pairs of a service's path and its error.
        note:
            What else is to be said.
    """

    phase = "did not stop cleanly"


def _reason(error: BaseException) -> str:
    """Return why the network failed: the system's own words, without the number before them."""
    if isinstance(error, CannotConnect):
        return error.reason
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return _text(error)


def _placed(path: str, text: str) -> str:
    """Return a text with the path of its service in front, unless it begins with that."""
    return text if text.startswith((f"{path} ", f"{path}:")) else f"{path}: {text}"


def _text(error: BaseException) -> str:
    """Return an error as `Type: text`, without the type where plait's own text is a sentence."""
    if isinstance(error, PlaitError):
        return str(error)
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _join(words: Sequence[str], last: str = "and") -> str:
    """Return words as `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _choice(lead: str, known: Sequence[str]) -> str:
    """Return the names that could have been meant."""
    more = f" and {len(known) - 5} more" if len(known) > 5 else ""
    return f"{lead} {_quoted(known[:5])}{more}"


def _quoted(words: Sequence[str]) -> str:
    """Return words in quotes, with commas between them."""
    return ", ".join(repr(word) for word in words)


def _nearest(word: str, known: Sequence[str]) -> str:
    """Return a question after the name that was probably meant, or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _shown(value: object) -> str:
    """Return a value as it is written in a file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def _ending(status: int) -> str:
    """Return how a process ended."""
    if status >= 0:
        return f"ended with status {status}"
    from signal import Signals

    try:
        return f"was ended by {Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
