"""Endpoints as URLs: reading them, with a sentence for each mistake, and writing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from plait.errors import EndpointError

from ._endpoints import (
    Endpoint,
    FDEndpoint,
    SystemdEndpoint,
    TCPEndpoint,
    TLSEndpoint,
    UDPEndpoint,
    UNIXDatagramEndpoint,
    UNIXEndpoint,
)

_KINDS: dict[str, type[Endpoint]] = {
    kind.scheme: kind
    for kind in (
        TCPEndpoint,
        TLSEndpoint,
        UNIXEndpoint,
        UDPEndpoint,
        UNIXDatagramEndpoint,
        FDEndpoint,
        SystemdEndpoint,
    )
}
# What stands before the question mark; every other field is an option behind it.
_PLACE = frozenset({"host", "port", "path", "fd", "name"})
_SAFE = "/:@,+~"
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def parse(url: str | Endpoint) -> Endpoint:
    """
    Return the endpoint that a URL describes.

    Args:
        url:
            Such as `tcp://127.0.0.1:7001`, `unix:///run/app.sock?mode=660` or `systemd://web`; an
            endpoint is returned as it is.

    Raises:
        EndpointError:
            The URL is malformed; the text says which part, what was found and what was expected.
    """
    if isinstance(url, Endpoint):
        return url
    if not isinstance(url, str):
        raise EndpointError(repr(url), "URL", type(url).__name__, "text such as tcp://host:port")
    scheme, colon, rest = url.partition(":")
    kind = _KINDS.get(scheme)
    if not colon or kind is None:
        found = scheme if colon else url
        raise EndpointError(
            url,
            "scheme",
            found,
            f"one of {', '.join(sorted(_KINDS))}, and a colon, such as tcp://127.0.0.1:7001",
        )
    if "#" in rest:
        raise EndpointError(url, "fragment", rest[rest.index("#") :], "none; write # as %23")
    place, _, query = rest.partition("?")
    try:
        return kind(**_read_place(url, kind, place), **_read_options(url, kind, query))
    except EndpointError as error:
        if error.url == url:
            raise
        # The value could be read but is not valid; the sentence shall show the whole URL.
        raise EndpointError(url, error.part, error.found, error.expected) from None


def write(endpoint: Endpoint) -> str:
    """Return the URL of an endpoint; options that have their default value are left out."""
    options = []
    for name, value in endpoint.changed().items():
        if name not in _PLACE:
            options.append(f"{name}={_write_value(name, value)}")
    place = f"{endpoint.scheme}:{_write_place(endpoint)}"
    return f"{place}?{'&'.join(options)}" if options else place


def _write_place(endpoint: Endpoint) -> str:
    match endpoint:
        case TCPEndpoint() | UDPEndpoint():
            host = endpoint.host
            if ":" in host:
                address, percent, zone = host.partition("%")
                host = f"[{address}{'%25' if percent else ''}{_quote(zone, safe='')}]"
            else:
                host = _quote(host, safe="")
            return f"//{host}:{endpoint.port}"
        case UNIXEndpoint() | UNIXDatagramEndpoint():
            if endpoint.abstract:
                return f"//@{_quote(endpoint.path[1:])}"
            if endpoint.path.startswith("/"):
                return f"//{_quote(endpoint.path)}"
            # A relative path has no slashes in front; an @ at its start would be an abstract name.
            return _quote(endpoint.path, safe="/:,+~")
        case FDEndpoint():
            return f"//{endpoint.fd}"
        case SystemdEndpoint():
            return f"//{_quote(endpoint.name, safe='')}"
        case _:
            raise TypeError(f"{type(endpoint).__name__} has no URL form")


def _read_place(url: str, kind: type[Endpoint], place: str) -> dict[str, Any]:
    if issubclass(kind, UNIXEndpoint | UNIXDatagramEndpoint):
        return {"path": _read_path(url, kind.scheme, place)}
    if not place.startswith("//"):
        raise EndpointError(url, "place", place, f"two slashes, as in {kind.scheme}://…")
    place = place[2:]
    if "/" in place and not place.startswith("["):
        at = place.index("/")
        raise EndpointError(url, "path", place[at:], "none; this kind of endpoint has no path")
    if kind is FDEndpoint:
        return {"fd": _read_number(url, "fd", place)}
    if kind is SystemdEndpoint:
        return {"name": _text(url, "name", place)}
    return _read_host_port(url, place)


def _read_host_port(url: str, place: str) -> dict[str, Any]:
    if "@" in place:
        raise EndpointError(url, "host", place, "a host and a port, without a user name")
    if place.startswith("["):
        host, bracket, rest = place[1:].partition("]")
        if not bracket:
            raise EndpointError(url, "host", place, "a closing bracket after the IPv6 address")
        if ":" not in host:
            raise EndpointError(url, "host", host, "an IPv6 address between the brackets")
        address, percent, zone = host.partition("%")
        # RFC 6874 writes the percent sign as %25; the plain one is what people copy from `ip addr`.
        zone = _text(url, "host", zone[2:]) if zone.startswith("25") else zone
        host = f"{address}{percent}{zone}"
        if not rest.startswith(":"):
            raise EndpointError(url, "port", rest, "a colon and a port after the bracket")
        return {"host": host, "port": _read_number(url, "port", rest[1:])}
    if place.count(":") > 1:
        raise EndpointError(url, "host", place, "an IPv6 address in brackets, as in [::1]:7001")
    host, colon, port = place.partition(":")
    if not colon:
        raise EndpointError(url, "port", "", f"a colon and a port after {host!r}")
    return {"host": _text(url, "host", host), "port": _read_number(url, "port", port)}


def _read_path(url: str, scheme: str, place: str) -> str:
    if place.startswith("//@"):
        return "\0" + _text(url, "path", place[3:])
    if place.startswith("///"):
        return _text(url, "path", place[2:])
    if place.startswith("//"):
        raise EndpointError(
            url,
            "path",
            place,
            f"three slashes before an absolute path, {scheme}:path for a relative one, "
            f"or {scheme}://@name for an abstract name",
        )
    if place.startswith("@"):
        raise EndpointError(url, "path", place, f"{scheme}://@name for an abstract name")
    return _text(url, "path", place)


def _read_options(url: str, kind: type[Endpoint], query: str) -> dict[str, Any]:
    known = set(kind._fields) - _PLACE
    options: dict[str, Any] = {}
    for item in query.split("&") if query else ():
        name, equals, raw = item.partition("=")
        if name not in known:
            expected = f"one of {', '.join(sorted(known))}" if known else "none here"
            raise EndpointError(url, "option", name, expected)
        if not equals:
            raise EndpointError(url, "option", name, f"a value, as in {name}=…")
        if name in options:
            raise EndpointError(url, "option", name, "each option once")
        options[name] = _READERS.get(name, _text)(url, name, raw)
    return options


def _read_number(url: str, part: str, raw: str) -> int:
    # int() would also take signs, blanks, underscores and digits of other scripts.
    if not (raw.isascii() and raw.isdigit()) or len(raw) > 10:
        raise EndpointError(url, part, raw, "a whole number")
    return int(raw)


def _read_mode(url: str, part: str, raw: str) -> int:
    if not 0 < len(raw) <= 4 or not set(raw) <= set("01234567"):
        raise EndpointError(url, part, raw, "octal permission bits, such as 660")
    return int(raw, 8)


def _read_flag(url: str, part: str, raw: str) -> bool:
    if raw in ("yes", "true", "1"):
        return True
    if raw in ("no", "false", "0"):
        return False
    raise EndpointError(url, part, raw, "yes or no")


def _read_list(url: str, part: str, raw: str) -> tuple[str, ...]:
    return tuple(_text(url, part, word) for word in raw.split(",")) if raw else ()


def _text(url: str, part: str, raw: str) -> str:
    """Return percent-decoded text; bytes that are not UTF-8 survive, as they do in file names."""

    def refuse(found: str) -> NoReturn:
        raise EndpointError(url, part, found, "two hexadecimal digits after a percent sign")

    try:
        first, *others = raw.encode("utf-8").split(b"%")
    except UnicodeEncodeError:
        raise EndpointError(url, part, raw, "text that can be encoded as UTF-8") from None
    data = first
    for piece in others:
        digits = piece[:2]
        if len(digits) < 2 or not set(digits) <= set(b"0123456789abcdefABCDEF"):
            refuse("%" + digits.decode("utf-8", "replace"))
        data += bytes((int(digits, 16),)) + piece[2:]
    return data.decode("utf-8", "surrogateescape")


_READERS: dict[str, Callable[[str, str, str], Any]] = {
    "backlog": _read_number,
    "index": _read_number,
    "ttl": _read_number,
    "mode": _read_mode,
    "reuse_port": _read_flag,
    "dual_stack": _read_flag,
    "loopback": _read_flag,
    "alpn": _read_list,
}


def _write_value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "mode":
        return f"{value:03o}"
    if isinstance(value, tuple):
        return ",".join(_quote(word, safe="/:@+~") for word in value)
    return _quote(str(value))


def _quote(text: str, *, safe: str = _SAFE) -> str:
    # Written out, because urllib.parse costs a process that only tells its address 3 ms.
    plain = _UNRESERVED.union(safe.encode("ascii"))
    data = text.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in data)
