"""The tree of resources: each answers for itself and finds its children."""

# Methods of an interface are declared without self.
# mypy: disable-error-code="misc, no-untyped-def"

from __future__ import annotations

from typing import Any

from zope.interface import Attribute, Interface, implementer

from plait.twisted._absent import absent
from plait.twisted.python.reflect import prefixedMethodNames

from ._codes import FORBIDDEN as FORBIDDEN
from ._codes import NOT_FOUND as NOT_FOUND
from .error import UnsupportedMethod

__all__ = [
    "ErrorPage",
    "FORBIDDEN",
    "ForbiddenResource",
    "IResource",
    "NOT_FOUND",
    "NoResource",
    "Resource",
    "getChildForRequest",
]


class IResource(Interface):
    """Something at an address."""

    isLeaf = Attribute("Whether what is left of the path is this resource's own affair.")

    def getChildWithDefault(name, request):
        """Return the child of a name."""

    def putChild(path, child):
        """Set the child of a name."""

    def render(request):
        """Answer: return the body, or NOT_DONE_YET to answer later."""


def getChildForRequest(resource: Any, request: Any) -> Any:
    """Return the resource for what is left of a request's path."""
    while request.postpath and not resource.isLeaf:
        element = request.postpath.pop(0)
        request.prepath.append(element)
        resource = resource.getChildWithDefault(element, request)
    return resource


@implementer(IResource)
class Resource:
    """
    A resource with children by name.

    `render_GET` and its like answer a method each; `render_HEAD` does as `render_GET`.
    """

    isLeaf = 0
    server: Any = None
    entityType = IResource

    def __init__(self) -> None:
        self.children: dict[bytes, Any] = {}

    def listNames(self) -> list[bytes]:
        """Return the names of the children."""
        return [*self.listStaticNames(), *self.listDynamicNames()]

    def listEntities(self) -> list[Any]:
        """Return the children with their names."""
        return [*self.listStaticEntities(), *self.listDynamicEntities()]

    def listStaticNames(self) -> list[bytes]:
        """Return the names of the children that were put here."""
        return list(self.children)

    def listStaticEntities(self) -> Any:
        """Return the children that were put here, with their names."""
        return self.children.items()

    def listDynamicNames(self) -> list[bytes]:
        """Return the names of children that `getChild` makes; a subclass may know some."""
        return []

    def listDynamicEntities(self, request: Any = None) -> list[Any]:
        """Return the children that `getChild` makes; a subclass may know some."""
        return []

    def getStaticEntity(self, name: bytes) -> Any:
        """Return a child that was put here, None without."""
        return self.children.get(name)

    def getDynamicEntity(self, name: bytes, request: Any) -> Any:
        """Return a child that `getChild` makes."""
        return self.getChild(name, request) if name not in self.children else None

    def reallyPutEntity(self, name: bytes, entity: Any) -> None:
        """Set the child of a name."""
        self.putChild(name, entity)

    def putChild(self, path: bytes, child: Any) -> None:
        """Set the child of a name."""
        if not isinstance(path, bytes):
            raise TypeError(f"Path segment must be bytes, but {path!r} is {type(path)!r}")
        self.children[path] = child
        child.server = self.server

    def delEntity(self, name: bytes) -> None:
        """Remove a child."""
        del self.children[name]

    def getChild(self, path: bytes, request: Any) -> Any:
        """Return a child that was not put here; not found by default."""
        return NoResource()

    def getChildWithDefault(self, path: bytes, request: Any) -> Any:
        """Return the child of a name: one that was put here, or what `getChild` makes."""
        found = self.children.get(path)
        return self.getChild(path, request) if found is None else found

    def getChildForRequest(self, request: Any) -> Any:
        """Return the resource for what is left of a request's path."""
        return getChildForRequest(self, request)

    def render(self, request: Any) -> Any:
        """Answer by the method that has the request's method in its name."""
        method = getattr(self, "render_" + request.method.decode("latin-1"), None)
        if method is None:
            allowed = getattr(self, "allowedMethods", None) or [
                name.encode() for name in prefixedMethodNames(type(self), "render_")
            ]
            raise UnsupportedMethod(allowed)
        return method(request)

    def render_HEAD(self, request: Any) -> Any:
        """Answer as to GET; the body is not sent."""
        return self.render_GET(request)  # type: ignore[attr-defined]  # a subclass has it


class ErrorPage(Resource):
    """
    A resource that answers with an error, for itself and all below it.

    Its texts are markup, as in Twisted: what comes from a client has no place in them. The
    functions of `web.pages` take plain text.

    Args:
        status:
            The status.
        brief:
            The title.
        detail:
            The text.
    """

    template = """
<html>
  <head><title>%(code)s - %(brief)s</title></head>
  <body>
    <h1>%(brief)s</h1>
    <p>%(detail)s</p>
  </body>
</html>
"""

    def __init__(self, status: int, brief: str, detail: str) -> None:
        super().__init__()
        self.code, self.brief, self.detail = status, brief, detail

    def render(self, request: Any) -> bytes:
        """Return the page."""
        request.setResponseCode(self.code)
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        texts = {"code": self.code, "brief": self.brief, "detail": self.detail}
        return (self.template % texts).encode("utf-8")

    def getChild(self, chnam: bytes, request: Any) -> Any:
        """Return this page for everything below it, too."""
        return self


class NoResource(ErrorPage):
    """
    A resource that answers 404.

    Args:
        message:
            The text, as markup.
    """

    def __init__(self, message: str = "Sorry. No luck finding that resource.") -> None:
        super().__init__(NOT_FOUND, "No Such Resource", message)


class ForbiddenResource(ErrorPage):
    """
    A resource that answers 403.

    Args:
        message:
            The text, as markup.
    """

    def __init__(self, message: str = "Sorry, resource is forbidden.") -> None:
        super().__init__(FORBIDDEN, "Forbidden Resource", message)


__getattr__ = absent(__name__, {"EncodingResourceWrapper": "let a proxy in front compress"})
