"""Redirections."""

from __future__ import annotations

import html
from typing import Any
from urllib.parse import urljoin

from . import resource

__all__ = ["ParentRedirect", "Redirect", "redirectTo"]


def redirectTo(URL: bytes, request: Any) -> bytes:
    """
    Send the client elsewhere; returns the body that says so.

    Args:
        URL:
            Where to.
        request:
            The request to answer.
    """
    if not isinstance(URL, bytes):
        raise TypeError("URL must be bytes")
    request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
    request.redirect(URL)
    shown = html.escape(URL.decode("latin-1"))
    return (
        f'\n<html>\n    <head>\n        <meta http-equiv="refresh" content="0;URL={shown}">\n'
        f'    </head>\n    <body bgcolor="#FFFFFF" text="#000000">\n'
        f'    <a href="{shown}">click here</a>\n    </body>\n</html>\n'
    ).encode("latin-1")


class Redirect(resource.Resource):
    """
    A resource that is elsewhere.

    Args:
        url:
            Where.
    """

    isLeaf = True

    def __init__(self, url: bytes) -> None:
        super().__init__()
        self.url = url

    def render(self, request: Any) -> bytes:
        """Send the client there."""
        return redirectTo(self.url, request)

    def getChild(self, name: bytes, request: Any) -> Any:
        """Return this resource for everything below it, too."""
        return self


class ParentRedirect(resource.Resource):
    """A resource that sends clients to its parent's address."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        """Send the client there."""
        here = request.prePathURL().decode("latin-1")
        return redirectTo(urljoin(here, "./").encode("latin-1"), request)
