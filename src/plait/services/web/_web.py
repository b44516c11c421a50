"""The web server as a ready-made service."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from plait.core import Service
from plait.plugins import Setting, ready_made, where_raised

from ._asgi import refusal_of_asgi, refusal_of_wsgi
from ._server import WebServer
from ._static import StaticFiles
from ._wsgi import WSGI


@ready_made("uvicorn", extra="web")
def web(
    path: Annotated[Path | None, Setting(metavar="DIR")] = None,
    app: Annotated[str | None, Setting(metavar="MODULE:NAME")] = None,
    wsgi: Annotated[str | None, Setting(metavar="MODULE:NAME")] = None,
    factory: bool = False,
    host: str = "127.0.0.1",
    port: int = 8080,
    listen: Annotated[tuple[str, ...], Setting(metavar="URL")] = (),
    cert: Annotated[str, Setting(metavar="FILE")] = "",
    key: Annotated[str, Setting(metavar="FILE")] = "",
    listing: bool = True,
    index: tuple[str, ...] = ("index.html",),
    hidden: bool = False,
    threads: int = 10,
    lifespan: Literal["auto", "on", "off"] = "auto",
    access_log: bool = True,
    forwarded_allow: Annotated[tuple[str, ...], Setting(metavar="ADDRESS")] = (),
    keep_alive: Annotated[float, Setting(metavar="SECONDS")] = 5.0,
    max_connections: int | None = None,
    drain: Annotated[float, Setting(metavar="SECONDS")] = 10.0,
) -> Service:
    """
    Serves the files of a directory, or an ASGI or WSGI application.

    Args:
        path:
            The directory whose files are served; without an application, the current one.
        app:
            An ASGI application to serve in its place.
        wsgi:
            A WSGI application to serve in its place.
        factory:
            What app or wsgi names is no application, but a function that makes it.
        host:
            The address to listen on; empty for all.
        port:
            The port to listen on.
        listen:
            In their place: tcp://HOST:PORT, tls://HOST:PORT?cert=FILE&key=FILE or unix:PATH.
        cert:
            The certificate, to serve over TLS; a changed file is taken up while it runs.
        key:
            The certificate's private key, when it is in another file.
        listing:
            Whether a directory without an index is listed.
        index:
            Files that stand for their directory.
        hidden:
            Whether files are served whose names begin with a dot.
        threads:
            How many requests a WSGI application works on at the same time.
        lifespan:
            Whether the application has a lifespan.
        access_log:
            Whether each request is logged.
        forwarded_allow:
            Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.
        keep_alive:
            Time that a connection without a request is kept open.
        max_connections:
            How many connections may be open; more wait. Without it, any number.
        drain:
            Time that requests may take to finish when it stops.

    Returns:
        The service.

    Raises:
        ValueError: Two things to serve are named, or one that is not there.
        EndpointError: A URL is not one of a stream server.
        FileRefused: The directory is not there.
    """
    given = [name for name, it in (("path", path), ("app", app), ("wsgi", wsgi)) if it is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} are given; expected one thing to serve")
    served: Any
    if app is not None:
        served = _application(app, refusal_of_asgi, factory=factory)
    elif wsgi is not None:
        served = WSGI(_application(wsgi, refusal_of_wsgi, factory=factory), threads=threads)
    elif factory:
        raise ValueError("factory is given without app or wsgi; expected what it makes")
    else:
        served = StaticFiles(path or ".", index=index, listing=listing, hidden=hidden)
    return WebServer(
        served,
        host=host,
        port=port,
        endpoint=listen or None,
        cert=cert,
        key=key,
        lifespan=lifespan,
        access_log=access_log,
        forwarded_allow=forwarded_allow,
        keep_alive=keep_alive,
        max_connections=max_connections,
        drain=drain,
    )


def _application(where: str, refusal_of: Callable[[Any], str], *, factory: bool) -> Any:
    """Import an application, or make it with the function that is imported."""
    found = _load(where)
    what = where
    if factory:
        if not callable(found):
            raise ValueError(f"{where} is {found!r}; expected a function making an application")
        found, what = found(), f"what {where} made"
    refusal = refusal_of(found)
    if refusal:
        raise ValueError(f"{what} {refusal}")
    return found


def _load(where: str) -> Any:
    """Import an application."""
    module, colon, name = where.partition(":")
    if not colon or not module or not name:
        raise ValueError(f"{where!r} names no application; expected MODULE:NAME")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as for the target of a run
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            # One that the application's own module looks for.
            raise ValueError(f"importing {module} failed at {where_raised(error)}") from error
        raise ValueError(f"there is no module {error.name!r}; expected one to import") from None
    except (Exception, SystemExit) as error:
        raise ValueError(f"importing {module} failed at {where_raised(error)}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise ValueError(f"{module} has no {part!r}; expected the application, as MODULE:NAME")
        found = getattr(found, part)
    return found
