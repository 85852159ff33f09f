"""The universe as operators see it."""

from typing import Any

from trading.models import Instrument, UniverseEntry

VENUE_FIELDS = ("tick_size", "lot_size", "min_notional_usdt", "taker_fee_bps", "funding_rate", "volume_24h_usdt")


def universe_payload() -> dict[str, Any]:
    """Every symbol that is listed or was decided upon, allowed and best first."""
    entries = {entry.symbol: entry for entry in UniverseEntry.objects.all()}
    venues: dict[str, dict[str, Any]] = {symbol: {} for symbol in entries}
    for row in Instrument.objects.filter(symbol__in=entries).order_by("venue"):
        venues[row.symbol][row.venue] = {"active": row.active, **{name: getattr(row, name) for name in VENUE_FIELDS}}
    pairs = [pair_payload(entry, venues[symbol]) for symbol, entry in entries.items()]
    return {"pairs": sorted(pairs, key=lambda pair: (not pair["allowed"], -(pair["score"] or 0), pair["symbol"]))}


def pair_payload(entry: UniverseEntry, venues: dict[str, Any]) -> dict[str, Any]:
    return {
        "symbol": entry.symbol,
        "score": entry.score,
        "score_parts": entry.score_parts,
        "scored_at": entry.scored_at,
        "allowed": entry.allowed,
        "changed_at": entry.changed_at,
        "changed_by": entry.changed_by or None,
        "venues": venues,
    }
