"""What a resource may raise."""

from __future__ import annotations

from collections.abc import Sequence

from plait.twisted._absent import absent

from ._codes import RESPONSES

__all__ = [
    "Error",
    "UnsupportedMethod",
    "UnsupportedSpecialHeader",
]


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
        if message is None and self.status.isdigit():
            message = RESPONSES.get(int(self.status))
        self.message = message
        self.response = response
        super().__init__(self.status, self.message, response)

    def __str__(self) -> str:
        shown = self.status if self.message is None else self.status + b" " + self.message
        return shown.decode("latin-1")


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
        if isinstance(allowedMethods, str):
            raise TypeError(f"allowedMethods must be a sequence of methods, not {allowedMethods!r}")

    def __str__(self) -> str:
        return f"Expected one of {self.allowedMethods!r}"


class UnsupportedSpecialHeader(Exception):
    """A header field is one that the server writes itself."""


_CLIENT = "it belongs to web.client: install Twisted itself (pip install twisted)"
_TEMPLATE = "it belongs to web.template: install Twisted itself (pip install twisted)"

__getattr__ = absent(
    __name__,
    {
        **dict.fromkeys(
            [
                "ExcessiveBufferingError",
                "InfiniteRedirection",
                "PageRedirect",
                "RedirectWithNoLocation",
                "SchemeNotSupported",
            ],
            _CLIENT,
        ),
        **dict.fromkeys(
            [
                "FlattenerError",
                "MissingRenderMethod",
                "MissingTemplateLoader",
                "RenderError",
                "UnexposedMethodError",
                "UnfilledSlot",
                "UnsupportedType",
            ],
            _TEMPLATE,
        ),
    },
)
