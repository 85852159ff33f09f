from trading.models.attempts import HedgeAttempt, TaskState
from trading.models.hedges import Hedge, Leg
from trading.models.ledger import AccountSnapshot, DailyPnl, Fill, FundingPayment, PnlSnapshot, VenueLedgerEntry
from trading.models.market import BasisSample, Instrument, Opportunity, StandingBasis, UniverseEntry
from trading.models.orders import Order, OrderEvent
from trading.models.reconciliation import ReconciliationDifference, ReconciliationRound
from trading.models.venues import VenueHealth

__all__ = [
    "AccountSnapshot",
    "BasisSample",
    "DailyPnl",
    "Fill",
    "FundingPayment",
    "Hedge",
    "HedgeAttempt",
    "Instrument",
    "Leg",
    "Opportunity",
    "Order",
    "OrderEvent",
    "PnlSnapshot",
    "ReconciliationDifference",
    "ReconciliationRound",
    "StandingBasis",
    "TaskState",
    "UniverseEntry",
    "VenueHealth",
    "VenueLedgerEntry",
]
