"""Bytes on the wire that two readers could understand differently: each stops the desk once, or not at all."""

import pytest

from propbot.supervisor.plan import HOST
from risk.selectors import desk_read
from tests.access.people import Cast
from tests.access.web import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]
PATH = "/api/ui/hold"
JSON = "Content-Type: application/json"


def said(token: str, *lines: str, body: bytes = b"", first: str = f"POST {PATH} HTTP/1.1", end: str = "\r\n") -> bytes:
    named = [first, f"Host: {HOST}", f"Authorization: Bearer {token}", "Connection: close", *lines, "", ""]
    return end.join(named).encode("latin-1") + body


def sized(token: str, body: bytes, *lines: str, first: str = f"POST {PATH} HTTP/1.1") -> bytes:
    return said(token, f"Content-Length: {len(body)}", *lines, body=body, first=first)


def requests_of(token: str) -> dict[str, tuple[bytes, set[int], int]]:
    """By name: the bytes, which statuses may come back (0: closed without one), and how often HOLD is engaged."""
    hidden = sized(token, b"{}", JSON)
    chunked = b"2\r\n{}\r\n0\r\n\r\n"
    return {
        "an ordinary one": (sized(token, b"{}", JSON), {200}, 1),
        "of HTTP 1.0": (sized(token, b"{}", JSON, first=f"POST {PATH} HTTP/1.0"), {200}, 1),
        "in chunks": (said(token, JSON, "Transfer-Encoding: chunked", body=chunked), {200}, 1),
        "another within its length": (sized(token, hidden, JSON), {400}, 0),
        "length and chunks": (
            said(token, JSON, "Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + hidden),
            {0, 200, 400},
            -1,
        ),
        "chunks under another name": (said(token, JSON, "Transfer-Encoding: xchunked", body=chunked), {0, 400, 501}, 0),
        "two lengths": (said(token, JSON, "Content-Length: 0", "Content-Length: 2", body=b"{}"), {0, 400}, 0),
        "a length with a sign": (said(token, JSON, "Content-Length: +2", body=b"{}"), {0, 400}, 0),
        "a chunk without a size": (
            said(token, JSON, "Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n0\r\n\r\n"),
            {0, 400},
            0,
        ),
        "a zero byte in a header": (sized(token, b"{}", JSON, "X-Odd: a\0b"), {0, 400}, 0),
        "a header that goes on": (sized(token, b"{}", JSON, "X-Odd: a", " folded: b"), {0, 400}, 0),
        "a space before the colon": (sized(token, b"{}", JSON, "X-Odd : a"), {0, 400}, 0),
        "read with GET": (sized(token, b"{}", JSON, first=f"GET {PATH} HTTP/1.1"), {405}, 0),
        "read with HEAD": (sized(token, b"{}", JSON, first=f"HEAD {PATH} HTTP/1.1"), {405}, 0),
        "a method that is none": (sized(token, b"{}", JSON, first=f"HOLD {PATH} HTTP/1.1"), {0, 400, 405}, 0),
        "a method that is overridden": (sized(token, b"{}", JSON, "X-HTTP-Method-Override: GET"), {200}, 1),
        "a read overridden to write": (
            said(token, "X-HTTP-Method-Override: POST", first=f"GET {PATH}?_method=POST HTTP/1.1"),
            {405},
            0,
        ),
        "a slash behind": (sized(token, b"{}", JSON, first=f"POST {PATH}/ HTTP/1.1"), {404}, 0),
        "two slashes": (sized(token, b"{}", JSON, first=f"POST /{PATH} HTTP/1.1"), {404}, 0),
        "other letters": (sized(token, b"{}", JSON, first=f"POST {PATH.upper()} HTTP/1.1"), {404}, 0),
        "a zero byte in the path": (sized(token, b"{}", JSON, first=f"POST {PATH}%00 HTTP/1.1"), {404}, 0),
        "a form": (sized(token, b"reason=x", "Content-Type: application/x-www-form-urlencoded"), {415}, 0),
        "no type": (sized(token, b"{}"), {415}, 0),
        "another charset": (sized(token, "{}".encode("utf-16"), f"{JSON}; charset=utf-16"), {400}, 0),
        "two tokens": (sized(token, b"{}", JSON, "Authorization: Bearer x"), {200, 400, 401}, -1),
    }


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0


def test_every_shape_of_a_request_stops_once_or_not_at_all(cast: Cast, server: Server) -> None:
    wrong = []
    for name, (sent, statuses, engaged) in requests_of(cast.alice.token).items():
        before = desk_read().hold_id
        answer = server.says(sent)
        times = desk_read().hold_id - before
        fits = times <= 1 if engaged < 0 else times == engaged
        if status_of(answer) not in statuses or not fits or answer.count(b"HTTP/1.") > 1:
            wrong.append((name, status_of(answer), times, answer[-200:]))
    assert wrong == []
    assert server.get("/livez").status_code == 200
