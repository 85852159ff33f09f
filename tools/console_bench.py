"""How fast the pages are, over HTTP, with an empty and with a full database: ``make console-bench``.

Makes its own database, serves it with its own uvicorn on a free port, measures, and drops both. The full one holds
1,000 open and 100,000 closed hedges with two legs and two orders each. Then 200 listeners of the feed wait for a HOLD.
Needs PostgreSQL and Redis (DATABASE_URL, REDIS_URL, or the usual local ones).
"""

import asyncio
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg

from tools.console_feed import LISTENERS, hold_latencies
from tools.reports import Result, at_most, measured, show, write_report

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "propbot_console_bench"
SERVER = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres").rpartition("/")[0]
REDIS = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/14")
OPEN, CLOSED = 1_000, 100_000
ROUNDS, WARM = 120, 10
PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Page:
    """One thing that people wait for. ``limit_ms`` bounds its p95 in the full database."""

    name: str
    path: str
    limit_ms: float


PAGES = (
    Page("overview", "/api/ui/status/overview", 30),
    Page("dashboard, first byte", "/ui/dashboard", 150),
    Page("positions", "/api/ui/positions", 60),
    Page("hedges page", "/ui/hedges", 60),
)


def bench_env(data: str, port: int) -> dict[str, str]:
    own = {
        "DATABASE_URL": f"{SERVER}/{DATABASE}",
        "REDIS_URL": REDIS,
        "DATA_DIR": data,
        "PORT": str(port),
        "PROFILE": "paper",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "APPROVE_TOKEN": secrets.token_urlsafe(24),
        "AUDIT_HMAC_KEY": secrets.token_urlsafe(48),
        "AUDIT_SIGNING_KEY": "YmVuY2gtb25seS1lZDI1NTE5LXNlZWQtMzItYnl0ZXM=",
        "RISK_CHECKS_ENABLED": "true",
        "RISK_ENFORCE_CAPS": "true",
        "RISK_ENFORCE_BUDGETS": "true",
        "DJANGO_SETTINGS_MODULE": "propbot.settings",
    }
    return {**os.environ, **own}


def manage(env: dict[str, str], *words: str) -> str:
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True, text=True).stdout  # noqa: S603


@contextmanager
def database() -> Iterator[psycopg.Connection]:
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {DATABASE}")
        try:
            yield server
        finally:
            server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def served(env: dict[str, str], port: int) -> Iterator[str]:
    command = [sys.executable, "-m", "uvicorn", "propbot.asgi:application", "--host", "127.0.0.1", "--port", str(port)]
    web = subprocess.Popen(  # noqa: S603
        [*command, "--log-level", "warning"], cwd=ROOT, env={**env, "PROCESS": "web"}, stdout=subprocess.DEVNULL
    )
    try:
        wait_until_alive(f"http://127.0.0.1:{port}/livez", web)
        yield f"http://127.0.0.1:{port}"
    finally:
        web.terminate()
        web.wait(10)


def wait_until_alive(url: str, web: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and web.poll() is None:
        try:
            if httpx.get(url, timeout=1).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise RuntimeError("the bench's web process does not answer")


def first_byte_ms(client: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    with client.stream("GET", path) as answer:
        next(answer.iter_raw(1), b"")
        taken = (time.perf_counter() - began) * 1000
        answer.read() if not answer.is_stream_consumed else None
    if answer.status_code != httpx.codes.OK:
        raise RuntimeError(f"{path} answered {answer.status_code}")
    return taken


def whole_ms(client: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    answer = client.get(path)
    taken = (time.perf_counter() - began) * 1000
    if answer.status_code != httpx.codes.OK:
        raise RuntimeError(f"{path} answered {answer.status_code}: {answer.text[:300]}")
    return taken


def percentile(values: list[float], share: float) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))]


def timings(client: httpx.Client) -> dict[str, tuple[float, float]]:
    """Median and p95 of each page, in ms; the pages take turns, so that all meet the same noise."""
    found: dict[str, list[float]] = {page.name: [] for page in PAGES}
    for turn in range(ROUNDS + WARM):
        for page in PAGES:
            measure = first_byte_ms if "first byte" in page.name else whole_ms
            taken = measure(client, page.path)
            if turn >= WARM:
                found[page.name].append(taken)
            time.sleep(PAUSE_SECONDS)
    return {name: (statistics.median(values), percentile(values, 0.95)) for name, values in found.items()}


SEED = """
INSERT INTO trading_hedge (id, symbol, strategy, long_venue, short_venue, status, simulated, planned_quantity,
  quantity, notional_usdt, leverage, entry_long_price, entry_short_price, entry_spread_bps, expected_net_edge_bps,
  realized_pnl_usdt, initiator, decision, timings, trader_epoch, hold_id, failure_reason, close_reason,
  created_at, opened_at, closed_at{more})
SELECT gen_random_uuid(), (ARRAY['BTCUSDT','ETHUSDT','SOLUSDT'])[1 + n %% 3], 'cross_exchange_arb', 'binance-um',
  'okx-perp', %(status)s::text, false, 0.01, CASE WHEN %(status)s::text = 'open' THEN 0.01 ELSE 0 END, 900, 1, 90000, 90100, 11.1,
  2.5, CASE WHEN %(status)s::text = 'open' THEN NULL ELSE 0.1 END, 'alice', '{{}}', '{{}}', 1, 1, '', '',
  clock_timestamp() - n * interval '1 minute', clock_timestamp() - n * interval '1 minute',
  CASE WHEN %(status)s::text = 'open' THEN NULL ELSE clock_timestamp() - n * interval '30 seconds' END{values}
FROM generate_series(1, %(count)s) AS n
"""


