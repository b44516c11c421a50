"""The service tree and its services: ours beside the real Twisted's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .worlds import World, either


def _service(world: World) -> Any:
    return world.module("application.service")


def _wrappers(world: World) -> Any:
    return world.module("application.internet")


class Calls(list[str]):
    """A list of what was called."""

    def service(self, world: World, name: str, parent: Any = None) -> Any:
        """Return a service that notes its calls here."""
        calls, base = self, _service(world).Service

        class Noting(base):  # type: ignore[misc, valid-type]
            def privilegedStartService(self) -> None:
                calls.append(f"{name} privileged")

            def startService(self) -> None:
                calls.append(f"{name} start")
                base.startService(self)

            def stopService(self) -> Any:
                calls.append(f"{name} stop")
                return base.stopService(self)

        made = Noting()
        made.setName(name)
        if parent is not None:
            made.setServiceParent(parent)
        return made


@either
def test_a_service_without_init(world: World) -> None:
    """A fresh service has class attributes only, and integers say whether it runs."""
    each = _service(world).Service()
    assert (each.running, each.name, each.parent) == (0, None, None)
    each.startService()
    assert each.running == 1
    each.stopService()
    assert each.running == 0


@either
def test_a_name_is_fixed_by_a_parent(world: World) -> None:
    """A service below a parent cannot be renamed."""
    parent = _service(world).MultiService()
    child = Calls().service(world, "child", parent)
    with pytest.raises(RuntimeError, match="cannot change name"):
        child.setName("other")


@either
def test_children_by_order_and_by_name(world: World) -> None:
    """Iteration is in the order of adding; names are found, and unknown ones are a KeyError."""
    parent = _service(world).MultiService()
    calls = Calls()
    made = [calls.service(world, name, parent) for name in "cab"]
    assert list(parent) == made
    assert parent.getServiceNamed("a") is made[1]
    with pytest.raises(KeyError):
        parent.getServiceNamed("x")


@either
def test_two_children_of_one_name(world: World) -> None:
    """The second child of a name is refused with a RuntimeError that says it."""
    parent = _service(world).MultiService()
    Calls().service(world, "same", parent)
    with pytest.raises(RuntimeError, match="same name 'same'"):
        Calls().service(world, "same", parent)


@either
def test_order_of_a_tree(world: World) -> None:
    """Privileged parts and starts go in order, stops in reverse."""
    parent = _service(world).MultiService()
    calls = Calls()
    for name in "ab":
        calls.service(world, name, parent)
    parent.privilegedStartService()
    parent.startService()
    parent.stopService()
    assert calls == ["a privileged", "b privileged", "a start", "b start", "b stop", "a stop"]


@either
def test_a_child_added_to_a_running_collection(world: World) -> None:
    """It is started at once, and stopped when it leaves."""
    parent = _service(world).MultiService()
    parent.startService()
    calls = Calls()
    child = calls.service(world, "late", parent)
    child.disownServiceParent()
    assert calls == ["late privileged", "late start", "late stop"]
    assert child.parent is None
    assert list(parent) == []


@either
def test_moving_from_one_parent_to_another(world: World) -> None:
    """A service that joins another collection leaves the first."""
    first, second = _service(world).MultiService(), _service(world).MultiService()
    child = Calls().service(world, "child", first)
    child.setServiceParent(second)
    assert (list(first), list(second)) == ([], [child])
    assert child.parent is second


@either
def test_removing_what_is_not_there(world: World) -> None:
    """Removing a stranger is a ValueError, or a KeyError when it has a name."""
    parent = _service(world).MultiService()
    with pytest.raises(ValueError, match="not in list"):
        parent.removeService(_service(world).Service())
    with pytest.raises(KeyError):
        parent.removeService(Calls().service(world, "named"))


@either
def test_stop_waits_for_all_children(world: World) -> None:
    """The Deferred of stopService fires when the last child has stopped, failures included."""
    defer, parent = world.defer, _service(world).MultiService()
    waits: list[Any] = []

    class Slow(_service(world).Service):  # type: ignore[misc]
        def stopService(self) -> Any:
            waits.append(defer.Deferred())
            return waits[-1]

    for _ in range(2):
        Slow().setServiceParent(parent)
    parent.startService()
    fired: list[Any] = []
    parent.stopService().addCallback(fired.append)
    waits[0].callback(1)
    assert fired == []
    waits[1].errback(ValueError())
    waits[1].addErrback(lambda _why: None)
    assert [success for success, _result in fired[0]] == [True, False]


@either
def test_an_application_is_a_bag(world: World) -> None:
    """An Application has no service's methods; its components are reached by adaptation."""
    service = _service(world)
    app = service.Application("name", 1, 2)
    assert not hasattr(app, "startService")
    assert service.IService(app) is service.IServiceCollection(app)
    assert service.IService(app).name == "name"
    assert (service.IProcess(app).uid, service.IProcess(app).gid) == (1, 2)
    assert service.IProcess(app).processName is None
    child = Calls().service(world, "child", app)
    assert child.parent is service.IService(app)


