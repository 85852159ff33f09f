"""What an entry is asked for and how it is answered: frozen facts that cross the queue as JSON. Pure."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from trading.jsonable import jsonable

NUMBERS = ("notional_usdt", "leverage", "min_spread", "min_spread_bps", "min_net_edge_bps")


@dataclass(frozen=True)
class EntryRequest:
    """``min_spread`` in USDT per unit or ``min_spread_bps`` of the long ask; ``min_net_edge_bps`` where the desk itself
    must earn. Empty venues: the widest pair. Money in USDT."""

    kind: str
    symbol: str
    notional_usdt: Decimal
    leverage: Decimal
    strategy: str
    min_spread: Decimal | None = None
    min_spread_bps: Decimal | None = None
    min_net_edge_bps: Decimal | None = None
    long_venue: str = ""
    short_venue: str = ""
    opportunity_id: str = ""
    initiator: str = "system"
    initiator_id: str = ""
    channel: str = "system"
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = jsonable(vars(self))
        return document

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "EntryRequest":
        numbers = {name: Decimal(document[name]) for name in NUMBERS if document.get(name) is not None}
        return cls(**{**document, **numbers})


@dataclass(frozen=True)
class Answer:
    """An HTTP answer in the making, with what the hedge log says of it.

    ``result``: opened, skipped, refused, failed, unresolved, expired. ``counts`` is False for what says nothing about
    the strategy's health (a spread that has gone).
    """

    status_code: int
    body: dict[str, Any]
    result: str
    reason: str = ""
    hedge_id: str = ""
    spread_bps: Decimal | None = None
    simulated: bool | None = None
    timings: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = jsonable({"status_code": self.status_code, "body": self.body})
        return document
