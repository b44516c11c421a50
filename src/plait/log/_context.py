"""Who was at work when a record was made: service, connection and task, by context variables."""

from __future__ import annotations

import logging
import sys

from plait.core import current_service
from plait.events import current_connection


def stamp(record: logging.LogRecord) -> tuple[str, str]:
    """
    Write the context into a record: `service_path`, `connection` and `taskName`.

    What is there already stays: a record that comes from a queue carries its own context.

    Returns:
        The path of the service and the name of the connection, each empty when there is none.
    """
    fields = record.__dict__
    service = fields.get("service_path")
    if service is None:
        service = fields["service_path"] = current_service.get()
    connection = fields.get("connection")
    if connection is None:
        serving = current_connection.get()
        connection = fields["connection"] = "" if serving is None else _name(serving)
    if "taskName" not in fields:  # Python 3.11; later ones set it by themselves
        fields["taskName"] = _task_name()
    return service, connection


def _name(connection: object) -> str:
    """Return what a connection calls itself; to log must not fail because that does."""
    try:
        return str(connection)
    except Exception:
        return type(connection).__name__


def _task_name() -> str | None:
    """Return the name of the task that runs, without importing asyncio for the question."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or asyncio._get_running_loop() is None:
        return None
    task = asyncio.current_task()
    return None if task is None else str(task.get_name())


class ContextFilter(logging.Filter):
    """
    Gives every record `service_path`, `connection` and `taskName`, for any handler.

    plait's own formatters do this by themselves; this is for the handlers of others, whose format
    may then say `%(service_path)s`.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Write the context into one record, and let it pass."""
        stamp(record)
        return True
