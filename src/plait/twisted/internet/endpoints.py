"""
Endpoints: where to listen and where to connect, as objects or as text.

`serverFromString` knows tcp, tcp6, unix, ssl, tls, systemd, stdio and haproxy; `clientFromString`
knows tcp, unix, ssl and tls. Plug-ins add others.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from ._endpoint_classes import TCP4ClientEndpoint as TCP4ClientEndpoint
from ._endpoint_classes import TCP4ServerEndpoint as TCP4ServerEndpoint
from ._endpoint_classes import TCP6ClientEndpoint as TCP6ClientEndpoint
from ._endpoint_classes import TCP6ServerEndpoint as TCP6ServerEndpoint
from ._endpoint_classes import connectProtocol as connectProtocol
from ._endpoint_grammar import parse as _parse
from ._endpoint_grammar import quoteStringArgument as quoteStringArgument
from ._endpoint_host import HostnameEndpoint as HostnameEndpoint
from ._endpoint_host import ProcessEndpoint as ProcessEndpoint
from ._endpoint_host import StandardErrorBehavior as StandardErrorBehavior
from ._endpoint_host import StandardIOEndpoint as StandardIOEndpoint
from ._endpoint_host import wrapClientTLS as wrapClientTLS
from ._endpoint_host import wrapServerTLS as wrapServerTLS
from ._endpoint_more import AdoptedStreamServerEndpoint as AdoptedStreamServerEndpoint
from ._endpoint_more import SSL4ClientEndpoint as SSL4ClientEndpoint
from ._endpoint_more import SSL4ServerEndpoint as SSL4ServerEndpoint
from ._endpoint_more import UNIXClientEndpoint as UNIXClientEndpoint
from ._endpoint_more import UNIXServerEndpoint as UNIXServerEndpoint

__all__ = [
    "AdoptedStreamServerEndpoint",
    "HostnameEndpoint",
    "ProcessEndpoint",
    "SSL4ClientEndpoint",
    "SSL4ServerEndpoint",
    "StandardErrorBehavior",
    "StandardIOEndpoint",
    "TCP4ClientEndpoint",
    "TCP4ServerEndpoint",
    "TCP6ClientEndpoint",
    "TCP6ServerEndpoint",
    "UNIXClientEndpoint",
    "UNIXServerEndpoint",
    "clientFromString",
    "connectProtocol",
    "quoteStringArgument",
    "serverFromString",
    "wrapClientTLS",
    "wrapServerTLS",
]


# ---- servers


def _tcp(reactor: Any, port: str, interface: str = "", backlog: Any = 50) -> Any:
    return TCP4ServerEndpoint(reactor, int(port), int(backlog), interface)


def _tcp6(reactor: Any, port: str, interface: str = "::", backlog: Any = 50) -> Any:
    return TCP6ServerEndpoint(reactor, int(port), int(backlog), interface)


def _unix(
    reactor: Any, address: str, mode: str = "666", backlog: Any = 50, lockfile: Any = True
) -> Any:
    return UNIXServerEndpoint(reactor, address, int(backlog), int(mode, 8), bool(int(lockfile)))


def _ssl(
    reactor: Any,
    port: str,
    interface: str = "",
    backlog: Any = 50,
    privateKey: str = "server.pem",
    certKey: str | None = None,
    sslmethod: str | None = None,
    extraCertChain: str | None = None,
    dhParameters: str | None = None,
) -> Any:
    from . import ssl

    key = _read(privateKey)
    certificate = _read(certKey or privateKey)
    extra = None if extraCertChain is None else [_read(extraCertChain)]
    options = ssl.CertificateOptions(
        privateKey=key,
        certificate=certificate,
        extraCertChain=extra,
        dhParameters=None if dhParameters is None else dhParameters,
    )
    options.getContext()  # a bad file is an error now
    return SSL4ServerEndpoint(reactor, int(port), options, int(backlog), interface)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _tls(reactor: Any, path: str, port: Any = 443, backlog: Any = 50, interface: str = "::") -> Any:
    from ._sni import PEMDirectory

    wrapped = TCP6ServerEndpoint(reactor, int(port), int(backlog), interface)
    return wrapServerTLS(PEMDirectory(path), wrapped, reactor)


def _systemd(reactor: Any, domain: str, index: str | None = None, name: str | None = None) -> Any:
    if (index is None) == (name is None):
        raise ValueError("Specify exactly one of descriptor index or name")
    fds = _inherited()
    if index is not None:
        fd = list(fds)[int(index)]
    else:
        found = [each for each, given in fds.items() if given == name]
        if not found:
            raise KeyError(name)
        fd = found[0]
    return AdoptedStreamServerEndpoint(reactor, fd, getattr(socket, f"AF_{domain}"))


def _inherited() -> dict[int, str]:
    """Return the descriptors systemd has passed, with their names."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    count = int(os.environ.get("LISTEN_FDS", "0"))
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    names += ["unknown"] * (count - len(names))
    return {3 + number: names[number] for number in range(count)}


def _stdio(reactor: Any) -> Any:
    return StandardIOEndpoint(reactor)


