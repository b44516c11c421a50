"""The FTP server as a ready-made service; nothing here imports aioftp."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from plait.core import Service
from plait.plugins import Setting, ready_made


@ready_made("aioftp", extra="ftp")
def ftp(
    path: Annotated[Path, Setting(metavar="DIR")] = Path("."),
    users: Annotated[Path | None, Setting(metavar="FILE")] = None,
    anonymous: bool | None = None,
    host: str = "127.0.0.1",
    port: int = 2121,
    passive_ports: Annotated[str, Setting(metavar="FIRST-LAST")] = "",
    public_address: Annotated[str, Setting(metavar="ADDRESS")] = "",
    cert: Annotated[Path | None, Setting(metavar="FILE")] = None,
    key: Annotated[Path | None, Setting(metavar="FILE")] = None,
    tls: Literal["offered", "required", "implicit"] = "offered",
    max_connections: int = 100,
    idle_timeout: Annotated[float, Setting(metavar="SECONDS")] = 300.0,
    drain: Annotated[float, Setting(metavar="SECONDS")] = 10.0,
) -> Service:
    """
    Serves the files of a directory over FTP.

    Args:
        path:
            The directory; nobody gets out of it.
        users:
            A file of users, name:hash on each line; see the manual.
        anonymous:
            Whether anybody may read; without it, when there is no file of users.
        host:
            The address to listen on; empty for all.
        port:
            The port to listen on.
        passive_ports:
            The ports for data; without it, any.
        public_address:
            The address that clients are told to send data to.
        cert:
            The certificate for TLS, with its chain.
        key:
            Its key, where it is not in the same file.
        tls:
            With a certificate, whether TLS is offered, required, or there from the first byte on.
        max_connections:
            How many clients may be there.
        idle_timeout:
            Time that a client may be silent.
        drain:
            Time that transfers may take to finish when it stops.

    Returns:
        The service.

    Raises:
        FileRefused: The directory is not there.
        ValueError: An option has a value that cannot be.
    """
    from ._server import FTPServer

    return FTPServer(
        path,
        users=users,
        anonymous=anonymous,
        host=host,
        port=port,
        passive_ports=passive_ports,
        public_address=public_address,
        cert=cert,
        key=key,
        tls=tls,
        max_connections=max_connections,
        idle_timeout=idle_timeout,
        drain=drain,
    )
