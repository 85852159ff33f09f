"""The texts of the commands that only look. Plain text: no markup that a venue's or a person's words could break."""

from decimal import Decimal
from typing import Any

from audit.selectors import chain_head
from propbot.clock import utc_now
from propbot.console.selectors.overview import flag_figures
from propbot.console.selectors.status import status_snapshot
from propbot.console.services.reports import daily_report
from propbot.http.paging import Page
from propbot.http.renderers import jsonable
from risk.ports import PortsNotRegisteredError, ports
from trading.quotes import BoardUnavailableError, board
from trading.selectors.market import allowed_symbols
from trading.selectors.position_rows import PositionFilters
from trading.selectors.positions import positions_payload

NO_DATA = "no data"
SHOWN = 15


def figure(value: Any, unit: str = "") -> str:
    """Unknown is not zero (law 9)."""
    if value is None:
        return NO_DATA
    text = f"{Decimal(str(value)):.2f}" if not isinstance(value, str | int) else str(value)
    return f"{text} {unit}".rstrip()


def status_text() -> str:
    s = status_snapshot()
    desk = s["desk"]
    flags = ", ".join(name for name, on in flag_figures(s).items() if on) or "none"
    head = chain_head()
    lines = [
        *(["SIMULATOR"] if s["simulator"] else []),
        s["line"],
        f"mode {desk['mode']}, flags: {flags}, overall {s['overall']}",
        f"hedges: {s['counts']['open']} open, {s['counts']['partial']} partial, {s['counts']['simulated']} simulated",
    ]
    if s["outstanding_risk"]:
        lines.append("OUTSTANDING RISK")
    if s["failing"]:
        lines.append(f"failing: {', '.join(s['failing'])}")
    lines += [f"awaiting second confirmation: {row['sentence']} (by {row['requested_by']})" for row in s["pending"]]
    lines.append(f"audit: {head.count} records, head {head.hash[:16]}, build {s['build_version']}")
    return "\n".join(lines)


def _position_line(row: dict[str, Any]) -> str:
    pnl = figure(row["unrealized_pnl_usdt"], "USDT")
    return (
        f"{str(row['id'])[:8]} {row['symbol']} {row['status']}: {row['base_size']} "
        f"long {row['long_venue']}, short {row['short_venue']}, unrealized {pnl}"
    )


def positions_text() -> str:
    found = positions_payload(PositionFilters(), Page(limit=SHOWN, offset=0))
    rows = [_position_line(row) for row in jsonable(found["positions"])]
    if not rows:
        return "No hedge is open."
    more = found["total"] - len(rows)
    return "\n".join([*rows, *([f"and {more} more"] if more > 0 else [])])


def pnl_text() -> str:
    money = status_snapshot()["money"]
    simulated = money["simulated"]
    return "\n".join(
        [
            f"realized today {figure(money['realized_today'], 'USDT')}",
            f"realized in total {figure(money['realized_total'], 'USDT')}",
            f"unrealized {figure(money['unrealized'], 'USDT')}{' (a mark is missing)' if money['incomplete'] else ''}",
            f"open notional {figure(money['open_notional'], 'USDT')}",
            f"SIMULATED: realized today {figure(simulated['realized_today'], 'USDT')}",
        ]
    )


def daily_text() -> str:
    report = daily_report(utc_now())
    return "\n".join([f"Day {report['day']} UTC", *(_day_line(name, report[name]) for name in ("real", "simulated"))])


def _day_line(name: str, day: dict[str, Any]) -> str:
    return (
        f"{name}: {day['opened']} opened, {day['closed']} closed, {day['failed']} failed, {day['fills']} fills, "
        f"fees {figure(day['fees_usdt'], 'USDT')}, realized {figure(day['realized_pnl_usdt'], 'USDT')}"
    )


def liquidity_text() -> str:
    """What stands at the touch of the allowed symbols, and the free balance of each venue."""
    return "\n".join([*_touch_lines(), *_balance_lines()])


def _touch_lines() -> list[str]:
    try:
        quotes = board().quotes(allowed_symbols())
    except BoardUnavailableError:
        return [f"quotes: {NO_DATA}"]
    return [
        f"{quote.symbol} {quote.venue}: {quote.bid_quantity:f} @ {quote.bid:f} | {quote.ask:f} @ {quote.ask_quantity:f}"
        for quote in sorted(quotes.values(), key=lambda quote: (quote.symbol, quote.venue))[: 2 * SHOWN]
    ] or [f"quotes: {NO_DATA}"]


def _balance_lines() -> list[str]:
    try:
        return [f"{row.venue}: free {figure(row.available_usdt, 'USDT')}" for row in ports().venues()]
    except PortsNotRegisteredError:
        return [f"balances: {NO_DATA}"]


def reconcile_text() -> str:
    found = status_snapshot()["reconciliation"]
    if found["last_round_at"] is None:
        return "No reconciliation round has finished yet."
    clean = {True: "clean", False: "not clean", None: "a venue could not be read"}[found["clean"]]
    rows = [
        f"{row['kind']} {row['venue']} {row['symbol']}: ours {row['ours']}, theirs {row['theirs']}"
        for row in found["open_differences"][:SHOWN]
    ]
    return "\n".join([f"Last round {found['last_round_at']}: {clean}", *rows])