@either
def test_running_is_not_pickled(world: World) -> None:
    """The state of a service leaves out whether it runs."""
    each = _service(world).Service()
    each.startService()
    each.extra = 1
    assert each.__getstate__() == {"extra": 1}


@either
def test_interfaces_are_declared(world: World) -> None:
    """Classes provide the interfaces they implement, verified by zope.interface."""
    from zope.interface.verify import verifyObject

    service = _service(world)
    assert verifyObject(service.IService, service.Service())
    assert verifyObject(service.IServiceCollection, service.MultiService())
    assert verifyObject(service.IProcess, service.Process())
    maker = service.ServiceMaker("n", "m", "d", "t")
    assert service.IServiceMaker.providedBy(maker)


@pytest.mark.parametrize("deep", [0, 1, 5])
@either
def test_no_parent_no_disowning(world: World, deep: int) -> None:
    """Without a parent disownServiceParent is an AttributeError, at any time."""
    each = Calls().service(world, "child")
    for _ in range(deep):
        each.setServiceParent(_service(world).MultiService())
        each.disownServiceParent()
    with pytest.raises(AttributeError):
        each.disownServiceParent()


@either
def test_wrappers_hand_over_their_arguments(world: World) -> None:
    """A wrapper calls the reactor's method with its own arguments, once, and stops the port."""
    testing = world.module("internet.testing")
    reactor = testing.MemoryReactor()
    factory = world.protocol.ClientFactory()
    server = _wrappers(world).TCPServer(8080, factory, 7, interface="i", reactor=reactor)
    server.privilegedStartService()
    server.startService()
    assert reactor.tcpServers == [(8080, factory, 7, "i")]
    client = _wrappers(world).TCPClient("host", 9, factory, timeout=3, reactor=reactor)
    client.startService()
    assert reactor.tcpClients == [("host", 9, factory, 3, None)]
    assert server.running
    server.stopService()
    assert not server.running


@either
def test_a_server_that_was_never_bound(world: World) -> None:
    """Stopping a server service that did not start returns None."""
    assert _wrappers(world).UDPServer(1, None).stopService() is None


@either
def test_a_timer_calls_at_once_and_on_its_grid(world: World) -> None:
    """Late ticks are skipped, not stacked."""
    clock = world.task.Clock()
    ticks: list[float] = []
    timer = _wrappers(world).TimerService(2, lambda: ticks.append(clock.seconds()))
    timer.clock = clock
    timer.startService()
    for step in (2, 2, 5, 1, 2):
        clock.advance(step)
    timer.stopService()
    clock.advance(10)
    assert ticks == [0, 2, 4, 9, 10, 12]


@either
def test_a_timer_that_fails_is_logged_and_ends(world: World) -> None:
    """The first exception ends the calls; the service still reads as running."""
    clock = world.task.Clock()
    calls: list[int] = []

    def fails() -> None:
        calls.append(1)
        raise ValueError("tick")

    timer = _wrappers(world).TimerService(1, fails)
    timer.clock = clock
    with world.module("logger").capturedLogs() as told:
        timer.startService()
        clock.advance(1)
    assert calls == [1]
    assert timer.running
    assert any("log_failure" in event or "failure" in event for event in told)


