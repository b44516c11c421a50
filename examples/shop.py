"""
A web application with a pool of database connections, a background worker and a timer.

    python examples/shop.py                    # or: plait run examples/shop.py
    curl -d tea http://127.0.0.1:7001/orders   # orders something
    curl http://127.0.0.1:7001/orders          # lists the orders
"""

import asyncio
import contextlib
import json

import aiosqlite

import plait
from plait import Application, Restart, Service, TimerService
from plait.services.web import WebServer


class Database(Service):
    """A few connections, ready before anything that needs them, closed after it."""

    def __init__(self, path, size=3):
        self.path_of_file, self.size = path, size

    async def start(self):
        self.free = asyncio.Queue()
        for _ in range(self.size):
            link = await self.stack.enter_async_context(aiosqlite.connect(self.path_of_file))
            self.free.put_nowait(link)
        async with self.connection() as link:
            await link.execute(
                "CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, what TEXT, done INT)"
            )
            await link.commit()

    @contextlib.asynccontextmanager
    async def connection(self):
        link = await self.free.get()
        try:
            yield link
        finally:
            self.free.put_nowait(link)


class Worker(Service):
    """Does what was ordered, one after the other."""

    def __init__(self, database):
        self.database = database

    async def start(self):
        self.news = asyncio.Event()
        self.spawn(self.work())

    async def work(self):
        while True:
            self.news.clear()
            async with self.database.connection() as link:
                rows = await link.execute_fetchall("SELECT id, what FROM orders WHERE done = 0")
                for number, what in rows:
                    await link.execute("UPDATE orders SET done = 1 WHERE id = ?", (number,))
                    await link.commit()
                    print(f"order {number} done: {what}")
            await self.news.wait()


class Shop:
    """The web application."""

    def __init__(self, database, worker):
        self.database, self.worker = database, worker

    async def __call__(self, scope, receive, send):
        assert scope["type"] == "http"
        if scope["path"] != "/orders":
            return await answer(send, 404, {"error": "try /orders"})
        async with self.database.connection() as link:
            if scope["method"] == "POST":
                what = await body(receive)
                await link.execute("INSERT INTO orders (what, done) VALUES (?, 0)", (what,))
                await link.commit()
                self.worker.news.set()
            rows = await link.execute_fetchall("SELECT id, what, done FROM orders")
        return await answer(send, 200, [{"id": i, "what": w, "done": bool(d)} for i, w, d in rows])


async def body(receive):
    data, more = b"", True
    while more:
        message = await receive()
        data, more = data + message.get("body", b""), message.get("more_body", False)
    return data.decode("utf-8", "replace")


async def answer(send, status, value):
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(value).encode() + b"\n"})


async def report(database):
    async with database.connection() as link:
        ((count,),) = await link.execute_fetchall("SELECT count(*) FROM orders")
    print(f"{count} orders so far")


application = Application("shop")
database = application.add(Database("shop.db"))
worker = application.add(Worker(database), needs=[database], restart=Restart())
application.add(
    WebServer(Shop(database, worker), port=7001),
    name="web",
    needs=[database, worker],
    restart=Restart(),
)
application.add(
    TimerService(report, database, every=1.0), name="report", needs=[database], restart=Restart()
)

if __name__ == "__main__":
    plait.run(application)
