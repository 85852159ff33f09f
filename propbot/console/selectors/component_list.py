"""Facts into components: what each part of the desk says of itself. Pure but for its inputs' names."""

from collections.abc import Mapping
from typing import Any

from propbot.console.components import Component

Facts = Mapping[str, Any]


def component_list(desk: Facts, facts: Facts) -> list[Component]:
    failing = set(facts["failing"])
    return [
        desk_component(desk),
        _process("database", "PostgreSQL", "P0", failing, "answers", "does not answer"),
        _process("redis", "Redis", "P0", failing, "answers", "does not answer; HOLD and panic work without it"),
        _process(
            "trader", "Trader", "P0", failing, "holds the lease and takes work", "no living trader holds the lease"
        ),
        _hedges(desk, facts),
        _reconciliation(facts),
        _stream(failing),
        _process("scanner", "Scanner", "P1", failing, "scans", "has not scanned for several periods"),
        *(_venue(row) for row in facts["venues"]),
        _governor(facts),
        _auto_hedge(facts, failing),
        _edge(facts),
        _runaway(facts),
        *(strategy_component(row) for row in facts["strategies"]),
        _process("beat", "Beat", "P3", failing, "keeps the schedule", "no beat holds the lease: nothing is scheduled"),
        _process("worker", "Worker", "P3", failing, "takes work", "no task went through queue ops lately"),
        _approvals(desk),
    ]


def _process(name: str, title: str, group: str, failing: set[str], good: str, bad: str) -> Component:
    dead = name in failing
    return Component(name, title, group, "ERROR" if dead else "OK", bad if dead else good)


def _stream(failing: set[str]) -> Component:
    shares = sorted(name.removeprefix("stream ") for name in failing if name.startswith("stream "))
    if shares:
        text = f"share {', '.join(shares)} has no process: no fresh quotes of its symbols"
        return Component("stream", "Quote stream", "P1", "ERROR", text)
    return _process("stream", "Quote stream", "P1", failing, "quotes arrive", "no fresh quotes: the scanner reads REST")


def desk_component(desk: Facts) -> Component:
    row = desk["desk"]
    status = "HOLD" if row["hold_active"] else "WARN" if row["safe_mode"] or row["mode"] != "RUN" else "OK"
    since = row["hold_since"] if row["hold_active"] else row["last_released_at"]
    metrics = {"hold_id": row["hold_id"], "mode": row["mode"], "safe_mode": row["safe_mode"], "dry_run": row["dry_run"]}
    return Component("desk", "Desk", "P0", status, desk["line"], metrics, _iso(since), {"page": "/ui/dashboard"})


def _iso(moment: Any) -> str | None:
    return moment.isoformat() if moment is not None else None


def _hedges(desk: Facts, facts: Facts) -> Component:
    partial, unproven = desk["counts"]["partial"], facts["counters"]["unproven_orders"]
    links = {"page": "/ui/hedges"}
    metrics = {**desk["counts"], "unproven_orders": unproven}
    if partial or facts["unbalanced"]:
        text = f"OUTSTANDING RISK: {partial} partial hedges" if partial else "OUTSTANDING RISK: legs are unequal"
        return Component("hedges", "Hedges", "P0", "ERROR", text, metrics, links=links)
    if unproven:
        return Component("hedges", "Hedges", "P0", "WARN", f"{unproven} orders without proof", metrics, links=links)
    return Component("hedges", "Hedges", "P0", "OK", "every hedge is matched", metrics, links=links)


def _reconciliation(facts: Facts) -> Component:
    found = facts["reconciliation"]
    count = len(found["open_differences"])
    status, text = "OK", "the last round was clean"
    if found["last_round_at"] is None:
        status, text = "NO DATA", "no round has finished yet"
    elif count:
        status, text = "ERROR", f"{count} differences between our books and the venues'"
    elif found["clean"] is None:
        status, text = "WARN", "a venue could not be read in the last round"
    elif not found["clean"]:
        status, text = "WARN", "the last round was not clean"
    links = {"admin": "/admin/trading/reconciliationround/"}
    return Component(
        "reconciliation",
        "Reconciliation",
        "P0",
        status,
        text,
        {"differences": count},
        _iso(found["last_round_at"]),
        links,
    )


