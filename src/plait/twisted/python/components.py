"""Objects made of components, each the answer to an interface, and adapters from one to another."""

from __future__ import annotations

from io import StringIO
from typing import Any

from zope.interface import interface
from zope.interface.adapter import AdapterRegistry
from zope.interface.declarations import implementedBy, implementer, providedBy

from . import reflect

__all__ = [
    "ALLOW_DUPLICATES",
    "Adapter",
    "Componentized",
    "ReprableComponentized",
    "getAdapterFactory",
    "getRegistry",
    "proxyForInterface",
    "registerAdapter",
]

#: Set to allow an adapter to be registered over another.
ALLOW_DUPLICATES = 0

_registry = AdapterRegistry()


def _adapt(iface: Any, ob: Any) -> Any:
    """Adapt an object by our registry; one of zope's adapter hooks."""
    factory = _registry.lookup1(providedBy(ob), iface)
    return None if factory is None else factory(ob)


interface.adapter_hooks.append(_adapt)


def _asInterface(origin: Any) -> Any:
    return origin if isinstance(origin, interface.InterfaceClass) else implementedBy(origin)


def registerAdapter(adapterFactory: Any, origInterface: Any, *interfaceClasses: Any) -> None:
    """
    Register how to adapt a class or interface to others.

    Args:
        adapterFactory: Takes the object, returns the adapter.
        origInterface: What can be adapted, an interface or a class.
        interfaceClasses: What it can be adapted to.

    Raises:
        ValueError: There is an adapter for one of them.
        AssertionError: None was given.
    """
    if not interfaceClasses:
        raise AssertionError("You need to pass an Interface")
    origin = _asInterface(origInterface)
    for iface in interfaceClasses:
        known = _registry.registered([origin], iface)
        if known is not None and not ALLOW_DUPLICATES:
            raise ValueError(f"an adapter ({known}) was already registered.")
    for iface in interfaceClasses:
        _registry.register([origin], iface, "", adapterFactory)


def getAdapterFactory(fromInterface: Any, toInterface: Any, default: Any) -> Any:
    """
    Return what adapts a class or interface to an interface.

    Args:
        fromInterface: What is to be adapted.
        toInterface: What to.
        default: What to return when there is nothing.
    """
    factory = _registry.lookup1(_asInterface(fromInterface), toInterface)
    return default if factory is None else factory


def getRegistry() -> AdapterRegistry:
    """Return the registry of adapters."""
    return _registry


class Adapter:
    """
    The usual base of an adapter: it keeps the original and can be adapted to what that can be.

    Args:
        original: The object that is adapted.
    """

    #: Whether a `Componentized` makes it anew each time.
    temporaryAdapter = 0
    #: Whether a `Componentized` keeps it for every interface it provides.
    multiComponent = 1

    def __init__(self, original: Any) -> None:
        self.original = original

    def __conform__(self, interface: Any) -> Any:
        """Be adapted to whatever the original can be."""
        if hasattr(self.original, "__conform__"):
            return self.original.__conform__(interface)
        return None

    def isuper(self, iface: Any, adapter: Any) -> Any:
        """Adapt the original to an interface."""
        return self.original.isuper(iface, adapter)


