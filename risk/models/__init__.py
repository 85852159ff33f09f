from risk.models.control import ControlChange, ControlSettings
from risk.models.desk import ApprovedResume, AutopilotDecision, DeskStart, DeskState, TraderLease
from risk.models.exposure import EntryBlock, Reservation, RiskSkip
from risk.models.governor import GovernorSample
from risk.models.limits import LimitsVersion, RiskLimit
from risk.models.strategies import Strategy, StrategyEvent

__all__ = [
    "ApprovedResume",
    "AutopilotDecision",
    "ControlChange",
    "ControlSettings",
    "DeskStart",
    "DeskState",
    "EntryBlock",
    "GovernorSample",
    "LimitsVersion",
    "Reservation",
    "RiskLimit",
    "RiskSkip",
    "Strategy",
    "StrategyEvent",
    "TraderLease",
]
