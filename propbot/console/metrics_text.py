"""/metrics: counters of all processes, and gauges read from the database at each scrape."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import DatabaseError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

import propbot.metrics  # noqa: F401 - its counters exist in this process from the first scrape on, at zero
from propbot.build import version
from propbot.config import values
from propbot.console.selectors.desk import desk_figures, hedge_counts
from propbot.console.selectors.engine import execution_counters, venue_rows
from propbot.console.selectors.health import failing_checks
from propbot.console.selectors.status import status_snapshot
from propbot.console.slo_metrics import refusal_metrics, slo_metrics
from propbot.upkeep.selectors import heartbeat_ages
from risk.models import DeskState
from risk.selectors import desk_read
from trading.models import PnlSnapshot


class DeskCollector(Collector):
    """What only the database knows. An unreadable database leaves the series out: no figure is invented."""

    def collect(self) -> Iterable[Metric]:
        build = (version(), values().text("PROFILE"))
        yield _gauge("propbot_build", "The build that answers", {build: 1}, ("build", "profile"))
        try:
            yield from [*_desk(), *_hedges(), *_pnl(), *_venues(), *_ages(), *slo_metrics(status_snapshot()["slo"])]
        except (DatabaseError, DeskState.DoesNotExist):
            yield _gauge("propbot_database_readable", "1 when the figures below could be read", {(): 0})
        yield from refusal_metrics()


def _gauge(name: str, text: str, samples: Mapping[Any, float], labels: tuple[str, ...] = ()) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in samples.items():
        family.add_metric(key, value)
    return family


def _desk() -> list[Metric]:
    desk = desk_figures(desk_read())
    flags = {(name,): float(bool(desk[name])) for name in ("hold_active", "safe_mode", "dry_run")}
    failing = failing_checks()
    return [
        _gauge("propbot_database_readable", "1 when the figures below could be read", {(): 1}),
        _gauge("propbot_desk_flag", "Flags of the desk", flags, ("flag",)),
        _gauge("propbot_desk_running", "1 while mode is RUN", {(): float(desk["mode"] == "RUN")}),
        _gauge("propbot_hold_id", "Number of the newest HOLD", {(): float(desk["hold_id"])}),
        _gauge(
            "propbot_health_failing", "Checks of /healthz that fail", {(name,): 1.0 for name in failing}, ("check",)
        ),
    ]


def _hedges() -> list[Metric]:
    counts = {(name,): float(count) for name, count in hedge_counts().items()}
    engine = {(name,): float(count) for name, count in execution_counters().items()}
    return [
        _gauge("propbot_hedges", "Hedges that are not over", counts, ("status",)),
        _gauge("propbot_engine", "Orders without proof, open orders, exposed hedges", engine, ("what",)),
    ]


def _pnl() -> list[Metric]:
    samples: dict[tuple[str, ...], float] = {}
    for simulated in (False, True):
        row = PnlSnapshot.objects.filter(simulated=simulated).first()
        if row is not None:
            kind = "simulated" if simulated else "real"
            samples[(kind, "realized_today")] = float(row.realized_today_usdt)
            samples[(kind, "open_notional")] = float(row.open_notional_usdt)
            if row.unrealized_usdt is not None:
                samples[(kind, "unrealized")] = float(row.unrealized_usdt)
    return [_gauge("propbot_pnl_usdt", "PnL and exposure of the last snapshot", samples, ("kind", "figure"))]


def _venues() -> list[Metric]:
    rows = venue_rows()
    reachable = {(row["venue"],): float(row["reachable"]) for row in rows if row["reachable"] is not None}
    trips = {(row["venue"],): row["rtt_ms_p95"] for row in rows if row["rtt_ms_p95"] is not None}
    skews = {(row["venue"],): row["clock_skew_ms"] for row in rows if row["clock_skew_ms"] is not None}
    return [
        _gauge("propbot_venue_reachable", "1 when the last calls were answered", reachable, ("venue",)),
        _gauge("propbot_venue_rtt_p95_ms", "Round trip, p95", trips, ("venue",)),
        _gauge("propbot_venue_clock_skew_ms", "Clock skew; positive: the venue is ahead", skews, ("venue",)),
    ]


def _ages() -> list[Metric]:
    ages = {(name,): age for name, age in heartbeat_ages().items()}
    return [_gauge("propbot_heartbeat_age_seconds", "Seconds since the last heartbeat", ages, ("name",))]


class Labelled(Collector):
    """Every sample with the deployment's ``mode``, whichever process counted it."""

    def __init__(self, *inner: Collector) -> None:
        self._inner = inner

    def collect(self) -> Iterable[Metric]:
        mode = values().text("MODE")
        for collector in self._inner:
            for metric in collector.collect():
                metric.samples = [sample._replace(labels={**sample.labels, "mode": mode}) for sample in metric.samples]
                yield metric


def metrics_text(*, multiprocess: bool) -> bytes:
    """Prometheus text. With several processes their files are merged; alone, this process's registry is used."""
    counted: Collector = REGISTRY
    if multiprocess:
        counted = MultiProcessCollector(CollectorRegistry())  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    registry.register(Labelled(counted, DeskCollector()))
    return generate_latest(registry)
