"""
The service tree of Twisted: services, collections of services, and the application they hang on.

The classes here do what Twisted's do when a program calls them: they start and stop their children
synchronously, in order. What comes on top when plait runs the application, awaiting what
`startService` returns and rolling back after a failure, is the adapter's work, which drives any
object through the interfaces below, whatever it inherits.
"""

# Methods of an interface are declared without self.
# mypy: disable-error-code="misc, no-untyped-def"

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zope.interface import Attribute, Interface, implementer

from plait.twisted.internet import defer
from plait.twisted.persisted import sob
from plait.twisted.plugin import IPlugin
from plait.twisted.python import components
from plait.twisted.python.reflect import namedAny

__all__ = [
    "Application",
    "IProcess",
    "IService",
    "IServiceCollection",
    "IServiceMaker",
    "MultiService",
    "Process",
    "Service",
    "ServiceMaker",
    "loadApplication",
]


class IServiceMaker(Interface):
    """Makes a service out of command-line options: what a plug-in provides to be a sub-command."""

    tapname = Attribute("The sub-command's name.")
    description = Attribute("One line for the list of sub-commands.")
    options = Attribute("The class of its command-line options.")

    def makeService(options):
        """Return the service for parsed options."""


class IService(Interface):
    """Something that can be started and stopped."""

    name = Attribute("The name among its siblings, None without.")
    running = Attribute("Whether it has been started.")
    parent = Attribute("The collection it belongs to, None without.")

    def setName(name):
        """Set the name; only while there is no parent."""

    def setServiceParent(parent):
        """Leave the present parent, if any, and join another."""

    def disownServiceParent():
        """Leave the parent; returns what stopping returned."""

    def startService():
        """Start."""

    def stopService():
        """Stop; a Deferred says when it is over."""

    def privilegedStartService():
        """Do what needs privileges, before they are dropped."""


class IServiceCollection(Interface):
    """Something that holds services."""

    def getServiceNamed(name):
        """Return the child of a name, KeyError without."""

    def __iter__():
        """Iterate over the children."""

    def addService(service):
        """Add a child, which is started if the collection runs."""

    def removeService(service):
        """Remove a child, which is stopped if the collection runs; returns what that returned."""


class IProcess(Interface):
    """What the process of an application shall be like."""

    processName = Attribute("The title of the process, None to leave it alone.")
    uid = Attribute("The user id to run as, None to keep it.")
    gid = Attribute("The group id to run as, None to keep it.")


@implementer(IPlugin, IServiceMaker)
class ServiceMaker:
    """
    A plug-in that takes its options and service from a module, imported when they are needed.

    Args:
        name:
            A readable name.
        module:
            The dotted name of a module with `Options` and `makeService`.
        description:
            One line for the list of sub-commands.
        tapname:
            The sub-command's name.
    """

    def __init__(self, name: str, module: str, description: str, tapname: str) -> None:
        self.name = name
        self.module = module
        self.description = description
        self.tapname = tapname

    @property
    def options(self) -> Any:
        """The module's `Options`."""
        return namedAny(self.module).Options

    @property
    def makeService(self) -> Any:
        """The module's `makeService`."""
        return namedAny(self.module).makeService


@implementer(IService)
class Service:
    """
    The base of services.

    It has no `__init__`, so that a subclass need not call up, and its `startService` and
    `stopService` only note the state.
    """

    running: Any = 0
    name: str | None = None
    parent: Any = None

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state.pop("running", None)
        return state

    def setName(self, name: str) -> None:
        """Set the name; RuntimeError below a parent."""
        if self.parent is not None:
            raise RuntimeError("cannot change name when parent exists")
        self.name = name

    def setServiceParent(self, parent: Any) -> None:
        """Join a collection, or anything that adapts to one, leaving the present parent."""
        if self.parent is not None:
            self.disownServiceParent()
        parent = IServiceCollection(parent, parent)
        self.parent = parent
        try:
            parent.addService(self)
        except BaseException:
            if self not in list(IServiceCollection(parent, ())):
                self.parent = None
            raise

    def disownServiceParent(self) -> Any:
        """Leave the parent; returns what stopping returned."""
        left = self.parent.removeService(self)
        self.parent = None
        return left

    def privilegedStartService(self) -> Any:
        """Do nothing; a subclass does here what needs privileges."""

    def startService(self) -> Any:
        """Note that the service runs."""
        self.running = 1

    def stopService(self) -> Any:
        """Note that the service does not run."""
        self.running = 0


@implementer(IServiceCollection)
class MultiService(Service):
    """A service made of services: started in order, stopped in reverse."""

    def __init__(self) -> None:
        self.services: list[Any] = []
        self.namedServices: dict[str, Any] = {}
        self.parent = None

    def privilegedStartService(self) -> Any:
        """Let the children do what needs privileges, in order."""
        Service.privilegedStartService(self)
        for service in list(self):
            service.privilegedStartService()

    def startService(self) -> Any:
        """Start the children in order; what they return is for the runner to await."""
        Service.startService(self)
        # A copy: a child that adds a sibling from its own start has it started by addService.
        for service in list(self):
            service.startService()

    def stopService(self) -> Any:
        """Stop the children in reverse; the Deferred fires when all have stopped."""
        Service.stopService(self)
        return defer.DeferredList(
            [defer.maybeDeferred(service.stopService) for service in reversed(list(self))]
        )

    def getServiceNamed(self, name: str) -> Any:
        """Return the child of a name, KeyError without."""
        return self.namedServices[name]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.services)

    def addService(self, service: Any) -> None:
        """Add a child; in a running collection it starts at once."""
        if service.name is not None:
            if service.name in self.namedServices:
                raise RuntimeError(f"cannot have two services with same name '{service.name}'")
            self.namedServices[service.name] = service
        self.services.append(service)
        if self.running:
            service.privilegedStartService()
            service.startService()

    def removeService(self, service: Any) -> Any:
        """Remove a child; in a running collection it stops, and what that returned is returned."""
        if service.name is not None:
            del self.namedServices[service.name]
        if self.services and self.services[-1] is service:
            self.services.pop()
        else:
            self.services.remove(service)
        return service.stopService() if self.running else None


@implementer(IProcess)
class Process:
    """
    Which user and group the process of an application runs as.

    Args:
        uid:
            The user id, None to keep it.
        gid:
            The group id, None to keep it.
    """

    processName: str | None = None

    def __init__(self, uid: int | None = None, gid: int | None = None) -> None:
        self.uid = uid
        self.gid = gid


def Application(name: str, uid: int | None = None, gid: int | None = None) -> Any:
    """
    Return an application: a bag of components, among them the root of the service tree.

    Args:
        name:
            The application's name.
        uid:
            The user id to run as.
        gid:
            The group id to run as.
    """
    bag = components.Componentized()
    root = MultiService()
    root.setName(name)
    for component in (root, sob.Persistent(bag, name), Process(uid, gid)):
        bag.addComponent(component, ignoreClass=1)
    return bag


def loadApplication(filename: str, kind: str, passphrase: bytes | None = None) -> Any:
    """
    Return the application of a file.

    Args:
        filename:
            The file.
        kind:
            `python`; the pickled kinds are refused by `persisted.sob`.
        passphrase:
            Ignored, as in Twisted.
    """
    if kind == "python":
        return sob.loadValueFromFile(filename, "application")
    return sob.load(filename, kind)