def required_rest(link: psycopg.Connection, table: str, named: set[str]) -> tuple[str, str]:
    """Columns without a default that this seed does not name, with a neutral value for each."""
    rows = link.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s "
        "AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'",
        [table],
    ).fetchall()
    neutral = {"boolean": "false", "jsonb": "'{}'", "character varying": "''", "text": "''"}
    rest = [(name, neutral.get(kind, "0")) for name, kind in rows if name not in named]
    return "".join(f", {name}" for name, _ in rest), "".join(f", {value}" for _, value in rest)


def seed_rows(link: psycopg.Connection, table: str, template: str, **values: object) -> None:
    named = {word.strip() for word in template.partition("(")[2].partition("{more}")[0].replace("\n", " ").split(",")}
    more, rest = required_rest(link, table, named)
    link.execute(template.format(more=more, values=rest), values)  # type: ignore[arg-type]


LEGS = """
INSERT INTO trading_leg (hedge_id, position_side, venue, symbol, quantity, entered_quantity, exited_quantity,
  entry_price{more})
SELECT h.id, side, CASE side WHEN 'long' THEN 'binance-um' ELSE 'okx-perp' END, h.symbol, h.quantity, 0.01,
  0.01 - h.quantity,
  CASE side WHEN 'long' THEN 90000 ELSE 90100 END{values}
FROM trading_hedge h CROSS JOIN unnest(ARRAY['long', 'short']) AS side
"""
ORDERS = """
INSERT INTO trading_order (client_order_id, hedge_id, leg_id, venue, symbol, side, purpose, status, quantity,
  limit_price, filled_quantity, average_price, created_at, sending_at, answered_at{more})
SELECT 'bench' || l.id, l.hedge_id, l.id, l.venue, l.symbol, CASE l.position_side WHEN 'long' THEN 'buy' ELSE 'sell' END,
  'entry', 'filled', 0.01, l.entry_price, 0.01, l.entry_price, h.created_at, h.created_at,
  h.created_at + interval '40 milliseconds'{values}
FROM trading_leg l JOIN trading_hedge h ON h.id = l.hedge_id
"""


def seed(url: str) -> None:
    with psycopg.connect(url) as link:
        link.execute("SET session_replication_role = replica")
        for status, count in (("open", OPEN), ("closed", CLOSED)):
            seed_rows(link, "trading_hedge", SEED, status=status, count=count)
        seed_rows(link, "trading_leg", LEGS)
        seed_rows(link, "trading_order", ORDERS)
    with psycopg.connect(url, autocommit=True) as link:
        link.execute("VACUUM ANALYZE")


def feed_results(latencies: list[float]) -> list[Result]:
    return [
        measured(f"HOLD seen by {LISTENERS} listeners, median", statistics.median(latencies), "ms"),
        at_most(f"HOLD seen by {LISTENERS} listeners, p99", percentile(latencies, 0.99), "ms", 1000),
        measured(f"HOLD seen by {LISTENERS} listeners, the slowest of {len(latencies)}", max(latencies), "ms"),
    ]


def judged(empty: dict[str, tuple[float, float]], full: dict[str, tuple[float, float]]) -> list[Result]:
    found: list[Result] = []
    for page in PAGES:
        found += [
            measured(f"{page.name}, empty, median", empty[page.name][0], "ms"),
            measured(f"{page.name}, empty, p95", empty[page.name][1], "ms"),
            measured(f"{page.name}, full, median", full[page.name][0], "ms"),
            at_most(f"{page.name}, full, p95", full[page.name][1], "ms", page.limit_ms),
            at_most(f"{page.name}, full over empty, medians", full[page.name][0] / empty[page.name][0], "times", 1.5),
        ]
    return [*found, measured("load average of the machine while measuring", os.getloadavg()[0], "processes")]


def bench(say: Callable[[str], object]) -> list[Result]:
    port = free_port()
    with tempfile.TemporaryDirectory() as data, database():
        env = bench_env(data, port)
        say("migrating an empty database")
        manage(env, "migrate", "--no-input", "-v", "0")
        accounts = Path(data) / "people.json"
        manage(env, "demo_people", "--file", str(accounts))
        people = json.loads(accounts.read_text())["people"]
        operator, viewer = people["alice"]["token"], people["vera"]["token"]
        headers = {"Authorization": f"Bearer {viewer}"}
        with served(env, port) as base, httpx.Client(base_url=base, headers=headers, timeout=30) as client:
            say("measuring the empty one")
            empty = timings(client)
            say(f"seeding {OPEN} open and {CLOSED} closed hedges")
            seed(env["DATABASE_URL"])
            say("measuring the full one")
            full = timings(client)
            say(f"stopping the desk before {LISTENERS} listeners")
            feed = asyncio.run(hold_latencies(base, operator=operator, viewer=viewer))
    return [*judged(empty, full), *feed_results(feed)]


def main() -> int:
    if urlsplit(SERVER).hostname not in (None, "127.0.0.1", "localhost"):
        sys.stderr.write("the bench drops databases: it runs against a local PostgreSQL only\n")
        return 2
    results = bench(lambda text: sys.stdout.write(f"{text}\n"))
    show(results)
    write_report("console_bench", results, command="make console-bench")
    return 0 if all(row.ok is not False for row in results) else 1


if __name__ == "__main__":
    sys.exit(main())
