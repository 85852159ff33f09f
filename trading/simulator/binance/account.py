"""Binance USD-M's signed account endpoints: balances, positions, modes, income, permissions."""

from typing import Any

from trading.simulator.binance import views
from trading.simulator.binance.errors import missing
from trading.simulator.binance.private import instrument_of, integer
from trading.simulator.exchange import Exchange
from trading.simulator.wire import Call, Route, VenueError


class AccountEndpoints:
    def __init__(self, core: Exchange) -> None:
        self.core = core

    def routes(self) -> dict[tuple[str, str], Route]:
        def signed(handler: Any, weight: int = 1) -> Route:
            return Route(handler, signed=True, weight=weight)

        return {
            ("GET", "/fapi/v2/account"): signed(self.account, 5),
            ("GET", "/fapi/v3/account"): signed(self.account, 5),
            ("GET", "/fapi/v2/balance"): signed(self.balance, 5),
            ("GET", "/fapi/v3/balance"): signed(self.balance, 5),
            ("GET", "/fapi/v2/positionRisk"): signed(self.position_risk_v2, 5),
            ("GET", "/fapi/v3/positionRisk"): signed(self.position_risk, 5),
            ("GET", "/fapi/v1/leverageBracket"): signed(self.leverage_bracket),
            ("POST", "/fapi/v1/leverage"): signed(self.set_leverage),
            ("POST", "/fapi/v1/marginType"): signed(self.set_margin_type),
            ("GET", "/fapi/v1/positionSide/dual"): signed(self.position_mode, 30),
            ("POST", "/fapi/v1/positionSide/dual"): signed(self.set_position_mode),
            ("GET", "/fapi/v1/multiAssetsMargin"): signed(lambda _: {"multiAssetsMargin": False}, 30),
            ("GET", "/fapi/v1/commissionRate"): signed(self.commission_rate, 20),
            ("GET", "/fapi/v1/symbolConfig"): signed(self.symbol_config, 5),
            ("GET", "/fapi/v1/accountConfig"): signed(self.account_config, 5),
            ("GET", "/fapi/v1/income"): signed(self.income, 30),
            ("GET", "/sapi/v1/account/apiRestrictions"): signed(self.restrictions),
            ("GET", "/sapi/v1/capital/config/getall"): signed(lambda _: [], 10),
        }

    def account(self, _: Call) -> dict[str, Any]:
        return views.account(self.core)

    def balance(self, _: Call) -> list[dict[str, Any]]:
        unrealized, available = self.core.unrealized(), views.eight(self.core.available())
        wallet = views.eight(self.core.account.wallet)
        return [
            {
                "accountAlias": "sim",
                "asset": "USDT",
                "balance": wallet,
                "crossWalletBalance": wallet,
                "crossUnPnl": views.eight(unrealized),
                "availableBalance": available,
                "maxWithdrawAmount": available,
                "marginAvailable": True,
                "updateTime": self.core.now_ms(),
            }
        ]

    def _symbols(self, call: Call, held_only: bool) -> list[str]:
        if call.params().get("symbol"):
            return [instrument_of(self.core, call.params()["symbol"]).symbol]
        if held_only:
            return [one.symbol for one in self.core.account.positions.values() if one.quantity]
        return [book.instrument.symbol for book in self.core.market.of_venue(self.core.venue)]

    def position_risk(self, call: Call) -> list[dict[str, Any]]:
        return [views.position_risk(self.core, symbol) for symbol in self._symbols(call, held_only=True)]

    def position_risk_v2(self, call: Call) -> list[dict[str, Any]]:
        rows = []
        for symbol in self._symbols(call, held_only=False):
            extra = {
                "leverage": str(self.core.account.leverage_of(symbol)),
                "marginType": self._margin_type(symbol).lower(),
                "maxNotionalValue": "0",
            }
            rows.append({**views.position_risk(self.core, symbol), **extra})
        return rows

    def _margin_type(self, symbol: str) -> str:
        return "ISOLATED" if self.core.account.settings.isolated.get(symbol) else "CROSS"

    def leverage_bracket(self, call: Call) -> Any:
        rows = [views.brackets(self.core.instrument(symbol)) for symbol in self._symbols(call, held_only=False)]
        return rows[0] if call.params().get("symbol") else rows

    def set_leverage(self, call: Call) -> dict[str, Any]:
        params = call.params()
        instrument, leverage = instrument_of(self.core, params.get("symbol", "")), integer(params, "leverage", 0)
        if not 1 <= leverage <= instrument.max_leverage:
            raise VenueError(400, -4028, f"Leverage {leverage} is not valid")
        if not self.core.set_leverage(instrument.symbol, leverage):
            raise VenueError(400, -2027, "Exceeded the maximum allowable position at current leverage.")
        return {"symbol": instrument.venue_id, "leverage": leverage, "maxNotionalValue": views.max_notional(leverage)}

    def set_margin_type(self, call: Call) -> dict[str, Any]:
        params, core = call.params(), self.core
        symbol, kind = instrument_of(core, params.get("symbol", "")).symbol, params.get("marginType", "")
        if kind not in ("ISOLATED", "CROSSED"):
            raise VenueError(400, -4045, "Invalid marginType.") if kind else missing("marginType")
        if (kind == "ISOLATED") == core.account.settings.isolated.get(symbol, False):
            raise VenueError(400, -4046, "No need to change margin type.")
        if core.open_orders(symbol):
            raise VenueError(400, -4047, "Margin type cannot be changed if there exists open orders.")
        if core.account.held(symbol):
            raise VenueError(400, -4048, "Margin type cannot be changed if there exists position.")
        core.account.settings.isolated[symbol] = kind == "ISOLATED"
        core.touch_settings()
        return {"code": 200, "msg": "success"}

    def position_mode(self, _: Call) -> dict[str, bool]:
        return {"dualSidePosition": self.core.account.settings.hedge_mode}

    def set_position_mode(self, call: Call) -> dict[str, Any]:
        text, core = call.params().get("dualSidePosition", "").lower(), self.core
        if text not in ("true", "false"):
            raise missing("dualSidePosition")
        if (text == "true") == core.account.settings.hedge_mode:
            raise VenueError(400, -4059, "No need to change position side.")
        if core.account.open_orders:
            raise VenueError(400, -4067, "Position side cannot be changed if there exists open orders.")
        if any(one.quantity for one in core.account.positions.values()):
            raise VenueError(400, -4068, "Position side cannot be changed if there exists position.")
        core.account.settings.hedge_mode = text == "true"
        core.touch_settings()
        return {"code": 200, "msg": "success"}

    def commission_rate(self, call: Call) -> dict[str, str]:
        instrument = instrument_of(self.core, call.params().get("symbol", ""))
        maker, taker = self.core.account.maker_rate, self.core.account.taker_rate
        return {
            "symbol": instrument.venue_id,
            "makerCommissionRate": f"{maker:f}",
            "takerCommissionRate": f"{taker:f}",
            "rpiCommissionRate": "0",
        }

    def symbol_config(self, call: Call) -> list[dict[str, Any]]:
        rows = []
        for symbol in self._symbols(call, held_only=False):
            leverage = self.core.account.leverage_of(symbol)
            margin = "ISOLATED" if self.core.account.settings.isolated.get(symbol) else "CROSSED"
            rows.append(
                {
                    "symbol": self.core.instrument(symbol).venue_id,
                    "marginType": margin,
                    "isAutoAddMargin": "false",
                    "leverage": leverage,
                    "maxNotionalValue": views.max_notional(leverage),
                }
            )
        return rows

    def account_config(self, _: Call) -> dict[str, Any]:
        return {
            "feeTier": 0,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": False,
            "dualSidePosition": self.core.account.settings.hedge_mode,
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
        }

    def income(self, call: Call) -> list[dict[str, Any]]:
        params = call.params()
        symbol = instrument_of(self.core, params["symbol"]).symbol if params.get("symbol") else None
        since, until, kind = (
            integer(params, "startTime", 0),
            integer(params, "endTime", 2**62),
            params.get("incomeType"),
        )
        rows = [
            views.income(one)
            for one in self.core.account.ledger
            if since <= one.at_ms <= until and symbol in (None, one.symbol)
        ]
        chosen, limit = (
            [row for row in rows if kind in (None, "", row["incomeType"])],
            min(1000, integer(params, "limit", 100)),
        )
        page = integer(params, "page", 1)
        return chosen[(page - 1) * limit : page * limit] if since or page > 1 else chosen[-limit:]

    def restrictions(self, _: Call) -> dict[str, Any]:
        return {
            "ipRestrict": True,
            "createTime": self.core.market.clock.started_ms,
            "enableReading": True,
            "enableWithdrawals": False,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": True,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": False,
            "enablePortfolioMarginTrading": False,
        }
