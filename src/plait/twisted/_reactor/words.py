"""The vocabulary a reactor speaks: whose Deferred, Failure, errors, addresses and interfaces."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple


class Words(NamedTuple):
    """
    The modules that give a reactor its types.

    The same reactor carries our own implementation of the Twisted API and the real Twisted; what
    differs is only this handful of modules.

    Args:
        package:
            The dotted name the modules were found below, such as `plait.twisted`.
        defer:
            The module with `Deferred`, `succeed`, `fail` and `maybeDeferred`.
        error:
            The module with `ConnectionDone` and the other network errors.
        address:
            The module with `IPv4Address` and its relatives.
        interfaces:
            The module with `ITCPTransport` and the other interfaces.
        protocol:
            The module with `Protocol` and the factories.
        failure:
            The class `Failure`.
        log:
            The module with `err` and `msg`.
        tls:
            The module that turns TLS context factories into transports.
    """

    package: str
    defer: Any
    error: Any
    address: Any
    interfaces: Any
    protocol: Any
    failure: Any
    log: Any
    tls: Any


def _gather(package: str, tls: str) -> Words:
    def module(name: str) -> Any:
        return import_module(f"{package}.{name}")

    return Words(
        package=package,
        defer=module("internet.defer"),
        error=module("internet.error"),
        address=module("internet.address"),
        interfaces=module("internet.interfaces"),
        protocol=module("internet.protocol"),
        failure=module("python.failure").Failure,
        log=module("python.log"),
        tls=import_module(tls, __package__),
    )


def own() -> Words:
    """Return our own implementation's vocabulary."""
    return _gather("plait.twisted", ".stdtls")


def installed() -> Words:
    """
    Return the vocabulary of the Twisted that is installed.

    Raises:
        ImportError: Twisted is not installed.
    """
    return _gather("twisted", ".memtls")
