"""What a resource may raise."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Error", "UnsupportedMethod"]


class Error(Exception):
    """
    An HTTP error.

    Args:
        code:
            The status.
        message:
            The reason.
        response:
            The body.
    """

    def __init__(
        self, code: int | bytes, message: bytes | None = None, response: bytes | None = None
    ) -> None:
        self.status = str(code).encode() if isinstance(code, int) else code
        self.message = message or b""
        self.response = response
        super().__init__(self.status, self.message, response)

    def __str__(self) -> str:
        return f"{self.status.decode()} {self.message.decode('latin-1')}"


class UnsupportedMethod(Exception):
    """
    A resource does not know a method; the client is told which it does.

    Args:
        allowedMethods:
            The methods it knows.
    """

    def __init__(self, allowedMethods: Sequence[bytes], *args: object) -> None:
        super().__init__(allowedMethods, *args)
        self.allowedMethods = allowedMethods
