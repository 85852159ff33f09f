"""The parts of the dashboard that look the same to everybody: rendered once a second, not once per reader."""

from typing import Any

from django.template.loader import render_to_string
from django.utils.dateparse import parse_datetime

from propbot.console.charts import Chart, Point, line_chart
from propbot.console.kept import Kept, breathe
from propbot.console.selectors.market_page import spread_series, value_at_risk
from propbot.console.selectors.status import OLDEST_SECONDS, STATUS, positions_part
from propbot.console.templatetags.desk import as_decimal
from propbot.http.renderers import jsonable
from trading.choices import HedgeStatus

# Both move slowly, and value at risk reads a week of samples.
VAR_SECONDS = 60.0
SPREAD_SECONDS = 15.0
# A screen's worth; what is partial comes first and is never left out.
SHOWN_ON_THE_PAGE = 12
COMMON = (
    "hedges",
    "opportunity",
    "pnl",
    "exposure",
    "spread",
    "var",
    "limits",
    "guards",
    "venues",
    "health",
    "actions",
    "alerts",
    "tasks",
)


def points(rows: list[list[Any]]) -> list[Point]:
    read = ((parse_datetime(at), as_decimal(value)) for at, value in rows)
    return [Point(at, value) for at, value in read if at is not None and value is not None]


def pnl_chart(series: dict[str, list[list[Any]]]) -> Chart | None:
    return line_chart(points(series["real"]), points(series["simulated"]))


def figures_html() -> dict[str, Any]:
    """Name of a section -> its HTML."""
    kept, spread = STATUS.read(), SPREAD.read()
    held = positions_part(SHOWN_ON_THE_PAGE)
    newest = [row for row in held["positions"] if row["status"] != HedgeStatus.PARTIAL]
    snapshot = {
        **kept,
        **dict(jsonable({**held, "positions": [*held["partial"], *newest]})),
        "chart": pnl_chart(kept["chart_series"]),
        "var": VAR.read(),
        "spread": {**spread, "chart": line_chart(points(spread["points"]))},
    }
    return {name: _section(name, snapshot) for name in COMMON}


def _section(name: str, snapshot: dict[str, Any]) -> str:
    breathe()
    return render_to_string(f"console/sections/{name}.html", {"s": snapshot})


VAR = Kept("var", lambda: dict(jsonable(value_at_risk())), seconds=VAR_SECONDS)
SPREAD = Kept("spread", lambda: dict(jsonable(spread_series())), seconds=SPREAD_SECONDS)
FIGURES = Kept("figures", figures_html, seconds=OLDEST_SECONDS, built_on=STATUS)
