"""Redirections, resources that come later, and failures as pages."""

from __future__ import annotations

import html
from typing import Any
from urllib.parse import urljoin

from plait.twisted._absent import absent

from . import resource

__all__ = ["DeferredResource", "ParentRedirect", "Redirect", "formatFailure", "redirectTo"]


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


class DeferredResource(resource.Resource):
    """
    Stands for a resource that a Deferred will bring.

    Args:
        d:
            The Deferred.
    """

    isLeaf = True

    def __init__(self, d: Any) -> None:
        super().__init__()
        self.d = d

    def getChild(self, path: bytes, request: Any) -> Any:
        """Return this resource for everything below it, too."""
        return self

    def render(self, request: Any) -> int:
        """Answer once the resource is there, or with its failure."""
        self.d.addCallback(self._found, request).addErrback(request.processingFailed)
        return 1  # NOT_DONE_YET

    def _found(self, child: Any, request: Any) -> None:
        request.render(resource.getChildForRequest(child, request))


def formatFailure(myFailure: Any) -> bytes:
    """
    Return a failure's traceback as a piece of a page.

    Args:
        myFailure:
            The failure.
    """
    text = f"<pre>{html.escape(myFailure.getTraceback())}</pre>"
    return text.encode("ascii", "xmlcharrefreplace")


_TEMPLATE = "formatFailure shows a failure; templates need Twisted itself"

__getattr__ = absent(__name__, {"FailureElement": _TEMPLATE})