class Componentized:
    """
    An object that is nothing by itself: its components provide the interfaces.

    `I(obj)` gives the component for an interface, made by a registered adapter where none was set.
    """

    persistenceVersion = 1

    def __init__(self) -> None:
        self._adapterCache: dict[str, Any] = {}

    def locateAdapterClass(self, klass: Any, interfaceClass: Any, default: Any) -> Any:
        """Return what adapts a class to an interface, or `default`."""
        return getAdapterFactory(klass, interfaceClass, default)

    def setAdapter(self, interfaceClass: Any, adapterClass: Any) -> None:
        """Set the component for an interface to an adapter of this object, made now."""
        self.setComponent(interfaceClass, adapterClass(self))

    def addAdapter(self, adapterClass: Any, ignoreClass: int = 0) -> Any:
        """
        Make an adapter of this object and add it, as `addComponent` does.

        Returns:
            The adapter.
        """
        adapter = adapterClass(self)
        self.addComponent(adapter, ignoreClass)
        return adapter

    def setComponent(self, interfaceClass: Any, component: Any) -> None:
        """Set the component for an interface."""
        self._adapterCache[reflect.qual(interfaceClass)] = component

    def addComponent(self, component: Any, ignoreClass: int = 0) -> None:
        """
        Set a component for the interfaces it provides.

        Args:
            component: The component.
            ignoreClass: For all of them; else for those its class is the registered adapter of.
        """
        for iface in providedBy(component):
            if ignoreClass or (
                self.locateAdapterClass(self.__class__, iface, None) == component.__class__
            ):
                self._adapterCache[reflect.qual(iface)] = component

    def unsetComponent(self, interfaceClass: Any) -> None:
        """
        Take away the component for an interface.

        Raises:
            KeyError: There is none.
        """
        del self._adapterCache[reflect.qual(interfaceClass)]

    def removeComponent(self, component: Any) -> list[Any]:
        """Take a component away; return the interfaces it was set for."""
        names = [name for name, one in self._adapterCache.items() if one is component]
        for name in names:
            del self._adapterCache[name]
        return [reflect.namedAny(name) for name in names]

    def getComponent(self, interface: Any, default: Any = None) -> Any:
        """
        Return the component for an interface, an adapter if one is registered, else `default`.

        Args:
            interface: The interface.
            default: What to return when there is nothing.
        """
        name = reflect.qual(interface)
        if name in self._adapterCache:
            return self._adapterCache[name]
        adapter = interface.__adapt__(self)
        if adapter is None:
            return default
        if not getattr(adapter, "temporaryAdapter", 0):
            self._adapterCache[name] = adapter
            if getattr(adapter, "multiComponent", 0):
                self.addComponent(adapter)
        return adapter

    def __conform__(self, interface: Any) -> Any:
        """Answer `I(obj)`."""
        return self.getComponent(interface)


class ReprableComponentized(Componentized):
    """A `Componentized` that shows its components."""

    def __repr__(self) -> str:
        from pprint import pprint

        out = StringIO()
        pprint(self._adapterCache, stream=out)
        return out.getvalue()


def proxyForInterface(iface: Any, originalAttribute: str = "original") -> type:
    """
    Return a class whose objects provide an interface by handing everything to another object.

    Args:
        iface: The interface.
        originalAttribute: The name under which the class keeps the other object.
    """

    def __init__(self: Any, original: Any) -> None:
        setattr(self, originalAttribute, original)

    contents: dict[str, Any] = {"__init__": __init__}
    for name in iface:
        contents[name] = _Forward(name, originalAttribute)
    proxy = type(f"(Proxy for {reflect.qual(iface)})", (object,), contents)
    implementer(iface)(proxy)
    return proxy


class _Forward:
    """An attribute that is another object's."""

    def __init__(self, name: str, originalAttribute: str) -> None:
        self._name = name
        self._original = originalAttribute

    def __get__(self, oself: Any, type: Any = None) -> Any:
        if oself is None:
            return _ClassForward(self._name, self._original)
        return getattr(getattr(oself, self._original), self._name)

    def __set__(self, oself: Any, value: Any) -> None:
        setattr(getattr(oself, self._original), self._name, value)

    def __delete__(self, oself: Any) -> None:
        delattr(getattr(oself, self._original), self._name)


class _ClassForward:
    """A method reached through the class: it is called with the object first."""

    def __init__(self, name: str, originalAttribute: str) -> None:
        self._name = name
        self._original = originalAttribute

    def __call__(self, oself: Any, *args: Any, **kw: Any) -> Any:
        return getattr(getattr(oself, self._original), self._name)(*args, **kw)
