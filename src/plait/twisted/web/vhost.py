"""Several sites at one address, told apart by the name that the client asks for."""

from __future__ import annotations

from typing import Any

from plait.twisted._absent import absent

from . import resource
from .pages import notFound

__all__ = [
    "NameVirtualHost",
]


class NameVirtualHost(resource.Resource):
    """A resource that hands each request to the resource of the host it names."""

    #: The resource for all other names; None answers 404.
    default: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.hosts: dict[bytes, Any] = {}

    def listStaticEntities(self) -> Any:
        """Return the hosts' resources, with their names."""
        return [*super().listStaticEntities(), *self.hosts.items()]

    def getStaticEntity(self, name: bytes) -> Any:
        """Return the resource of a host, None without."""
        return super().getStaticEntity(name) or self.hosts.get(name)

    def addHost(self, name: bytes, resrc: Any) -> None:
        """
        Set the resource of a host.

        Args:
            name:
                The host's name, in lower case.
            resrc:
                Its resource.
        """
        self.hosts[name] = resrc

    def removeHost(self, name: bytes) -> None:
        """Forget a host."""
        del self.hosts[name]

    def _for(self, request: Any) -> Any:
        name = (request.getHeader(b"host") or b"").lower().split(b":", 1)[0]
        found = self.hosts.get(name, self.default)
        return notFound(message=f"host {name!r} not in vhost map") if found is None else found

    def render(self, request: Any) -> Any:
        """Answer with the resource of the host that the request names."""
        return self._for(request).render(request)

    def getChild(self, path: bytes, request: Any) -> Any:
        """Return the child of the resource of the host that the request names."""
        found = self._for(request)
        if found.isLeaf:
            request.postpath.insert(0, request.prepath.pop())
            return found
        return found.getChildWithDefault(path, request)


__getattr__ = absent(
    __name__,
    {
        "VHostMonsterResource": "let the proxy send Host, or call request.setHost yourself",
        "VirtualHostCollection": "NameVirtualHost has listStaticEntities itself",
    },
)
