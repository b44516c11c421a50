"""Addresses as objects, taken apart and put together."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit, urlunsplit

__all__ = [
    "URLPath",
]


class URLPath:
    """
    The address of a resource.

    Args:
        scheme: Such as `http`.
        netloc: Host, and port if it is not the usual one.
        path: The path, quoted.
        query: What follows the question mark.
        fragment: What follows the number sign.
    """

    def __init__(
        self,
        scheme: bytes = b"",
        netloc: bytes = b"localhost",
        path: bytes = b"",
        query: bytes = b"",
        fragment: bytes = b"",
    ) -> None:
        self.scheme = scheme or b"http"
        self.netloc = _usual(self.scheme, netloc)
        self.path = path or b"/"
        self.query = query
        self.fragment = fragment

    @classmethod
    def fromString(cls, url: str) -> URLPath:
        """
        Return the address that a text says.

        Raises:
            ValueError: It is not text.
        """
        if not isinstance(url, str):
            raise ValueError("'url' must be a str")
        plain = "".join(each if each.isascii() else quote(each) for each in url)
        return cls(*(part.encode("ascii") for part in urlsplit(plain)))

    @classmethod
    def fromBytes(cls, url: bytes) -> URLPath:
        """
        Return the address that bytes say.

        Raises:
            ValueError: They are not bytes.
        """
        if not isinstance(url, bytes):
            raise ValueError("'url' must be bytes")
        return cls.fromString(quote(url.decode("utf-8"), safe="/%?#&=+:@;,!$'()*[]~"))

    @classmethod
    def fromRequest(cls, request: Any) -> URLPath:
        """Return the address of the resource that answers a request."""
        return cls.fromBytes(request.prePathURL())

    def pathList(self, unquote: bool = False, copy: bool = True) -> list[bytes]:
        """
        Return the parts of the path; the first is empty.

        Args:
            unquote: Return them as they are meant, not as they are written.
            copy: Kept for compatibility; the list is always the caller's own.
        """
        parts = self.path.split(b"/")
        return [unquote_to_bytes(part) for part in parts] if unquote else parts

    def sibling(self, path: bytes, keepQuery: bool = False) -> URLPath:
        """Return the address of a neighbour."""
        return self._with([*self.pathList()[:-1], _quoted(path)], keepQuery)

    def child(self, path: bytes, keepQuery: bool = False) -> URLPath:
        """Return the address of something below."""
        parts = self.pathList()
        return self._with([*(parts[:-1] if not parts[-1] else parts), _quoted(path)], keepQuery)

    def parent(self, keepQuery: bool = False) -> URLPath:
        """Return the address of what is above."""
        parts = self.pathList()
        return self._with([*parts[:-2], b""] if len(parts) > 2 else [b"", b""], keepQuery)

    def here(self, keepQuery: bool = False) -> URLPath:
        """Return the address of the directory, so to say, that this one lies in."""
        return self._with([*self.pathList()[:-1], b""], keepQuery)

    def click(self, st: bytes) -> URLPath:
        """Return the address that a link on this page leads to."""
        return self.fromBytes(urljoin(str(self), st.decode("ascii")).encode("ascii"))

    def _with(self, parts: list[bytes], keepQuery: bool) -> URLPath:
        query = self.query if keepQuery else b""
        return URLPath(self.scheme, self.netloc, b"/".join(parts), query)

    def __str__(self) -> str:
        parts = (self.scheme, self.netloc, self.path, self.query, self.fragment)
        return urlunsplit(tuple(part.decode("ascii") for part in parts))

    def __repr__(self) -> str:
        return (
            f"URLPath(scheme={self.scheme!r}, netloc={self.netloc!r}, path={self.path!r}, "
            f"query={self.query!r}, fragment={self.fragment!r})"
        )


def _quoted(name: bytes) -> bytes:
    return quote(name.decode("utf-8"), safe="").encode("ascii")


def _usual(scheme: bytes, netloc: bytes) -> bytes:
    """Return host and port without a port that goes without saying."""
    port = {b"http": b":80", b"https": b":443"}.get(scheme)
    return netloc.removesuffix(port) if port else netloc
