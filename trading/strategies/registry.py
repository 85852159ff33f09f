"""The strategies that this build has, by name; the first one is the desk's default."""

from risk.registry import DEFAULT_STRATEGY, StrategyEntry, strategy_register
from trading.strategies.base import Plugin
from trading.strategies.cross_exchange_arb import CrossExchangeArb
from trading.strategies.funding_rate_arb import FundingRateArb

PLUGINS: dict[str, Plugin] = {plugin.name: plugin for plugin in (CrossExchangeArb(), FundingRateArb())}


def plugin_of(name: str) -> Plugin:
    """The strategy of that name; the default's rules for a name that this build does not know any more."""
    return PLUGINS.get(name, PLUGINS[DEFAULT_STRATEGY])


def register() -> None:
    """Make them known to risk, which keeps a row of switches and budgets for each."""
    for plugin in PLUGINS.values():
        strategy_register(StrategyEntry(plugin.name, plugin.title, plugin, enabled_at_first=plugin.enabled_at_first))
