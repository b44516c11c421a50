"""The SSH server and client as ready-made services; nothing here imports asyncssh."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from plait.core import Service
from plait.plugins import Setting, ready_made


@ready_made("asyncssh", extra="ssh")
def ssh(
    authorized_keys: Annotated[Path, Setting(metavar="FILE")],
    host_key: Annotated[Path, Setting(metavar="FILE")] = Path("ssh_host_key"),
    path: Annotated[Path, Setting(metavar="DIR")] = Path("."),
    writable: bool = False,
    host: str = "127.0.0.1",
    port: int = 2222,
    max_connections: int = 100,
    drain: Annotated[float, Setting(metavar="SECONDS")] = 10.0,
) -> Service:
    """
    Serves the files of a directory over SFTP and scp, to who has a key.

    Args:
        authorized_keys:
            The public keys that may come in, in OpenSSH's format.
        host_key:
            The server's private key; a missing one is made.
        path:
            The directory; nobody gets out of it.
        writable:
            Whether its files may be changed.
        host:
            The address to listen on; empty for all.
        port:
            The port to listen on.
        max_connections:
            How many connections may be open; more wait.
        drain:
            Time that transfers may take to finish when it stops.

    Returns:
        The service.

    Raises:
        FileRefused: The directory is not there.
    """
    from ._server import SSHServer

    return SSHServer(
        host_key=host_key,
        authorized_keys=authorized_keys,
        folder=path,
        writable=writable,
        host=host,
        port=port,
        max_connections=max_connections,
        drain=drain,
    )


@ready_made("asyncssh", extra="ssh")
def ssh_client(
    host: str,
    port: int = 22,
    login: str | None = None,
    key: Annotated[tuple[str, ...], Setting(metavar="FILE")] = (),
    known_hosts: Annotated[Path | None, Setting(metavar="FILE")] = None,
    local: Annotated[tuple[str, ...], Setting(metavar="PORT:HOST:PORT")] = (),
    remote: Annotated[tuple[str, ...], Setting(metavar="PORT:HOST:PORT")] = (),
    dynamic: Annotated[tuple[str, ...], Setting(metavar="PORT")] = (),
    keepalive: Annotated[float, Setting(metavar="SECONDS")] = 15.0,
) -> Service:
    """
    Stays connected to an SSH server and forwards ports.

    Args:
        host:
            The server.
        port:
            Its port.
        login:
            The name to log in by; by default the user's.
        key:
            A private key to log in with; by default those in ~/.ssh and the agent's.
        known_hosts:
            The file with the server's key; by default ~/.ssh/known_hosts.
        local:
            A port here that leads to a place seen from there.
        remote:
            A port there that leads to a place seen from here.
        dynamic:
            A port here that speaks SOCKS.
        keepalive:
            Time of silence after which it is looked whether the server is still there.

    Returns:
        The service.

    Raises:
        EndpointError: A port to forward is not written as expected.
    """
    from ._client import SSHClient

    return SSHClient(
        host,
        port=port,
        user=login,
        keys=key,
        known_hosts=known_hosts,
        local=local,
        remote=remote,
        dynamic=dynamic,
        keepalive=keepalive,
    )
