"""The last resort (law 1): cancel everywhere, optionally flatten, and prove it, with nothing but the venues' answers.

It stands outside laws 2, 4, 7 and 11: no database, no Redis, no journal, no approval. The HOLD file comes first and
stops every sender; then it waits until whatever was on the wire must have been refused; only then it acts. What it did
goes to the fsynced spool, which is ingested once the audit lives again.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from audit.context import Actor
from audit.services import spool
from propbot.clock import utc_now
from propbot.errors import RecordingFailedError
from risk import hold_file
from trading import ids
from trading.sizing import quote_price, round_down
from trading.venues.base import (
    InstrumentInfo,
    OrderRequest,
    Outcome,
    OutcomeKind,
    VenueClient,
    VenueError,
    VenueOrder,
    VenuePosition,
)

EXPIRY_WAIT_SECONDS = 3.0  # orders expire 2 s after they are marked; one more for clocks
SEND_WINDOW_SECONDS = 2.0
ROUNDS = 5
EXIT_BPS = (Decimal(15), Decimal(50), None)
Say = Callable[[str], None]


@dataclass
class PanicReport:
    """What was done and what is left; ``clean`` only when every venue was read again and holds nothing it should not."""

    canceled: dict[str, int] = field(default_factory=dict)
    flattened: list[str] = field(default_factory=list)
    orders_left: list[str] = field(default_factory=list)
    positions_left: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def clean(self, *, flatten: bool) -> bool:
        return not (self.orders_left or self.unread or (flatten and self.positions_left))

    def document(self) -> dict[str, object]:
        return dict(vars(self))


def panic(*, clients: Mapping[str, VenueClient], flatten: bool, say: Say) -> PanicReport:
    """HOLD file, wait, cancel, flatten, prove, record. Never raises for a venue's trouble: it goes on with the others."""
    hold_file.write(reason="panic", source="panic", hold_id=None, at=utc_now())
    say(f"HOLD file written: {hold_file.path()}")
    say(f"waiting {EXPIRY_WAIT_SECONDS:g} s until orders on the wire have expired")
    time.sleep(EXPIRY_WAIT_SECONDS)
    report = asyncio.run(_act(clients, flatten=flatten, say=say))
    _record(report, flatten=flatten, say=say)
    return report


def _record(report: PanicReport, *, flatten: bool, say: Say) -> None:
    actor = Actor(name=f"uid {os.getuid()}", channel="cli")
    try:
        spool(action="panic", target="desk", details={**report.document(), "flatten": flatten}, actor=actor)
    except (OSError, RecordingFailedError) as error:
        say(f"the spool could not be written ({error.__class__.__name__}): keep this output")


async def _act(clients: Mapping[str, VenueClient], *, flatten: bool, say: Say) -> PanicReport:
    report = PanicReport()
    await asyncio.gather(*(_venue(client, report, flatten=flatten, say=say) for client in clients.values()))
    await asyncio.gather(*(client.close() for client in clients.values()), return_exceptions=True)
    return report


async def _venue(client: VenueClient, report: PanicReport, *, flatten: bool, say: Say) -> None:
    await _cancel(client, report, say)
    if flatten:
        await _flatten(client, report, say)
    await _prove(client, report, say)


async def _retry(report: PanicReport, client: VenueClient, question: Callable[[], Any]) -> Any:
    """Ask a few times; None when the venue gave no usable answer at all."""
    for number in range(ROUNDS):
        try:
            return await question()
        except VenueError as error:
            report.troubles.append(f"{client.venue}: {error.code}")
            await asyncio.sleep(0.2 * (number + 1))
    return None


async def _cancel(client: VenueClient, report: PanicReport, say: Say) -> None:
    before: list[VenueOrder] | None = await _retry(report, client, lambda: client.fetch_open_orders(None))
    for order in before or []:
        named = order.client_order_id or order.venue_order_id
        outcome = await client.cancel(order.symbol, order.client_order_id, venue_order_id=order.venue_order_id)
        say(f"{client.venue}: cancel {named}: {outcome.kind} {outcome.code}")
    report.canceled[client.venue] = len(before or [])


async def _flatten(client: VenueClient, report: PanicReport, say: Say) -> None:
    """Reduce-only, nearer to market each round; never larger than what the venue says is held."""
    listed = await _retry(report, client, client.fetch_instruments)
    grids = {info.symbol: info for info in listed or []}
    for bps in EXIT_BPS:
        positions: Sequence[VenuePosition] | None = await _retry(report, client, client.fetch_positions)
        held = [position for position in positions or [] if position.quantity]
        if positions is not None and not held:
            return
        for position in held:
            await _reduce(client, report, position, grids.get(position.symbol), bps, say)


async def _reduce(
    client: VenueClient,
    report: PanicReport,
    position: VenuePosition,
    info: InstrumentInfo | None,
    bps: Decimal | None,
    say: Say,
) -> None:
    request = await _request(client, position, info, bps)
    outcome: Outcome = await client.submit(request)
    if outcome.kind == OutcomeKind.ACCEPTED:
        report.flattened.append(f"{client.venue} {position.symbol} {request.side} {request.quantity:f}")
    say(
        f"{client.venue}: {request.side} {request.quantity:f} {position.symbol} reduce-only: {outcome.kind} {outcome.code}"
    )


async def _request(
    client: VenueClient, position: VenuePosition, info: InstrumentInfo | None, bps: Decimal | None
) -> OrderRequest:
    """IOC through the touch, or market when there is no price. The id is panic's own: no journal knows it."""
    side = "sell" if position.quantity > 0 else "buy"
    quantity = abs(position.quantity)
    if info is not None:
        quantity = min(round_down(quantity, info.lot_size), info.max_quantity or quantity)
    price = await _price(client, position.symbol, side, info, bps)
    sending_at = utc_now()
    return OrderRequest(
        client_order_id=f"PBpanic{ids.base62(time.time_ns(), 12)}F{ids.base62(os.getpid() % 3844, 2)}",
        symbol=position.symbol,
        side=side,
        order_type="market" if price is None else "limit",
        time_in_force="" if price is None else "ioc",
        quantity=quantity,
        limit_price=price,
        reduce_only=True,
        sending_at=sending_at,
        expires_at=sending_at + timedelta(seconds=SEND_WINDOW_SECONDS),
    )


async def _price(
    client: VenueClient, symbol: str, side: str, info: InstrumentInfo | None, bps: Decimal | None
) -> Decimal | None:
    if bps is None or info is None:
        return None
    try:
        quotes = await client.fetch_quotes([symbol])
    except VenueError:
        return None
    return quote_price(quotes[0], "buy" if side == "buy" else "sell", bps, info.tick_size) if quotes else None


async def _prove(client: VenueClient, report: PanicReport, say: Say) -> None:
    """Read again: what a cancel or a reduction answered proves nothing."""
    orders: list[VenueOrder] | None = await _retry(report, client, lambda: client.fetch_open_orders(None))
    positions: list[VenuePosition] | None = await _retry(report, client, client.fetch_positions)
    if orders is None or positions is None:
        report.unread.append(client.venue)
        say(f"{client.venue}: NOT PROVED, it does not answer")
        return
    report.orders_left += [f"{client.venue} {o.symbol} {o.client_order_id or o.venue_order_id}" for o in orders]
    report.positions_left += [f"{client.venue} {p.symbol} {p.quantity:f}" for p in positions if p.quantity]
    say(f"{client.venue}: {len(orders)} open orders, {sum(bool(p.quantity) for p in positions)} positions")