_SERVERS: dict[str, Any] = {
    "tcp": _tcp,
    "tcp6": _tcp6,
    "unix": _unix,
    "ssl": _ssl,
    "tls": _tls,
    "systemd": _systemd,
}


def serverFromString(reactor: Any, description: str) -> Any:
    """
    Return the endpoint to listen at that a text describes.

    Args:
        reactor:
            The reactor.
        description:
            The text, such as `tcp:8080:interface=127.0.0.1`.

    Raises:
        ValueError: There is no such type, or a value cannot be read.
    """
    args, kwargs = _parse(description)
    kind = args.pop(0) if args else ""
    if kind == "haproxy" and (args or kwargs):
        from ._haproxy import Behind

        return Behind(serverFromString(reactor, description.partition(":")[2]))
    if kind == "stdio":
        return _stdio(reactor)
    make = _SERVERS.get(kind)
    if make is None:
        make = _plugin("IStreamServerEndpointStringParser", kind)
        return make.parseStreamServer(reactor, *args, **kwargs)
    return make(reactor, *args, **kwargs)


def _plugin(interface: str, kind: str) -> Any:
    from plait.twisted.plugin import getPlugins

    from . import interfaces

    for found in getPlugins(getattr(interfaces, interface)):
        if found.prefix.upper() == kind.upper():
            return found
    raise ValueError(f"Unknown endpoint type: '{kind}'")


# ---- clients


def _client_numbers(kwargs: dict[str, Any]) -> dict[str, Any]:
    if "port" in kwargs:
        kwargs["port"] = int(kwargs["port"])
    if "timeout" in kwargs:
        kwargs["timeout"] = int(kwargs["timeout"])
    if "bindAddress" in kwargs:
        kwargs["bindAddress"] = (kwargs["bindAddress"], 0)
    return kwargs


def _client_tcp(reactor: Any, args: list[str], kwargs: dict[str, Any]) -> Any:
    if len(args) == 2:
        kwargs["host"], kwargs["port"] = args
    elif len(args) == 1:
        kwargs.setdefault("host", args[0])
    return TCP4ClientEndpoint(reactor, **_client_numbers(kwargs))


def _client_unix(reactor: Any, args: list[str], kwargs: dict[str, Any]) -> Any:
    if len(args) == 1:
        kwargs["path"] = args[0]
    if "lockfile" in kwargs:
        kwargs["checkPID"] = bool(int(kwargs.pop("lockfile")))
    if "timeout" in kwargs:
        kwargs["timeout"] = int(kwargs["timeout"])
    return UNIXClientEndpoint(reactor, **kwargs)


def _client_ssl(reactor: Any, args: list[str], kwargs: dict[str, Any]) -> Any:
    from . import ssl

    if len(args) == 2:
        kwargs["host"], kwargs["port"] = args
    elif len(args) == 1:
        kwargs.setdefault("host", args[0])
    certificate, key = kwargs.pop("certKey", None), kwargs.pop("privateKey", None)
    directory = kwargs.pop("caCertsDir", None)
    kwargs.pop("hostname", None)
    options = ssl.CertificateOptions(
        trustRoot=None if directory is None else ssl.OpenSSLDefaultPaths((), directory),
    )
    if certificate is not None:
        options.certificate, options.privateKey = _read(certificate), _read(key or certificate)
        options._load(options.getContext())
    return SSL4ClientEndpoint(reactor, sslContextFactory=options, **_client_numbers(kwargs))


def _client_tls(
    reactor: Any,
    host: str,
    port: str,
    timeout: Any = 30,
    bindAddress: str | None = None,
    certificate: str | None = None,
    privateKey: str | None = None,
    trustRoots: str | None = None,
    endpoint: str | None = None,
    **unknown: str,
) -> Any:
    from . import ssl

    if unknown:
        raise TypeError("unrecognized keyword arguments present", list(unknown))
    shown = None
    if certificate is not None:
        pem = _read(certificate) + _read(privateKey or certificate)
        shown = ssl.PrivateCertificate.loadPEM(pem)
    trust = None if trustRoots is None else ssl.OpenSSLDefaultPaths((), trustRoots)
    options = ssl.optionsForClientTLS(host, trust, shown)
    local = None if bindAddress is None else (bindAddress, 0)
    if endpoint is not None:
        wrapped = clientFromString(reactor, endpoint)
    else:
        wrapped = HostnameEndpoint(reactor, host, int(port), int(timeout), local)
    return wrapClientTLS(options, wrapped, reactor)


def clientFromString(reactor: Any, description: str) -> Any:
    """
    Return the endpoint to connect to that a text describes.

    Args:
        reactor:
            The reactor.
        description:
            The text, such as `tcp:example.org:80`.

    Raises:
        ValueError: There is no such type, or a value cannot be read.
    """
    args, kwargs = _parse(description)
    kind = args.pop(0) if args else ""
    old = {"TCP": _client_tcp, "UNIX": _client_unix, "SSL": _client_ssl}.get(kind.upper())
    if old is not None:
        return old(reactor, args, dict(kwargs))
    if kind == "tls":
        return _client_tls(reactor, *args, **kwargs)
    found = _plugin("IStreamClientEndpointStringParserWithReactor", kind)
    return found.parseStreamClient(reactor, *args, **kwargs)