@given(
    st.integers(0, 150),
    st.floats(0.1, 10),
    st.floats(1, 100),
    st.floats(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_backoff_policies_agree(attempt: int, initial: float, most: float, factor: float) -> None:
    """Without jitter both policies give the same delay for every attempt."""
    from plait.twisted.application.internet import backoffPolicy as ours

    real = pytest.importorskip("twisted.application.internet").backoffPolicy
    arguments = (initial, most, factor, lambda: 0.25)
    assert ours(*arguments)(attempt) == real(*arguments)(attempt)


class Endpoint:
    """An endpoint whose attempts a test decides."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.attempts: list[tuple[Any, Any]] = []

    def connect(self, factory: Any) -> Any:
        """Note the attempt."""
        deferred = self.world.defer.Deferred()
        self.attempts.append((factory, deferred))
        return deferred

    def succeed(self) -> Any:
        """Let the last attempt succeed; returns the protocol."""
        factory, deferred = self.attempts[-1]
        protocol = factory.buildProtocol(None)
        transport = self.world.module("internet.testing").StringTransport()
        protocol.makeConnection(transport)
        protocol.transport = transport
        deferred.callback(protocol)
        return protocol

    def fail(self) -> None:
        """Let the last attempt fail."""
        self.attempts[-1][1].errback(OSError("refused"))


def _client(world: World, **options: Any) -> tuple[Any, Any, Any]:
    endpoint, clock = Endpoint(world), world.task.Clock()
    factory = world.protocol.Factory.forProtocol(world.protocol.Protocol)
    policy = options.pop("policy", lambda attempt: float(attempt))
    made = _wrappers(world).ClientService(
        endpoint, factory, retryPolicy=policy, clock=clock, **options
    )
    return made, endpoint, clock


def _lost(world: World) -> Any:
    return world.module("python.failure").Failure(world.error.ConnectionLost())


@either
def test_a_client_connects_and_tells(world: World) -> None:
    """whenConnected fires with the protocol, before and after the connection is there."""
    client, endpoint, _clock = _client(world)
    told: list[Any] = []
    client.whenConnected().addCallback(told.append)
    client.startService()
    endpoint.succeed()
    client.whenConnected().addCallback(told.append)
    assert len(told) == 2
    assert told[0] is told[1]
    assert isinstance(told[0], world.protocol.Protocol)


@either
def test_a_client_connects_again(world: World) -> None:
    """After a loss, or failures, attempts follow at the policy's delays; a success resets it."""
    client, endpoint, clock = _client(world)
    client.startService()
    endpoint.fail()
    clock.advance(1)
    endpoint.fail()
    clock.advance(1.5)
    assert len(endpoint.attempts) == 2
    clock.advance(0.5)
    protocol = endpoint.succeed()
    protocol.connectionLost(_lost(world))
    clock.advance(1)
    assert len(endpoint.attempts) == 4


@either
def test_waiting_has_a_limit(world: World) -> None:
    """With failAfterFailures the error comes after so many failures, counted from the call."""
    client, endpoint, clock = _client(world)
    client.startService()
    endpoint.fail()
    told: list[Any] = []
    client.whenConnected(failAfterFailures=2).addErrback(lambda why: told.append(why.type))
    clock.advance(1)
    endpoint.fail()
    assert told == []
    clock.advance(2)
    endpoint.fail()
    assert told == [OSError]


@either
def test_stopping_while_waiting_to_retry(world: World) -> None:
    """Stop cancels the pending attempt and those who wait hear of CancelledError."""
    client, endpoint, clock = _client(world)
    client.startService()
    told: list[Any] = []
    client.whenConnected().addErrback(lambda why: told.append(why.type))
    endpoint.fail()
    stopped: list[Any] = []
    client.stopService().addCallback(stopped.append)
    clock.advance(100)
    assert told == [world.defer.CancelledError]
    assert stopped == [None]
    assert len(endpoint.attempts) == 1
    assert not client.running


@either
def test_stopping_while_connecting(world: World) -> None:
    """Stop cancels an attempt under way."""
    client, endpoint, _clock = _client(world)
    client.startService()
    stopped: list[Any] = []
    client.stopService().addCallback(stopped.append)
    assert stopped == [None]
    assert endpoint.attempts[0][1].called


@either
def test_stopping_while_connected(world: World) -> None:
    """Stop asks the connection to close and waits for its end."""
    client, endpoint, _clock = _client(world)
    client.startService()
    protocol = endpoint.succeed()
    stopped: list[Any] = []
    client.stopService().addCallback(stopped.append)
    assert protocol.transport.disconnecting
    assert stopped == []
    protocol.connectionLost(_lost(world))
    assert stopped == [None]
    failed: list[Any] = []
    client.whenConnected().addErrback(lambda why: failed.append(why.type))
    assert failed == [world.defer.CancelledError]


@either
def test_starting_again_while_disconnecting(world: World) -> None:
    """A start during a stop connects anew once the old connection is gone."""
    client, endpoint, _clock = _client(world)
    client.startService()
    protocol = endpoint.succeed()
    client.stopService()
    client.startService()
    assert len(endpoint.attempts) == 1
    protocol.connectionLost(_lost(world))
    assert len(endpoint.attempts) == 2
    assert client.running


@either
def test_a_connection_is_prepared(world: World) -> None:
    """Those who wait get the protocol when prepareConnection's Deferred has fired."""
    prepared = world.defer.Deferred()
    client, endpoint, _clock = _client(world, prepareConnection=lambda _protocol: prepared)
    client.startService()
    told: list[Any] = []
    client.whenConnected().addCallback(told.append)
    endpoint.succeed()
    assert told == []
    prepared.callback("ignored")
    assert isinstance(told[0], world.protocol.Protocol)


@either
def test_a_failed_preparation_is_a_failed_attempt(world: World) -> None:
    """The next attempt follows. We close the connection as well, which Twisted leaves open."""

    def prepare(_protocol: Any) -> Any:
        raise ValueError("not ready")

    client, endpoint, clock = _client(world, prepareConnection=prepare)
    client.startService()
    protocol = endpoint.succeed()
    assert protocol.transport.disconnecting is world.ours
    clock.advance(1)
    assert len(endpoint.attempts) == 2


@either
def test_an_endpoint_service_listens_once(world: World) -> None:
    """It listens in the privileged part, or else at the start, and its end waits for the port."""
    testing = world.module("internet.testing")
    reactor = testing.MemoryReactor()
    endpoint = world.endpoints.TCP4ServerEndpoint(reactor, 80)
    each = _wrappers(world).StreamServerEndpointService(endpoint, world.protocol.Factory())
    each.privilegedStartService()
    each.startService()
    assert len(reactor.tcpServers) == 1
    each.stopService()
    assert not each.running


@either
def test_a_failed_listen_is_logged_or_raised(world: World) -> None:
    """An endpoint service logs a failed listen; one made by strports raises it."""

    class Refuses:
        def listen(self, factory: Any) -> Any:
            return world.defer.fail(world.error.CannotListenError("", 80, OSError("in use")))

    made = _wrappers(world).StreamServerEndpointService
    with world.module("logger").capturedLogs() as told:
        made(Refuses(), None).startService()
    assert told
    loud = made(Refuses(), None)
    loud._raiseSynchronously = True
    with pytest.raises(world.error.CannotListenError):
        loud.startService()


@either
def test_a_strports_service_of_a_bad_text(world: World) -> None:
    """A text that is no endpoint is an error at once."""
    strports = world.module("application.strports")
    for text in ("80", "nothing:here", ""):
        with pytest.raises(ValueError, match="Unknown endpoint type"):
            strports.service(text, None, reactor=object())
