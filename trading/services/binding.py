"""What the journal binds itself to, read under its locks in one statement, and what of it refuses a hedge."""

from dataclasses import dataclass

from propbot.clock import utc_day_start, utc_now
from propbot.errors import RefusedError
from propbot.statements import Question
from risk.looks import ask_ahead
from risk.models import DeskState
from risk.services.guard import desk_asked
from risk.services.reservations import reservation_reads
from trading.services.exposure import strategies_pnl
from trading.services.held import held
from trading.sizing import EntryPlan

# The statuses of an order without proof, too: a plan made for any list of them could not use its partial index.
ENTANGLED = """
SELECT EXISTS (SELECT FROM trading_order WHERE status IN ('sending', 'unknown', 'open') AND NOT simulated
                  AND (symbol = %(symbol)s OR trader_epoch < %(epoch)s)),
       EXISTS (SELECT FROM trading_hedge WHERE symbol = %(symbol)s AND simulated = %(simulated)s
                  AND NOT (status IN ('closed', 'failed')) AND (long_venue = %(short)s OR short_venue = %(long)s)),
       ARRAY (SELECT nextval(pg_get_serial_sequence('trading_leg', 'id')) FROM generate_series(1, 2)),
       ARRAY (SELECT nextval(pg_get_serial_sequence('trading_order', 'id')) FROM generate_series(1, %(orders)s))
"""


@dataclass(frozen=True)
class Binding:
    """What was read under the journal's locks: the desk, orders without proof, a hedge in the other direction; and the
    keys of two legs and of the orders, given with the same breath."""

    desk: tuple[DeskState, bool | None]
    unproven: bool
    clash: bool
    leg_ids: list[int]
    order_ids: list[int]


def binding_ask(plan: EntryPlan, epoch: int, *, orders: int) -> Binding:
    """One statement, for every intent that comes after waits for it: with it the reservation's figures, which this
    look then holds."""
    intent = plan.intent
    entangled = {
        "symbol": intent.symbol, "epoch": epoch, "simulated": plan.simulated,
        "long": intent.long_venue, "short": intent.short_venue, "orders": orders,
    }  # fmt: skip
    desk, [(unproven, clash, leg_ids, order_ids)] = ask_ahead(
        *reservation_reads(intent),
        held.ahead(simulated=False),
        strategies_pnl.ahead(utc_day_start(utc_now()).date(), simulated=False),
        also=(desk_asked(), Question(ENTANGLED, entangled, list)),
    )
    return Binding(desk, unproven, clash, leg_ids, order_ids)


def refuse_entangled(plan: EntryPlan, binding: Binding) -> None:
    """Nothing new for a symbol with an unproven order, nothing at all with one of an older trader (law 2), and no
    hedge against the direction of another: the venues net positions, so each would be the other's exit."""
    if not plan.simulated and binding.unproven:
        raise RefusedError("quarantined", f"an order of {plan.intent.symbol} is not yet proved", status=423)
    if binding.clash:
        raise RefusedError("blocked", f"a hedge of {plan.intent.symbol} in the other direction is open", status=423)
