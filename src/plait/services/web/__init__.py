"""
A web server: ASGI and WSGI applications, and the files of a directory.

uvicorn speaks HTTP; sockets, TLS, draining, logging and the life of the whole are plait's. Nothing
of uvicorn is imported before a server is made.
"""

from __future__ import annotations

from ._server import WebServer as WebServer
from ._static import StaticFiles as StaticFiles
from ._web import web as web
from ._wsgi import WSGI as WSGI

__all__ = ["StaticFiles", "WSGI", "WebServer", "web"]
