"""What differs between venues, as data. Figures and rules: VENUES.md sections 6, 8.3, 8.4, 8.5, 8.9."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trading.venues import errors
from trading.venues.errors import OutcomeTable


@dataclass(frozen=True)
class Quirks:
    """One ccxt exchange. The defaults serve any ccxt exchange with linear perpetuals.

    Rates are PropBot's own share, below the venue's limit; weights are the venue's own units.
    ``leverage_unchanged`` holds codes that mean "it is so already".
    """

    dialect: str = "unified"
    outcomes: OutcomeTable = errors.UNTABLED
    client_id_pattern: str = r"[A-Za-z0-9]{1,32}"
    ccxt_options: Mapping[str, Any] = field(default_factory=dict)
    ccxt_has: Mapping[str, Any] = field(default_factory=dict)
    orders_per_second: float = 5.0
    order_burst: float = 10.0
    weight_per_second: float = 5.0
    weight_burst: float = 50.0
    used_weight_header: str = ""
    weight_per_minute: float = 0.0
    expires_in_header: bool = False
    expires_in_window: bool = False
    cancel_timer_seconds: tuple[float, float] | None = None
    follow_up_after_submit: bool = False
    leverage_params: Mapping[str, Any] = field(default_factory=dict)
    leverage_unchanged: frozenset[str] = frozenset()
    testnet_by_ccxt: bool = True
    confirms_private: bool = False


QUIRKS: dict[str, Quirks] = {
    "binanceusdm": Quirks(
        dialect="binance",
        outcomes=errors.BINANCE,
        client_id_pattern=r"[.A-Z:/a-z0-9_-]{1,36}",
        ccxt_options={
            "fetchCurrencies": False,
            "fetchMargins": False,
            "recvWindow": 5000,
            "fetchOpenOrders": {"warnWithoutSymbol": False},
            # Else watch_orders reads the positions in the background, and its error is nobody's.
            "watchPositions": {"fetchPositionsSnapshot": False, "awaitPositionsSnapshot": False},
        },
        orders_per_second=18.0,  # of 1200 a minute
        order_burst=60.0,  # of 300 in ten seconds
        weight_per_second=30.0,  # of 2400 a minute
        weight_burst=400.0,
        used_weight_header="x-mbx-used-weight-1m",
        weight_per_minute=2160.0,  # of 2400, which the venue counts per address and minute: a tenth stays for orders
        expires_in_window=True,
        cancel_timer_seconds=(1.0, 600.0),
        testnet_by_ccxt=False,  # ccxt refuses private calls in Binance's futures sandbox
    ),
    "okx": Quirks(
        dialect="okx",
        outcomes=errors.OKX,
        ccxt_options={"defaultType": "swap", "fetchMarkets": {"types": ["swap"]}},
        ccxt_has={"fetchCurrencies": False},
        orders_per_second=20.0,  # of 60 in two seconds per instrument
        order_burst=30.0,
        weight_per_second=8.0,  # weights of okx.py are in calls of a limit of about 20 in two seconds
        weight_burst=40.0,
        expires_in_header=True,
        cancel_timer_seconds=(10.0, 120.0),
        follow_up_after_submit=True,
        leverage_params={"mgnMode": "cross"},
        confirms_private=True,
    ),
}


def quirks_of(ccxt_id: str) -> Quirks:
    return QUIRKS.get(ccxt_id, Quirks())
