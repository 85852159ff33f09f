"""Alert rules, dashboard and runbook speak of metrics that exist, and of each other."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from propbot.console.metrics_text import metrics_text
from propbot.console.selectors.health import failing_checks
from tests.house.source import ROOT

PROMETHEUS = ROOT / "ops" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule
    for name in ("alerts.yml", "slo.yml")
    for group in yaml.safe_load((PROMETHEUS / name).read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDS = {rule["record"]: rule for rule in RULES if "record" in rule}
DASHBOARD = json.loads((ROOT / "ops" / "grafana" / "dashboards" / "desk.json").read_text(encoding="utf-8"))
# Prometheus makes these itself.
ITS_OWN = {"up"}
WORDS = {
    *(
        "abs",
        "absent",
        "and",
        "avg_over_time",
        "bool",
        "by",
        "changes",
        "count",
        "delta",
        "group_left",
        "histogram_quantile",
    ),
    *("increase", "on", "or", "rate", "sum", "vector", "without", "unless", "max", "min"),
}
NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*")
SELECTED = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
SUFFIXES = ("_total", "_bucket", "_count", "_sum", "_created")


def expressions() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule.get("alert") or rule["record"], rule["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for note in DASHBOARD["annotations"]["list"]:
        yield note["name"], note["expr"]


def named_in(expression: str) -> set[str]:
    """The metrics of an expression: what is left without strings, matchers, groupings, durations and words."""
    bare = re.sub(r"\{[^}]*\}", "", re.sub(r'"[^"]*"', "", expression))
    bare = re.sub(r"\b(by|on|without|group_left)\s*\([^)]*\)", "", bare)
    bare = re.sub(r"\[[^]]*\]", "", bare)
    return set(NAME.findall(bare)) - WORDS


@pytest.fixture
def families(db: None, client: Client) -> dict[str, Any]:
    client.get("/livez")  # web's own counters exist from the first request on
    return {family.name: family for family in text_string_to_metric_families(metrics_text(multiprocess=False).decode())}


def known(name: str, families: dict[str, Any]) -> bool:
    stems = {name, *(name.removesuffix(suffix) for suffix in SUFFIXES)}
    return name in ITS_OWN | set(RECORDS) or bool(stems & set(families))


def test_every_metric_that_is_named_exists(families: dict[str, Any]) -> None:
    unknown = {(where, name) for where, text in expressions() for name in named_in(text) if not known(name, families)}
    assert unknown == set()
    assert len({name for _, text in expressions() for name in named_in(text)}) > 25


def test_every_metric_of_propbot_is_watched_or_shown(families: dict[str, Any]) -> None:
    """But the moments at which counters began, which the client library adds to those that have counted."""
    named = {name for _, text in expressions() for name in named_in(text)}
    stems = named | {name.removesuffix(suffix) for name in named for suffix in SUFFIXES}
    own = {name for name in families if name.startswith(("propbot_", "risk_")) and not name.endswith("_created")}
    assert own - stems == set()


def test_every_label_that_is_matched_exists(families: dict[str, Any]) -> None:
    """Names and, where a metric has samples of its own on an idle desk, values too."""
    wrong = []
    for where, text in expressions():
        for name, matchers in SELECTED.findall(text):
            samples = [
                s for f in families.values() for s in f.samples if s.name == name and f.name.startswith("propbot")
            ]
            for label, operator, value in MATCHER.findall(matchers):
                found = {sample.labels.get(label) for sample in samples}
                if samples and None in found:
                    wrong.append((where, name, label))
                if (
                    name in ("propbot_desk_flag", "propbot_hedges", "propbot_engine", "propbot_slo_limit")
                    and operator == "="
                ):
                    wrong += [] if value in found else [(where, name, value)]
    assert wrong == []


def test_buckets_that_are_asked_for_exist(families: dict[str, Any]) -> None:
    from propbot import metrics

    bounds = {
        "propbot_quote_gap_seconds_bucket": metrics.QUOTE_GAP_SECONDS,
        "propbot_order_cycle_seconds_bucket": metrics.ORDER_CYCLE_SECONDS,
    }
    asked = {
        (name, value)
        for _, text in expressions()
        for name, m in SELECTED.findall(text)
        for label, _, value in MATCHER.findall(m)
        if label == "le"
    }
    assert {name for name, _ in asked} == set(bounds)
    for name, value in asked:
        assert float(value) in bounds[name]._upper_bounds


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_its_severity_its_sentence_and_its_entry(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert len(rule["annotations"]["summary"]) > 10
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^### (\w+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert name in headings
    assert anchor == name.lower()


def test_the_page_of_alerts_invents_none() -> None:
    text = (ROOT / "docs" / "operations" / "alerts.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### (\w+)$", text, re.MULTILINE)) == set(ALERTS)


def test_every_expression_closes_what_it_opens() -> None:
    for where, text in expressions():
        for pair in ("()", "{}", "[]"):
            assert text.count(pair[0]) == text.count(pair[1]), where
        assert text.count('"') % 2 == 0, where


def test_every_panel_stands_in_its_own_place() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(places) == len(set(places))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)


@pytest.mark.django_db
def test_the_checks_of_healthz_reach_prometheus(families: dict[str, Any]) -> None:
    shown = {sample.labels["check"] for sample in families["propbot_health_failing"].samples}
    assert shown == set(failing_checks()) != set()


def test_what_is_scraped_serves_metrics_in_production() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    compose = yaml.safe_load((ROOT / "docker-compose.prod.yml").read_text(encoding="utf-8"))["services"]
    targets = [one for job in config["scrape_configs"] for part in job["static_configs"] for one in part["targets"]]
    for target in targets:
        name, _, port = target.partition(":")
        assert port == ("8000" if name == "web" else compose[name]["environment"]["METRICS_PORT"])
    assert {target.partition(":")[0] for target in targets} == {"web", "trader", "worker", "beat", "stream"}
    assert set(config["rule_files"]) == {"alerts.yml", "slo.yml"}
