"""OKX's signed account endpoints: balance, positions, modes, fees, bills."""

from typing import Any

from trading.simulator.exchange import Exchange
from trading.simulator.okx import views
from trading.simulator.okx.errors import parameter
from trading.simulator.okx.private import instrument_of, json_body, page
from trading.simulator.wire import Call, Route, VenueError, decimal_or_none

SETTING_FAILED = "Setting failed. Cancel any open orders, close positions, and stop trading bots first."


class AccountEndpoints:
    def __init__(self, core: Exchange) -> None:
        self.core = core

    def routes(self) -> dict[tuple[str, str], Route]:
        def signed(handler: Any) -> Route:
            return Route(handler, signed=True)

        return {
            ("GET", "/api/v5/account/config"): signed(self.config),
            ("GET", "/api/v5/account/balance"): signed(lambda _: [views.balance(self.core)]),
            ("GET", "/api/v5/account/positions"): signed(self.positions),
            ("GET", "/api/v5/account/leverage-info"): signed(self.leverage_info),
            ("POST", "/api/v5/account/set-leverage"): signed(self.set_leverage),
            ("POST", "/api/v5/account/set-position-mode"): signed(self.set_position_mode),
            ("GET", "/api/v5/account/trade-fee"): signed(self.trade_fee),
            ("GET", "/api/v5/account/bills"): signed(self.bills),
            ("GET", "/api/v5/account/bills-archive"): signed(self.bills),
            ("GET", "/api/v5/asset/currencies"): signed(self.currencies),
            ("GET", "/api/v5/asset/balances"): signed(lambda _: []),
        }

    def config(self, _: Call) -> list[dict[str, Any]]:
        return [
            {
                "uid": "1",
                "mainUid": "1",
                "acctLv": "2",
                "posMode": "long_short_mode" if self.core.account.settings.hedge_mode else "net_mode",
                "autoLoan": False,
                "greeksType": "PA",
                "level": "Lv1",
                "levelTmp": "",
                "ctIsoMode": "automatic",
                "mgnIsoMode": "automatic",
                "perm": "read_only,trade",
                "ip": "127.0.0.1",
                "label": "simulator",
                "kycLv": "3",
                "roleType": "0",
                "type": "0",
                "acctStpMode": "cancel_maker",
            }
        ]

    def positions(self, call: Call) -> list[dict[str, Any]]:
        wanted = {one for one in (call.params().get("instId") or "").split(",") if one}
        held = [one.symbol for one in self.core.account.positions.values() if one.quantity]
        return [
            views.position(self.core, symbol)
            for symbol in held
            if not wanted or self.core.instrument(symbol).venue_id in wanted
        ]

    def leverage_info(self, call: Call) -> list[dict[str, str]]:
        rows = []
        for inst_id in (call.params().get("instId") or "").split(","):
            instrument = instrument_of(self.core, inst_id)
            lever = str(self.core.account.leverage_of(instrument.symbol))
            rows.append(
                {
                    "instId": inst_id,
                    "mgnMode": call.params().get("mgnMode", "cross"),
                    "posSide": "net",
                    "lever": lever,
                    "ccy": "",
                }
            )
        return rows

    def set_leverage(self, call: Call) -> list[dict[str, str]]:
        body = json_body(call)
        instrument, lever = instrument_of(self.core, str(body.get("instId", ""))), decimal_or_none(body.get("lever"))
        if body.get("mgnMode") != "cross":
            raise parameter("mgnMode")
        if lever is None or lever < 1 or lever % 1:
            raise parameter("lever")
        if lever > instrument.max_leverage:
            raise VenueError(200, "59102", "Leverage exceeds the maximum limit. Please lower the leverage.")
        if not self.core.set_leverage(instrument.symbol, int(lever)):
            raise VenueError(
                200,
                "59101",
                "Leverage can't be modified. Please cancel all pending isolated margin orders before adjusting the leverage.",
            )
        return [{"instId": instrument.venue_id, "lever": str(int(lever)), "mgnMode": "cross", "posSide": "net"}]

    def set_position_mode(self, call: Call) -> list[dict[str, str]]:
        mode, core = json_body(call).get("posMode"), self.core
        if mode not in ("net_mode", "long_short_mode"):
            raise parameter("posMode")
        hedged = mode == "long_short_mode"
        busy = bool(core.account.open_orders) or any(one.quantity for one in core.account.positions.values())
        if hedged != core.account.settings.hedge_mode and busy:
            raise VenueError(200, "59000", SETTING_FAILED)
        core.account.settings.hedge_mode = hedged
        core.touch_settings()
        return [{"posMode": str(mode)}]

    def trade_fee(self, call: Call) -> list[dict[str, Any]]:
        """Charges are negative."""
        if call.params().get("instType") != "SWAP":
            raise parameter("instType")
        maker, taker = f"{-self.core.account.maker_rate:f}", f"{-self.core.account.taker_rate:f}"
        return [
            {
                "category": "1",
                "instType": "SWAP",
                "level": "Lv1",
                "maker": maker,
                "taker": taker,
                "makerU": maker,
                "takerU": taker,
                "makerUSDC": maker,
                "takerUSDC": taker,
                "delivery": "",
                "exercise": "",
                "ruleType": "normal",
                "ts": str(self.core.now_ms()),
                "fiat": [],
            }
        ]

    def bills(self, call: Call) -> list[dict[str, Any]]:
        rows = views.bills(self.core, call.params().get("type"))
        wanted = call.params().get("instId")
        return page(call, [row for row in rows if wanted in (None, "", row["instId"])], "billId", "ts")

    def currencies(self, _: Call) -> list[dict[str, Any]]:
        return [
            {
                "ccy": "USDT",
                "name": "Tether",
                "chain": "USDT-TRC20",
                "canDep": True,
                "canWd": False,
                "canInternal": False,
                "minDep": "1",
                "minWd": "1",
                "maxWd": "0",
                "wdTickSz": "6",
                "fee": "0",
                "minFee": "0",
                "maxFee": "0",
                "mainNet": True,
                "logoLink": "",
            }
        ]