def _venue(row: Facts) -> Component:
    metrics = {name: row[name] for name in ("rtt_ms_p50", "rtt_ms_p95", "clock_skew_ms", "quote_age_ms")}
    status, text = _venue_says(row)
    return Component(f"venue:{row['venue']}", row["venue"], "P1", status, text, metrics, _iso(row["last_ok_at"]))


def _venue_says(row: Facts) -> tuple[str, str]:
    if row["reachable"] is None:
        return "NO DATA", "no call has been made yet"
    if not row["reachable"]:
        return "ERROR", f"unreachable: {row['last_error'] or 'no answer'}"
    if row["maintenance"]:
        return "ERROR", "in maintenance"
    if row["preflight_ok"] is False:
        return "ERROR", "the account is not set up as the desk needs it"
    if row["rate_limited"]:
        return "WARN", "rate limited"
    return "OK", "reachable"


def _governor(facts: Facts) -> Component:
    found = facts["governor"]
    if found is None:
        return Component("governor", "Governor", "P1", "NO DATA", "no sample yet")
    bad = [*found["breaches"], *found["entry_stops"]]
    status = "ERROR" if found["breaches"] else "WARN" if bad else "OK"
    return Component(
        "governor", "Governor", "P1", status, bad[0] if bad else "no guard is breached", {}, _iso(found["at"])
    )


def _auto_hedge(facts: Facts, failing: set[str]) -> Component:
    found = facts["auto_hedge"]
    failures = found["consecutive_failures"] or 0
    status, text = "OK", "on" if found["enabled"] else "off"
    if "auto_hedge" in failing:
        status, text = "ERROR", "on, but has not run for several periods"
    elif failures:
        status, text = "WARN", f"{failures} failures in a row"
    return Component(
        "auto_hedge", "Auto-hedge", "P2", status, text, {"consecutive_failures": found["consecutive_failures"]}
    )


def _edge(facts: Facts) -> Component:
    found = facts["edge_guard"]
    if found["allowed"] is None:
        return Component("edge_guard", "Edge guard", "P2", "NO DATA", "could not be asked")
    status = "OK" if found["allowed"] else "WARN"
    return Component("edge_guard", "Edge guard", "P2", status, found["reason"] or "entries may pass")


def _runaway(facts: Facts) -> Component:
    near = [row["title"] for row in facts["runaway"] if row["near"]]
    if any(row["count"] is None for row in facts["runaway"]):
        return Component("runaway", "Runaway guard", "P2", "NO DATA", "the counters could not be read")
    metrics = {row["kind"]: row["count"] for row in facts["runaway"]}
    text = f"NEAR LIMIT: {', '.join(near)}" if near else "far from its limits"
    return Component("runaway", "Runaway guard", "P2", "WARN" if near else "OK", text, metrics)


def strategy_component(row: Facts) -> Component:
    # Disabled is a choice of two people, not a fault.
    bad = row["frozen"] or (row["enabled"] and row["state"] != "active")
    text = row["freeze_reason"] or ("disabled" if not row["enabled"] else row["state"].replace("_", " "))
    metrics = {"failures": row["failures"], "remaining_usdt": row["remaining"]}
    return Component(f"strategy:{row['name']}", row["name"], "P2", "ERROR" if bad else "OK", text, metrics)


def _approvals(desk: Facts) -> Component:
    count = len(desk["pending"])
    text = f"{count} awaiting second confirmation" if count else "nothing waits"
    return Component("approvals", "Approvals", "P3", "WARN" if count else "OK", text, {"pending": count})
