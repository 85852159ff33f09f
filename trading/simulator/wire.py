"""What both protocols share on the wire: a request, a reply, a refusal with the venue's own code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

import orjson

from trading.simulator.faults import Request
from trading.simulator.orders import NewOrder


class VenueError(Exception):
    """An answer that is an error: HTTP status, the venue's code and its text."""

    def __init__(self, status: int, code: int | str, message: str) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Credentials:
    key: str
    secret: str
    passphrase: str = ""


@dataclass
class Call:
    """One request, raw: signatures are verified over exactly these bytes."""

    method: str
    path: str
    query: str
    body: bytes
    headers: Mapping[str, str]
    fraction: Decimal | None = None  # fault partial
    hidden_ms: int = 0  # fault query_lag: how long an order placed now stays invisible
    not_found: bool = False  # fault query_lag on a query
    maintenance: bool = False
    _params: dict[str, str] | None = None

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def params(self) -> dict[str, str]:
        """Query and form parameters; the body wins, as it does nowhere twice."""
        if self._params is None:
            self._params = dict(parse_qsl(self.query, keep_blank_values=True))
            if self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
                self._params.update(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        return self._params


@dataclass
class Reply:
    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def payload(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)


@dataclass(frozen=True)
class Route:
    handler: Callable[[Call], Any]
    signed: bool
    weight: int = 1


def decimal_or_none(text: object) -> Decimal | None:
    """A finite positive-form decimal of sane size, else None: 1e400 and NaN are no numbers here."""
    try:
        value = Decimal(str(text))
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value.adjusted()) <= 18 else None


def described(call: Call, orders: list[NewOrder]) -> Request:
    """What a fault's match sees of a request; of a batch, its first order."""
    first = orders[0] if orders else None
    return Request(
        call.method, call.path, first is not None, first.side if first else "", first.client_id if first else ""
    )
