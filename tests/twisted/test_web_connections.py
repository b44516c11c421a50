"""What a web server's connection does with requests that come behind one another."""

from __future__ import annotations

from typing import Any

import pytest

from .both import OURS, Words, agree
from .test_web_words import Talk

# What the real Twisted itself warns of is not our affair.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"


def _root(words: Words, answer: Any) -> Any:
    class Page(words.resource.Resource):  # type: ignore[misc, name-defined]
        isLeaf = True

        def render_GET(self, request: Any) -> Any:
            return answer(request)

        render_POST = render_GET

    return Page()


class Later:
    """A page that answers when it is told to."""

    def __init__(self, words: Words) -> None:
        self.talk = Talk(words, _root(words, self._ask))
        self.requests: list[Any] = []
        self._not_done = words.server.NOT_DONE_YET

    def _ask(self, request: Any) -> Any:
        self.requests.append(request)
        return self._not_done


def test_many_requests_at_once_are_all_answered() -> None:
    """A thousand requests in one piece need no deeper stack than one."""
    talk = Talk(OURS, _root(OURS, lambda request: b"hi"))
    talk.say((GET + b"\r\n") * 1000)
    assert talk.transport.value().count(b"HTTP/1.1 200 OK") == 1000


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    "head", [b"POST / HTTP/1.0\r\n", b"POST / HTTP/1.1\r\nConnection: close\r\n"]
)
def test_what_comes_behind_the_last_request_is_dropped(head: bytes, together: bool) -> None:
    """An empty line behind the body of a connection's last request does not spoil its answer."""

    def body(words: Words) -> Any:
        page = Later(words)
        request = head + b"Host: a\r\nContent-Length: 2\r\n\r\nab"
        page.talk.say(request + b"\r\n", 0 if together else len(request))
        page.requests[0].write(b"done")
        page.requests[0].finish()
        status, _fields, text, closed = page.talk.heard()
        return status.split(b" ")[1], text[-4:] == b"done" or b"done" in text, closed

    agree(body)


@pytest.mark.parametrize("field", [b"", b"Connection: upgrade\r\nUpgrade: x\r\n"])
def test_a_client_that_goes_on_is_held_back(field: bytes) -> None:
    """While a request waits for its answer, what comes behind it is not taken without end."""

    def body(words: Words) -> Any:
        page = Later(words)
        page.talk.say(GET + field + b"\r\n")
        page.talk.say(b"x" * 200_000, 20_000)
        return page.talk.transport.producerState

    agree(body)


def test_a_producer_goes_with_its_answer() -> None:
    """A producer that is still registered at the end of an answer is let go, and told of."""

    def body(words: Words) -> Any:
        errors: list[str] = []

        def note(event: dict[str, Any]) -> None:
            if event.get("isError"):
                errors.append(event["failure"].getErrorMessage())

        class Idle:
            def resumeProducing(self) -> None: ...

            def pauseProducing(self) -> None: ...

            def stopProducing(self) -> None: ...

        page = Later(words)
        words.log.addObserver(note)
        try:
            page.talk.say(GET + b"\r\n")
            page.requests[0].registerProducer(Idle(), True)
            page.requests[0].write(b"x")
            page.requests[0].finish()
        finally:
            words.log.removeObserver(note)
        return page.requests[0].producer, errors

    agree(body)


def test_the_secure_session_is_another_one() -> None:
    """A request over TLS has two sessions: one that only TLS shows, and the other."""

    def body(words: Words) -> Any:
        seen: list[Any] = []

        def answer(request: Any) -> bytes:
            request.isSecure = lambda: True
            seen.append(request.session)
            plain = request.getSession(forceNotSecure=True)
            seen.append(request.session)
            secure = request.getSession()
            seen.append([plain is secure, request.session is secure])
            seen.append([cookie.split(b"=")[0] for cookie in request.cookies])
            return b""

        talk = Talk(words, _root(words, answer))
        talk.say(GET + b"\r\n")
        for session in list(talk.site.sessions.values()):
            session.expire()
        return seen

    agree(body)


def test_sessions_expire_by_the_clock_of_their_site() -> None:
    """A session goes when its time is over on the clock that the site was given."""

    def body(words: Words) -> Any:
        talk = Talk(words, _root(words, lambda request: request.getSession().uid))
        talk.say(GET + b"\r\n")
        before = len(talk.site.sessions)
        talk.clock.advance(901)
        return before, len(talk.site.sessions)

    agree(body)
