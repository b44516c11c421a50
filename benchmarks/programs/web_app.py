"""A small ASGI application, and one that serves the files of a directory."""

from starlette.staticfiles import StaticFiles

HEADERS = [(b"content-length", b"5"), (b"content-type", b"text/plain")]


async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": b"hello"})


files = StaticFiles(directory="site", html=True)
