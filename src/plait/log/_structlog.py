"""How structlog's events land in the same stream."""

from __future__ import annotations

from typing import Any

_PASSED = ("exc_info", "stack_info", "stacklevel")


def to_logging(
    logger: Any, method: str, event_dict: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """
    Hand an event of structlog to `logging`: the event is the message, its keys are fields.

    It is the last processor of a chain whose logger is one of the standard library.

    Returns:
        The arguments for the method of the logger.
    """
    event = event_dict.pop("event", "")
    args = event_dict.pop("positional_args", ())
    known = {name: event_dict.pop(name) for name in _PASSED if name in event_dict}
    # The logger has these already.
    for name in ("level", "logger", "timestamp"):
        event_dict.pop(name, None)
    if event_dict:
        known["extra"] = {"plait_fields": event_dict}
    return (event, *args), known


def structlog_processors() -> list[Any]:
    """
    Return the processors with which structlog writes into the log of the standard library.

    Use them with `structlog.stdlib.LoggerFactory()` and `structlog.stdlib.BoundLogger`; put your
    own, such as `structlog.contextvars.merge_contextvars`, before them.

    Returns:
        Processors, to be given to `structlog.configure`.
    """
    return [to_logging]
