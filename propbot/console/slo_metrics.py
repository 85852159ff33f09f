"""The service levels as Prometheus gauges: what was measured, the limits it is judged by, and the quotes refused."""

from collections.abc import Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from propbot.console.slo import THRESHOLDS
from trading.quotes import BoardUnavailableError, board


def slo_metrics(slo: Mapping[str, Any]) -> list[Metric]:
    """A level that nobody could measure has no sample: unknown is neither zero nor fine (law 9)."""
    measured = GaugeMetricFamily(
        "propbot_slo", "Service levels as measured, in the unit of their name", labels=["name"]
    )
    limits = GaugeMetricFamily("propbot_slo_limit", "What a service level is judged by", labels=["name", "level"])
    for name, limit in THRESHOLDS.items():
        if slo.get(name) is not None:
            measured.add_metric([name], float(slo[name]))
        limits.add_metric([name, "warn"], float(limit.warn))
        limits.add_metric([name, "error"], float(limit.error))
    return [measured, limits]


def refusal_metrics() -> list[Metric]:
    """Counted by the stream on the board; nothing while Redis does not answer."""
    family = CounterMetricFamily(
        "propbot_quotes_refused", "Quotes that the board refused", labels=["venue", "symbol", "reason"]
    )
    try:
        for key, count in board().refusals().items():
            family.add_metric(list(key), count)
    except BoardUnavailableError:
        return []
    return [family]
